"""Dev mode: the messages that were caught instead of sent, as a page and as JSON."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from lingpai.core.chance import moment
from lingpai.core.errors import BadInput
from lingpai.core.model import Channel, Letter
from lingpai.store import outbox
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import Text
from lingpai.web.pages import page

if TYPE_CHECKING:
    from lingpai.flows import Kit

BATCH = 500
"""Letters that one look into the outbox takes."""
SHOWN = 200
"""Letters that the page shows at most."""


def _identity(text: str, field: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadInput(field, "characters")
    return int(text)


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages: those to one address, those after an id."""

    to: Annotated[str | None, Text(1, 320, optional=True)] = None
    after: Annotated[int, Text(1, 18, _identity, optional=True)] = 0


class Caught(msgspec.Struct, frozen=True):
    """One message (contract, dev mode)."""

    id: int
    channel: Channel
    to: str
    subject: str
    text: str
    html: str | None
    created_at: str


async def inbox(kit: "Kit", door: Door, exchange: Exchange, wish: Filter) -> Reply:
    """GET /dev/inbox: the newest first, links clickable."""
    caught = await _caught(kit, wish)
    return page("dev_inbox.html", exchange, letters=caught[: -SHOWN - 1 : -1], to=wish.to)


async def inbox_json(kit: "Kit", door: Door, exchange: Exchange, wish: Filter) -> Reply:
    """GET /dev/inbox.json: the oldest first."""
    return Reply(msgspec.json.encode(await _caught(kit, wish)))


async def _caught(kit: "Kit", wish: Filter) -> list[Caught]:
    found: list[Letter] = []
    after = wish.after
    while batch := await outbox.recent(kit.store, to=wish.to, after=after, limit=BATCH):
        found += batch
        after = batch[-1].id
    return [_shown(letter) for letter in found if letter.text is not None]


def _shown(letter: Letter) -> Caught:
    at = moment(letter.created_at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Caught(letter.id, letter.channel, letter.recipient, letter.subject or "", letter.text or "", letter.html, at)


CALLS = (
    Call(("GET",), "/dev/inbox", inbox, Filter, changes=False),
    Call(("GET",), "/dev/inbox.json", inbox_json, Filter, changes=False, quiet=True),
)

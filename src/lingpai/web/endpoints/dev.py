"""Dev mode: the messages that were caught instead of sent, as a page and as JSON."""

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from lingpai.core import words
from lingpai.core.chance import moment
from lingpai.core.errors import BadInput, CrossSite
from lingpai.core.model import Channel, Letter
from lingpai.guard.one_time.codes import WORD_ALPHABET, WORD_LENGTH
from lingpai.store import outbox
from lingpai.web.http.response_headers import POLICY
from lingpai.web.pages import HTML, page
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request

if TYPE_CHECKING:
    from lingpai.flows import Services

_HERE = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine, as browsers send them."""

SHOWN = 200
"""Messages that the page shows at most: the newest."""
LISTED = 10_000
"""Messages that the JSON lists at most: the newest."""

_FRAMES = ("content-security-policy", f"{POLICY}; frame-src 'self'")
"""The inbox alone shows frames, of its own mails."""
_FRAMED = (
    "content-security-policy",
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox",
)
"""A mail has its styles in itself, as mails must; nothing in it runs, is fetched or is sent. Its links open a window of their own."""
_CODE = re.compile(
    rf"^(?:[0-9]{{4,8}}|[{WORD_ALPHABET}]{{{WORD_LENGTH}}})$|(?<![\w./:@+=&?%-])[0-9]{{4,8}}(?![\w/:@-]|\.[0-9])", re.ASCII | re.MULTILINE
)
"""A code on a line of its own, or digits within a sentence that are no part of an address, a number or a date."""


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

    @property
    def code(self) -> str:
        """The code that it brings; empty where it brings none."""
        found = _CODE.search(self.text)
        return found[0] if found else ""


def _at_home(services: "Services", request: Request) -> None:
    """Raises CrossSite for another host's name: a page elsewhere whose name was bent to this machine (DNS rebinding)."""
    if request.host not in (*_HERE, urlsplit(services.settings.public_url).hostname):
        raise CrossSite


async def inbox(services: "Services", mount: Mount, request: Request, form: Filter) -> Reply:
    """GET /dev/inbox: the newest first, links clickable, mails also as mail programs show them."""
    _at_home(services, request)
    letters = await outbox.recent(services.store, to=form.to, after=form.after, limit=SHOWN)
    shown = page("dev_inbox.html", request, letters=[_shown(letter) for letter in reversed(letters)], to=form.to or "")
    return replace(shown, headers=(_FRAMES,))


async def preview(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /dev/inbox/{id}: a mail's HTML, for the frame beside its text."""
    _at_home(services, request)
    number = _identity(request.path.rpartition("/")[2], "id")
    letters = await outbox.recent(services.store, to=None, after=number - 1, limit=LISTED)
    html = next((letter.html for letter in letters if letter.id == number), None)
    if html is None:
        raise BadInput("id", "characters")
    return Reply(html.replace("<head>", '<head><base target="_blank">', 1).encode(), media_type=HTML, headers=(_FRAMED,))


async def inbox_json(services: "Services", mount: Mount, request: Request, form: Filter) -> Reply:
    """GET /dev/inbox.json: the oldest first."""
    _at_home(services, request)
    letters = await outbox.recent(services.store, to=form.to, after=form.after, limit=LISTED)
    return Reply(msgspec.json.encode([_shown(letter) for letter in letters]))


class Peek(msgspec.Struct, frozen=True):
    """The answer of a captcha that is still unspent."""

    answer: str


async def captcha(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /dev/captcha/{id}; 404 for one that is spent, expired or unknown."""
    _at_home(services, request)
    answer = await services.captchas.peek(request.path.rpartition("/")[2])
    if answer is None:
        return Reply(msgspec.json.encode({"error": "not-found", "message": words.text("web.missing", request.locale)}), 404)
    return Reply(msgspec.json.encode(Peek(answer)))


def _shown(letter: Letter) -> Caught:
    at = moment(letter.created_at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Caught(letter.id, letter.channel, letter.recipient, letter.subject or "", letter.text or "", letter.html, at)


CALLS = (
    Call(("GET",), "/dev/inbox", inbox, Filter, changes=False),
    Call(("GET",), "/dev/inbox.json", inbox_json, Filter, changes=False, quiet=True),
    Call(("GET",), "/dev/inbox/", preview, changes=False, quiet=True),
    Call(("GET",), "/dev/captcha/", captcha, gives=Peek, changes=False, quiet=True),
)

"""What a browser has begun here and will finish with a code: kept for as long as the code lives, under the browser's own token."""

import msgspec

from lingpai.core.model import Origin
from lingpai.flows import Kit
from lingpai.guard.codes import CODE_LIFE
from lingpai.web.dialects.hiyouth.shapes import Option
from lingpai.web.roles import Role


class Draft(msgspec.Struct, frozen=True):
    """A registration by phone whose code is under way."""

    realm: str
    phone: str
    """In E.164."""
    hashed: str
    """The first step's password as a PHC string; empty where it brought none."""


class Asked(msgspec.Struct, frozen=True):
    """Whose password is to be reset."""

    type: Role
    option: Option
    account: str


async def begin(kit: Kit, draft: Draft) -> str:
    """Keeps the draft; returns the browser's new token.

    Never its old one: somebody may have planted that, and could put a draft with a password of theirs beside it.
    """
    visit = kit.chance.token()
    await kit.grants.keep("draft", visit, draft, CODE_LIFE)
    return visit


async def begun(kit: Kit, origin: Origin, realm: str) -> Draft | None:
    """This browser's draft; None where there is none in this realm."""
    draft = await kit.grants.look("draft", origin.visit, Draft) if origin.visit else None
    return draft if draft and draft.realm == realm else None


async def done(kit: Kit, origin: Origin) -> None:
    """The draft is over."""
    if origin.visit:
        await kit.grants.take("draft", origin.visit, Draft)


async def asking(kit: Kit, origin: Origin, asked: Asked) -> str:
    """Remembers it; returns the browser's token."""
    visit = kit.now_visiting(origin)
    await kit.grants.keep("asked", visit, asked, CODE_LIFE)
    return visit


async def asked(kit: Kit, origin: Origin, option: Option) -> Asked | None:
    """Whom this browser has asked a code for; None where it was in another way, or nobody."""
    found = await kit.grants.look("asked", origin.visit, Asked) if origin.visit else None
    return found if found and found.option == option else None

"""What a browser has begun here and will finish with a code: kept for as long as the code lives, under the browser's own token."""

import msgspec

from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import CODE_LIFE
from lingpai.web.dialects.hiyouth.shapes import Option
from lingpai.web.pages.shared.roles import Role


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


async def begin(services: Services, draft: Draft) -> str:
    """Keeps the draft; returns the browser's new token.

    Never its old one: somebody may have planted that, and could put a draft with a password of theirs beside it.
    """
    prelogin_token = services.chance.token()
    await services.grants.store_under("draft", prelogin_token, draft, CODE_LIFE)
    return prelogin_token


async def begun(services: Services, origin: RequestContext, realm: str) -> Draft | None:
    """This browser's draft; None where there is none in this realm."""
    draft = await services.grants.peek("draft", origin.prelogin_token, Draft) if origin.prelogin_token else None
    return draft if draft and draft.realm == realm else None


async def done(services: Services, origin: RequestContext) -> None:
    """The draft is over."""
    if origin.prelogin_token:
        await services.grants.take("draft", origin.prelogin_token, Draft)


async def asking(services: Services, origin: RequestContext, asked: Asked) -> str:
    """Remembers it; returns the browser's token."""
    prelogin_token = services.prelogin_token(origin)
    await services.grants.store_under("asked", prelogin_token, asked, CODE_LIFE)
    return prelogin_token


async def asked(services: Services, origin: RequestContext, option: Option) -> Asked | None:
    """Whom this browser has asked a code for; None where it was in another way, or nobody."""
    found = await services.grants.peek("asked", origin.prelogin_token, Asked) if origin.prelogin_token else None
    return found if found and found.option == option else None

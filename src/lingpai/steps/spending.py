"""The frame around every use of a link, a code or a grant: taken once, and put back where the request is refused all the same."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from lingpai.core.errors import BadCode, BadGrant, BadLink, Limited, Refusal, StoreDown, Unavailable
from lingpai.core.model import Purpose, RequestContext
from lingpai.ephemeral import Entry
from lingpai.guard.one_time.reset_grants import ResetGrant
from lingpai.steps.services import Services

_FINAL = (Unavailable, BadGrant)
"""After these nothing is put back. The first may have come after the commit: a second use must not be. After the second somebody else
was first, and has ended what was open."""


@asynccontextmanager
async def spending_code(services: Services, ctx: RequestContext, purpose: Purpose, key: str, code: str) -> AsyncIterator[Entry]:
    """Takes the code of an address; of racing callers one gets it. Raises BadCode. A refusal puts it back, but for `_FINAL`."""
    taken = await services.one_time.take_code(purpose, ctx.realm, key, code)
    if taken is None:
        raise BadCode
    async with _putting_back(services, ctx, purpose, key, taken):
        yield taken
    await _give_back_counts(services, ctx, purpose)


async def _give_back_counts(services: Services, ctx: RequestContext, purpose: Purpose) -> None:
    """A code that was used rightly costs its client nothing (contract, 7.12): a whole school may sit behind one address. Raises nothing."""
    for name in ("message_client", "check_client", *(("register_client",) if purpose == "register" else ())):
        with suppress(Limited, StoreDown):
            await services.limits.spend("client_returned", f"{name} {ctx.client}")
            await services.limits.give_back(name, ctx.client)


@asynccontextmanager
async def spending_link(services: Services, ctx: RequestContext, purpose: Purpose, key: str, token: str) -> AsyncIterator[Entry]:
    """Takes the link of an address, as `spending_code` does. Raises BadLink."""
    taken = await services.one_time.take_link(purpose, ctx.realm, key, token)
    if taken is None:
        raise BadLink
    async with _putting_back(services, ctx, purpose, key, taken):
        yield taken


@asynccontextmanager
async def spending_reset_grant(services: Services, ctx: RequestContext) -> AsyncIterator[ResetGrant | None]:
    """Takes the browser's grant to set a new password; None where it has none. Put back as a code is."""
    taken = await services.reset_grants.take(ctx.prelogin_token)
    try:
        yield taken
    except _FINAL:
        raise
    except Refusal:
        if taken:
            await services.reset_grants.put_back(ctx.prelogin_token, taken)
        raise


@asynccontextmanager
async def _putting_back(services: Services, ctx: RequestContext, purpose: Purpose, key: str, taken: Entry) -> AsyncIterator[None]:
    try:
        yield
    except _FINAL:
        raise
    except Refusal:
        await services.one_time.put_back(purpose, ctx.realm, key, taken)
        raise


async def kill_open(services: Services, realm: str, keys: Iterable[str]) -> None:
    """Ends what is open for these addresses, once a change of their account is committed: a refused one ends nothing. Raises nothing.

    What was asked for before is bound to the account as it was (`bound_to`), and is worth nothing where the store is down either.
    """
    with suppress(StoreDown):
        await services.one_time.kill(realm, keys)

"""The frame around every use of a link or a code: taken once, and put back where the request comes to nothing all the same."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial

from lingpai.core import journal
from lingpai.core.errors import BadCode, BadLink, Limited, StoreDown
from lingpai.core.model import Purpose, RequestContext
from lingpai.ephemeral import Entry
from lingpai.guard.one_time.restoring import restoring
from lingpai.steps.services import Services


@asynccontextmanager
async def spending_code(services: Services, ctx: RequestContext, purpose: Purpose, key: str, code: str) -> AsyncIterator[Entry]:
    """Takes the code of an address; of racing callers one gets it. Raises BadCode. Put back as `restoring` says."""
    taken = await services.one_time.take_code(purpose, ctx.realm, key, code)
    if taken is None:
        raise BadCode
    journal.passed("code")
    async with restoring(partial(services.one_time.put_back, purpose, ctx.realm, key, taken)):
        yield taken
    await give_back_counts(services, ctx, "message_client", "check_client", *(("register_client",) if purpose == "register" else ()))


async def give_back_counts(services: Services, ctx: RequestContext, *names: str) -> None:
    """A code that was used rightly costs its client nothing (contract, 7.12): a whole school may sit behind one address. Raises nothing."""
    for name in names:
        with suppress(Limited, StoreDown):
            await services.limits.spend("client_returned", f"{name} {ctx.client}")
            await services.limits.give_back(name, ctx.client)


@asynccontextmanager
async def spending_link(services: Services, ctx: RequestContext, purpose: Purpose, key: str, token: str) -> AsyncIterator[Entry]:
    """Takes the link of an address, as `spending_code` does. Raises BadLink."""
    taken = await services.one_time.take_link(purpose, ctx.realm, key, token)
    if taken is None:
        raise BadLink
    journal.passed("link")
    async with restoring(partial(services.one_time.put_back, purpose, ctx.realm, key, taken)):
        yield taken


async def kill_open(services: Services, realm: str, keys: Iterable[str]) -> None:
    """Ends what is open for these addresses, once a change of their account is committed: a refused one ends nothing. Raises nothing.

    What was asked for before is bound to the account as it was (`bound_to`), and is worth nothing where the store is down either.
    """
    with suppress(StoreDown):
        await services.one_time.kill(realm, keys)

"""Whom the flows' stories are about, as the store has them; what was written to them, before any worker sends it; and races."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import select

from lingpai.core import rules
from lingpai.core.errors import Overloaded, Refusal, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services, login
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.authentication import Authenticated, authenticated
from lingpai.steps.letters import LetterFacts
from lingpai.store import accounts, audit
from lingpai.store.database import Query
from lingpai.store.schema import letters
from web.town import Town

HERE = RequestContext("198.51.100.7", "198.51.100.7")
NAME = rules.account_name("ada.x")
ADA, BOB, EVE = (rules.email(f"{who}@example.com") for who in ("ada", "bob", "eve"))
PHONE = rules.phone("13800138000")
OLD, NEW = "correct-horse-battery", "a staple of another kind"
_WRITTEN = Query(select(letters.c.template, letters.c.recipient, letters.c.sealed).order_by(letters.c.id))


@dataclass(frozen=True)
class Written:
    """A letter; `to` is empty where it goes to nobody."""

    template: str
    to: str
    values: LetterFacts


async def born(services: Services, *found_by: Address, password: str | None = OLD, proved: bool = True, realm: str = "main") -> Account:
    """An account that is found by these, as it stands in the store."""
    now = services.clock.now()
    async with services.passwords.slot() as slot:
        hashed = await slot.make(password) if password else None
    async with services.store.begin() as tx:
        new = await accounts.add(tx, realm=realm, password=hashed, nickname="", locale="en", created_at=now, created_ip="")
        for address in found_by:
            assert await accounts.add_identifier(tx, account_id=new, realm=realm, address=address, proved_at=now if proved else None)
    return await known(services, new)


async def known(services: Services, account: Account | int) -> Account:
    """The account as it is now."""
    found = await accounts.by_id(services.store, account if isinstance(account, int) else account.id)
    assert found, "it is gone"
    return found


async def lock(services: Services, account: Account) -> None:
    """As an operator does it."""
    async with services.store.begin() as tx:
        assert await accounts.lock(tx, account_id=account.id, at=services.clock.now())


async def opens(services: Services, who: Address, password: str) -> bool:
    """Whether the password logs them in."""
    try:
        return isinstance(await login.for_cookie(services, HERE, login.Try(who, password)), IssuedSession)
    except WrongPassword:
        return False


async def entered(services: Services, account: Account, ctx: RequestContext = HERE) -> tuple[RequestContext, Authenticated]:
    """A login of a moment ago: a request of its owner, and the login as the check makes it."""
    issued = await services.session_issuer.cookie(account, ctx)
    inside = replace(ctx, session=issued.token)
    return inside, await authenticated(services, inside)


async def written(services: Services) -> list[Written]:
    """Every letter so far, oldest first."""
    rows = await services.store.rows(_WRITTEN)
    return [Written(template, to, services.letters.values(sealed)) for template, to, sealed in rows]


async def told(services: Services) -> list[tuple[str, str]]:
    """The same, without what they say."""
    return [(letter.template, letter.to) for letter in await written(services)]


async def mailed_code(services: Services) -> str:
    """The code in the newest letter."""
    return str((await written(services))[-1].values["code"])


async def mailed_token(services: Services) -> str:
    """The token of the link in the newest letter."""
    return str((await written(services))[-1].values["url"]).rpartition("vcode=")[2]


async def trail(services: Services, account: Account) -> list[tuple[str, str]]:
    """What was done to the account and how it ended, newest first."""
    return [(event.event, event.result) for event in await audit.of(services.store, account_id=account.id, limit=50)]


async def race(do: Callable[[RequestContext], Awaitable[object]], ctx: RequestContext = HERE) -> Counter[str]:
    """How it ends for 64 callers at once, each at an address of its own: by the code of what refused them."""

    async def one(number: int) -> str:
        try:
            await do(replace(ctx, client=f"client {number}"))
        except Refusal as why:
            return why.code
        return "won"

    return Counter(await asyncio.gather(*(one(number) for number in range(64))))


@asynccontextmanager
async def crowd(town: Town) -> AsyncIterator[None]:
    """While it lasts there is no place in the hashing queue."""
    town.clock.auto = True
    async with AsyncExitStack() as held:
        with suppress(Overloaded):
            while True:
                await held.enter_async_context(town.house.services.passwords.slot())
        yield
    town.clock.auto = False

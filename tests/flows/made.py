"""Whom several stories begin with: an account that is simply there, its owner's login, and callers who come all at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lingpai.core import rules
from lingpai.core.errors import Refusal
from lingpai.core.model import Account, Address, Links, RequestContext
from lingpai.flows import Services, sessions
from lingpai.steps.authentication import Authenticated
from lingpai.store import accounts, audit
from web.town import PUBLIC_URL

ADA, BOB, EVE = (rules.email(f"{name}@example.com") for name in ("ada", "bob", "eve"))
PASSWORD = "correct-horse-battery"
LINKS = Links(f"{PUBLIC_URL}/activate", f"{PUBLIC_URL}/reset", f"{PUBLIC_URL}/forgot")


def here(place: int = 7, *, session: str = "", realm: str = "main") -> RequestContext:
    """A request from one of the places of the town, each a client of its own."""
    ip = f"198.51.100.{place}"
    return RequestContext(ip, ip, session=session, realm=realm, links=LINKS)


async def born(services: Services, *addresses: Address, proved: bool = True, realm: str = "main") -> Account:
    """An account with these addresses, as it stands in the store; its password is PASSWORD."""
    now = services.clock.now()
    async with services.passwords.slot() as slot:
        hashed = await slot.make(PASSWORD)
    async with services.store.begin() as tx:
        new = await accounts.add(tx, realm=realm, password=hashed, nickname="", locale="en", created_at=now, created_ip="198.51.100.7")
        for each in addresses:
            assert await accounts.add_identifier(tx, account_id=new, realm=realm, address=each, proved_at=now if proved else None)
    return await again(services, new)


async def again(services: Services, account_id: int) -> Account:
    """The account as it is now."""
    found = await accounts.by_id(services.store, account_id)
    assert found, f"account {account_id} is gone"
    return found


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody logged in: the request that their browser makes, and the login that the check finds by it."""

    ctx: RequestContext
    login: Authenticated

    @property
    def account(self) -> Account:
        """As it was when it was looked at."""
        return self.login.account


async def logged_in(services: Services, account: Account, place: int = 7) -> Person:
    """One more browser of the account's owner."""
    issued = await services.session_issuer.cookie(account, here(place, realm=account.realm))
    ctx = here(place, session=issued.token, realm=account.realm)
    return Person(ctx, await sessions.current(services, ctx))


async def trail(services: Services, account: Account) -> list[str]:
    """What was noted of the account, newest first."""
    return [event.event for event in await audit.of(services.store, account_id=account.id, limit=100)]


async def race(call: Callable[[RequestContext], Awaitable[object]]) -> Counter[str]:
    """64 callers at once, each from a place of its own: how many there were of each end, `ok` or the refusal's code."""

    async def run(place: int) -> str:
        try:
            await call(here(place))
        except Refusal as why:
            return why.code
        return "ok"

    return Counter(await asyncio.gather(*(run(place) for place in range(64))))

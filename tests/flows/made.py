"""Whom several stories begin with: an account that is simply there, its owner's login, and callers who come all at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flows.births import ADA, BOB, EVE, born
from flows.births import OLD as PASSWORD
from flows.births import known as again
from lingpai.core.errors import Refusal
from lingpai.core.model import Account, Links, RequestContext
from lingpai.flows import Services, sessions
from lingpai.steps.authentication import Authenticated
from lingpai.store import audit
from web.town import PUBLIC_URL

__all__ = ["ADA", "BOB", "EVE", "PASSWORD", "again", "born"]
LINKS = Links(f"{PUBLIC_URL}/activate", f"{PUBLIC_URL}/reset", f"{PUBLIC_URL}/forgot")


def here(place: int = 7, *, session: str = "", realm: str = "main") -> RequestContext:
    """A request from one of the places of the town, each a client of its own."""
    ip = f"198.51.100.{place}"
    return RequestContext(ip, ip, session=session, realm=realm, links=LINKS)


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

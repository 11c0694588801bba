"""Invites: given by accounts and by the operator."""

from dataclasses import dataclass

from lingpai.core.chance import SECOND
from lingpai.core.errors import NoInvitesLeft
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services
from lingpai.steps.authentication import Authenticated, require_alive
from lingpai.store import invites

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Nothing that looks like something else."""
LENGTH = 12
"""31^12 is about 59 bits: with ten registrations an hour from one client, nobody finds one by trying."""
DAY = 86_400


@dataclass(frozen=True, slots=True)
class GivenInvites:
    """What an account has given and may give."""

    left: int
    items: list[invites.Invite]


async def new(services: Services, ctx: RequestContext, login: Authenticated) -> str:
    """A code good for one registration. Raises NoInvitesLeft, and NotLoggedIn where the login has ended meanwhile."""
    code, account = services.chance.code(LENGTH, ALPHABET), login.account
    now = services.clock.now()
    async with services.store.begin() as tx:
        await require_alive(services, tx, login)
        if not await invites.give(tx, account_id=account.id):
            raise NoInvitesLeft
        await invites.add(tx, realm=account.realm, code=code, owner_id=account.id, uses=1, created_at=now, expires_at=None)
        await services.audit.note(tx, ctx, "invite.new", account_id=account.id)
    return code


async def given(services: Services, account: Account) -> GivenInvites:
    """All of it, oldest first."""
    return GivenInvites(await invites.left(services.store, account_id=account.id), await invites.of(services.store, owner_id=account.id))


async def issue(services: Services, realm: str, uses: int, days: int | None) -> str:
    """The operator's own code, good for `uses` registrations in `days` days (None: for ever)."""
    code = services.chance.code(LENGTH, ALPHABET)
    now = services.clock.now()
    ends = now + days * DAY * SECOND if days else None
    async with services.store.begin() as tx:
        await invites.add(tx, realm=realm, code=code, owner_id=None, uses=uses, created_at=now, expires_at=ends)
    return code


async def listing(services: Services, realm: str, limit: int) -> list[invites.Invite]:
    """A realm's newest codes."""
    return await invites.listing(services.store, realm=realm, limit=limit)


async def revoke(services: Services, realm: str, code: str) -> bool:
    """It lets nobody in any more. False: there is no such code, or it was revoked before."""
    return await invites.revoke(services.store, realm=realm, code=code, at=services.clock.now())

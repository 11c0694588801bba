"""Invites: given by accounts and by the operator."""

from dataclasses import dataclass

from lingpai.core.chance import SECOND
from lingpai.core.errors import NoInvitesLeft
from lingpai.core.model import Account, Origin
from lingpai.flows import Kit
from lingpai.store import audit, invites

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Nothing that looks like something else."""
LENGTH = 12
"""31^12 is about 59 bits: with ten registrations an hour from one client, nobody finds one by trying."""
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Given:
    """What an account has given and may give."""

    left: int
    items: list[invites.Invite]


async def new(kit: Kit, account: Account, origin: Origin) -> str:
    """A code good for one registration. Raises NoInvitesLeft."""
    code = kit.chance.code(LENGTH, ALPHABET)
    now = kit.clock.now()
    async with kit.store.begin() as run:
        if not await invites.give(run, account_id=account.id):
            raise NoInvitesLeft
        await invites.add(run, realm=account.realm, code=code, owner_id=account.id, uses=1, created_at=now, expires_at=None)
        await audit.add(run, at=now, realm=account.realm, account_id=account.id, event="invite.new", result="ok", origin=origin)
    return code


async def given(kit: Kit, account: Account) -> Given:
    """All of it, oldest first."""
    return Given(await invites.left(kit.store, account_id=account.id), await invites.of(kit.store, owner_id=account.id))


async def issue(kit: Kit, realm: str, uses: int, days: int | None) -> str:
    """The operator's own code, good for `uses` registrations in `days` days (None: for ever)."""
    code = kit.chance.code(LENGTH, ALPHABET)
    now = kit.clock.now()
    ends = now + days * DAY * SECOND if days else None
    async with kit.store.begin() as run:
        await invites.add(run, realm=realm, code=code, owner_id=None, uses=uses, created_at=now, expires_at=ends)
    return code


async def listing(kit: Kit, realm: str, limit: int) -> list[invites.Invite]:
    """A realm's newest codes."""
    return await invites.listing(kit.store, realm=realm, limit=limit)


async def revoke(kit: Kit, realm: str, code: str) -> bool:
    """It lets nobody in any more. False: there is no such code, or it was revoked before."""
    return await invites.revoke(kit.store, realm=realm, code=code, at=kit.clock.now())

"""Who may register: the realm's policy, and the invite that is spent with the registration."""

from lingpai.core.errors import BadInvite, InviteRequired, RegistrationClosed
from lingpai.settings import Settings
from lingpai.settings.realms import invites_in
from lingpai.store import invites
from lingpai.store.database import Transaction


def check_open(settings: Settings, realm: str) -> None:
    """Raises RegistrationClosed."""
    if invites_in(settings, realm).policy == "closed":
        raise RegistrationClosed


async def check(tx: Transaction, settings: Settings, realm: str, code: str, now: int) -> None:
    """Raises what `spend` would; spends nothing. An empty code is none."""
    check_open(settings, realm)
    if not code and invites_in(settings, realm).policy == "required":
        raise InviteRequired
    if code and not await invites.live(tx, realm=realm, code=code, now=now):
        raise BadInvite


async def spend(tx: Transaction, settings: Settings, realm: str, code: str, account_id: int, now: int) -> None:
    """Spends a use in the registration's own transaction, and the account remembers who invited it. Raises BadInvite.

    Whoever has the address: were a use left where it is taken, whoever gives or holds the invite would learn that (contract, 8.1).
    """
    inviter = None
    if code:
        invite = await invites.spend(tx, realm=realm, code=code, now=now)
        if invite is None:
            raise BadInvite
        inviter = invite.owner_id
    await invites.joined(tx, account_id=account_id, inviter=inviter, left=invites_in(settings, realm).initial)

"""The name that an account logs in by: chosen, and changed (contract, 4.5 to 4.8).

The name before stays with the account until the next change, and logs in too: nobody takes it a moment later and passes for its owner.
"""

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadInput, StaleLogin, Taken
from lingpai.core.model import Account, Address, Identifier, RequestContext
from lingpai.flows import Services
from lingpai.steps.account_change import Change, changing
from lingpai.steps.authentication import Fresh
from lingpai.store import accounts, addresses
from lingpai.store.database import Transaction

DAY = 24 * 3_600 * SECOND


async def changeable_at(services: Services, account: Account) -> int:
    """The instant from which its owner may give it another name; 0 where it has none yet, or was born with the one it has."""
    return _changeable_at(services, await _names(services.store, account.id))


async def choose(services: Services, ctx: RequestContext, login: Fresh, name: Address) -> None:
    """The account is called so from now on, and its owner is told. Of racing callers who want names that look the same one gets it.

    Raises BadInput (`unchanged`; `name-kept` before `changeable_at`), Taken, Limited, and StaleLogin after a reset.
    """
    account = login.account
    if name.value == account.name:
        raise BadInput("account", "unchanged")
    await services.limits.spend("change_account", f"{account.realm}:{account.id}")
    async with changing(services, ctx, account, "name", login=login, refusal=StaleLogin, notice="name_changed") as change:
        await _choose(services, change, account, name)


async def _choose(services: Services, change: Change, account: Account, name: Address) -> None:
    now, held = services.clock.now(), await _names(change.tx, account.id)
    if (left := _changeable_at(services, held) - now) > 0:
        raise BadInput("account", "name-kept", days=-(-left // DAY))
    await accounts.detach(change.tx, _leaving(held, name), account_id=account.id)
    await addresses.make_former(change.tx, account_id=account.id, kind="name")
    if not await accounts.add_identifier(change.tx, account_id=account.id, realm=account.realm, address=name, proved_at=now, added_at=now):
        raise Taken(field="account")
    change.added = ("name", now)
    if not (account.email_proved_at or account.phone_proved_at):
        # There is nobody to tell.
        change.notice = None


async def _names(tx: Transaction, account_id: int) -> list[Identifier]:
    """The one that it is called by first, then the one before."""
    found = [each for each in await accounts.identifiers_of(tx, account_id=account_id) if each.kind == "name"]
    return sorted(found, key=lambda each: each.proved_at is None)


def _leaving(held: list[Identifier], name: Address) -> list[Identifier]:
    """What the account has no more: the name before the last one, and this one's other spelling, in whose place it comes."""
    respelt = [each for each in held if each.key == name.key]
    return respelt if held and held[0] in respelt else [*held[1:], *(each for each in respelt if each not in held[1:])]


def _changeable_at(services: Services, held: list[Identifier]) -> int:
    chosen_at = held[0].added_at if held else None
    return chosen_at + services.settings.names.change_days * DAY if chosen_at else 0

"""Registering: an account waits for the proof that its address is the registrant's own."""

from dataclasses import dataclass

from lingpai.core.errors import Taken
from lingpai.core.model import Account, Address, Links, Origin
from lingpai.flows import Kit
from lingpai.guard.codes import ACTIVATION_LIFE
from lingpai.store import accounts, audit
from lingpai.store.database import Runner


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody asks for who registers, already clean."""

    email: Address
    password: str
    phone: Address | None = None


async def by_link(kit: Kit, realm: str, wish: Application, origin: Origin, links: Links, *, reveal: bool = False) -> int:
    """Registers; the owner proves the address by opening the mailed link within 24 hours. Returns the account's id.

    An address that waits for its proof keeps its first registration (contract, rule 8): same id, the new password is not
    taken over, the link is mailed again. A taken one answers as a free one, and its owner is told. With `reveal`, Taken.
    """
    async with kit.passwords.place() as place:
        await kit.limits.spend("register_client", origin.client)
        if reveal and await _taken(kit, realm, wish.email):
            raise Taken(field="email")
        await kit.messages.check(realm, "activate", wish.email, origin)
        password = await place.new(wish.password, (wish.email.value,))
    await kit.messages.start(realm, "activate", wish.email, origin)
    try:
        token = await kit.proofs.new_link("activate", realm, wish.email.key, 0, ACTIVATION_LIFE)
        notify = await kit.messages.may_notice(realm, wish.email, taken=await _taken(kit, realm, wish.email))
        async with kit.store.begin() as run:
            account = await _open(kit, run, realm, wish, password, origin)
            await _tell(kit, run, account, origin, links, token, notify=notify)
            await audit.add(
                run, at=kit.clock.now(), realm=realm, account_id=account.id, event="register", result=_result(account), origin=origin
            )
    except BaseException:
        await kit.messages.give_back(realm, "activate", wish.email, origin)
        raise
    kit.bell.ring()
    return account.id


async def _taken(kit: Kit, realm: str, email: Address) -> bool:
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    return account is not None and account.email_proved_at is not None


async def _open(kit: Kit, run: Runner, realm: str, wish: Application, password: str, origin: Origin) -> Account:
    """The account at the address: the new one, or the one that was there before."""
    new = await accounts.add(
        run, realm=realm, password=password, nickname="", locale=origin.locale, created_at=kit.clock.now(), created_ip=origin.ip
    )
    if await accounts.add_identifier(run, account_id=new, realm=realm, address=wish.email, proved_at=None):
        if wish.phone:
            await accounts.add_identifier(run, account_id=new, realm=realm, address=wish.phone, proved_at=None)
    else:
        await accounts.withdraw(run, account_id=new)
    account = await accounts.find(run, realm, wish.email.kind, wish.email.key)
    assert account is not None, "the address is held by the new account or by the one that was in its way"
    return account


async def _tell(kit: Kit, run: Runner, account: Account, origin: Origin, links: Links, token: str, *, notify: bool) -> None:
    if account.locked_at:
        return
    if account.email_proved_at is None:
        await kit.letters.activate(run, account, links, token, origin.locale)
    elif notify:
        await kit.letters.taken(run, account, links, origin)


def _result(account: Account) -> str:
    return "taken" if account.email_proved_at else "ok"

"""Registering: an account waits for the proof that its address is the registrant's own."""

from dataclasses import dataclass

from lingpai.core.errors import BadCode, Refusal, Taken
from lingpai.core.model import Account, Address, Links, Origin
from lingpai.flows import Kit
from lingpai.guard import invitations
from lingpai.guard.captcha import Answer
from lingpai.guard.codes import ACTIVATION_LIFE
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Runner


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody asks for who registers, already clean."""

    email: Address
    password: str
    phone: Address | None = None
    invite: str = ""


async def by_link(kit: Kit, realm: str, wish: Application, origin: Origin, links: Links, *, reveal: bool = False) -> int:
    """Registers; the owner proves the address by opening the mailed link within 24 hours. Returns the account's id.

    An address that waits for its proof keeps its first registration (contract, rule 8): same id, the new password is not
    taken over, the link is mailed again. A taken one answers as a free one, and its owner is told. With `reveal`, Taken.
    """
    async with kit.passwords.place() as place:
        await kit.limits.check("register_client", origin.client)
        await invitations.look(kit.store, kit.settings, realm, wish.invite, kit.clock.now())
        if reveal and await _taken(kit, realm, wish.email):
            raise Taken(field="email")
        await kit.messages.check(realm, "activate", wish.email, origin)
        password = await place.new(wish.password, _personal(wish))
    await kit.limits.spend("register_client", origin.client)
    await kit.messages.start(realm, "activate", wish.email, origin)
    try:
        taken = await _taken(kit, realm, wish.email)
        token = await kit.proofs.new_link("activate", realm, wish.email.key, 0, ACTIVATION_LIFE, spare=taken)
        notify = await kit.messages.may_notice(realm, wish.email, taken=taken)
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


def _personal(wish: Application) -> tuple[str, ...]:
    """What the account is known by, as its owner may type it."""
    return (wish.email.value, wish.phone.value, wish.phone.value.removeprefix("+86")) if wish.phone else (wish.email.value,)


async def _taken(kit: Kit, realm: str, email: Address) -> bool:
    account = await accounts.find(kit.store, realm, email.kind, email.key)
    return account is not None and account.email_proved_at is not None


async def _open(kit: Kit, run: Runner, realm: str, wish: Application, password: str, origin: Origin) -> Account:
    """The account at the address: the new one, or the one that was there before."""
    new = await accounts.add(
        run, realm=realm, password=password, nickname="", locale=origin.locale, created_at=kit.clock.now(), created_ip=origin.ip
    )
    if await accounts.add_identifier(run, account_id=new, realm=realm, address=wish.email, proved_at=None):
        await invitations.spend(run, kit.settings, realm, wish.invite, new, kit.clock.now())
        if wish.phone:
            await accounts.add_identifier(run, account_id=new, realm=realm, address=wish.phone, proved_at=None)
    else:
        await accounts.withdraw(run, account_id=new)
    account = await accounts.find(run, realm, wish.email.kind, wish.email.key)
    assert account is not None, "the address is held by the new account or by the one that was in its way"
    return account


async def _tell(kit: Kit, run: Runner, account: Account, origin: Origin, links: Links, token: str, *, notify: bool) -> None:
    if account.email_proved_at is None:
        await kit.letters.activate(run, None if account.locked_at else account, links, token, origin.locale)
    else:
        await kit.letters.taken(run, account if notify and account.locked_at is None else None, links, origin)


async def ask_code(kit: Kit, realm: str, email: Address, answer: Answer, origin: Origin, links: Links, *, reveal: bool = False) -> None:
    """Mails a code that proves the address, behind a captcha; says nothing of whether the address is taken, whose owner is told.

    Raises BadCaptcha, TooSoon within 60 seconds of the last one, RegistrationClosed; with `reveal`, Taken.
    """
    invitations.look_open(kit.settings, realm)
    await kit.captchas.spend(answer)
    if reveal and await _taken(kit, realm, email):
        raise Taken(field="email")
    await kit.messages.start(realm, "register", email, origin)
    try:
        code = await kit.proofs.new_code("register", realm, email.key, "")
        taken = await _taken(kit, realm, email)
        notify = await kit.messages.may_notice(realm, email, taken=taken)
        async with kit.store.begin() as run:
            account = await accounts.find(run, realm, email.kind, email.key)
            if account is None or account.email_proved_at is None:
                await kit.letters.register_code(run, email.value, code, origin.locale)
            else:
                await kit.letters.taken(run, account if notify and account.locked_at is None else None, links, origin)
            await audit.add(
                run,
                at=kit.clock.now(),
                realm=realm,
                account_id=account.id if account else None,
                event="register.ask",
                result="taken" if taken else "ok",
                origin=origin,
            )
    except BaseException:
        await kit.messages.give_back(realm, "register", email, origin)
        raise
    kit.bell.ring()


async def by_code(kit: Kit, realm: str, wish: Application, code: str, origin: Origin) -> int:
    """Registers with the code that `ask_code` mailed. Returns the account's id.

    The code is the owner's proof: an account that waits for its proof is theirs from now on, and what others set before dies with
    it (contract, rule 8). Raises BadCode, NotInvited, WeakPassword; a refusal spends neither code nor invite.
    """
    async with kit.passwords.place() as place:
        await kit.limits.check("register_client", origin.client)
        await kit.limits.spend("check_client", origin.client)
        await invitations.look(kit.store, kit.settings, realm, wish.invite, kit.clock.now())
        if await kit.proofs.look_code("register", realm, wish.email.key, code) is None:
            raise BadCode
        password = await place.new(wish.password, _personal(wish))
    await kit.limits.spend("register_client", origin.client)
    entry = await kit.proofs.take_code("register", realm, wish.email.key, code)
    if entry is None:
        raise BadCode
    try:
        await kit.proofs.kill(realm, [wish.email.key])
        account = await _settle(kit, realm, wish, password, origin)
    except Refusal:
        await kit.proofs.put_back("register", realm, wish.email.key, entry)
        raise
    return account


async def _settle(kit: Kit, realm: str, wish: Application, password: str, origin: Origin) -> int:
    """The account of the address is the prover's own: a new one, or the one that waited for its proof."""
    now = kit.clock.now()
    async with kit.store.begin() as run:
        account = await accounts.add(
            run, realm=realm, password=password, nickname="", locale=origin.locale, created_at=now, created_ip=origin.ip
        )
        if not await accounts.add_identifier(run, account_id=account, realm=realm, address=wish.email, proved_at=now):
            await accounts.withdraw(run, account_id=account)
            account = await _take_over(run, realm, wish.email, password, now)
        await invitations.spend(run, kit.settings, realm, wish.invite, account, now)
        await audit.add(run, at=now, realm=realm, account_id=account, event="register", result="ok", origin=origin)
    return account


async def _take_over(run: Runner, realm: str, email: Address, password: str, now: int) -> int:
    waiting = await accounts.find(run, realm, email.kind, email.key)
    if waiting is None or not await accounts.prove(run, account_id=waiting.id, kind=email.kind, key=email.key, at=now):
        # Its owner has proved it in another way meanwhile.
        raise BadCode
    await accounts.drop_identifiers(run, account_id=waiting.id, keep=(email.kind, email.key))
    await accounts.rename(run, account_id=waiting.id, nickname="")
    await accounts.set_password(run, account_id=waiting.id, password=password, at=now)
    await sessions.end_all(run, account_id=waiting.id)
    return waiting.id


def _result(account: Account) -> str:
    return "taken" if account.email_proved_at else "ok"

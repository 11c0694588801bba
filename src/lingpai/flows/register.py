"""Registering: an account waits for the proof that its address is the registrant's own."""

from dataclasses import dataclass

from lingpai.core.errors import BadCode, Refusal, Taken, Unavailable
from lingpai.core.model import Account, Address, Links, Origin
from lingpai.flows import Kit
from lingpai.guard import invitations
from lingpai.guard.captcha import Answer
from lingpai.guard.codes import ACTIVATION_LIFE
from lingpai.guard.logins import Opened
from lingpai.store import accounts, audit, consents, sessions
from lingpai.store.database import Runner


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody asks for who registers, already clean."""

    address: Address
    password: str
    phone: Address | None = None
    invite: str = ""
    consents: tuple[tuple[str, str], ...] = ()
    """What was agreed to: pairs of a document (`terms`, `privacy`) and its version."""


async def by_link(
    kit: Kit, realm: str, wish: Application, origin: Origin, links: Links, *, reveal: bool = False, shown: bool = False
) -> int:
    """Registers; the owner proves the address by opening the mailed link within 24 hours. Returns the account's id.

    An address that waits for its proof keeps its first registration (contract, rule 8): same id, the new password is not
    taken over, the link is mailed again. A taken one answers as a free one, and its owner is told. With `reveal`, Taken.

    `shown`: the id is for the one who asks, so that of a taken address is a number drawn for nobody.
    """
    async with kit.passwords.place() as place:
        await kit.limits.check("register_client", origin.client)
        await invitations.look(kit.store, kit.settings, realm, wish.invite, kit.clock.now())
        if reveal and await _taken(kit, realm, wish.address):
            # Told before any interval, but not any number of times.
            await kit.limits.spend("check_client", origin.client)
            raise Taken(field=wish.address.kind)
        await kit.messages.check(realm, "activate", wish.address, origin)
        password = await place.new(wish.password, _personal(wish))
    await kit.limits.spend("register_client", origin.client)
    await kit.messages.start(realm, "activate", wish.address, origin)
    try:
        taken = await _taken(kit, realm, wish.address)
        token = await kit.proofs.new_link("activate", realm, wish.address.key, 0, ACTIVATION_LIFE, spare=taken)
        notify = await kit.messages.may_notice(realm, wish.address, taken=taken)
        async with kit.store.begin() as run:
            account, drawn = await _open(kit, run, realm, wish, password, origin)
            await _tell(kit, run, account, origin, links, token, notify=notify)
            await audit.add(
                run, at=kit.clock.now(), realm=realm, account_id=account.id, event="register", result=_result(account), origin=origin
            )
    except BaseException:
        await kit.messages.give_back(realm, "activate", wish.address, origin)
        raise
    kit.bell.ring()
    decoy = await kit.proofs.decoy(realm, wish.address.key, drawn, spare=not taken) if shown else account.id
    return decoy if taken else account.id


def _personal(wish: Application) -> tuple[str, ...]:
    """What the account is known by, as its owner may type it."""
    known = [wish.address.value, *([wish.phone.value] if wish.phone else [])]
    return (*known, *(number.removeprefix("+86") for number in known if number.startswith("+86")))


async def _taken(kit: Kit, realm: str, address: Address) -> bool:
    return _proved(await accounts.find(kit.store, realm, address.kind, address.key), address)


def _proved(account: Account | None, address: Address) -> bool:
    """Whether the address is somebody's own; a phone finds an account only when it is."""
    return account is not None and (address.kind != "email" or account.email_proved_at is not None)


async def _open(kit: Kit, run: Runner, realm: str, wish: Application, password: str, origin: Origin) -> tuple[Account, int]:
    """The account at the address: the new one, or the one that was there before. And the number that was drawn for a new one."""
    new = await accounts.add(
        run, realm=realm, password=password, nickname="", locale=origin.locale, created_at=kit.clock.now(), created_ip=origin.ip
    )
    if await accounts.add_identifier(run, account_id=new, realm=realm, address=wish.address, proved_at=None):
        await invitations.spend(run, kit.settings, realm, wish.invite, new, kit.clock.now())
        if wish.phone:
            await accounts.add_identifier(run, account_id=new, realm=realm, address=wish.phone, proved_at=None)
        await _agree(kit, run, wish, new, origin)
    else:
        await accounts.withdraw(run, account_id=new)
    account = await accounts.find(run, realm, wish.address.kind, wish.address.key)
    assert account is not None, "the address is held by the new account or by the one that was in its way"
    return account, new


async def _tell(kit: Kit, run: Runner, account: Account, origin: Origin, links: Links, token: str, *, notify: bool) -> None:
    if account.email_proved_at is None:
        await kit.letters.activate(run, None if account.locked_at else account, links, token, origin.locale)
    else:
        await kit.letters.taken(run, account if notify and account.locked_at is None else None, links, origin)


async def ask_code(
    kit: Kit, realm: str, address: Address, origin: Origin, links: Links, *, answer: Answer | None = None, reveal: bool = False
) -> None:
    """Sends a code that proves the address, by mail or SMS; says nothing of whether it is taken, whose owner is told.

    `answer`: to the captcha, where the dialect asks for one. Raises BadCaptcha, TooSoon within 60 seconds of the last one,
    RegistrationClosed; with `reveal`, Taken.
    """
    invitations.look_open(kit.settings, realm)
    if answer:
        await kit.captchas.spend(answer)
    if reveal and await _taken(kit, realm, address):
        await kit.limits.spend("check_client", origin.client)
        raise Taken(field=address.kind)
    await kit.messages.start(realm, "register", address, origin)
    try:
        code = await kit.proofs.new_code("register", realm, address.key, "", length=kit.code_length(address))
        taken = await _taken(kit, realm, address)
        notify = await kit.messages.may_notice(realm, address, taken=taken)
        async with kit.store.begin() as run:
            account = await accounts.find(run, realm, address.kind, address.key)
            if account and _proved(account, address):
                await kit.letters.taken(run, account if notify and account.locked_at is None else None, links, origin, address.kind)
            else:
                await kit.letters.register_code(run, address, code, origin.locale)
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
        await kit.messages.give_back(realm, "register", address, origin)
        raise
    kit.bell.ring()


async def by_code(kit: Kit, realm: str, wish: Application, code: str, origin: Origin, *, hashed: str = "", reveal: bool = False) -> int:
    """Registers with the code that `ask_code` sent. Returns the account's id.

    `hashed`: the password as `draft` has made it before; then the wish's own is not looked at. With `reveal`, Taken before BadCode.

    The code is the owner's proof: an account that waits for its proof is theirs from now on, and what others set before dies with
    it (contract, rule 8). Raises BadCode, NotInvited, WeakPassword; a refusal spends neither code nor invite.
    """
    async with kit.passwords.place() as place:
        await kit.limits.check("register_client", origin.client)
        await kit.limits.spend("check_client", origin.client)
        await invitations.look(kit.store, kit.settings, realm, wish.invite, kit.clock.now())
        if reveal and await _taken(kit, realm, wish.address):
            raise Taken(field=wish.address.kind)
        if await kit.proofs.look_code("register", realm, wish.address.key, code) is None:
            raise BadCode
        password = hashed or await place.new(wish.password, _personal(wish))
    await kit.limits.spend("register_client", origin.client)
    entry = await kit.proofs.take_code("register", realm, wish.address.key, code)
    if entry is None:
        raise BadCode
    try:
        account = await _settle(kit, realm, wish, password, origin)
    except Unavailable:
        # It may have come after the commit: then a second use must not be.
        raise
    except Refusal:
        await kit.proofs.put_back("register", realm, wish.address.key, entry)
        raise
    await kit.proofs.kill(realm, [wish.address.key])
    return account


async def enter(kit: Kit, realm: str, wish: Application, code: str, origin: Origin, *, hashed: str = "", reveal: bool = False) -> Opened:
    """As `by_code`, and logs in."""
    account = await accounts.by_id(kit.store, await by_code(kit, realm, wish, code, origin, hashed=hashed, reveal=reveal))
    assert account is not None, "it was just made, and nothing deletes it so soon"
    return await kit.logins.cookie(account, origin)


async def _settle(kit: Kit, realm: str, wish: Application, password: str, origin: Origin) -> int:
    """The account of the address is the prover's own: a new one, or the one that waited for its proof."""
    now = kit.clock.now()
    async with kit.store.begin() as run:
        account = await accounts.add(
            run, realm=realm, password=password, nickname="", locale=origin.locale, created_at=now, created_ip=origin.ip
        )
        if not await accounts.add_identifier(run, account_id=account, realm=realm, address=wish.address, proved_at=now):
            await accounts.withdraw(run, account_id=account)
            account = await _take_over(run, realm, wish.address, password, now)
        await invitations.spend(run, kit.settings, realm, wish.invite, account, now)
        await _agree(kit, run, wish, account, origin)
        await audit.add(run, at=now, realm=realm, account_id=account, event="register", result="ok", origin=origin)
    return account


async def _take_over(run: Runner, realm: str, email: Address, password: str, now: int) -> int:
    waiting = await accounts.find(run, realm, email.kind, email.key)
    mine = waiting is not None and email.kind == "email"
    if (
        waiting is None
        or waiting.locked_at
        or not mine
        or not await accounts.prove(run, account_id=waiting.id, kind="email", key=email.key, at=now)
    ):
        # Its owner has proved it in another way meanwhile.
        raise BadCode
    await accounts.drop_identifiers(run, account_id=waiting.id, keep=(email.kind, email.key))
    await accounts.rename(run, account_id=waiting.id, nickname="")
    await consents.drop(run, account_id=waiting.id)
    await accounts.set_password(run, account_id=waiting.id, password=password, at=now)
    await sessions.end_all(run, account_id=waiting.id)
    return waiting.id


async def draft(kit: Kit, realm: str, wish: Application, origin: Origin, *, reveal: bool = False) -> str:
    """The password of a first step, judged and hashed, for `by_code` to take in the second. Raises WeakPassword.

    Raises what `ask_code` would raise for this address first: nothing is hashed for a code that will not be sent.
    """
    async with kit.passwords.place() as place:
        await kit.limits.check("register_client", origin.client)
        if reveal and await _taken(kit, realm, wish.address):
            await kit.limits.spend("check_client", origin.client)
            raise Taken(field=wish.address.kind)
        await kit.messages.check(realm, "register", wish.address, origin)
        return await place.new(wish.password, _personal(wish))


async def by_name(kit: Kit, realm: str, wish: Application, origin: Origin, *, min_score: int | None = None) -> Opened:
    """Registers an account that has a name and no address (seed 003), and logs it in.

    Raises WeakPassword, then Taken (the seed's own codes tell), NotInvited.
    """
    async with kit.passwords.place() as place:
        await kit.limits.check("register_client", origin.client)
        password = await place.new(wish.password, _personal(wish), min_score)
    await invitations.look(kit.store, kit.settings, realm, wish.invite, kit.clock.now())
    if await accounts.find(kit.store, realm, "name", wish.address.key):
        # Told to whoever asks, but not any number of times.
        await kit.limits.spend("check_client", origin.client)
        raise Taken(field="account")
    await kit.limits.spend("register_client", origin.client)
    async with kit.store.begin() as run:
        now = kit.clock.now()
        new = await accounts.add(
            run, realm=realm, password=password, nickname="", locale=origin.locale, created_at=now, created_ip=origin.ip
        )
        if not await accounts.add_identifier(run, account_id=new, realm=realm, address=wish.address, proved_at=now):
            # The transaction is left by an exception, so nothing of it stays.
            raise Taken(field="account")
        await invitations.spend(run, kit.settings, realm, wish.invite, new, now)
        await _agree(kit, run, wish, new, origin)
        await audit.add(run, at=now, realm=realm, account_id=new, event="register", result="ok", origin=origin)
    account = await accounts.by_id(kit.store, new)
    assert account is not None, "it was just made, and nothing deletes it so soon"
    return await kit.logins.cookie(account, origin)


async def _agree(kit: Kit, run: Runner, wish: Application, account: int, origin: Origin) -> None:
    for document, version in wish.consents:
        await consents.add(run, account_id=account, document=document, version=version, at=kit.clock.now(), ip=origin.ip)


def _result(account: Account) -> str:
    return "taken" if account.email_proved_at else "ok"

"""Registering: an account waits for the proof that its address is the registrant's own."""

from dataclasses import dataclass

from lingpai.core.errors import BadCode, Refusal, Taken, Unavailable
from lingpai.core.model import Account, Address, Links, RequestContext
from lingpai.flows import Services
from lingpai.guard.captcha import Answer
from lingpai.guard.one_time.codes import ACTIVATION_LIFE
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps import invitations
from lingpai.store import accounts, audit, consents, sessions
from lingpai.store.database import Transaction


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
    services: Services,
    realm: str,
    application: Application,
    origin: RequestContext,
    links: Links,
    *,
    reveal: bool = False,
    shown: bool = False,
) -> int:
    """Registers; the owner proves the address by opening the mailed link within 24 hours. Returns the account's id.

    An address that waits for its proof keeps its first registration (contract, rule 8): same id, the new password is not
    taken over, the link is mailed again. A taken one answers as a free one, and its owner is told. With `reveal`, Taken.

    `shown`: the id is for the one who asks, so that of a taken address is a number drawn for nobody.
    """
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", origin.client)
        await invitations.check(services.store, services.settings, realm, application.invite, services.clock.now())
        if reveal and await _taken(services, realm, application.address):
            # Told before any interval, but not any number of times.
            await services.limits.spend("check_client", origin.client)
            raise Taken(field=application.address.kind)
        await services.messages.check(realm, "activate", application.address, origin)
        password = await slot.new(application.password, _personal(application))
    await services.limits.spend("register_client", origin.client)
    await services.messages.start(realm, "activate", application.address, origin)
    try:
        taken = await _taken(services, realm, application.address)
        token = await services.one_time.new_link("activate", realm, application.address.key, 0, ACTIVATION_LIFE, spare=taken)
        notify = await services.messages.may_notice(realm, application.address, taken=taken)
        async with services.store.begin() as tx:
            account, drawn = await _open(services, tx, realm, application, password, origin)
            await _tell(services, tx, account, origin, links, token, notify=notify)
            await audit.add(
                tx, at=services.clock.now(), realm=realm, account_id=account.id, event="register", result=_result(account), origin=origin
            )
    except BaseException:
        await services.messages.give_back(realm, "activate", application.address, origin)
        raise
    services.bell.ring()
    decoy = await services.one_time.decoy(realm, application.address.key, drawn, spare=not taken) if shown else account.id
    return decoy if taken else account.id


def _personal(application: Application) -> tuple[str, ...]:
    """What the account is known by, as its owner may type it."""
    known = [application.address.value, *([application.phone.value] if application.phone else [])]
    return (*known, *(number.removeprefix("+86") for number in known if number.startswith("+86")))


async def _taken(services: Services, realm: str, address: Address) -> bool:
    return _proved(await accounts.find(services.store, realm, address.kind, address.key), address)


def _proved(account: Account | None, address: Address) -> bool:
    """Whether the address is somebody's own; a phone finds an account only when it is."""
    return account is not None and (address.kind != "email" or account.email_proved_at is not None)


async def _open(
    services: Services, tx: Transaction, realm: str, application: Application, password: str, origin: RequestContext
) -> tuple[Account, int]:
    """The account at the address: the new one, or the one that was there before. And the number that was drawn for a new one."""
    new = await accounts.add(
        tx, realm=realm, password=password, nickname="", locale=origin.locale, created_at=services.clock.now(), created_ip=origin.ip
    )
    if await accounts.add_identifier(tx, account_id=new, realm=realm, address=application.address, proved_at=None):
        await invitations.spend(tx, services.settings, realm, application.invite, new, services.clock.now())
        if application.phone:
            await accounts.add_identifier(tx, account_id=new, realm=realm, address=application.phone, proved_at=None)
        await _agree(services, tx, application, new, origin)
    else:
        await accounts.withdraw(tx, account_id=new)
    account = await accounts.find(tx, realm, application.address.kind, application.address.key)
    assert account is not None, "the address is held by the new account or by the one that was in its way"
    return account, new


async def _tell(
    services: Services, tx: Transaction, account: Account, origin: RequestContext, links: Links, token: str, *, notify: bool
) -> None:
    if account.email_proved_at is None:
        await services.letters.activate(tx, None if account.locked_at else account, links, token, origin.locale)
    else:
        await services.letters.taken(tx, account if notify and account.locked_at is None else None, links, origin)


async def ask_code(
    services: Services,
    realm: str,
    address: Address,
    origin: RequestContext,
    links: Links,
    *,
    answer: Answer | None = None,
    reveal: bool = False,
) -> None:
    """Sends a code that proves the address, by mail or SMS; says nothing of whether it is taken, whose owner is told.

    `answer`: to the captcha, where the dialect asks for one. Raises BadCaptcha, TooSoon within 60 seconds of the last one,
    RegistrationClosed; with `reveal`, Taken.
    """
    invitations.check_open(services.settings, realm)
    if answer:
        await services.captchas.spend(answer)
    if reveal and await _taken(services, realm, address):
        await services.limits.spend("check_client", origin.client)
        raise Taken(field=address.kind)
    await services.messages.start(realm, "register", address, origin)
    try:
        code = await services.one_time.new_code("register", realm, address.key, "", length=services.code_length(address))
        taken = await _taken(services, realm, address)
        notify = await services.messages.may_notice(realm, address, taken=taken)
        async with services.store.begin() as tx:
            account = await accounts.find(tx, realm, address.kind, address.key)
            if account and _proved(account, address):
                await services.letters.taken(tx, account if notify and account.locked_at is None else None, links, origin, address.kind)
            else:
                await services.letters.register_code(tx, address, code, origin.locale)
            await audit.add(
                tx,
                at=services.clock.now(),
                realm=realm,
                account_id=account.id if account else None,
                event="register.ask",
                result="taken" if taken else "ok",
                origin=origin,
            )
    except BaseException:
        await services.messages.give_back(realm, "register", address, origin)
        raise
    services.bell.ring()


async def by_code(
    services: Services, realm: str, application: Application, code: str, origin: RequestContext, *, hashed: str = "", reveal: bool = False
) -> int:
    """Registers with the code that `ask_code` sent. Returns the account's id.

    `hashed`: the password as `draft` has made it before; then the wish's own is not looked at. With `reveal`, Taken before BadCode.

    The code is the owner's proof: an account that waits for its proof is theirs from now on, and what others set before dies with
    it (contract, rule 8). Raises BadCode, NotInvited, WeakPassword; a refusal spends neither code nor invite.
    """
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", origin.client)
        await services.limits.spend("check_client", origin.client)
        await invitations.check(services.store, services.settings, realm, application.invite, services.clock.now())
        if reveal and await _taken(services, realm, application.address):
            raise Taken(field=application.address.kind)
        if await services.one_time.peek_code("register", realm, application.address.key, code) is None:
            raise BadCode
        password = hashed or await slot.new(application.password, _personal(application))
    await services.limits.spend("register_client", origin.client)
    entry = await services.one_time.take_code("register", realm, application.address.key, code)
    if entry is None:
        raise BadCode
    try:
        account = await _settle(services, realm, application, password, origin)
    except Unavailable:
        # It may have come after the commit: then a second use must not be.
        raise
    except Refusal:
        await services.one_time.put_back("register", realm, application.address.key, entry)
        raise
    await services.one_time.kill(realm, [application.address.key])
    return account


async def enter(
    services: Services, realm: str, application: Application, code: str, origin: RequestContext, *, hashed: str = "", reveal: bool = False
) -> IssuedSession:
    """As `by_code`, and logs in."""
    account = await accounts.by_id(services.store, await by_code(services, realm, application, code, origin, hashed=hashed, reveal=reveal))
    assert account is not None, "it was just made, and nothing deletes it so soon"
    return await services.session_issuer.cookie(account, origin, amr="sms" if application.address.kind == "phone" else "otp")


async def _settle(services: Services, realm: str, application: Application, password: str, origin: RequestContext) -> int:
    """The account of the address is the prover's own: a new one, or the one that waited for its proof."""
    now = services.clock.now()
    async with services.store.begin() as tx:
        account = await accounts.add(
            tx, realm=realm, password=password, nickname="", locale=origin.locale, created_at=now, created_ip=origin.ip
        )
        if not await accounts.add_identifier(tx, account_id=account, realm=realm, address=application.address, proved_at=now):
            await accounts.withdraw(tx, account_id=account)
            account = await _take_over(tx, realm, application.address, password, now)
        await invitations.spend(tx, services.settings, realm, application.invite, account, now)
        await _agree(services, tx, application, account, origin)
        await audit.add(tx, at=now, realm=realm, account_id=account, event="register", result="ok", origin=origin)
    return account


async def _take_over(tx: Transaction, realm: str, email: Address, password: str, now: int) -> int:
    waiting = await accounts.find(tx, realm, email.kind, email.key)
    mine = waiting is not None and email.kind == "email"
    if (
        waiting is None
        or waiting.locked_at
        or not mine
        or not await accounts.prove(tx, account_id=waiting.id, kind="email", key=email.key, at=now)
    ):
        # Its owner has proved it in another way meanwhile.
        raise BadCode
    await accounts.drop_identifiers(tx, account_id=waiting.id, keep=(email.kind, email.key))
    await accounts.rename(tx, account_id=waiting.id, nickname="")
    await consents.drop(tx, account_id=waiting.id)
    await accounts.set_password(tx, account_id=waiting.id, password=password, at=now)
    await sessions.end_all(tx, account_id=waiting.id)
    return waiting.id


async def draft(services: Services, realm: str, application: Application, origin: RequestContext, *, reveal: bool = False) -> str:
    """The password of a first step, judged and hashed, for `by_code` to take in the second. Raises WeakPassword.

    Raises what `ask_code` would raise for this address first: nothing is hashed for a code that will not be sent.
    """
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", origin.client)
        if reveal and await _taken(services, realm, application.address):
            await services.limits.spend("check_client", origin.client)
            raise Taken(field=application.address.kind)
        await services.messages.check(realm, "register", application.address, origin)
        return await slot.new(application.password, _personal(application))


async def by_name(
    services: Services, realm: str, application: Application, origin: RequestContext, *, min_score: int | None = None
) -> IssuedSession:
    """Registers an account that has a name and no address (seed 003), and logs it in.

    Raises WeakPassword, then Taken (the seed's own codes tell), NotInvited.
    """
    async with services.passwords.slot() as slot:
        await services.limits.check("register_client", origin.client)
        password = await slot.new(application.password, _personal(application), min_score)
    await invitations.check(services.store, services.settings, realm, application.invite, services.clock.now())
    if await accounts.find(services.store, realm, "name", application.address.key):
        # Told to whoever asks, but not any number of times.
        await services.limits.spend("check_client", origin.client)
        raise Taken(field="account")
    await services.limits.spend("register_client", origin.client)
    async with services.store.begin() as tx:
        now = services.clock.now()
        new = await accounts.add(
            tx, realm=realm, password=password, nickname="", locale=origin.locale, created_at=now, created_ip=origin.ip
        )
        if not await accounts.add_identifier(tx, account_id=new, realm=realm, address=application.address, proved_at=now):
            # The transaction is left by an exception, so nothing of it stays.
            raise Taken(field="account")
        await invitations.spend(tx, services.settings, realm, application.invite, new, now)
        await _agree(services, tx, application, new, origin)
        await audit.add(tx, at=now, realm=realm, account_id=new, event="register", result="ok", origin=origin)
    account = await accounts.by_id(services.store, new)
    assert account is not None, "it was just made, and nothing deletes it so soon"
    return await services.session_issuer.cookie(account, origin)


async def _agree(services: Services, tx: Transaction, application: Application, account: int, origin: RequestContext) -> None:
    for document, version in application.consents:
        await consents.add(tx, account_id=account, document=document, version=version, at=services.clock.now(), ip=origin.ip)


def _result(account: Account) -> str:
    return "taken" if account.email_proved_at else "ok"

"""Logging in by a third party: for a client that brings a code or a token, and for a browser that goes there and comes back."""

import hmac
import string
import unicodedata
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Literal

import msgspec

from lingpai.core import rules
from lingpai.core.errors import (
    BadGrant,
    BadInput,
    LastWayIn,
    NotActivated,
    NotOffered,
    ProviderSaysNo,
    ProviderSilent,
    Refusal,
    Taken,
    Unavailable,
    WrongPassword,
)
from lingpai.core.model import Account, Links, Origin
from lingpai.flows import Kit
from lingpai.guard import invitations, persons
from lingpai.guard.codes import digest
from lingpai.guard.logins import Opened
from lingpai.guard.persons import Lost
from lingpai.social import NotVouched, Person, Provider, ProviderError, ProviderName, Surface, Unreachable
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Runner

JOURNEY_LIFE = 600
"""Seconds in which a browser has to be back: as long as a code of QQ or WeChat lives."""
STATE_LENGTH = 43
STATE_ALPHABET = string.ascii_letters + string.digits
"""62^43 is 2^256; WeChat takes nothing but letters and digits."""
TRIES = 8
"""Tries of a login that others keep overtaking: each time one of them has got through."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client got from the provider (contract, hiyouth: `account`)."""

    account: str
    way: Literal["", "code", "token"] = ""
    """An authorisation code or an access token; empty: whichever of the two the provider knows."""
    openid: str = ""
    """Whom the client says it is: needed for WeChat's tokens, held against the answer elsewhere."""
    surface: Surface = "web"


@dataclass(frozen=True, slots=True)
class Entered:
    """A login that succeeded."""

    opened: Opened
    fresh: bool
    """Whether the account was made for it."""


class Journey(msgspec.Struct, frozen=True):
    """A browser's way to the provider and back, kept under the state."""

    realm: str
    name: ProviderName
    surface: Surface
    next: str
    """Where the browser wants to go in the end."""
    visit: str
    """The digest of its token: nobody else comes back with this state."""
    link: int = 0
    """The account that the person is to be linked to; 0 for a login."""
    session: str = ""
    """The digest of that account's session."""
    password_changed_at: int | None = None
    """A changed password kills it (contract, rule 10)."""


async def by_client(kit: Kit, realm: str, name: ProviderName, wish: Credential, origin: Origin) -> Entered:
    """Logs the person in whom the provider names, and makes an account for one who has none.

    Raises NotOffered without keys for the provider, Limited before it is asked; ProviderSaysNo (also where the account is locked, or
    waits for its deletion), ProviderSilent, NotInvited. How accounts of one person become one: `persons.settle`.
    """
    provider = _provider(kit, name)
    await kit.limits.spend("login_client", origin.client)
    redirect_uri = getattr(kit.settings.social, name).redirect_uri or callback(kit, name)
    person = await _vouched(kit, realm, name, _ask(provider, wish, redirect_uri), origin)
    return await _enter(kit, realm, person, origin)


def callback(kit: Kit, name: ProviderName) -> str:
    """Where the provider sends browsers back to."""
    return f"{kit.settings.public_url}/connect/{name}/callback"


async def begin(
    kit: Kit, realm: str, name: ProviderName, to: str, origin: Origin, *, surface: Surface = "web", link: Account | None = None
) -> tuple[str, str]:
    """Where the browser goes, and the visit token that it must bring back. `to`: where it wants to be in the end.

    `link`: the account that the person is to be linked to; its session is the request's, and the caller has had it confirmed
    (`confirm.require`). Raises NotOffered.
    """
    provider, state, visit = _provider(kit, name), kit.chance.code(STATE_LENGTH, STATE_ALPHABET), kit.now_visiting(origin)
    try:
        url = provider.authorize_url(state, callback(kit, name), surface=surface, chinese=origin.locale == "zh-Hans")
    except NotVouched:
        raise NotOffered("social") from None
    journey = Journey(realm, name, surface, to, digest(visit).hex())
    if link:
        session = digest(origin.session).hex()
        journey = msgspec.structs.replace(journey, link=link.id, session=session, password_changed_at=link.password_changed_at)
    await kit.grants.keep("connect", state, journey, JOURNEY_LIFE)
    return url, visit


async def back(kit: Kit, name: ProviderName, state: str, origin: Origin) -> Journey:
    """Spends the state. Raises Limited; BadGrant where it is unknown, spent, older than 10 minutes, another provider's or browser's.

    Another browser spends nothing: who has only seen the state does not stop its owner.
    """
    await kit.limits.spend("login_client", origin.client)
    journey = await kit.grants.look("connect", state, Journey)
    if journey is None or journey.name != name or not hmac.compare_digest(journey.visit, digest(origin.visit).hex()):
        raise BadGrant
    if await kit.grants.take("connect", state, Journey) is None:
        raise BadGrant
    return journey


async def finish(kit: Kit, journey: Journey, code: str, origin: Origin, links: Links) -> Entered | None:
    """Logs in, as `by_client` does, or links, and then returns None. Raises Closing to the owner of an account that waits for its deletion.

    Linking: BadGrant unless the browser is still in the session that began it; Taken where the person has an account already, and then
    nothing moves. Linking again what is linked changes nothing.
    """
    name = journey.name
    asked = _provider(kit, name).by_code(code, callback(kit, name), surface=journey.surface)
    person = await _vouched(kit, journey.realm, name, asked, origin)
    if not journey.link:
        return await _enter(kit, journey.realm, person, origin, returning=True)
    await _link(kit, await _owner(kit, journey, origin), person, origin, links)
    return None


async def unlink(kit: Kit, account: Account, name: ProviderName, origin: Origin, links: Links) -> bool:
    """The provider logs nobody into the account any more, and whoever it let in before is out: all sessions but this one end.

    False: it did not before. Raises LastWayIn where nothing else would. The owner is told.
    """
    now = await accounts.by_id(kit.store, account.id)
    if now is None or name not in now.linked:
        return False
    told = await kit.messages.reached(account)
    async with kit.store.begin() as run:
        await accounts.hold(run, account_id=account.id)
        found = await accounts.by_id(run, account.id)
        if found is None or name not in found.linked:
            return False
        if not enters(kit, found, without=name):
            raise LastWayIn
        await accounts.remove_kind(run, account_id=account.id, kind=name)
        await sessions.end_all(run, account_id=account.id, keep_digest=digest(origin.session) if origin.session else None)
        await kit.letters.notice(run, "unlinked", found if told else None, links, origin)
        await _note(kit, run, account.realm, account.id, "unlink", "ok", origin, detail=name)
    kit.bell.ring()
    return True


def _provider(kit: Kit, name: ProviderName) -> Provider:
    if name not in kit.providers:
        raise NotOffered("social")
    return kit.providers[name]


async def _ask(provider: Provider, wish: Credential, redirect_uri: str) -> Person:
    if wish.way == "token":
        return await provider.by_token(wish.account, wish.openid)
    try:
        return await provider.by_code(wish.account, redirect_uri, surface=wish.surface)
    except NotVouched as no:
        if wish.way == "code" or (provider.name == "wechat" and not wish.openid):
            raise
        try:
            return await provider.by_token(wish.account, wish.openid)
        except NotVouched as neither:
            raise NotVouched(f"{no}; {neither}") from None


async def _vouched(kit: Kit, realm: str, name: ProviderName, asked: Awaitable[Person], origin: Origin) -> Person:
    try:
        return await asked
    except ProviderError as error:
        why = ProviderSilent(name) if isinstance(error, Unreachable) else ProviderSaysNo(name)
        await _note(kit, kit.store, realm, None, "login.social", why.code, origin, detail=f"{name}: {error}")
        raise why from None


async def _enter(kit: Kit, realm: str, person: Person, origin: Origin, *, returning: bool = False) -> Entered:
    for _ in range(TRIES):
        try:
            if returning and (leaving := await persons.leaving(kit.store, realm, person, kit.clock.now())):
                raise await kit.grants.closing(leaving)
            account, fresh = await _account(kit, realm, person, origin)
            # WrongPassword: it was changed, locked or joined to another account in this moment.
            opened = await kit.logins.cookie(account, origin)
            if not await _stays(kit, realm, person, opened):
                continue
            return Entered(opened, fresh)
        except (Lost, WrongPassword):
            continue
        except Refusal as why:
            await _note(kit, kit.store, realm, None, "login.social", why.code, origin, detail=f"{person.provider}: known, and refused")
            raise
    raise Unavailable


async def _stays(kit: Kit, realm: str, person: Person, opened: Opened) -> bool:
    """Whether the person still belongs to the account that was opened; where it was unlinked in this moment the login ends again."""
    traces = await persons.look(kit.store, realm, person)
    if any(each.id == opened.account.id for each in traces.accounts):
        return True
    await sessions.end(kit.store, digest=digest(opened.token))
    return False


async def _account(kit: Kit, realm: str, person: Person, origin: Origin) -> tuple[Account, bool]:
    """The person's account, and whether it is new. Raises Lost."""
    traces = await persons.look(kit.store, realm, person)
    if not traces.accounts:
        return await _new(kit, realm, person, origin), True
    if len(traces.accounts) == 1 and not traces.missing:
        return traces.accounts[0], False
    async with kit.store.begin() as run:
        settled = await persons.settle(run, realm, person, kit.clock.now())
        detail = f"{person.provider}: with account {settled.other}" if settled.other else person.provider
        await _note(kit, run, realm, settled.account_id, "social.join", "ok", origin, detail=detail)
    return await _there(kit, settled.account_id), False


async def _new(kit: Kit, realm: str, person: Person, origin: Origin) -> Account:
    now = kit.clock.now()
    await invitations.look(kit.store, kit.settings, realm, "", now)
    await kit.limits.spend("register_client", origin.client)
    try:
        async with kit.store.begin() as run:
            new = await accounts.add(
                run,
                realm=realm,
                password=None,
                nickname=nickname(person.nickname),
                locale=origin.locale,
                created_at=now,
                created_ip=origin.ip,
            )
            await persons.add(run, account_id=new, realm=realm, addresses=list(persons.identifiers(person)), at=now)
            if person.avatar.startswith("https://"):
                await accounts.picture(run, account_id=new, avatar=person.avatar)
            await invitations.spend(run, kit.settings, realm, "", new, now)
            await _note(kit, run, realm, new, "register", "ok", origin, detail=person.provider)
    except BaseException:
        await kit.limits.give_back("register_client", origin.client)
        raise
    return await _there(kit, new)


async def _there(kit: Kit, account_id: int) -> Account:
    """The account as it is now. Raises Lost where another login has just joined it to an older one."""
    account = await accounts.by_id(kit.store, account_id)
    if account is None:
        raise Lost
    return account


def nickname(text: str) -> str:
    """A provider's nickname as one of ours: what may not stand in one is left out, and what is too long is cut."""
    shown = "".join(character for character in text if character.isprintable() or character == "\u200d")
    try:
        return rules.nickname(unicodedata.normalize("NFC", shown).strip()[: rules.NICKNAME_LENGTH])
    except BadInput:
        return ""


async def _owner(kit: Kit, journey: Journey, origin: Origin) -> Account:
    """Whose account is linked: only of the session that began it, while it lives (ASVS 5.0, 10.2.1; A25)."""
    key = digest(origin.session)
    found = await sessions.alive(kit.store, digest=key, realm=journey.realm, now=kit.clock.now()) if origin.session else None
    if found is None or not hmac.compare_digest(journey.session, key.hex()):
        raise BadGrant
    account = found[1]
    if account.id != journey.link or account.password_changed_at != journey.password_changed_at:
        raise BadGrant
    if account.restricted:
        raise NotActivated
    return account


async def _link(kit: Kit, account: Account, person: Person, origin: Origin, links: Links) -> None:
    told = await kit.messages.reached(account)
    try:
        async with kit.store.begin() as run:
            if not await sessions.still(run, account, digest=digest(origin.session), now=kit.clock.now()):
                # The owner's reset, or a logout, was first.
                raise BadGrant
            traces = await persons.look(run, account.realm, person)
            if any(other.id != account.id for other in traces.accounts):
                raise Taken(field=person.provider)
            if not traces.missing:
                return
            await persons.add(run, account_id=account.id, realm=account.realm, addresses=traces.missing, at=kit.clock.now())
            await kit.letters.notice(run, "linked", told, links, origin)
            await _note(kit, run, account.realm, account.id, "link", "ok", origin, detail=person.provider)
    except Lost:
        raise Taken(field=person.provider) from None
    kit.bell.ring()


def enters(kit: Kit, account: Account, *, without: ProviderName) -> bool:
    """Whether the owner gets in without this provider.

    By a proved mail always, and by a proved phone where messages go out, for a reset makes a password; by a phone or a name with the
    password that there is; or by another provider that the operator has keys for.
    """
    texts = kit.settings.dev or kit.settings.sms.provider != "none"
    typed = account.password is not None and (account.name is not None or account.phone_proved_at is not None)
    reset = account.email_proved_at is not None or (texts and account.phone_proved_at is not None)
    return typed or reset or any(kind != without and kind in kit.providers for kind in account.linked)


async def _note(kit: Kit, run: Runner, realm: str, account_id: int | None, event: str, result: str, origin: Origin, *, detail: str) -> None:
    await audit.add(run, at=kit.clock.now(), realm=realm, account_id=account_id, event=event, result=result, origin=origin, detail=detail)

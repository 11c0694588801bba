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
from lingpai.core.model import Account, Links, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import digest
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.social import NotVouched, Person, Provider, ProviderError, ProviderName, Surface, Unreachable
from lingpai.steps import invitations, social_identities
from lingpai.steps.social_identities import Overtaken
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Transaction

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

    opened: IssuedSession
    fresh: bool
    """Whether the account was made for it."""


class Journey(msgspec.Struct, frozen=True):
    """A browser's way to the provider and back, kept under the state."""

    realm: str
    name: ProviderName
    surface: Surface
    next: str
    """Where the browser wants to go in the end."""
    prelogin_token: str
    """The digest of its token: nobody else comes back with this state."""
    link: int = 0
    """The account that the person is to be linked to; 0 for a login."""
    session: str = ""
    """The digest of that account's session."""
    password_changed_at: int | None = None
    """A changed password kills it (contract, rule 10)."""


async def by_client(services: Services, realm: str, name: ProviderName, credential: Credential, origin: RequestContext) -> Entered:
    """Logs the person in whom the provider names, and makes an account for one who has none.

    Raises NotOffered without keys for the provider, Limited before it is asked; ProviderSaysNo (also where the account is locked, or
    waits for its deletion), ProviderSilent, NotInvited. How accounts of one person become one: `social_identities.settle`.
    """
    provider = _provider(services, name)
    await services.limits.spend("login_client", origin.client)
    redirect_uri = getattr(services.settings.social, name).redirect_uri or callback(services, name)
    person = await _vouched(services, realm, name, _ask(provider, credential, redirect_uri), origin)
    return await _enter(services, realm, person, origin)


def callback(services: Services, name: ProviderName) -> str:
    """Where the provider sends browsers back to."""
    return f"{services.settings.public_url}/connect/{name}/callback"


async def begin(
    services: Services,
    realm: str,
    name: ProviderName,
    to: str,
    origin: RequestContext,
    *,
    surface: Surface = "web",
    link: Account | None = None,
) -> tuple[str, str]:
    """Where the browser goes, and the visit token that it must bring back. `to`: where it wants to be in the end.

    `link`: the account that the person is to be linked to; its session is the request's, and the caller has had it confirmed
    (`confirm.require`). Raises NotOffered.
    """
    provider, state, prelogin_token = (
        _provider(services, name),
        services.chance.code(STATE_LENGTH, STATE_ALPHABET),
        services.prelogin_token(origin),
    )
    try:
        url = provider.authorize_url(state, callback(services, name), surface=surface, chinese=origin.locale == "zh-Hans")
    except NotVouched:
        raise NotOffered("social") from None
    journey = Journey(realm, name, surface, to, digest(prelogin_token).hex())
    if link:
        session = digest(origin.session).hex()
        journey = msgspec.structs.replace(journey, link=link.id, session=session, password_changed_at=link.password_changed_at)
    await services.grants.store_under("connect", state, journey, JOURNEY_LIFE)
    return url, prelogin_token


async def back(services: Services, name: ProviderName, state: str, origin: RequestContext) -> Journey:
    """Spends the state. Raises Limited; BadGrant where it is unknown, spent, older than 10 minutes, another provider's or browser's.

    Another browser spends nothing: who has only seen the state does not stop its owner.
    """
    await services.limits.spend("login_client", origin.client)
    journey = await services.grants.peek("connect", state, Journey)
    if journey is None or journey.name != name or not hmac.compare_digest(journey.prelogin_token, digest(origin.prelogin_token).hex()):
        raise BadGrant
    if await services.grants.take("connect", state, Journey) is None:
        raise BadGrant
    return journey


async def finish(services: Services, journey: Journey, code: str, origin: RequestContext, links: Links) -> Entered | None:
    """Logs in, as `by_client` does, or links, and then returns None. Raises Closing to the owner of an account that waits for its deletion.

    Linking: BadGrant unless the browser is still in the session that began it; Taken where the person has an account already, and then
    nothing moves. Linking again what is linked changes nothing.
    """
    name = journey.name
    asked = _provider(services, name).by_code(code, callback(services, name), surface=journey.surface)
    person = await _vouched(services, journey.realm, name, asked, origin)
    if not journey.link:
        return await _enter(services, journey.realm, person, origin, returning=True)
    await _link(services, await _owner(services, journey, origin), person, origin, links)
    return None


async def unlink(services: Services, account: Account, name: ProviderName, origin: RequestContext, links: Links) -> bool:
    """The provider logs nobody into the account any more, and whoever it let in before is out: all sessions but this one end.

    False: it did not before. Raises LastWayIn where nothing else would. The owner is told.
    """
    now = await accounts.by_id(services.store, account.id)
    if now is None or name not in now.linked:
        return False
    told = await services.messages.reached(account)
    async with services.store.begin() as tx:
        await accounts.lock_row(tx, account_id=account.id)
        found = await accounts.by_id(tx, account.id)
        if found is None or name not in found.linked:
            return False
        if not enters(services, found, without=name):
            raise LastWayIn
        await accounts.remove_kind(tx, account_id=account.id, kind=name)
        await sessions.end_all(tx, account_id=account.id, keep_digest=digest(origin.session) if origin.session else None)
        await services.letters.notice(tx, "unlinked", found if told else None, links, origin)
        await _note(services, tx, account.realm, account.id, "unlink", "ok", origin, detail=name)
    services.bell.ring()
    return True


def _provider(services: Services, name: ProviderName) -> Provider:
    if name not in services.providers:
        raise NotOffered("social")
    return services.providers[name]


async def _ask(provider: Provider, credential: Credential, redirect_uri: str) -> Person:
    if credential.way == "token":
        return await provider.by_token(credential.account, credential.openid)
    try:
        return await provider.by_code(credential.account, redirect_uri, surface=credential.surface)
    except NotVouched as no:
        if credential.way == "code" or (provider.name == "wechat" and not credential.openid):
            raise
        try:
            return await provider.by_token(credential.account, credential.openid)
        except NotVouched as neither:
            raise NotVouched(f"{no}; {neither}") from None


async def _vouched(services: Services, realm: str, name: ProviderName, asked: Awaitable[Person], origin: RequestContext) -> Person:
    try:
        return await asked
    except ProviderError as error:
        why = ProviderSilent(name) if isinstance(error, Unreachable) else ProviderSaysNo(name)
        await _note(services, services.store, realm, None, "login.social", why.code, origin, detail=f"{name}: {error}")
        raise why from None


async def _enter(services: Services, realm: str, person: Person, origin: RequestContext, *, returning: bool = False) -> Entered:
    for _ in range(TRIES):
        try:
            if returning and (leaving := await social_identities.leaving(services.store, realm, person, services.clock.now())):
                raise await services.grants.closing(leaving)
            account, fresh = await _account(services, realm, person, origin)
            # WrongPassword: it was changed, locked or joined to another account in this moment.
            opened = await services.session_issuer.cookie(account, origin, amr="fed")
            if not await _stays(services, realm, person, opened):
                continue
            return Entered(opened, fresh)
        except (Overtaken, WrongPassword):
            continue
        except Refusal as why:
            await _note(
                services, services.store, realm, None, "login.social", why.code, origin, detail=f"{person.provider}: known, and refused"
            )
            raise
    raise Unavailable


async def _stays(services: Services, realm: str, person: Person, opened: IssuedSession) -> bool:
    """Whether the person still belongs to the account that was opened; where it was unlinked in this moment the login ends again."""
    traces = await social_identities.find(services.store, realm, person)
    if any(each.id == opened.account.id for each in traces.accounts):
        return True
    await sessions.end(services.store, digest=digest(opened.token))
    return False


async def _account(services: Services, realm: str, person: Person, origin: RequestContext) -> tuple[Account, bool]:
    """The person's account, and whether it is new. Raises Lost."""
    traces = await social_identities.find(services.store, realm, person)
    if not traces.accounts:
        return await _new(services, realm, person, origin), True
    if len(traces.accounts) == 1 and not traces.missing:
        return traces.accounts[0], False
    async with services.store.begin() as tx:
        settled = await social_identities.settle(tx, realm, person, services.clock.now())
        detail = f"{person.provider}: with account {settled.other}" if settled.other else person.provider
        await _note(services, tx, realm, settled.account_id, "social.join", "ok", origin, detail=detail)
    return await _there(services, settled.account_id), False


async def _new(services: Services, realm: str, person: Person, origin: RequestContext) -> Account:
    now = services.clock.now()
    await invitations.check(services.store, services.settings, realm, "", now)
    await services.limits.spend("register_client", origin.client)
    try:
        async with services.store.begin() as tx:
            new = await accounts.add(
                tx,
                realm=realm,
                password=None,
                nickname=nickname(person.nickname),
                locale=origin.locale,
                created_at=now,
                created_ip=origin.ip,
            )
            await social_identities.add(tx, account_id=new, realm=realm, addresses=list(social_identities.identifiers(person)), at=now)
            if person.avatar.startswith("https://"):
                await accounts.picture(tx, account_id=new, avatar=person.avatar)
            await invitations.spend(tx, services.settings, realm, "", new, now)
            await _note(services, tx, realm, new, "register", "ok", origin, detail=person.provider)
    except BaseException:
        await services.limits.give_back("register_client", origin.client)
        raise
    return await _there(services, new)


async def _there(services: Services, account_id: int) -> Account:
    """The account as it is now. Raises Lost where another login has just joined it to an older one."""
    account = await accounts.by_id(services.store, account_id)
    if account is None:
        raise Overtaken
    return account


def nickname(text: str) -> str:
    """A provider's nickname as one of ours: what may not stand in one is left out, and what is too long is cut."""
    shown = "".join(character for character in text if character.isprintable() or character == "\u200d")
    try:
        return rules.nickname(unicodedata.normalize("NFC", shown).strip()[: rules.NICKNAME_LENGTH])
    except BadInput:
        return ""


async def _owner(services: Services, journey: Journey, origin: RequestContext) -> Account:
    """Whose account is linked: only of the session that began it, while it lives (ASVS 5.0, 10.2.1; A25)."""
    key = digest(origin.session)
    found = await sessions.alive(services.store, digest=key, realm=journey.realm, now=services.clock.now()) if origin.session else None
    if found is None or not hmac.compare_digest(journey.session, key.hex()):
        raise BadGrant
    account = found[1]
    if account.id != journey.link or account.password_changed_at != journey.password_changed_at:
        raise BadGrant
    if account.restricted:
        raise NotActivated
    return account


async def _link(services: Services, account: Account, person: Person, origin: RequestContext, links: Links) -> None:
    told = await services.messages.reached(account)
    try:
        async with services.store.begin() as tx:
            if not await sessions.lock_if_current(tx, account, digest=digest(origin.session), now=services.clock.now()):
                # The owner's reset, or a logout, was first.
                raise BadGrant
            traces = await social_identities.find(tx, account.realm, person)
            if any(other.id != account.id for other in traces.accounts):
                raise Taken(field=person.provider)
            if not traces.missing:
                return
            await social_identities.add(tx, account_id=account.id, realm=account.realm, addresses=traces.missing, at=services.clock.now())
            await services.letters.notice(tx, "linked", told, links, origin)
            await _note(services, tx, account.realm, account.id, "link", "ok", origin, detail=person.provider)
    except Overtaken:
        raise Taken(field=person.provider) from None
    services.bell.ring()


def enters(services: Services, account: Account, *, without: ProviderName) -> bool:
    """Whether the owner gets in without this provider.

    By a proved mail always, and by a proved phone where messages go out, for a reset makes a password; by a phone or a name with the
    password that there is; or by another provider that the operator has keys for.
    """
    texts = services.settings.dev or services.settings.sms.provider != "none"
    typed = account.password is not None and (account.name is not None or account.phone_proved_at is not None)
    reset = account.email_proved_at is not None or (texts and account.phone_proved_at is not None)
    return typed or reset or any(kind != without and kind in services.providers for kind in account.linked)


async def _note(
    services: Services, tx: Transaction, realm: str, account_id: int | None, event: str, result: str, origin: RequestContext, *, detail: str
) -> None:
    await audit.add(
        tx, at=services.clock.now(), realm=realm, account_id=account_id, event=event, result=result, origin=origin, detail=detail
    )

"""Logging in by a third party: for a client that brings a code or a token, and for a browser that goes there and comes back."""

import hmac
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from lingpai.core.errors import (
    BadGrant,
    DeadState,
    LastWayIn,
    NotLoggedIn,
    NotOffered,
    ProviderSaysNo,
    ProviderSilent,
    Refusal,
    StaleLogin,
)
from lingpai.core.model import Account, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services
from lingpai.guard.crypto import digest
from lingpai.social import NotVouched, Provider, ProviderError, ProviderName, SocialPerson, Surface, Unreachable
from lingpai.steps import newcomers, social_entry, social_identities
from lingpai.steps.account_change import NothingChanged, changing
from lingpai.steps.authentication import Authenticated, Fresh, activated, authenticated
from lingpai.steps.letters import ThirdNamed
from lingpai.steps.social_entry import SocialEntry, enter
from lingpai.steps.social_entry import link as link_person
from lingpai.store import accounts

nickname, noted = social_entry.nickname, social_entry.noted
JOURNEY_LIFE = 600
"""Seconds in which a browser has to be back: as long as a code of QQ or WeChat lives."""
STATE_LENGTH = 43
STATE_ALPHABET = string.ascii_letters + string.digits
"""62^43 is 2^256; WeChat takes nothing but letters and digits."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client got from the provider (contract, hiyouth: `account`)."""

    account: str
    kind: Literal["", "code", "token"] = ""
    """An authorisation code or an access token; empty: whichever of the two the provider knows."""
    openid: str = ""
    """Whom the client says it is: needed for WeChat's tokens, held against the answer elsewhere."""
    surface: Surface = "web"


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


async def by_client(services: Services, ctx: RequestContext, name: ProviderName, credential: Credential) -> SocialEntry:
    """Logs the person in whom the provider names, and makes an account for one who has none, unless the app may be somebody else's.

    Raises NotOffered without keys for the provider, Limited before it is asked; ProviderSaysNo (also where the account is locked, or
    waits for its deletion), ProviderSilent, NotInvited. How accounts of one person become one: `social_identities.settle`.
    """
    provider = _provider(services, name)
    await services.limits.spend("login_client", ctx.client)
    redirect_uri = getattr(services.settings.social, name).redirect_uri or callback(services, name)
    person = await _vouched(services, ctx, name, _ask(provider, credential, redirect_uri))
    return await enter(services, ctx, await social_identities.placed(services.store, ctx.realm, person))


def callback(services: Services, name: ProviderName) -> str:
    """Where the provider sends browsers back to."""
    return f"{services.settings.public_url}/connect/{name}/callback"


async def begin(
    services: Services, ctx: RequestContext, name: ProviderName, to: str, *, surface: Surface = "web", link: Fresh | None = None
) -> tuple[str, str]:
    """Where the browser goes, and the pre-login token that it must bring back. `to`: where it wants to be in the end.

    `link`: the login of the account that the person is to be linked to. Raises NotOffered.
    """
    provider, state, token = _provider(services, name), services.chance.code(STATE_LENGTH, STATE_ALPHABET), services.prelogin_token(ctx)
    try:
        url = provider.authorize_url(state, callback(services, name), surface=surface, locale=ctx.locale)
    except NotVouched:
        raise NotOffered("social") from None
    journey = Journey(ctx.realm, name, surface, to, digest(token).hex())
    if link:
        account, session = link.account, link.digest.hex()
        journey = msgspec.structs.replace(journey, link=account.id, session=session, password_changed_at=account.password_changed_at)
    await services.grants.store_under("connect", state, journey, JOURNEY_LIFE)
    return url, token


async def back(services: Services, ctx: RequestContext, name: ProviderName, state: str) -> Journey:
    """Spends the state. Raises Limited; DeadState where it is unknown, spent or older than 10 minutes; BadGrant where it is another's.

    Another browser spends nothing: who has only seen the state does not stop its owner.
    """
    await services.limits.spend("login_client", ctx.client)
    journey = await services.grants.peek("connect", state, Journey)
    if journey is None:
        raise DeadState
    if journey.name != name or not hmac.compare_digest(journey.prelogin_token, digest(ctx.prelogin_token).hex()):
        raise BadGrant
    if await services.grants.take("connect", state, Journey) is None:
        raise DeadState
    return journey


async def finish(services: Services, ctx: RequestContext, journey: Journey, code: str) -> SocialEntry | Step | None:
    """Logs in, as `by_client` does, or links, and then returns None; `ctx` is of the journey's realm.

    The owner of an account that waits for its deletion gets the Step that takes it back; somebody new the
    Step that leads to an account, a new one or their own (`flows/newcomer.py`). Linking: BadGrant unless the browser is still in
    the session that began it; Taken where the person has an account already, and then nothing moves. Linking again changes nothing.
    """
    name = journey.name
    asked = _provider(services, name).by_code(code, callback(services, name), surface=journey.surface)
    person = await _vouched(services, ctx, name, asked)
    if not journey.link:
        step = await _cancel_deletion_step(services, ctx, person) or await _newcomer_step(services, ctx, person, journey.next)
        return step or await enter(services, ctx, person)
    await link_person(services, ctx, await _owner(services, ctx, journey), person)
    return None


class ExpectedToken(msgspec.Struct, frozen=True):
    """That a browser will come back with an access token that the provider gives to it alone, kept under its pre-login token."""

    realm: str
    name: ProviderName


async def expect_token(services: Services, ctx: RequestContext, name: ProviderName) -> str:
    """For a browser that asks the provider by itself (RFC 6749, 4.2): its new pre-login token, with which it comes back within 10 minutes.

    Never its old one: who has planted that would log it in as themselves, with a token of their own. Raises NotOffered.
    """
    _provider(services, name)
    token = services.chance.token()
    await services.grants.store_under("implicit", token, ExpectedToken(ctx.realm, name), JOURNEY_LIFE)
    return token


async def by_expected_token(
    services: Services, ctx: RequestContext, name: ProviderName, token: str, enter: Callable[[str], RequestContext]
) -> SocialEntry:
    """As `by_client`, for the browser that `expect_token` expects, in the realm that it was expected for; spends that it was.

    `enter`: makes the request one of that realm, or raises BadGrant. Raises BadGrant too where no token of this provider was expected.
    """
    found = await services.grants.take("implicit", ctx.prelogin_token, ExpectedToken) if ctx.prelogin_token else None
    if found is None or found.name != name:
        raise BadGrant
    return await by_client(services, enter(found.realm), name, Credential(token, "token"))


async def unlink(services: Services, ctx: RequestContext, login: Fresh, name: ProviderName) -> bool:
    """The provider logs nobody into the account any more, and whoever it let in before is out: all sessions but this one end.

    False: it did not before, and nothing has happened. Raises LastWayIn where nothing else would let the owner in, and StaleLogin
    after a reset. The owner is told.
    """
    account = login.account
    now = await accounts.by_id(services.store, account.id)
    if now is None or name not in now.linked:
        return False
    unlinked = False
    async with changing(services, ctx, account, "unlink", login=login, refusal=StaleLogin, notice="unlinked", ends="others") as change:
        found = await accounts.by_id(change.tx, account.id)
        if found is None or name not in found.linked:
            raise NothingChanged
        if not has_other_way_in(services, found, without=name):
            raise LastWayIn
        await accounts.remove_kind(change.tx, account_id=account.id, kind=name)
        unlinked, change.detail, change.third = True, name, ThirdNamed(name)
    if unlinked:
        await social_entry.note_change(services, login, ThirdNamed(name))
    return unlinked


def _provider(services: Services, name: ProviderName) -> Provider:
    if name not in services.providers:
        raise NotOffered("social")
    return services.providers[name]


async def _ask(provider: Provider, credential: Credential, redirect_uri: str) -> SocialPerson:
    if credential.kind == "token":
        return await provider.by_token(credential.account, credential.openid)
    try:
        return await provider.by_code(credential.account, redirect_uri, surface=credential.surface)
    except NotVouched as no:
        if credential.kind == "code" or (provider.name == "wechat" and not credential.openid):
            raise
        try:
            return await provider.by_token(credential.account, credential.openid)
        except NotVouched as neither:
            raise NotVouched(f"{no}; {neither}") from None


async def _vouched(services: Services, ctx: RequestContext, name: ProviderName, asked: Awaitable[SocialPerson]) -> SocialPerson:
    try:
        return await asked
    except ProviderError as error:
        why = ProviderSilent(name) if isinstance(error, Unreachable) else ProviderSaysNo(name)
        await services.audit.note(services.store, ctx, "login.social", why.code, detail=f"{name}: {error}")
        raise why from None


async def _cancel_deletion_step(services: Services, ctx: RequestContext, person: SocialPerson) -> Step | None:
    """The step for the owner of an account that waits for its deletion; None where there is none."""
    leaving = await social_identities.leaving(services.store, ctx.realm, person, services.clock.now())
    if leaving is None:
        return None
    await services.audit.note(services.store, ctx, "login.social", "closing", detail=f"{person.provider}: known, and refused")
    return await services.grants.cancel_deletion_step(leaving)


async def _newcomer_step(services: Services, ctx: RequestContext, person: SocialPerson, to: str) -> Step | None:
    """The step for somebody whom nobody knows yet; None for everybody else. Refuses as a login would.

    Whether they may register is not asked: whoever has an account links it where nobody may.
    """
    try:
        if (await social_identities.find(services.store, ctx.realm, person)).accounts:
            return None
        social_identities.check_app(person)
    except Refusal as why:
        await services.audit.note(services.store, ctx, "login.social", why.code, detail=f"{person.provider}: vouched for, and refused")
        raise
    return await newcomers.store(services, ctx, person, to)


async def _owner(services: Services, ctx: RequestContext, journey: Journey) -> Authenticated:
    """Whose account is linked: only of the session that began it, while it lives (ASVS 5.0, 10.2.1; A25)."""
    try:
        login = await authenticated(services, ctx)
    except NotLoggedIn:
        raise BadGrant from None
    account = login.account
    ours = hmac.compare_digest(journey.session, login.digest.hex()) and account.id == journey.link
    if not ours or account.password_changed_at != journey.password_changed_at:
        raise BadGrant
    return activated(login)


def has_other_way_in(services: Services, account: Account, *, without: ProviderName) -> bool:
    """Whether the owner gets in without this provider.

    By a proved mail always, and by a proved phone where messages go out, for a reset makes a password; by a phone or a name with the
    password that there is; or by another provider that the operator has keys for.
    """
    texts = services.settings.dev or services.settings.sms.provider != "none"
    typed = account.password is not None and (account.name is not None or account.phone_proved_at is not None)
    reset = account.reset_mail is not None or (texts and account.reset_phone is not None)
    asleep = {kind for kind, _ in account.asleep}
    return typed or reset or any(kind != without and kind in services.providers and kind not in asleep for kind in account.linked)

"""Letting in whom a third party vouches for: to the account that they have, to a new one, or to one that they are linked to."""

import unicodedata
from contextlib import suppress
from dataclasses import dataclass

from lingpai.core import rules
from lingpai.core.errors import BadGrant, BadInput, Refusal, StoreDown, Taken, Unavailable, WrongPassword
from lingpai.core.model import Account, RequestContext
from lingpai.guard.crypto import digest
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.social import SocialPerson
from lingpai.steps import invitations, new_device, social_identities
from lingpai.steps.account_change import NothingChanged, changing
from lingpai.steps.authentication import Authenticated
from lingpai.steps.letters import NOBODY, ThirdNamed
from lingpai.steps.services import Services
from lingpai.steps.social_identities import Overtaken
from lingpai.store import accounts, sessions
from lingpai.store import consents as agreements

Consents = tuple[tuple[str, str], ...]
"""What was agreed to: pairs of a document (`terms`, `privacy`) and its version."""
NOTED = 600
"""Seconds for which a page can say who was linked or unlinked."""
TRIES = 8
"""Tries of a login that others keep overtaking: each time one of them has got through."""


@dataclass(frozen=True, slots=True)
class SocialEntry:
    """A login that succeeded."""

    opened: IssuedSession
    fresh: bool
    """Whether the account was made for it."""


async def enter(services: Services, ctx: RequestContext, person: SocialPerson, consents: Consents = ()) -> SocialEntry:
    """Logs the person in, and makes an account for one who has none, who has agreed to the `consents`.

    Raises ProviderSaysNo where theirs is locked or the app may be another owner's, NotInvited, Limited, Unavailable.
    """
    for _ in range(TRIES):
        try:
            account, fresh = await _account(services, ctx, person, consents)
            # WrongPassword: it was changed, locked or joined to another account in this moment.
            notice = None if fresh else await new_device.telling(services, ctx, account)
            opened = await services.session_issuer.cookie(account, ctx, amr="fed", also=notice)
            services.bell.ring()
            if await _stays(services, ctx, person, opened):
                return SocialEntry(opened, fresh)
        except (Overtaken, WrongPassword):
            continue
        except Refusal as why:
            await services.audit.note(services.store, ctx, "login.social", why.code, detail=f"{person.provider}: vouched for, and refused")
            raise
    raise Unavailable


async def _stays(services: Services, ctx: RequestContext, person: SocialPerson, opened: IssuedSession) -> bool:
    """Whether the person still belongs to the account that was opened; where it was unlinked in this moment the login ends again."""
    traces = await social_identities.find(services.store, ctx.realm, person)
    if any(each.id == opened.account.id for each in traces.accounts):
        return True
    await sessions.end(services.store, digest=digest(opened.token))
    return False


async def _account(services: Services, ctx: RequestContext, person: SocialPerson, consents: Consents) -> tuple[Account, bool]:
    """The person's account, and whether it is new. Raises Overtaken."""
    traces = await social_identities.find(services.store, ctx.realm, person)
    if not traces.accounts:
        return await _new(services, ctx, person, consents), True
    if len(traces.accounts) == 1 and not traces.missing:
        return traces.accounts[0], False
    async with services.store.begin() as tx:
        settled = await social_identities.settle(tx, ctx.realm, person, services.clock.now())
        detail = f"{person.provider}: with account {settled.other}" if settled.other else person.provider
        await services.audit.note(tx, ctx, "social.join", account_id=settled.account_id, detail=detail)
    return await _as_it_is(services, settled.account_id), False


async def may_register(services: Services, ctx: RequestContext, person: SocialPerson) -> None:
    """Raises ProviderSaysNo where the app may be another owner's, and NotInvited where the realm is not open to everybody."""
    social_identities.check_app(person)
    await invitations.check(services.store, services.settings, ctx.realm, "", services.clock.now())


async def _new(services: Services, ctx: RequestContext, person: SocialPerson, consents: Consents) -> Account:
    await may_register(services, ctx, person)
    await services.limits.spend("register_client", ctx.client)
    try:
        new = await _add(services, ctx, person, consents)
    except BaseException:
        await services.limits.give_back("register_client", ctx.client)
        raise
    return await _as_it_is(services, new)


async def _add(services: Services, ctx: RequestContext, person: SocialPerson, consents: Consents) -> int:
    now, shown = services.clock.now(), nickname(person.nickname)
    async with services.store.begin() as tx:
        new = await accounts.add(tx, realm=ctx.realm, password=None, nickname=shown, locale=ctx.locale, created_at=now, created_ip=ctx.ip)
        known_by = list(social_identities.identifiers(person))
        await social_identities.add(tx, account_id=new, realm=ctx.realm, addresses=known_by, at=now)
        if person.avatar.startswith("https://"):
            await accounts.picture(tx, account_id=new, avatar=person.avatar)
        await invitations.spend(tx, services.settings, ctx.realm, "", new, now)
        for document, version in consents:
            await agreements.add(tx, account_id=new, document=document, version=version, at=now, ip=ctx.ip)
        await services.audit.note(tx, ctx, "register", account_id=new, detail=person.provider)
    return new


async def _as_it_is(services: Services, account_id: int) -> Account:
    """The account as it is now. Raises Overtaken where another login has just joined it to an older one."""
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


async def link(services: Services, ctx: RequestContext, login: Authenticated, person: SocialPerson) -> None:
    """The person logs in to this account from now on, and its owner is told; who does already changes nothing.

    Raises Taken where the person has another account, and BadGrant where the login has ended, or the password was changed, meanwhile.
    """
    account, third = login.account, ThirdNamed(person.provider, nickname(person.nickname))
    try:
        # The owner's reset, or a logout, may be first: BadGrant then.
        async with changing(services, ctx, account, "link", login=login, refusal=BadGrant, notice="linked") as change:
            traces = await social_identities.find(change.tx, account.realm, person)
            if any(other.id != account.id for other in traces.accounts):
                raise Taken(field=person.provider)
            if not traces.missing:
                raise NothingChanged
            now = services.clock.now()
            await social_identities.add(change.tx, account.id, account.realm, traces.missing, at=now, added_at=now)
            change.detail, change.added, change.third = person.provider, (person.provider, now), third
    except Overtaken:
        raise Taken(field=person.provider) from None
    await note_change(services, login, third)


async def note_change(services: Services, login: Authenticated, third: ThirdNamed) -> None:
    """For the next page of this login, which says what happened. It has happened: a lost store takes nothing back."""
    with suppress(StoreDown):
        await services.grants.store_under("linked", login.digest.hex(), third, NOTED)


async def noted(services: Services, login: Authenticated) -> ThirdNamed:
    """Whom that was about; nobody where it is not known any more."""
    with suppress(StoreDown):
        return await services.grants.peek("linked", login.digest.hex(), ThirdNamed) or NOBODY
    return NOBODY

"""Activating: the mailed link proves the address."""

from collections.abc import Sequence
from dataclasses import dataclass

from lingpai.core.errors import BadLink
from lingpai.core.model import Account, Address, Links, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.codes import ACTIVATION_LIFE, digest
from lingpai.store import accounts, audit, sessions


@dataclass(frozen=True, slots=True)
class Activation:
    """What an activation link leads to."""

    account: Account
    active: bool
    """Whether the address is proved by now."""
    fresh: bool = False
    """Whether this very call proved it."""


async def peek(services: Services, realm: str, email: Address, token: str, origin: RequestContext) -> Activation:
    """What the link would do; spends nothing. Raises BadLink, and Limited for too many wrong ones."""
    await services.limits.check("check_client", origin.client)
    live = await services.one_time.peek_link("activate", realm, email.key, token)
    account = await accounts.find(services.store, realm, email.kind, email.key)
    if live is None or account is None or account.locked_at:
        await services.limits.spend("check_client", origin.client)
        await audit.add(
            services.store, at=services.clock.now(), realm=realm, account_id=None, event="activate", result="bad-link", origin=origin
        )
        raise BadLink
    return Activation(account, active=account.email_proved_at is not None)


async def open_link(services: Services, realm: str, email: Address, token: str, origin: RequestContext) -> Activation:
    """Proves the address; of many racing callers exactly one is `fresh`. Raises as `look` does.

    The link lives on for its 24 hours, so that a second click says "already active"; what it can do is spent with the
    conditional update. Sessions from before the proof end (contract, rule 8), but for the browser's own.
    """
    found = await peek(services, realm, email, token, origin)
    if found.active:
        return found
    now = services.clock.now()
    async with services.store.begin() as tx:
        fresh = await accounts.prove(tx, account_id=found.account.id, kind=email.kind, key=email.key, at=now)
        if fresh:
            await sessions.end_all(tx, account_id=found.account.id, keep_digest=digest(origin.session) if origin.session else None)
            await audit.add(tx, at=now, realm=realm, account_id=found.account.id, event="activate", result="ok", origin=origin)
    return Activation(found.account, active=True, fresh=fresh)


async def waiting(services: Services, realms: Sequence[str], email: Address) -> list[str]:
    """Those of the realms in which the address waits for its proof; where it waits in none, the first, for the work has to be the same."""
    found = [(realm, await accounts.find(services.store, realm, email.kind, email.key)) for realm in realms]
    return [realm for realm, account in found if account and account.email_proved_at is None] or [realms[0]]


async def again(services: Services, realm: str, email: Address, origin: RequestContext, links: Links) -> None:
    """Mails the activation link once more; the older one is dead then. Says nothing of whether the account exists.

    Raises TooSoon within 60 seconds of the last one.
    """
    await services.messages.start(realm, "activate", email, origin)
    try:
        found = await accounts.find(services.store, realm, email.kind, email.key)
        proved = found is not None and found.email_proved_at is not None
        token = await services.one_time.new_link("activate", realm, email.key, 0, ACTIVATION_LIFE, spare=proved)
        async with services.store.begin() as tx:
            account = await accounts.find(tx, realm, email.kind, email.key)
            waits = account is not None and account.email_proved_at is None and account.locked_at is None
            await services.letters.activate(tx, account if waits else None, links, token, origin.locale)
            await audit.add(
                tx,
                at=services.clock.now(),
                realm=realm,
                account_id=account.id if account else None,
                event="activate.again",
                result="ok" if waits else "nothing-sent",
                origin=origin,
            )
    except BaseException:
        await services.messages.give_back(realm, "activate", email, origin)
        raise
    services.bell.ring()

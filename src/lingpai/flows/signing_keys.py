"""Whom to trust, as an operator sets it: the keys that sign JWTs, and the services that may ask about them. Each deed is in the trail."""

from lingpai.flows import OPERATOR, Services
from lingpai.guard.crypto import digest
from lingpai.guard.sessions.signing_keys import KeyDraft, KeyState
from lingpai.store import clients, keys
from lingpai.store.clients import Client
from lingpai.store.database import Transaction
from lingpai.store.keys import SigningKey


async def listing(services: Services) -> list[tuple[SigningKey, KeyState]]:
    """All signing keys, oldest first, and what each is now."""
    return await services.tokens.keys.listing()


async def rotate(services: Services, *, at_once: bool) -> KeyDraft | None:
    """Makes the next key: published now, it signs ten minutes later, when nobody keeps a set without it; or at once.

    None: one is announced already (at once: one came meanwhile). However many rotate in one moment, one makes a key.
    """
    ring, known = services.tokens.keys, await listing(services)
    if not at_once and any(state == "announced" for _, state in known):
        return None
    made = await ring.draft()
    async with services.store.begin() as tx:
        if added := await ring.add(tx, made, [row for row, _ in known], at_once=at_once):
            await _note(services, tx, "key-rotate", made.kid)
    ring.forget()
    return made if added else None


async def revoke(services: Services, kid: str) -> bool:
    """Ends a key and every JWT it has signed: here at once, on every process within two seconds. False: there is no such living key."""
    async with services.store.begin() as tx:
        revoked = await keys.revoke(tx, kid=kid, at=services.clock.now())
        if revoked:
            await _note(services, tx, "key-revoke", kid)
    services.tokens.keys.forget()
    return revoked


async def add_client(services: Services, name: str) -> str | None:
    """Lets a service ask; returns its secret, which is told only now. None: the name is taken."""
    secret = services.chance.token()
    async with services.store.begin() as tx:
        added = await clients.add(tx, name=name, digest=digest(secret), created_at=services.clock.now())
        if added:
            await _note(services, tx, "client-add", name)
    return secret if added else None


async def remove_client(services: Services, name: str) -> bool:
    """The service may ask no more. False: there is none of that name."""
    async with services.store.begin() as tx:
        removed = await clients.remove(tx, name=name)
        if removed:
            await _note(services, tx, "client-remove", name)
    return removed


async def client_listing(services: Services) -> list[Client]:
    """The services that may ask, by name."""
    return await clients.listing(services.store)


async def _note(services: Services, tx: Transaction, deed: str, what: str) -> None:
    await services.audit.note(tx, OPERATOR.within(""), f"operator.{deed}", detail=what)

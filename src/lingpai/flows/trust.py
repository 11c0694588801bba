"""Whom to trust, as an operator sets it: the keys that sign JWTs, and the services that may ask about them. Each deed is in the trail."""

from lingpai.flows import OPERATOR, Kit
from lingpai.guard.codes import digest
from lingpai.guard.keys import Draft, State
from lingpai.store import audit, clients, keys
from lingpai.store.clients import Client
from lingpai.store.database import Runner
from lingpai.store.keys import SigningKey


async def listing(kit: Kit) -> list[tuple[SigningKey, State]]:
    """All signing keys, oldest first, and what each is now."""
    return await kit.tokens.keys.listing()


async def rotate(kit: Kit, *, at_once: bool) -> Draft | None:
    """Makes the next key. It is published now and signs ten minutes later, when nobody keeps a set without it; or at once.

    None: another was made at the same moment.
    """
    made = await kit.tokens.keys.draft()
    async with kit.store.begin() as run:
        added = await kit.tokens.keys.add(run, made, at_once=at_once)
        if added:
            await _note(kit, run, "key-rotate", made.kid)
    kit.tokens.keys.forget()
    return made if added else None


async def revoke(kit: Kit, kid: str) -> bool:
    """Ends a key and every JWT it has signed: here at once, on every process within 30 seconds. False: there is no such living key."""
    async with kit.store.begin() as run:
        revoked = await keys.revoke(run, kid=kid, at=kit.clock.now())
        if revoked:
            await _note(kit, run, "key-revoke", kid)
    kit.tokens.keys.forget()
    return revoked


async def add_client(kit: Kit, name: str) -> str | None:
    """Lets a service ask; returns its secret, which is told only now. None: the name is taken."""
    secret = kit.chance.token()
    async with kit.store.begin() as run:
        added = await clients.add(run, name=name, digest=digest(secret), created_at=kit.clock.now())
        if added:
            await _note(kit, run, "client-add", name)
    return secret if added else None


async def remove_client(kit: Kit, name: str) -> bool:
    """The service may ask no more. False: there is none of that name."""
    async with kit.store.begin() as run:
        removed = await clients.remove(run, name=name)
        if removed:
            await _note(kit, run, "client-remove", name)
    return removed


async def client_listing(kit: Kit) -> list[Client]:
    """The services that may ask, by name."""
    return await clients.listing(kit.store)


async def _note(kit: Kit, run: Runner, deed: str, what: str) -> None:
    await audit.add(run, at=kit.clock.now(), realm="", account_id=None, event=f"operator.{deed}", result="ok", origin=OPERATOR, detail=what)

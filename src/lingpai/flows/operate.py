"""What an operator does to an account from the command line. Each deed stands in the audit trail."""

from dataclasses import dataclass

from lingpai.core.model import Account, Session
from lingpai.flows import OPERATOR, Kit
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Runner


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that an operator sees of an account; no secrets."""

    account: Account
    sessions: list[Session]
    trail: list[audit.Event]


async def show(kit: Kit, account: Account) -> Dossier:
    """The account, its live sessions and the last 20 entries of its trail."""
    living = await sessions.of(kit.store, account_id=account.id, now=kit.clock.now())
    return Dossier(account, living, await audit.of(kit.store, account_id=account.id, limit=20))


async def lock(kit: Kit, account: Account) -> bool:
    """Locks: it answers everywhere as a wrong password does, and its sessions end. False: it was locked already."""
    now = kit.clock.now()
    async with kit.store.begin() as run:
        changed = await accounts.lock(run, account_id=account.id, at=now)
        await sessions.end_all(run, account_id=account.id)
        await _note(kit, run, account, "lock")
    return changed


async def unlock(kit: Kit, account: Account) -> bool:
    """Opens a locked account, and ends the wait after failed logins. False: it was not locked, or is about to be deleted."""
    async with kit.store.begin() as run:
        changed = await accounts.unlock(run, account_id=account.id)
        await _note(kit, run, account, "unlock")
    await kit.streaks.cleared(account.realm, account.id)
    return changed


async def end_sessions(kit: Kit, account: Account) -> int:
    """Logs the account out everywhere; returns how many sessions ended."""
    async with kit.store.begin() as run:
        ended = await sessions.end_all(run, account_id=account.id)
        await _note(kit, run, account, "end-sessions")
    return ended


async def delete(kit: Kit, account: Account) -> None:
    """Deletes the account with its addresses, sessions and waiting letters; the trail keeps that it happened."""
    await kit.proofs.kill(account.realm, await accounts.keys(kit.store, account_id=account.id))
    async with kit.store.begin() as run:
        await accounts.delete(run, account_id=account.id)
        await _note(kit, run, account, "delete")


async def _note(kit: Kit, run: Runner, account: Account, deed: str) -> None:
    await audit.add(
        run, at=kit.clock.now(), realm=account.realm, account_id=account.id, event=f"operator.{deed}", result="ok", origin=OPERATOR
    )

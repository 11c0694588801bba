"""What an operator does to an account from the command line. Each deed stands in the audit trail."""

from dataclasses import dataclass

from lingpai.core.model import Account, Session
from lingpai.flows import OPERATOR, Services
from lingpai.steps import deletions
from lingpai.steps.counts import clear_counts
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Transaction


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that an operator sees of an account; no secrets."""

    account: Account
    sessions: list[Session]
    trail: list[audit.Event]


async def show(services: Services, account: Account) -> Dossier:
    """The account, its live sessions and the last 20 entries of its trail."""
    living = await sessions.of(services.store, account_id=account.id, now=services.clock.now())
    return Dossier(account, living, await audit.of(services.store, account_id=account.id, limit=20))


async def lock(services: Services, account: Account) -> bool:
    """Locks: it answers everywhere as a wrong password does, and its sessions end. False: it was locked already."""
    now = services.clock.now()
    async with services.store.begin() as tx:
        changed = await accounts.lock(tx, account_id=account.id, at=now)
        await sessions.end_all(tx, account_id=account.id)
        await _note(services, tx, account, "lock")
        if account.deletes_at is not None:
            await deletions.note(services.settings, services.clock, services.metrics, "locked", account)
    return changed


async def unlock(services: Services, account: Account) -> bool:
    """Opens a locked account, and clears what strangers may have counted up: logins, messages, codes, answers.

    False: it was not locked, or is about to be deleted.
    """
    async with services.store.begin() as tx:
        changed = await accounts.unlock(tx, account_id=account.id)
        await _note(services, tx, account, "unlock")
    await clear_counts(services, account)
    return changed


async def end_sessions(services: Services, account: Account) -> int:
    """Logs the account out everywhere; returns how many sessions ended."""
    async with services.store.begin() as tx:
        ended = await sessions.end_all(tx, account_id=account.id)
        await _note(services, tx, account, "end-sessions")
    return ended


async def delete(services: Services, account: Account) -> None:
    """Deletes the account with its addresses, sessions and letters; the trail keeps that it happened."""
    await services.one_time.kill(account.realm, await accounts.keys(services.store, account_id=account.id))
    async with services.store.begin() as tx:
        await accounts.erase(tx, account_id=account.id)
        await _note(services, tx, account, "delete")
        await deletions.note(services.settings, services.clock, services.metrics, "deleted", account)


async def _note(services: Services, tx: Transaction, account: Account, deed: str) -> None:
    await services.audit.note(tx, OPERATOR.within(account.realm), f"operator.{deed}", account_id=account.id)

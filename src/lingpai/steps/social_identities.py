"""Whose account is it that a third party vouches for? A person is (provider, unionid) where there is one, else (provider, app, openid).

Where a provider does not say for which app a token is, it may be another owner's: such a person is let in who is known, and nobody new.

What a person is found by are identifiers of the provider's kind. Unique indexes and row counts decide, never what was read before:
where somebody else was faster, `Overtaken` undoes the transaction, and the caller tries again with what is true then.
"""

from dataclasses import dataclass, replace

from lingpai.core.errors import ProviderSaysNo
from lingpai.core.model import Account, Address
from lingpai.social import ProviderName, SocialPerson
from lingpai.store import accounts
from lingpai.store.database import Transaction


class Overtaken(Exception):
    """Somebody else was faster."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What a person is found by, each with the account that it is on."""

    held: tuple[tuple[Address, Account | None], ...]

    @property
    def accounts(self) -> list[Account]:
        """None, one or two: that of the unionid first."""
        return list({account.id: account for _, account in self.held if account}.values())

    @property
    def missing(self) -> list[Address]:
        """What is on no account yet."""
        return [address for address, account in self.held if account is None]


@dataclass(frozen=True, slots=True)
class Settled:
    """The one account that all of a person's identifiers are on."""

    account_id: int
    other: int = 0
    """The account that some of them were on before; 0 where there was none."""


def identifiers(person: SocialPerson) -> tuple[Address, ...]:
    """The unionid first, where the provider tells one; always in this order, so that two logins of a person never wait for each other.

    An openid of an app that nobody has named says nothing: only the unionid is left then, or nothing.
    """
    union = (Address(person.provider, person.unionid, f"union:{person.unionid}"),) if person.unionid else ()
    return (*union, _within(person, person.app_id)) if person.app_id else union


def _within(person: SocialPerson, app_id: str) -> Address:
    return Address(person.provider, person.openid, f"app:{app_id}:{person.openid}")


def check_app(person: SocialPerson) -> None:
    """Raises ProviderSaysNo where the app may be another owner's: then nobody new is let in, nor linked to an account."""
    if not person.app_id:
        raise ProviderSaysNo(person.provider)


async def placed(tx: Transaction, realm: str, person: SocialPerson) -> SocialPerson:
    """The person within the app of ours that knows their openid, where the provider has named no app: no two apps give the same one."""
    for app_id in person.perhaps:
        within = _within(person, app_id)
        if await accounts.find(tx, realm, within.kind, within.key):
            return replace(person, app_id=app_id, perhaps=())
    return person


async def find(tx: Transaction, realm: str, person: SocialPerson) -> Traces:
    """Where the person is known. Raises ProviderSaysNo where an account of theirs is locked, or what it is known by sleeps there.

    Nothing leads around either (contract, 10.5).
    """
    held = tuple([(address, await accounts.find(tx, realm, address.kind, address.key)) for address in identifiers(person)])
    if any(account and (account.locked_at is not None or account.sleeps(address)) for address, account in held):
        raise ProviderSaysNo(person.provider)
    return Traces(held)


async def leaving(tx: Transaction, realm: str, person: SocialPerson, now: int) -> Account | None:
    """The account of theirs that waits for its deletion, where one does."""
    held = [(address, await accounts.find(tx, realm, address.kind, address.key)) for address in identifiers(person)]
    awake = (account for address, account in held if account and not account.sleeps(address))
    return next((account for account in awake if (account.deletes_at or 0) > now), None)


async def add(tx: Transaction, account_id: int, realm: str, addresses: list[Address], *, at: int, added_at: int | None = None) -> None:
    """The account is found by these too; `added_at` is None for what it is born with. In a transaction. Raises Overtaken."""
    for address in addresses:
        if not await accounts.add_identifier(tx, account_id=account_id, realm=realm, address=address, proved_at=at, added_at=added_at):
            raise Overtaken


async def settle(tx: Transaction, realm: str, person: SocialPerson, at: int) -> Settled:
    """Puts all of a known person's identifiers on one account. In a transaction. Raises Overtaken and ProviderSaysNo."""
    traces = await find(tx, realm, person)
    if not traces.accounts:
        raise Overtaken
    if len(traces.accounts) == 2:
        return await _unite(tx, realm, person, traces)
    account = traces.accounts[0]
    # The same person: known by more, and no younger a way in than before.
    added = {(each.kind, each.key): each.added_at for each in await accounts.identifiers_of(tx, account_id=account.id)}
    added_at = next((added.get((address.kind, address.key)) for address, holder in traces.held if holder), None)
    await add(tx, account_id=account.id, realm=realm, addresses=traces.missing, at=at, added_at=added_at)
    return Settled(account.id)


async def _unite(tx: Transaction, realm: str, person: SocialPerson, traces: Traces) -> Settled:
    """A unionid that turned up late tells that two accounts are one person's.

    The older one stays, and the younger one, which nobody gets into but through this provider, becomes part of it. Where the younger
    one has a way in of its own (a name, a proved address, another provider) nothing is thrown away: only what this person has just been
    found by moves, to the unionid's account, so that the provider leads to one account from now on. An account that is left without
    any way in is deleted.
    """
    for number in sorted(account.id for account in traces.accounts):
        await accounts.lock_row(tx, account_id=number)
    now = await find(tx, realm, person)
    if [account.id for account in now.accounts] != [account.id for account in traces.accounts]:
        raise Overtaken
    stays, goes = sorted(now.accounts, key=lambda account: account.id)
    if not own_ways(goes, person.provider):
        await _move_all(tx, person.provider, goes, stays)
        await accounts.delete(tx, account_id=goes.id)
        return Settled(stays.id, goes.id)
    stays, goes = now.accounts
    within = identifiers(person)[-1]
    await accounts.move_identifier(tx, account_id=goes.id, kind=within.kind, key=within.key, to=stays.id)
    left = await accounts.identifiers_of(tx, account_id=goes.id)
    if not own_ways(goes, person.provider) and all(each.kind != person.provider for each in left):
        await accounts.delete(tx, account_id=goes.id)
    return Settled(stays.id, goes.id)


async def _move_all(tx: Transaction, provider: ProviderName, goes: Account, stays: Account) -> None:
    for each in await accounts.identifiers_of(tx, account_id=goes.id):
        if each.kind == provider:
            await accounts.move_identifier(tx, account_id=goes.id, kind=each.kind, key=each.key, to=stays.id)


def own_ways(account: Account, provider: ProviderName) -> bool:
    """Whether the account is anybody's beside what this provider says. A password alone is not: there is nothing to type before it."""
    others = any(kind != provider for kind in account.linked)
    return others or bool(account.name or account.email_proved_at is not None or account.phone_proved_at is not None)

"""Finding accounts, and handing all of them out: for an operator, and without anything that logs in."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import product

from lingpai.core import rules, skeleton
from lingpai.core.errors import BadInput
from lingpai.core.model import Account, Address, Kind
from lingpai.flows import OPERATOR, Services
from lingpai.store import account_listing, accounts
from lingpai.store.database import Transaction

SEARCHED: tuple[Kind, ...] = ("email", "phone", "name")
"""The kinds that an operator types."""
PAGE = 500
"""Accounts that are held at once while all are handed out."""


@dataclass(frozen=True, slots=True)
class SearchPlace:
    """Where a page of a search by prefix ends."""

    realm: str
    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class SearchPage:
    """What was found, and where the next page begins; None: there is no more."""

    accounts: list[Account]
    following: SearchPlace | None = None


async def realms(services: Services, chosen: str) -> list[str]:
    """The realm that was chosen; where none was, all that have accounts, served or not."""
    return [chosen] if chosen else await account_listing.realms(services.store)


async def exact(services: Services, realms: Sequence[str], text: str, kinds: Sequence[Kind]) -> list[Account]:
    """The accounts whose mail address, proved phone or name this is, however it is spelled, or whose public id or number."""
    found: dict[int, Account] = {}
    for realm in realms:
        for number in await _numbers(services.store, realm, text, kinds):
            account = await account_listing.by_id(services.store, number)
            if account and account.realm == realm:
                found[number] = account
    return list(found.values())


async def _numbers(tx: Transaction, realm: str, text: str, kinds: Sequence[Kind]) -> list[int]:
    numbers = [
        account.id
        for address in _addresses(text)
        if address.kind in kinds and (account := await accounts.find(tx, realm, address.kind, address.key))
    ]
    public = await account_listing.by_public_id(tx, realm=realm, public_id=text)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    return [*numbers, *(one for one in (public, number) if one is not None)]


def _addresses(text: str) -> list[Address]:
    """What it may be, each as it would be typed to log in."""
    found = []
    for rule in (rules.email, rules.phone, rules.account_name):
        try:
            found.append(rule(text))
        except BadInput:
            continue
    return found


async def by_prefix(
    services: Services, realms: Sequence[str], prefix: str, kinds: Sequence[Kind], *, after: SearchPlace | None, limit: int
) -> SearchPage:
    """Accounts with something of these kinds that begins so, realm by realm and kind by kind, each in the order of its keys."""
    found: list[Account] = []
    for realm, kind in sorted(set(product(realms, kinds)), key=_position):
        if after and _position((realm, kind)) < _position((after.realm, after.kind)):
            continue
        start = after.key if after and (realm, kind) == (after.realm, after.kind) else ""
        room = limit - len(found)
        keys = await account_listing.by_prefix(
            services.store, realm=realm, kind=kind, prefix=_folded(kind, prefix), after=start, limit=room + 1
        )
        found += [account for _, number in keys[:room] if (account := await account_listing.by_id(services.store, number))]
        if len(keys) > room:
            return SearchPage(found, SearchPlace(realm, kind, keys[room - 1][0] if room else start))
    return SearchPage(found)


def _position(where: tuple[str, Kind]) -> tuple[str, int]:
    """Neither the database's order of realms nor that in which kinds were typed: one page must go on where another ended."""
    return where[0], SEARCHED.index(where[1])


def _folded(kind: Kind, prefix: str) -> str:
    """The beginning as keys are spelled; a phone with its +86 where no country was typed."""
    if kind == "phone":
        digits = "".join(prefix.split())
        return digits if digits.startswith("+") else f"+86{digits}"
    return skeleton.key(prefix) if kind == "name" else prefix.lower()


async def page(services: Services, realm: str | None, *, after: int, limit: int, full: bool) -> list[Account]:
    """Accounts with numbers over `after`, in their order. `full`: they are shown whole."""
    if full:
        await note_full(services, realm)
    return await account_listing.page(services.store, realm=realm, after=after, limit=limit)


async def note_full(services: Services, realm: str | None) -> None:
    """That addresses are shown whole stands in the trail."""
    await services.audit.note(services.store, OPERATOR.within(realm or ""), "operator.accounts-shown")


async def everybody(services: Services, realm: str | None) -> AsyncIterator[list[Account]]:
    """All accounts, oldest first, a page at a time: memory does not grow with them. That it was done stands in the trail.

    One that is registered meanwhile comes too, at the end, unless its number was given out before one that was read by then and it was
    committed after; each comes once.
    """
    await services.audit.note(services.store, OPERATOR.within(realm or ""), "operator.accounts-export")
    after = 0
    while page := await account_listing.page(services.store, realm=realm, after=after, limit=PAGE):
        yield page
        after = page[-1].id

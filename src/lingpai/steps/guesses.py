"""Codes, with a count of wrong ones: short ones cannot be guessed over a thousand messages (contract, 6.6 to 6.8)."""

from dataclasses import dataclass
from typing import get_args
from urllib.parse import urlsplit

from lingpai.core import journal
from lingpai.core.errors import Limited
from lingpai.core.model import Account, Address, Purpose, RequestContext
from lingpai.ephemeral import Entry
from lingpai.steps.authentication import device_of
from lingpai.steps.sending import AskedMessage
from lingpai.steps.services import Services

PAGES: dict[Purpose, str] = {"register": "/register", "bind": "/me/security", "login": "/login", "confirm": "/me/confirm"}
"""The hosted page that takes a code of letters, by what it is for; `/forgot` takes the others."""

ON_ADDRESS: frozenset[Purpose] = frozenset(("register", "bind"))
"""What proves an address counts on it whichever account asks: anybody may open one more."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that was made, and what its message has to name."""

    text: str
    page: str = ""
    """The hosted page that takes it, for one that the client's own field may not take; else empty."""


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who tries codes of one purpose, and on whom wrong ones count: see `guesser`."""

    purpose: Purpose
    realm: str
    counted_on: str


def guesser(ctx: RequestContext, purpose: Purpose, account: Account | None, address: Address) -> Guesser:
    """On the account, whichever way it is named; on the address where there is none, or where the purpose is one of `ON_ADDRESS`.

    All browsers that the account does not know are one; each that it knows counts for itself.
    """
    who = str(account.id) if account and purpose not in ON_ADDRESS else f"{address.kind}:{address.key}"
    return Guesser(purpose, ctx.realm, f"{ctx.realm}:{purpose}:{who}/{device_of(ctx, account)}")


async def new_code(
    services: Services, ctx: RequestContext, message: AskedMessage, who: Guesser, address: Address, holder: str, length: int
) -> NewCode:
    """The message's code, of `length` digits; of eight letters and digits for a caller who has guessed too often for a short one."""
    secrets, given = services.one_time, (who.purpose, who.realm, message.code_key(address), holder)
    try:
        await services.limits.check("code_guesses", who.counted_on)
    except Limited:
        return NewCode(await secrets.new_long_code(*given, replaced=message.replaced), _page(services, ctx, who.purpose))
    return NewCode(await secrets.new_code(*given, length=length, replaced=message.replaced))


async def peek_code(services: Services, who: Guesser, key: str, code: str) -> Entry | None:
    """The code, unspent; None where it is wrong, dead, or of digits and the caller's count is spent.

    A wrong one costs it a try, and the caller a guess while the code that lives is one of digits. Counted before it is judged, so that
    many at once get no more of them judged; past the count nothing is judged, and no try is lost.
    """
    entry = await _peeked(services, who, key, code)
    if entry:
        journal.passed("code")
    return entry


async def _peeked(services: Services, who: Guesser, key: str, code: str) -> Entry | None:
    if not await services.one_time.is_of_digits(who.purpose, who.realm, key):
        return await services.one_time.peek_code(who.purpose, who.realm, key, code)
    try:
        await services.limits.spend("code_guesses", who.counted_on)
    except Limited:
        await services.limits.give_back("code_guesses", who.counted_on)
        return None
    entry = await services.one_time.peek_code(who.purpose, who.realm, key, code)
    if entry:
        await services.limits.give_back("code_guesses", who.counted_on)
    return entry


async def clear_guesses(services: Services, account: Account) -> None:
    """What browsers have guessed on the account that it does not know counts no more."""
    for purpose in frozenset(get_args(Purpose)) - ON_ADDRESS:
        await services.limits.clear("code_guesses", f"{account.realm}:{purpose}:{account.id}/")


def _page(services: Services, ctx: RequestContext, purpose: Purpose) -> str:
    realm = urlsplit(ctx.links.forgot).query
    return f"{services.settings.public_url}{PAGES.get(purpose, '/forgot')}{'?' if realm else ''}{realm}"

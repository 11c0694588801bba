"""Codes, with a count of wrong ones: short ones cannot be guessed over a thousand messages (contract, 6.6 to 6.8)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from lingpai.core import journal
from lingpai.core.errors import Limited
from lingpai.core.model import Account, Address, Purpose, RequestContext
from lingpai.ephemeral import Entry
from lingpai.steps.authentication import device_of
from lingpai.steps.services import Services

PAGES: dict[Purpose, str] = {"register": "/register", "bind": "/me/security", "login": "/me/confirm"}
"""The hosted page that takes a code of letters, by what it is for; `/forgot` takes the others."""


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code that was made, and what its message has to name."""

    text: str
    page: str = ""
    """The hosted page that takes it, for one that the client's own field may not take; else empty."""


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who tries codes of one purpose, and on whom wrong ones count: an account whichever way it is named, else the address."""

    purpose: Purpose
    realm: str
    counted_on: str


def guesser(ctx: RequestContext, purpose: Purpose, account: Account | None, address: Address) -> Guesser:
    """All browsers that the account does not know are one; each that it knows counts for itself.

    What proves an address counts on it whichever account asks: anybody may open one more.
    """
    on_account = account is not None and purpose not in ("register", "bind")
    who = str(account.id) if account and on_account else f"{address.kind}:{address.key}"
    return Guesser(purpose, ctx.realm, f"{ctx.realm}:{purpose}:{who}/{device_of(ctx, account)}")


async def new_code(services: Services, ctx: RequestContext, who: Guesser, key: str, holder: str, length: int) -> NewCode:
    """A code of `length` digits; of eight letters and digits for a caller who has guessed too often to be told a short one."""
    try:
        await services.limits.check("code_guesses", who.counted_on)
    except Limited:
        return NewCode(await services.one_time.new_long_code(who.purpose, who.realm, key, holder), _page(services, ctx, who.purpose))
    return NewCode(await services.one_time.new_code(who.purpose, who.realm, key, holder, length=length))


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


async def clear_guesses(services: Services, account: Account, purposes: tuple[Purpose, ...]) -> None:
    """What browsers have guessed that the account does not know counts no more."""
    for purpose in purposes:
        await services.limits.clear("code_guesses", f"{account.realm}:{purpose}:{account.id}/")


def _page(services: Services, ctx: RequestContext, purpose: Purpose) -> str:
    realm = urlsplit(ctx.links.forgot).query
    return f"{services.settings.public_url}{PAGES.get(purpose, '/forgot')}{'?' if realm else ''}{realm}"

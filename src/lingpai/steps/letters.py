"""Writing a letter: its values are sealed into a row of the transaction that caused it."""

from typing import Literal

import msgspec
from msgspec.structs import replace

from lingpai.core import journal
from lingpai.core.chance import SECOND, Clock
from lingpai.core.model import AGENT_LENGTH, Account, Address, Kind, Locale, RequestContext
from lingpai.guard.crypto import SecretBox
from lingpai.guard.one_time.codes import ACTIVATION_LIFE, CODE_LIFE, RESET_LIFE
from lingpai.guard.one_time.not_me import Disavowal, NotMeLinks, mailbox
from lingpai.steps.ways import WayIn
from lingpai.store import outbox
from lingpai.store.database import Transaction

LetterFacts = dict[str, str | int]
Notice = (
    Literal["password_changed", "questions_tried", "questions_changed", "email_changed", "phone_changed", "linked", "unlinked"]
    | Literal["new_login", "new_device", "name_changed", "phone_left"]
)
"""What an owner is told of. `email_changed` goes to the old address: its writer gives the account as it was."""

Added = tuple[str, int]
"""What a change added, by which its notice's reader can take it away again: `Disavowal.kind` and `.added_at`."""
NOTHING: Added = ("", 0)


class ThirdNamed(msgspec.Struct, frozen=True):
    """A third party's account, as a notice and the pages name it."""

    provider: str = ""
    nickname: str = ""
    """The person's name there, where it is known."""


NOBODY = ThirdNamed()

OF_DEVICES: tuple[Notice, ...] = ("new_login", "new_device")
"""Notices that say which browser it was."""

LETTERS = "letters"
"""The context under which letters are sealed."""

NOTICE_LIFE = 2 * 86_400
"""Seconds for which a letter that carries no secret is worth delivering."""

HOUR = 3_600
DAY = 24 * HOUR


class Letters:
    """Seals and adds letters; the worker opens and sends them."""

    def __init__(self, secret_box: SecretBox, clock: Clock, not_me: NotMeLinks | None = None, security_url: str = "") -> None:
        """`not_me` makes the links that notices carry, `security_url` is where ways in are seen; neither for who only opens letters."""
        self._secret_box = secret_box
        self._clock = clock
        self._not_me = not_me
        self._security_url = security_url

    async def activate(self, tx: Transaction, ctx: RequestContext, account: Account | None, token: str) -> None:
        """The link that proves the address, with when and from where the registration was made (contract, maillink)."""
        values: LetterFacts = {
            "url": ctx.links.activation(_email(account), token),
            "reset_url": ctx.links.help(_email(account)),
            "registered_at": account.created_at if account else self._clock.now(),
            "ip": account.created_ip if account else "",
            "hours": ACTIVATION_LIFE // HOUR,
        }
        values |= _zone((account.zone if account else None) or ctx.zone)
        await self._write(tx, "activate", account, ctx.locale, values, ACTIVATION_LIFE)

    async def reset(self, tx: Transaction, ctx: RequestContext, account: Account | None, token: str) -> None:
        """The link that leads to the form for a new password."""
        values: LetterFacts = {"url": ctx.links.recovery(_email(account), token), "hours": RESET_LIFE // HOUR}
        await self._write(tx, "reset", account, ctx.locale, values, RESET_LIFE)

    async def register_code(self, tx: Transaction, ctx: RequestContext, to: Address, code: str, page: str = "") -> None:
        """A code that proves an address that has no account yet. `page`: the hosted page that takes it, where it has to be named."""
        await self._add(tx, "register_code", to, None, ctx.locale, _code(code, page), CODE_LIFE)

    async def reset_code(
        self, tx: Transaction, ctx: RequestContext, account: Account | None, code: str, by: Kind = "email", page: str = ""
    ) -> None:
        """A code for a new password, by mail or (`by` phone) by SMS."""
        await self._add(tx, "reset_code", _reached(account, by), account, ctx.locale, _code(code, page), CODE_LIFE)

    async def bind_code(self, tx: Transaction, ctx: RequestContext, to: Address, code: str, page: str = "") -> None:
        """A code that proves an address that is to be the account's own. It carries no account: the address may be somebody else's."""
        await self._add(tx, "bind_code", to, None, ctx.locale, _code(code, page), CODE_LIFE)

    async def login_code(
        self, tx: Transaction, ctx: RequestContext, to: Address, account: Account | None, code: str, page: str = ""
    ) -> None:
        """A code that logs in whoever reads it there, or proves an address that has no account (None)."""
        await self._add(tx, "login_code", to, account, ctx.locale, _code(code, page), CODE_LIFE)

    async def confirm_code(self, tx: Transaction, ctx: RequestContext, account: Account | None, code: str, page: str = "") -> None:
        """A code by which somebody who is logged in shows that they are still the owner; None: the same work, and nobody is written to."""
        await self._write(tx, "confirm_code", account, ctx.locale, _code(code, page), CODE_LIFE)

    async def notice(
        self,
        tx: Transaction,
        ctx: RequestContext,
        template: Notice,
        account: Account | None,
        added: Added = NOTHING,
        ways: tuple[WayIn, ...] = (),
        *,
        by: Kind | None = None,
        third: ThirdNamed = NOBODY,
    ) -> None:
        """Tells the owner of what has happened, what was `added` by it, and after a reset which `ways` lead into the account.

        None: the same work, and nobody is told. `by`: to its mail or to its phone; None: to its mail, else to its phone. `third`: who was
        linked or unlinked.
        """
        to = _reached(account, by)
        values = self._notice(ctx, template, to, account, added, third) | self._listed(ways)
        await self._add(tx, template, to, account, _spoken(account, ctx), values, NOTICE_LIFE)

    async def deletion(self, tx: Transaction, ctx: RequestContext, account: Account | None, url: str, days: int, deletes_at: int) -> None:
        """Tells the owner that the account will be deleted, and how to keep it; None as for a notice."""
        values = self._notice(ctx, "closing", _reached(account), account, ("closing", deletes_at)) | {"url": url, "days": days}
        await self._write(tx, "closing", account, _spoken(account, ctx), values, days * DAY)

    async def taken(self, tx: Transaction, ctx: RequestContext, account: Account | None, by: Kind = "email") -> None:
        """Tells the owner that somebody tried to register the address."""
        to = _reached(account, by)
        values = self._notice(ctx, "taken", to, account, NOTHING)
        await self._add(tx, "taken", to, account, _spoken(account, ctx), values, NOTICE_LIFE)

    def values(self, sealed: bytes) -> LetterFacts:
        """What was sealed; raises as `SecretBox.open` does."""
        return msgspec.json.decode(self._secret_box.open(sealed, LETTERS), type=LetterFacts)

    def _listed(self, ways: tuple[WayIn, ...]) -> LetterFacts:
        """A line for each: the key of its name, and its value."""
        if not ways:
            return {}
        lines = {asleep: "\n".join(f"{way.called} {way.value}" for way in ways if way.asleep is asleep) for asleep in (True, False)}
        return {"asleep": lines[True], "stays": lines[False], "security_url": self._security_url}

    def _notice(
        self, ctx: RequestContext, template: str, to: Address, account: Account | None, added: Added, third: ThirdNamed = NOBODY
    ) -> LetterFacts:
        """What every notice says; by mail it carries a "not me", for nobody too, so that it is the same work (contract, 10.14)."""
        now = self._clock.now()
        values: LetterFacts = {"reset_url": ctx.links.help(to.value if to.kind == "email" else ""), "at": now, "ip": ctx.ip}
        values |= _zone(account.zone if account else None)
        if template in OF_DEVICES:
            values["agent"] = ctx.agent[:AGENT_LENGTH]
        if third.provider:
            values |= {"provider": third.provider, "nickname": third.nickname}
        if to.kind == "email" and self._not_me:
            named = replace(_disavowal(template, account, now, added), provider=third.provider, nickname=third.nickname)
            values["not_me"] = self._not_me.url(named)
        return values

    async def _write(self, tx: Transaction, template: str, account: Account | None, locale: Locale, values: LetterFacts, life: int) -> None:
        """To the account's own stored address, never to a request's spelling: by mail, by SMS where there is only a phone.

        Without an account it is a letter to nobody: written, claimed and rendered as any other, so that nothing but the last step
        tells a stranger from a friend; then it is discarded.
        """
        await self._add(tx, template, _reached(account), account, locale, values, life)

    async def _add(
        self, tx: Transaction, template: str, to: Address, account: Account | None, locale: Locale, values: LetterFacts, life: int
    ) -> None:
        """Not sent once `life` seconds are over."""
        now = self._clock.now()
        number = await outbox.add(
            tx,
            channel="sms" if to.kind == "phone" else "email",
            template=template,
            recipient=to.value,
            locale=locale,
            sealed=self._secret_box.seal(msgspec.json.encode(values), LETTERS),
            account_id=account.id if account else None,
            created_at=now,
            expires_at=now + life * SECOND,
        )
        journal.wrote(number)


def _reached(account: Account | None, by: Kind | None = None) -> Address:
    """Where the account is written to: its mail, else its phone, or as `by` says; an empty address where it has none."""
    if account and account.phone and account.phone_proved_at and (by == "phone" or (by is None and not account.email)):
        return Address("phone", account.phone, account.phone)
    return Address("phone", "", "") if by == "phone" else Address("email", _email(account), "")


def _disavowal(template: str, account: Account | None, now: int, added: Added) -> Disavowal:
    """Who reads the mail of an address that sleeps may be the one who was put out: they take nothing away (contract, 10.5)."""
    mail = account.mail if account else None
    if account is None or mail is None or account.sleeps(mail):
        return Disavowal(account.id if account else 0, template, now)
    return Disavowal(account.id, template, now, mailbox(mail), *added)


def _email(account: Account | None) -> str:
    return account.email or "" if account else ""


def _code(code: str, page: str) -> LetterFacts:
    return {"code": code, "minutes": CODE_LIFE // 60, **({"page": page} if page else {})}


def _zone(name: str | None) -> LetterFacts:
    """In which zone the letter's reader reads times."""
    return {"zone": name} if name else {}


def _spoken(account: Account | None, ctx: RequestContext) -> Locale:
    """The language of a letter that its reader did not ask for."""
    return account.locale if account else ctx.locale

"""`/me/email` and `/me/phone`: a new address, the code that was sent there, done. The old one is told (`flows/contacts.py`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCaptcha, BadCode, BadInput, Limited, MessagesSpent, NotOffered, Refusal, Taken, TooSoon
from lingpai.core.model import Account, Address
from lingpai.flows import Services, contacts
from lingpai.steps.paying import paid
from lingpai.web.pages.me.owner import Me, done_at, owner_only
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.addresses import phone_prefix, prefixed
from lingpai.web.pages.shared.forms import again, digits, left
from lingpai.web.pages.shared.return_context import SECURITY, at, onward, typed_email
from lingpai.web.request.calls import Call, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

RESEND = 60
"""Seconds between two codes to one address (contract, rule 7)."""


class ContactCode(msgspec.Struct, frozen=True, kw_only=True):
    """What proves the address."""

    code: Annotated[str, Text(1, 32, digits)]


@dataclass(frozen=True, slots=True)
class Contact:
    """One kind of address: how it is read, and its pages."""

    kind: Literal["email", "phone"]
    clean: Callable[[str, str], Address]

    @property
    def path(self) -> str:
        """Where its page is."""
        return f"/me/{self.kind}"

    def held(self, account: Account) -> str:
        """The one that the account has proved; empty where there is none."""
        value, proved = (account.email, account.email_proved_at) if self.kind == "email" else (account.phone, account.phone_proved_at)
        return value or "" if proved else ""

    async def form(self, services: Services, request: Request, me: Me, _: Nothing) -> Reply:
        """GET: asks for the address; with `?to=`, for the code that went there."""
        to = request.query.get("to", "")
        if not to:
            return await self._page(services, request, me)
        try:
            address = self.clean(to, self.kind)
            if self._holds(me.account, address):
                # Another tab has bound it.
                return done_at(SECURITY, self.kind)
            seconds = left(services, request.query) if "again" in request.query else RESEND
            return await self._page(services, request, me, sent=address, seconds=seconds)
        except BadInput as why:
            return await self._page(services, request, me, why)

    async def act(self, services: Services, request: Request, me: Me, _: Nothing) -> Reply:
        """POST: sends a code; with a `code` beside the address, binds it. A message costs what it costs others (`steps/paying.py`)."""
        if "show" in request.fields:
            return await self._page(services, request, me)
        try:
            address = self._read(prefixed(services, request, self.kind).get(self.kind), me)
        except BadInput as why:
            return await self._page(services, request, me, why)
        if "code" in request.fields and "resend" not in request.fields:
            return await self._bind(services, request, me, address)
        return await self._send(services, request, me, address)

    async def _send(self, services: Services, request: Request, me: Me, address: Address) -> Reply:
        try:
            async with paid(services, request.ctx, puzzles.answered(request), address):
                await contacts.ask(services, request.ctx, me.login, address)
        except TooSoon as why:
            # The code that went out a moment ago may still be at hand.
            return await self._page(services, request, me, why, sent=address, seconds=why.seconds)
        except (BadInput, BadCaptcha, NotOffered, Limited, MessagesSpent) as why:
            return await self._page(services, request, me, why)
        return onward(at(self.path, to=address.value, again=again(services, RESEND)))

    async def _bind(self, services: Services, request: Request, me: Me, address: Address) -> Reply:
        try:
            code = read(request.fields, ContactCode).code
            await contacts.bind(services, request.ctx, me.login, address, code)
        except (BadInput, BadCode, Limited) as why:
            return await self._page(services, request, me, why, sent=address, seconds=left(services, request.fields))
        except Taken as why:
            return await self._page(services, request, me, why)
        return done_at(SECURITY, self.kind)

    def _read(self, text: Any, me: Me) -> Address:
        address: Address = Text(1, 320, self.clean).read(text, self.kind, digits=True)
        if self._holds(me.account, address):
            raise BadInput(self.kind, "unchanged")
        return address

    def _holds(self, account: Account, address: Address) -> bool:
        held = self.held(account)
        return bool(held) and self.clean(held, self.kind).key == address.key

    async def _page(
        self, services: Services, request: Request, me: Me, why: Refusal | None = None, *, sent: Address | None = None, **values: Any
    ) -> Reply:
        more = {"seconds": 0, "field_of": {BadCode: "code"}, **values}
        more["again"] = again(services, more["seconds"])
        more["prefix"] = phone_prefix(services, request, request.fields.get("phone"))
        more |= {"kind": self.kind, "held": self.held(me.account), "sent": sent, "typed": request.fields, "account": me.account, "done": ""}
        # With a code goes no message; a button of that page sends one more.
        need: puzzles.CaptchaNeeded = "beside" if sent else "now"
        return await puzzles.puzzled_page(services, "me/contact.html", request, why, need=need, **more)

    @property
    def calls(self) -> tuple[Call, Call]:
        """Its page and its form, both only right after a login or a proof."""
        return (
            Call(("GET",), self.path, owner_only(self.form, sensitive=True), changes=False),
            Call(("POST",), f"/page{self.path}", owner_only(self.act, sensitive=True)),
        )


CALLS = (*Contact("email", typed_email).calls, *Contact("phone", rules.phone).calls)

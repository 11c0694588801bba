"""`/me/email` and `/me/phone`: a new address, the code that was sent there, done. The old one is told (`flows/contacts.py`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadInput, Limited, MessagesSpent, NotOffered, Refusal, Taken, TooSoon
from lingpai.core.model import Account, Address
from lingpai.flows import Services, contacts
from lingpai.web.pages.me.owner import Me, at, done_at, owner_only, show
from lingpai.web.pages.shared.addresses import phone_prefix, prefixed
from lingpai.web.pages.shared.forms import again, digits, left
from lingpai.web.pages.shared.return_context import onward, typed_email
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
            return self._page(services, request, me)
        try:
            return self._page(
                services,
                request,
                me,
                sent=self.clean(to, self.kind),
                seconds=left(services, request.query) if "again" in request.query else RESEND,
            )
        except BadInput as why:
            return self._page(services, request, me, why)

    async def act(self, services: Services, request: Request, me: Me, _: Nothing) -> Reply:
        """POST: sends a code; with a `code` beside the address, binds it."""
        try:
            address = self._read(prefixed(services, request, self.kind).get(self.kind), me)
        except BadInput as why:
            return self._page(services, request, me, why)
        if "code" in request.fields and "resend" not in request.fields:
            return await self._bind(services, request, me, address)
        return await self._send(services, request, me, address)

    async def _send(self, services: Services, request: Request, me: Me, address: Address) -> Reply:
        try:
            await contacts.ask(services, request.ctx, me.login, address)
        except TooSoon as why:
            # The code that went out a moment ago may still be at hand.
            return self._page(services, request, me, why, sent=address, seconds=why.seconds)
        except (BadInput, NotOffered, Limited, MessagesSpent) as why:
            return self._page(services, request, me, why)
        return onward(at(self.path, to=address.value, again=again(services, RESEND)))

    async def _bind(self, services: Services, request: Request, me: Me, address: Address) -> Reply:
        try:
            code = read(request.fields, ContactCode).code
            await contacts.bind(services, request.ctx, me.login, address, code)
        except (BadInput, BadCode, Limited) as why:
            return self._page(services, request, me, why, sent=address, seconds=left(services, request.fields))
        except Taken as why:
            return self._page(services, request, me, why)
        return done_at("/me/security", self.kind)

    def _read(self, text: Any, me: Me) -> Address:
        address: Address = Text(1, 320, self.clean).read(text, self.kind, digits=True)
        held = self.held(me.account)
        if held and self.clean(held, self.kind).key == address.key:
            raise BadInput(self.kind, "unchanged")
        return address

    def _page(
        self, services: Services, request: Request, me: Me, why: Refusal | None = None, *, sent: Address | None = None, **values: Any
    ) -> Reply:
        more = {"seconds": 0, "field_of": {BadCode: "code"}, **values}
        more["again"] = again(services, more["seconds"])
        more["prefix"] = phone_prefix(services, request, request.fields.get("phone"))
        return show("contact", request, me, why, kind=self.kind, held=self.held(me.account), sent=sent, typed=request.fields, **more)

    @property
    def calls(self) -> tuple[Call, Call]:
        """Its page and its form, both only right after a login or a proof."""
        return (
            Call(("GET",), self.path, owner_only(self.form, sensitive=True), changes=False),
            Call(("POST",), f"/page{self.path}", owner_only(self.act, sensitive=True)),
        )


CALLS = (*Contact("email", typed_email).calls, *Contact("phone", rules.phone).calls)

"""Pigeon: the least that a gateway of text messages needs, as the recipe in CONTRIBUTING has it. A test adds it to a copy of the tree."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from lingpai.core.chance import Chance, Clock
from lingpai.core.model import Letter
from lingpai.post import Message, Permanent, Temporary
from lingpai.post.sms import Gateway, Line, unclear
from lingpai.settings import forms
from lingpai.settings.outside import GatewaySettings


class PigeonSettings(GatewaySettings, frozen=True):
    """Where the pigeons live."""

    base_url: Annotated[str, Meta(description="where it is called", extra={"form": forms.base})] = "https://pigeon.example.com"
    key: Annotated[str, Meta(max_length=64, description="who pays", extra={"secret": True})] = ""

    @property
    def needed(self) -> tuple[str, ...]:
        return ("key",)


class PigeonSms:
    """Sends by pigeon."""

    repeatable = False
    keeps_text = False

    def __init__(self, settings: PigeonSettings, *, timeout: float) -> None:
        """`timeout`: seconds that the gateway may take to answer."""
        self._settings = settings
        self._line = Line(timeout)

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns once the pigeon has it; raises Temporary, Permanent or Unsure."""
        body = msgspec.json.encode({"to": letter.recipient, "text": message.text})
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._settings.key}"}
        reply = await self._line.post(f"{self._settings.base_url}/send", headers, body)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise Permanent("the gateway does not know the key")
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Temporary("the gateway says later")
        if reply.read() != {"taken": True}:
            raise unclear(reply)

    async def close(self) -> None:
        await self._line.close()


def _sender(settings: GatewaySettings, clock: Clock, chance: Chance, timeout: float) -> PigeonSms:
    assert isinstance(settings, PigeonSettings)
    return PigeonSms(settings, timeout=timeout)


GATEWAY = Gateway(PigeonSettings, _sender)

"""Any other gateway, behind a program of the operator's: a signed POST for each message (docs/production.md).

The receiver answers 2xx once it answers for the message. It may get a message again after it said 5xx, 408 or 429: the `id` is then
the same, so that it can tell. After no answer at all the message is not sent again: whether the receiver looks at the `id` is not known.
"""

import hashlib
import hmac
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from lingpai.core.chance import SECOND, Chance, Clock
from lingpai.core.model import Letter
from lingpai.post import Message, Permanent, Temporary
from lingpai.post.sms import TIMEOUT, Gateway, Line
from lingpai.settings import forms
from lingpai.settings.outside import GatewaySettings

LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
"""The 4xx that mean another time."""


class WebhookSettings(GatewaySettings, frozen=True):
    """Any other gateway, behind a program of yours: a signed POST for each message (docs/production.md)."""

    url: Annotated[str, Meta(description="where the message is posted", extra={"form": forms.base})] = ""
    secret: Annotated[
        str | None, Meta(description="32 bytes or more: the key of the signature", extra={"form": forms.secret, "secret": True})
    ] = None

    @property
    def needed(self) -> tuple[str, ...]:
        return ("url", "secret")


class WebhookSms:
    """Posts to one address; `Lingpai-Signature` shows that the message is ours and was not changed."""

    repeatable = False
    keeps_text = False

    def __init__(self, settings: WebhookSettings, clock: Clock, *, timeout: float = TIMEOUT) -> None:
        """`timeout`: seconds that the receiver may take to answer."""
        self._settings = settings
        self._clock = clock
        self._line = Line(timeout)

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns at a 2xx; raises Permanent at any other 4xx or a redirect, Temporary at a 5xx, Unsure where no answer came."""
        body = msgspec.json.encode(
            {
                "id": letter.id,
                "to": letter.recipient,
                "template": letter.template,
                "text": message.text,
                "values": message.values,
                "locale": letter.locale,
            }
        )
        stamp = str(self._clock.now() // SECOND)
        signed = signature((self._settings.secret or "").encode(), stamp, body)
        headers = {"content-type": "application/json", "lingpai-timestamp": stamp, "lingpai-signature": signed}
        _judge((await self._line.post(self._settings.url, headers, body)).status)

    async def check(self) -> bool:
        """Only whether somebody answers there: what a receiver does with a message that is none, nobody knows. Raises CheckFailed."""
        await self._line.ask("HEAD", self._settings.url, {}, b"")
        return False

    async def close(self) -> None:
        await self._line.close()


def signature(secret: bytes, stamp: str, body: bytes) -> str:
    """`v1=` and HMAC-SHA256 of the timestamp (seconds since 1970), a dot and the body's bytes, in hex."""
    return "v1=" + hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _judge(status: int) -> None:
    if 200 <= status <= 299:
        return
    kind = Temporary if status in LATER or status >= 500 else Permanent
    raise kind(f"the webhook says HTTP {status}")


def _sender(settings: GatewaySettings, clock: Clock, chance: Chance, timeout: float) -> WebhookSms:
    assert isinstance(settings, WebhookSettings)
    return WebhookSms(settings, clock, timeout=timeout)


GATEWAY = Gateway(WebhookSettings, _sender)

"""Tencent Cloud SMS: SendSms of 2021-01-11, signed by TC3-HMAC-SHA256."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from lingpai.core.chance import SECOND, Chance, Clock, moment
from lingpai.core.model import Letter
from lingpai.post import Message, SendError, Temporary, Unsure
from lingpai.post.sms import TIMEOUT, Gateway, GatewayReply, Line, accepted, refused, template_of, unclear
from lingpai.settings import forms
from lingpai.settings.outside import GatewaySettings, Templates

ALGORITHM: Final = "TC3-HMAC-SHA256"
SERVICE: Final = "sms"
TYPE: Final = "application/json"

KINDS: Final[Mapping[str, type[SendError]]] = {
    "LimitExceeded": Temporary,  # 30 seconds, an hour, a day for one number; and what the operator has set
    "RequestLimitExceeded": Temporary,
    "AuthFailure.SignatureExpire": Temporary,  # this machine's clock: the operator mends it
    "InternalError": Unsure,
    "FailedOperation.FailResolvePacket": Unsure,
}
"""By the beginning of a code; any other is Permanent: number, template, signature, parameters, balance, permission, keys."""


class _Status(msgspec.Struct, rename="pascal"):
    """One number's part of the answer."""

    code: str


class _Error(msgspec.Struct, rename="pascal"):
    code: str


class _Response(msgspec.Struct, rename="pascal"):
    send_status_set: tuple[_Status, ...] = ()
    error: _Error | None = None


class _Answer(msgspec.Struct, rename="pascal"):
    response: _Response


class TencentSettings(GatewaySettings, frozen=True):
    """Tencent Cloud SMS (SendSms, 2021-01-11)."""

    secret_id: Annotated[str, Meta(max_length=128, description="the secret's id")] = ""
    secret_key: Annotated[str, Meta(max_length=256, description="the secret", extra={"secret": True})] = ""
    app_id: Annotated[str, Meta(max_length=64, description="SmsSdkAppId")] = ""
    sign_name: Annotated[str, Meta(max_length=64, description="the signature that stands before each message")] = ""
    region: Annotated[str, Meta(max_length=64, description="X-TC-Region")] = "ap-guangzhou"
    base_url: Annotated[str, Meta(description="where it is called", extra={"form": forms.base})] = "https://sms.tencentcloudapi.com"
    templates: Templates = Templates()

    @property
    def needed(self) -> tuple[str, ...]:
        return ("secret_id", "secret_key", "app_id", "sign_name", "templates.code")

    def doubts(self) -> Iterator[tuple[str, str]]:
        return self.templates.doubts()


class TencentSms:
    """Sends through one app at Tencent Cloud."""

    repeatable = False
    keeps_text = False

    def __init__(self, settings: TencentSettings, clock: Clock, *, timeout: float = TIMEOUT) -> None:
        """`timeout`: seconds that the gateway may take to answer."""
        self._settings = settings
        self._clock = clock
        self._line = Line(timeout)

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns once Tencent has taken the message; raises Temporary, Permanent or Unsure. The gateway's own template is the text."""
        body = msgspec.json.encode(self._parameters(letter, message))
        reply = await self._line.post(f"{self._settings.base_url}/", self._headers(body), body)
        code = _code(reply)
        if code is None:
            raise unclear(reply)
        if code != "Ok":
            raise refused(code, KINDS)

    async def check(self) -> bool:
        """A call without a number, which is looked at after who calls. Raises CheckFailed."""
        settings = self._settings
        body = msgspec.json.encode({"SmsSdkAppId": settings.app_id, "SignName": settings.sign_name, "TemplateId": settings.templates.code})
        reply = await self._line.ask("POST", f"{settings.base_url}/", self._headers(body), body)
        return accepted(_code(reply), "MissingParameter", {"AuthFailure.SignatureExpire": "clock", "InternalError": "connection"})

    async def close(self) -> None:
        await self._line.close()

    def _parameters(self, letter: Letter, message: Message) -> dict[str, object]:
        return {
            "PhoneNumberSet": [letter.recipient],
            "SmsSdkAppId": self._settings.app_id,
            "SignName": self._settings.sign_name,
            "TemplateId": template_of(letter, message, self._settings.templates),
            "TemplateParamSet": [message.values[name] for name in ("code", "minutes") if name in message.values],
            "SessionContext": str(letter.id),
        }

    def _headers(self, body: bytes) -> dict[str, str]:
        settings, now, parts = self._settings, self._clock.now(), urlsplit(self._settings.base_url)
        signed = authorization(settings.secret_id, settings.secret_key, parts.netloc, now, body, path=f"{parts.path}/")
        return {
            "authorization": signed,
            "content-type": TYPE,
            "host": parts.netloc,
            "x-tc-action": "SendSms",
            "x-tc-region": settings.region,
            "x-tc-timestamp": str(now // SECOND),
            "x-tc-version": "2021-01-11",
        }


def authorization(key_id: str, secret: str, host: str, now: int, body: bytes, *, path: str = "/") -> str:
    """The `Authorization` of a POST of JSON at the instant `now`. The key is of one day, in UTC, and of one service."""
    names = "content-type;host"
    canonical = f"POST\n{path}\n\ncontent-type:{TYPE}\nhost:{host}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
    day = moment(now).strftime("%Y-%m-%d")
    scope = f"{day}/{SERVICE}/tc3_request"
    text = f"{ALGORITHM}\n{now // SECOND}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{secret}".encode()
    for part in (day, SERVICE, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def _code(reply: GatewayReply) -> str | None:
    """The failure's code, else that of the one number; None for what is no answer of the gateway."""
    try:
        response = msgspec.json.decode(reply.body, type=_Answer).response
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if response.error:
        return response.error.code
    return response.send_status_set[0].code if len(response.send_status_set) == 1 else None


def _sender(settings: GatewaySettings, clock: Clock, chance: Chance, timeout: float) -> TencentSms:
    assert isinstance(settings, TencentSettings)
    return TencentSms(settings, clock, timeout=timeout)


GATEWAY = Gateway(TencentSettings, _sender)

"""Aliyun SMS: SendSms of 2017-05-25, RPC style, signed by ACS3-HMAC-SHA256."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from lingpai.core.chance import Chance, Clock, moment
from lingpai.core.model import Letter
from lingpai.post import Message, SendError, Temporary, Unsure
from lingpai.post.sms import TIMEOUT, Gateway, Line, accepted, refused, template_of, unclear
from lingpai.settings import forms
from lingpai.settings.outside import GatewaySettings, Templates

ALGORITHM: Final = "ACS3-HMAC-SHA256"
NOTHING: Final = hashlib.sha256(b"").hexdigest()
"""The digest of the body: all parameters stand in the query."""

KINDS: Final[Mapping[str, type[SendError]]] = {
    "isv.BUSINESS_LIMIT_CONTROL": Temporary,  # 1 a minute, 5 an hour, 10 a day to one number, unless the operator has others
    "isv.DAY_LIMIT_CONTROL": Temporary,
    "isv.MONTH_LIMIT_CONTROL": Temporary,
    "Throttling": Temporary,
    "ServiceUnavailable": Temporary,
    "SignatureNonceUsed": Temporary,
    "InvalidTimeStamp.Expired": Temporary,  # this machine's clock: the operator mends it
    "InternalError": Unsure,
    "isp.SYSTEM_ERROR": Unsure,
    "isp.GATEWAY_ERROR": Unsure,
}
"""By the beginning of a code; any other is Permanent: number, template, signature, parameters, balance, permission, keys."""


class AliyunSettings(GatewaySettings, frozen=True):
    """Aliyun SMS (SendSms, 2017-05-25)."""

    access_key_id: Annotated[str, Meta(max_length=128, description="the access key")] = ""
    access_key_secret: Annotated[str, Meta(max_length=256, description="its secret", extra={"secret": True})] = ""
    sign_name: Annotated[str, Meta(max_length=64, description="the signature that stands before each message")] = ""
    base_url: Annotated[str, Meta(description="where it is called", extra={"form": forms.base})] = "https://dysmsapi.aliyuncs.com"
    templates: Templates = Templates()

    @property
    def needed(self) -> tuple[str, ...]:
        return ("access_key_id", "access_key_secret", "sign_name", "templates.code")

    def doubts(self) -> Iterator[tuple[str, str]]:
        return self.templates.doubts()


class AliyunSms:
    """Sends through one account at Aliyun."""

    repeatable = False
    keeps_text = False

    def __init__(self, settings: AliyunSettings, clock: Clock, chance: Chance, *, timeout: float = TIMEOUT) -> None:
        """`timeout`: seconds that the gateway may take to answer."""
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._line = Line(timeout)

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns once Aliyun has taken the message; raises Temporary, Permanent or Unsure. The gateway's own template is the text."""
        query = canonical_query(self._parameters(letter, message))
        headers = self._headers(query)
        reply = await self._line.post(f"{self._settings.base_url}/?{query}", headers, b"")
        code = reply.read().get("Code")
        if code is None:
            raise unclear(reply)
        if code != "OK":
            raise refused(code, KINDS)

    async def check(self) -> bool:
        """A call without a number, which is looked at after who calls. Raises CheckFailed."""
        query = canonical_query({"SignName": self._settings.sign_name, "TemplateCode": self._settings.templates.code})
        reply = await self._line.ask("POST", f"{self._settings.base_url}/?{query}", self._headers(query), b"")
        code = reply.read().get("Code")
        return accepted(code if isinstance(code, str) else None, "Missing", {"InvalidTimeStamp": "clock", "Service": "connection"})

    async def close(self) -> None:
        await self._line.close()

    def _parameters(self, letter: Letter, message: Message) -> dict[str, str]:
        given = {
            "PhoneNumbers": letter.recipient.removeprefix("+86").removeprefix("+"),
            "SignName": self._settings.sign_name,
            "TemplateCode": template_of(letter, message, self._settings.templates),
            "OutId": str(letter.id),
        }
        if message.values:
            given["TemplateParam"] = msgspec.json.encode(message.values).decode()
        return given

    def _headers(self, query: str) -> dict[str, str]:
        parts = urlsplit(self._settings.base_url)
        headers = {
            "accept": "application/json",
            "host": parts.netloc,
            "x-acs-action": "SendSms",
            "x-acs-content-sha256": NOTHING,
            "x-acs-date": moment(self._clock.now()).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": self._chance.token(16),
            "x-acs-version": "2017-05-25",
        }
        signed = authorization(self._settings.access_key_id, self._settings.access_key_secret, f"{parts.path}/", query, headers)
        return headers | {"authorization": signed}


def canonical_query(parameters: Mapping[str, str]) -> str:
    """Sorted by name; all but the unreserved characters of RFC 3986 percent-encoded. It is sent as it is signed."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(parameters.items()))


def authorization(key_id: str, secret: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """The `Authorization` of a POST with an empty body. All `headers` are signed; their names are in lower case."""
    lines = "".join(f"{name}:{value.strip()}\n" for name, value in sorted(headers.items()))
    names = ";".join(sorted(headers))
    canonical = f"POST\n{path}\n{query}\n{lines}\n{names}\n{NOTHING}"
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{ALGORITHM} Credential={key_id},SignedHeaders={names},Signature={signature}"


def _quoted(text: str) -> str:
    return quote(text, safe="~")


def _sender(settings: GatewaySettings, clock: Clock, chance: Chance, timeout: float) -> AliyunSms:
    assert isinstance(settings, AliyunSettings)
    return AliyunSms(settings, clock, chance, timeout=timeout)


GATEWAY = Gateway(AliyunSettings, _sender)

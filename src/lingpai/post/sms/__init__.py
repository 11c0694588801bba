"""Text messages: a gateway is a module of this folder, which declares itself as `GATEWAY`; here is what they have in common.

None of them can tell a message that came twice from two messages. So an attempt ends in one of four ways. Delivered: the gateway
answers for it. Temporary: it was not sent, and later it may be. Permanent: it was not sent, and never will be. Unsure: the request was
out and no clear answer came; it is not tried again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Literal

import msgspec

from lingpai.core.chance import Chance, Clock
from lingpai.core.model import Letter
from lingpai.core.outages import reason
from lingpai.post import CheckFailed, CheckStage, Message, Permanent, Sender, SendError, Temporary, Unsure, by_tls
from lingpai.settings.brought import refuse_name
from lingpai.settings.outside import GatewaySettings, Sms, Templates

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Gateway:
    """One that carries text messages."""

    settings: type[GatewaySettings]
    """Its table, `[sms.NAME]`, by its module's name."""
    sender: Callable[[GatewaySettings, Clock, Chance, float], Sender]
    """Makes the sender that speaks to it, and waits so many seconds for an answer."""


@cache
def gateways() -> Mapping[str, Gateway]:
    """All that there are, by name, in the order of their names. Raises TypeError for one that is called as a setting, or "none"."""
    made = {found.name: import_module(f"{__name__}.{found.name}").GATEWAY for found in iter_modules(__path__)}
    for module in made:
        refuse_name("gateway", module, module, (*Sms.__struct_fields__, "none"))
    return made


TIMEOUT = 8.0
"""Seconds for a connection, and again for the answer: the documented least is 1; under what a worker that stops gives (10)."""

ANSWER = 65_536
"""Bytes of an answer that are read; no gateway's is a tenth of it."""

TEXTS: Mapping[str, Literal["code", "notice", "taken"]] = {
    "register_code": "code",
    "reset_code": "code",
    "bind_code": "code",
    "login_code": "code",
    "confirm_code": "code",
    "password_changed": "notice",
    "questions_tried": "notice",
    "questions_changed": "notice",
    "email_changed": "notice",
    "phone_changed": "notice",
    "linked": "notice",
    "unlinked": "notice",
    "new_login": "notice",
    "new_device": "notice",
    "name_changed": "notice",
    "phone_left": "notice",
    "closing": "notice",
    "taken": "taken",
}
"""Which of a gateway's templates carries a letter."""

_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,80}")


@dataclass(frozen=True, slots=True)
class GatewayReply:
    """A gateway's answer, whole."""

    status: int
    body: bytes

    def read(self) -> dict[str, object]:
        """The JSON object in it; empty where there is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}


class Line:
    """The way to one gateway: one POST, never a second by itself.

    No connection is kept: one that the gateway has closed meanwhile looks like a lost answer, and a lost answer costs a message.
    Redirects are not followed, and the environment's proxies are not asked.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._client = self._fresh()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> GatewayReply:
        """Raises Temporary where nothing can have left, Unsure where the request was out and its answer is missing."""
        import httpx  # noqa: PLC0415 - who sends no text messages does without it

        if self._client.is_closed:
            self._client = self._fresh()
        try:
            return await self._ask(url, headers, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Temporary(f"the gateway cannot be reached: {type(error).__name__}") from None
        except httpx.TimeoutException:
            raise Unsure(f"no answer within {self._timeout:g} s; it may have been sent") from None
        except httpx.RequestError as error:
            raise Unsure(f"the connection was lost before the answer ({type(error).__name__}); it may have been sent") from None

    async def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> GatewayReply:
        """A call that carries no message. Raises CheckFailed where it has no answer."""
        import httpx  # noqa: PLC0415 - as above

        try:
            return await self._ask(url, headers, body, method)
        except httpx.RequestError as error:
            raise CheckFailed("tls" if by_tls(error) else "connection", reason(error)) from None

    async def close(self) -> None:
        """Lets go of connections; the next message makes new ones."""
        await self._client.aclose()

    async def _ask(self, url: str, headers: Mapping[str, str], body: bytes, method: str = "POST") -> GatewayReply:
        async with self._client.stream(method, url, headers=headers, content=body) as response:
            whole = bytearray()
            async for chunk in response.aiter_raw():
                whole += chunk
                if len(whole) > ANSWER:
                    raise Unsure("the gateway's answer is far too long; it may have been sent")
            return GatewayReply(response.status_code, bytes(whole))

    def _fresh(self) -> "httpx.AsyncClient":
        import httpx  # noqa: PLC0415 - as above

        limits = httpx.Limits(max_connections=16, max_keepalive_connections=0)
        return httpx.AsyncClient(
            timeout=self._timeout, limits=limits, trust_env=False, follow_redirects=False, headers={"accept-encoding": "identity"}
        )


def template_of(letter: Letter, message: Message, templates: Templates) -> str:
    """The gateway's name for the letter's text. Raises Permanent where it has none."""
    kind: str | None = TEXTS.get(letter.template)
    if kind is None:
        raise Permanent(f"there is no text message for {letter.template}")
    # A page's address is too long for a template's parameter, so a template of its own names it (contract, 6.7).
    long_name = templates.code_long if kind == "code" and message.page else ""
    name: str = long_name or getattr(templates, kind)
    if not name:
        raise Permanent(f"templates.{kind} of the gateway is not set, so {letter.template} is not sent")
    return name


def readable(code: object) -> str:
    """A gateway's code as an error's text: a code alone, never its message, which may quote a number or a key."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "a code that cannot be read"


def refused(code: object, kinds: Mapping[str, type[SendError]]) -> SendError:
    """What a gateway's code means: the entry for the longest beginning of it that is listed, else Permanent."""
    text = readable(code)
    fitting = [start for start in kinds if text.startswith(start)]
    kind = kinds[max(fitting, key=len)] if fitting else Permanent
    return kind(f"the gateway says {text}" + ("; it may have been sent" if kind is Unsure else ""))


def accepted(code: str | None, wanting: str, stages: Mapping[str, CheckStage]) -> bool:
    """True where a call without a number was refused for that alone (`wanting` begins such codes). Raises CheckFailed."""
    if code and code.startswith(wanting):
        return True
    found = next((stage for start, stage in stages.items() if code and code.startswith(start)), "credentials" if code else "connection")
    raise CheckFailed(found, f"the gateway says {readable(code)}")


def unclear(reply: GatewayReply) -> SendError:
    """What an answer without a code of the gateway means: somebody before it refused (4xx, 3xx), or nobody knows."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(f"HTTP {reply.status}")
    if 300 <= reply.status <= 499:
        return Permanent(f"HTTP {reply.status}, not an answer of the gateway; is base_url right?")
    return Unsure(f"HTTP {reply.status} without a clear answer; it may have been sent")

"""HTTP/1.1 on one connection: uvicorn's httptools protocol, and what it lets pass refused (contract, rule 2).

A head that is slow, over 16 KiB or not exactly framed, a slow body, and trailers (which would pass as headers) end here, where the
bytes are; an application never sees them.
"""

import asyncio
import socket
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import cast

import httptools
import structlog
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lingpai.core.chance import Chance, Clock
from lingpai.core.request_ids import new_request_id
from lingpai.core.retries import retry_after
from lingpai.settings.forms import UNIX
from lingpai.web.http.response_headers import PLAIN
from lingpai.web.request.request import HEADERS
from lingpai.web.server.connections import Connections
from lingpai.web.server.cycle import FrontCycle

BETWEEN, HEAD, BODY = range(3)

HOSTLESS = (b"/healthz", b"/readyz")
"""What may be asked in HTTP/1.0 without a Host: HAProxy's and others' own checks name none (contract, 2.13)."""

_EXTENSIONS: dict[str, dict[object, object]] = {PLAIN: {}}
_UPGRADE = (b"upgrade", b"http2-settings")

log = structlog.get_logger("lingpai.web")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may ask for. Sizes in bytes, spans in seconds."""

    head: int = 16_384
    target: int = 8_192
    flood: int = 1_048_576
    """Bytes of one body, chunk marks and trailers included, after which nothing more is parsed. The application refuses it long before."""
    head_seconds: float = 10
    body_seconds: float = 30
    idle_seconds: int = 75
    """A proxy must close first, or it sends a request into a connection that is just being closed: nginx does after 60 s."""
    linger_seconds: float = 2
    """How long a connection that was refused is still read and thrown away: closed at once, the refusal itself could be lost on its way."""
    sip_seconds: float = 0.01
    """How long nothing is read from it between two pieces of what is thrown away: a crowd that sends on and on must not keep the loop."""
    first_seconds: float = 2
    """How long a connection that has just been made may take, while its process ends, to begin its first request."""
    connections: int = 2_000
    """How many there may be at once."""
    in_a_row: int = 4
    """Requests that one may send before the first of them is answered; what is more is refused."""


class FrontProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, config: Config, state: Connections, clock: Clock, chance: Chance, bounds: Bounds) -> None:
        super().__init__(config, state, {})
        self._all = state
        self._clock, self._chance = clock, chance
        self._bounds = bounds
        self._stage = HEAD
        self._seen = 0
        """Bytes since the stage began; of a head that began within a chunk, those after that chunk."""
        self._begun_within = False
        self._wants_close = False
        self._upgrading = False
        self._running: RequestResponseCycle | None = None
        self._fault = 0
        self._over = False
        """Nothing more is read from here."""
        self._deadline = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # By its socket, not by the lack of an address: a TCP client that is gone already has none either, and must not pass for one.
        if transport.get_extra_info("socket").family == socket.AF_UNIX:
            self.client = (UNIX, 0)
        self._all.none.clear()
        self._by(self._bounds.head_seconds)
        if not self._all.make_room(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._timer, self._stalled):
            if timer:
                timer.cancel()
        if not self._all.connections:
            self._all.none.set()

    def data_received(self, data: bytes) -> None:
        if self._over:
            self._sip()
            return
        self._unset_keepalive_if_required()
        if self._stage == BETWEEN:
            self._expect_head()
        self._seen += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._fault or HTTPStatus.BAD_REQUEST)
            return
        if self._stage == HEAD and self._seen > self._bounds.head:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._stage == BODY and self._seen > self._bounds.flood:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _sip(self) -> None:
        """What has come is thrown away; more of it is not read at once."""
        if not self.transport.is_closing():
            self.transport.pause_reading()
            self.loop.call_later(self._bounds.sip_seconds, self._sip_again)

    def _sip_again(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _feed(self, data: bytes) -> None:
        """Parses. An upgrade is declined by reading the request once more without it (RFC 9110, 7.8).

        The parser takes what follows an upgrade for no HTTP, and so would drop this request's own body, or read it as another request.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_again() + data[upgrade.args[0] :]
                self._upgrading = False
                self.parser = httptools.HttpRequestParser(self)
                continue
            return

    def _head_again(self) -> bytes:
        """In the version that it was asked in: HTTP/1.0 knows no upgrade, and nothing else of 1.1 either (RFC 9110, 7.8)."""
        lines = [b"%s: %s" % (name, _without_upgrade(name, value)) for name, value in self.headers if name not in _UPGRADE]
        first = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return b"\r\n".join([first, *lines, b"", b""])

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = _EXTENSIONS
        if self._stage == BETWEEN:
            self._expect_head()
            self._begun_within = True

    def _expect_head(self) -> None:
        self._stage, self._seen, self._begun_within = HEAD, 0, False
        self._by(self._bounds.head_seconds)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage == HEAD:  # trailers come later, and count for nothing (RFC 9110, 6.5.1)
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._fault = self._judge() if len(self.pipeline) < self._bounds.in_a_row else HTTPStatus.SERVICE_UNAVAILABLE
        if self._fault:
            raise ValueError(self._fault)
        if self.parser.should_upgrade():
            self._upgrading = True
            return
        super().on_headers_complete()
        # A reply that comes before the whole body must not close at once: what is still on its way would reset the connection and
        # lose the reply. So the wish to close is granted when the body is in; see on_response_complete for when it is not.
        self._wants_close = not self.cycle.keep_alive
        self.cycle.keep_alive = True
        self._stage, self._seen = BODY, 0
        self._by(self._bounds.body_seconds)

    def _judge(self) -> int:
        """The status with which this head is refused; 0: with none."""
        names = dict(self.headers)
        codings = names.get(b"transfer-encoding")
        version = self.parser.get_http_version()
        hostless = version == "1.0" and self.url in HOSTLESS
        several = len(names) < len(self.headers)
        if not several:
            cast("dict[str, object]", self.scope)[HEADERS] = names
        if (several and self._doubled()) or not (b"host" in names or hostless) or version not in ("1.1", "1.0"):
            return HTTPStatus.BAD_REQUEST
        if codings is not None and (b"content-length" in names or version == "1.0" or codings.lower() != b"chunked"):
            return HTTPStatus.BAD_REQUEST
        if self.parser.get_method() == b"CONNECT":
            return HTTPStatus.BAD_REQUEST
        if (self._begun_within or self._seen > self._bounds.head) and self._size() > self._bounds.head:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if len(self.url) > self._bounds.target:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        # Who asks in HTTP/1.0 knows no interim answer, and would take it for the answer (RFC 9110, 10.1.1).
        self.expect_100_continue = version == "1.1" and names.get(b"expect", b"").lower() == b"100-continue"
        return 0

    def _doubled(self) -> bool:
        """Whether a header that frames the request, or says to whom it goes, is there more than once."""
        names = [name for name, _ in self.headers]
        return any(names.count(name) > 1 for name in (b"host", b"content-length", b"transfer-encoding"))

    def _size(self) -> int:
        line = len(self.parser.get_method()) + len(self.url) + len(b"  HTTP/1.1\r\n\r\n")
        return line + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)

    def on_message_complete(self) -> None:
        if self._upgrading:
            return
        super().on_message_complete()
        if self._wants_close:
            self.cycle.keep_alive = False
        self._stage, self._deadline = BETWEEN, 0.0

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = FrontCycle  # uvicorn makes them, and asks nobody which
        assert isinstance(cycle, FrontCycle)
        cycle.ends, cycle.plain = self._ends, self._all.plain
        self._running = cycle
        if cycle.scope["raw_path"] in self._all.first:
            super()._start_asgi_task(cycle, app)
        else:
            self._all.turns.begin(partial(self._in_its_turn, cycle, app))

    def _in_its_turn(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if not cycle.disconnected:  # else nobody waits for it any more
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self._running = None
        super().on_response_complete()  # starts the next of those that came in a row
        if self._busy() or self.transport.is_closing():
            return
        if self._over or self._stage == BODY:
            self._over = True
            self._part()

    def _ends(self) -> bool:
        return self._all.leaving and not self.pipeline

    def shutdown(self) -> None:
        """The process ends: what was asked is answered, one that has just connected may still ask, and the idle are closed."""
        if self._busy() or self._over or self._seen_of_head():
            return
        if self._stage == BETWEEN:
            self.transport.close()
        else:
            self._by(self._bounds.first_seconds)

    @property
    def ends(self) -> bool:
        """As `Yielding` has it."""
        return bool(self.transport.is_closing())

    def yields(self) -> tuple[int, float] | None:
        """As `Yielding` has it."""
        if self._over:
            return 0, 0.0
        if self._busy() and (self._stage != BODY or self.pipeline):
            return None
        if self._stage == BETWEEN:
            return 0, self.timeout_keep_alive_task.when() if self.timeout_keep_alive_task else 0.0
        return 1, self._deadline - (self._bounds.head_seconds if self._stage == HEAD else self._bounds.body_seconds)

    def give_way(self) -> None:
        """As `Yielding` has it. Nothing more is read: what is on its way may cost the last word."""
        asked = not self._over and (self._stage == BODY or self._seen_of_head())
        if self._stage == BODY:
            self._abandon()
        if asked:
            self.transport.write(self._last_word(HTTPStatus.SERVICE_UNAVAILABLE))
        self._over = True
        self.transport.close()

    def _seen_of_head(self) -> bool:
        return self._stage == HEAD and (self._seen > 0 or self._begun_within)

    def _busy(self) -> bool:
        """Whether a request is being answered."""
        return self._running is not None

    def _refuse(self, status: int) -> None:
        """Reads nothing more, and says why when all that was asked before has been answered."""
        self._over, self._fault = True, status
        if self._stage == BODY:
            self._abandon()
        if not self._busy():
            self._part()

    def _abandon(self) -> None:
        """The request whose body is not in will get no other answer."""
        if self.pipeline:
            self.pipeline.popleft()
        elif self._running:
            self._running = None
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _part(self) -> None:
        """Says a last word where there is one, and that it is the last; closes when the other end has, or a little later."""
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        if self._fault:
            self.transport.write(self._last_word(HTTPStatus(self._fault)))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._by(self._bounds.linger_seconds)

    def _last_word(self, status: HTTPStatus) -> bytes:
        request_id = new_request_id(self._clock, self._chance)
        peer = self.client[0] if self.client else ""
        log.info("refused", status=status.value, request_id=request_id, client=peer)
        text = status.phrase.encode()
        lines = [
            b"HTTP/1.1 %d %s" % (status.value, text),
            *(b"%s: %s" % line for line in self._all.default_headers),
            b"content-type: text/plain; charset=utf-8",
            b"content-length: %d" % len(text),
            b"cache-control: no-store",
            b"x-content-type-options: nosniff",
            b"x-request-id: " + request_id.encode(),
            b"connection: close",
            *([b"retry-after: %d" % retry_after(self._chance, 1)] if status is HTTPStatus.SERVICE_UNAVAILABLE else []),
        ]
        return b"\r\n".join([*lines, b"", text])

    def _by(self, seconds: float) -> None:
        """What is awaited must be in by then. One timer a connection: it is moved only where it would come too late."""
        self._deadline = self.loop.time() + seconds
        if self._timer and self._due > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        self._due = self._deadline
        self._timer = self.loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if not self._deadline or self.transport.is_closing():
            return
        if self._deadline > self._due:
            self._arm()
        else:
            self._late()

    def _late(self) -> None:
        if self._over or (self._stage == HEAD and not self._seen_of_head()):
            self.transport.abort()
        elif self._stage == HEAD and self._busy():
            self._by(self._bounds.head_seconds)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def pause_writing(self) -> None:
        """The other end does not read: it gets as long as for a body."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self._bounds.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()


def _without_upgrade(name: bytes, value: bytes) -> bytes:
    """A header as it is read again; `Connection` keeps what else it says, such as `close`."""
    if name != b"connection":
        return value
    return b", ".join(option for part in value.split(b",") if (option := part.strip()).lower() not in _UPGRADE)

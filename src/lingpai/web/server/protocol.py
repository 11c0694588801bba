"""HTTP/1.1 on one connection: uvicorn's httptools protocol, and what it lets pass refused (contract, rule 2).

A head that is slow, over 16 KiB or not exactly framed, a slow body, and trailers (which would pass as headers) end here, where the
bytes are; an application never sees them.
"""

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from lingpai.core.chance import Chance, Clock
from lingpai.core.request_ids import new_request_id
from lingpai.core.retries import retry_after
from lingpai.settings.forms import UNIX
from lingpai.web.http.response_headers import PLAIN
from lingpai.web.request.request import HEADERS
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.connections import Connections
from lingpai.web.server.cycle import FrontCycle
from lingpai.web.server.deadline import Deadline
from lingpai.web.server.last_word import last_word

BETWEEN, HEAD, BODY = range(3)

FRESH_SECONDS = 1.0
"""How long one that was answered gives way by its age alone, as those do that are asking."""

HOSTLESS = (b"/healthz", b"/readyz")
"""What may be asked in HTTP/1.0 without a Host: HAProxy's and others' own checks name none (contract, 2.13)."""

_EXTENSIONS: dict[str, dict[object, object]] = {PLAIN: {}}
_UPGRADE = (b"upgrade", b"http2-settings")


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
        self._deadline = Deadline(self.loop, self._late)
        self._stalled: asyncio.TimerHandle | None = None
        self._unread_since = 0.0
        """When something began to wait here that the other end does not read."""
        self._held: Callable[[], None] | None = None
        """Begins a request whose client has yet to read the answers before it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # By its socket, not by the lack of an address: a TCP client that is gone already has none either, and must not pass for one.
        if transport.get_extra_info("socket").family == socket.AF_UNIX:
            self.client = (UNIX, 0)
        self._all.changed()
        self._deadline.by(self._bounds.head_seconds)
        if not self._all.make_room(self):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disconnect()
        super().connection_lost(exc)
        self._deadline.cancel()
        if self._stalled:
            self._stalled.cancel()
        self._forget()
        self._running = self._held = None
        self._all.changed()

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
        self._deadline.by(self._bounds.head_seconds)

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
        self._deadline.by(self._bounds.body_seconds)

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
        self._stage = BETWEEN
        self._deadline.clear()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.__class__ = FrontCycle  # uvicorn makes them, and asks nobody which
        assert isinstance(cycle, FrontCycle)
        cycle.ends, cycle.plain = self._ends, self._all.plain
        self._running = cycle
        if self.flow.write_paused:  # one answer for each connection is enough to keep in memory for who does not read
            self._held = partial(self._begin, cycle, app)
        else:
            self._begin(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._all.turns.begin(partial(self._in_its_turn, cycle, app), first=cycle.scope["raw_path"] in self._all.first)

    def _in_its_turn(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if not cycle.disconnected:  # else nobody waits for it any more
            super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self._running = None
        super().on_response_complete()  # starts the next of those that came in a row
        if self.transport.is_closing():
            self._unread_since = self.loop.time()
            self._deadline.by(self._bounds.body_seconds)
        if self._busy() or self.transport.is_closing():
            return
        if self._over or self._stage == BODY:
            self._over = True
            self._part()
        elif self._stage == BETWEEN:
            self._forget()

    def _forget(self) -> None:
        """What was asked is not kept when it has been answered, or is given up: it is a third of what an idle connection costs.

        It knows this connection in turn, so a crowd that comes and goes would leave behind what only the collector of cycles takes away.
        """
        self.cycle, self.scope, self.headers = None, None, []  # type: ignore[assignment]  # as uvicorn has them at the beginning

    def _ends(self) -> bool:
        return self._all.leaving and not self.pipeline

    def shutdown(self) -> None:
        """The process ends: what was asked is answered, one that has just connected may still ask, and the idle are closed."""
        if self._busy() or self._over or self._seen_of_head():
            return
        if self._stage == BETWEEN:
            self._close(self._bounds.body_seconds)
        else:
            self._deadline.by(self._bounds.first_seconds)

    def timeout_keep_alive_handler(self) -> None:
        """It has asked nothing for long."""
        if not self.transport.is_closing():
            self._close(self._bounds.linger_seconds)

    def _close(self, seconds: float) -> None:
        """Ends, and does not wait longer than that for the other end to read what it was sent."""
        self._over = True
        self.transport.close()
        self._deadline.by(seconds)

    def _abort(self) -> None:
        self._disconnect()
        self.transport.abort()

    def _disconnect(self) -> None:
        """Nobody waits for what is being answered: uvicorn tells that only to the newest of those that came in a row."""
        if self._running:
            self._running.disconnected = True
            self._running.message_event.set()

    @property
    def ends(self) -> bool:
        """As `Yielding` has it."""
        return bool(self.transport.is_closing()) and not self.transport.get_write_buffer_size()

    def yields(self) -> tuple[int, float] | None:
        """As `Yielding` has it."""
        if self._unread():
            return 0, 0.0 if self._over else self._unread_since
        if self._over and not self._busy():
            return 0, 0.0
        if self._busy() and (self._stage != BODY or self.pipeline):
            return None
        if self._stage == BETWEEN:
            since = self.timeout_keep_alive_task.when() - self._bounds.idle_seconds if self.timeout_keep_alive_task else 0.0
            # One that has just been answered is likely to ask again, and must not go before a crowd that never ends its heads and bodies.
            return int(self.loop.time() - since < FRESH_SECONDS), since
        return 1, self._deadline.at - (self._bounds.head_seconds if self._stage == HEAD else self._bounds.body_seconds)

    def give_way(self) -> None:
        """As `Yielding` has it. Nothing more is read: what is on its way may cost the last word.

        One that does not read gets none: it would wait behind what is unread.
        """
        if self._unread():
            self._all.ended("unread")
            self._abort()
            return
        asked = not self._over and (self._stage == BODY or self._seen_of_head())
        if self._stage == BODY:
            self._abandon()
        if asked:
            self.transport.write(self._last_word(HTTPStatus.SERVICE_UNAVAILABLE))
        elif not self._over:
            self._all.ended("idle")
        self._close(self._bounds.linger_seconds)

    def _unread(self) -> bool:
        """Whether something waits here that the other end does not read."""
        return bool(self.flow.write_paused or self.transport.is_closing())

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
        self._deadline.by(self._bounds.linger_seconds)

    def _last_word(self, status: HTTPStatus) -> bytes:
        request_id = new_request_id(self._clock, self._chance)
        self._all.refused(status.value, request_id, self.client[0] if self.client else "")
        again = retry_after(self._chance, 1) if status is HTTPStatus.SERVICE_UNAVAILABLE else 0
        return last_word(status, self._all.default_headers, request_id, again)

    def _late(self) -> None:
        if self._over or self.transport.is_closing() or (self._stage == HEAD and not self._seen_of_head()):
            self._abort()
        elif self._stage == HEAD and self._busy():
            self._deadline.by(self._bounds.head_seconds)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def pause_writing(self) -> None:
        """The other end does not read: it gets as long as for a body."""
        super().pause_writing()
        self._unread_since = self.loop.time()
        self._stalled = self.loop.call_later(self._bounds.body_seconds, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()
        held, self._held = self._held, None
        if held:
            held()


def _without_upgrade(name: bytes, value: bytes) -> bytes:
    """A header as it is read again; `Connection` keeps what else it says, such as `close`."""
    if name != b"connection":
        return value
    return b", ".join(option for part in value.split(b",") if (option := part.strip()).lower() not in _UPGRADE)

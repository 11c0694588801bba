"""What every emulator is made of: a small HTTP server on loopback that keeps what it was asked and fails when told to."""

import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Self, TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

GARBAGE = b'\x00\xff<html>502 ok?\r\n{"access_token": \x9f'
"""No JSON, no form, no JSONP, and not even UTF-8."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived. Of a name that is given twice, the last value is kept."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    """The body's pairs where it is `application/x-www-form-urlencoded`, else empty."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    target: str
    """Path and query as sent, for those who check a signature."""
    swapped: Any = None
    """The person, or their name, whom the answer is to be about instead of the right one."""

    @property
    def params(self) -> dict[str, str]:
        """Query and form together; the form wins."""
        return {**self.query, **self.form}

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError`."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. `content_type` is sent as it stands, without a charset of our own."""

    body: bytes | str = b""
    status: int = 200
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, status: int = 200, content_type: str = "application/json") -> Self:
        """JSON with the characters themselves, not their escapes, in UTF-8."""
        return cls(json.dumps(value, ensure_ascii=False, separators=(",", ":")), status, content_type)

    @classmethod
    def redirect(cls, to: str) -> Self:
        """302 Found."""
        return cls(status=302, headers={"Location": to})

    def octets(self) -> bytes:
        """The body as it goes out."""
        return self.body.encode() if isinstance(self.body, str) else self.body


Handler: TypeAlias = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one call. The default is nothing."""

    slow: float = 0.0
    """Seconds between the work and its answer."""
    status: int = 0
    """This HTTP status with an HTML page, and nothing is done."""
    garbage: bool = False
    """The work is done, but nobody can read the answer."""
    drop: bool = False
    """The work is done, and the connection closed before an answer."""
    swapped: Any = None
    """The person, or their name, whom the provider takes the right one for."""


@dataclass(slots=True)
class _Spell:
    calls: int
    path: str
    changes: Mapping[str, Any]


class Faults:
    """An emulator's switches. An attribute that is set holds for all calls until it is set back; `next` is for some calls only.

    All but `status` strike after the work: a code is used up and a message is sent, though the client never hears of it.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.slow: float = 0.0
        self.status: int = 0
        self.garbage: bool = False
        self.drop: bool = False
        self.swapped: Any = None
        self._spells: list[_Spell] = []

    def next(self, calls: int = 1, path: str = "", **changes: Any) -> None:
        """The next `calls` whose path starts with `path` go wrong, as in `faults.next(2, status=500)`.

        Several such orders apply together, the newest first. A name that is no switch raises `TypeError`.
        """
        replace(Fault(), **changes)
        self._spells.insert(0, _Spell(calls, path, changes))

    def take(self, path: str) -> Fault:
        """What goes wrong with a call to `path` that arrives now. It counts."""
        changes: dict[str, Any] = {}
        for spell in [spell for spell in self._spells if path.startswith(spell.path)]:
            changes = {**spell.changes, **changes}
            spell.calls -= 1
        self._spells = [spell for spell in self._spells if spell.calls > 0]
        return replace(Fault(self.slow, self.status, self.garbage, self.drop, self.swapped), **changes)


class Emulator:
    """A server of `127.0.0.1` with routes, for tests of any kind: it runs in threads of its own, so a subprocess reaches it too.

    Handlers run one at a time; they need no locks. `now` gives seconds since 1970 and may be set at any time.
    """

    def __init__(self, *, now: Callable[[], float] = time.time, port: int = 0) -> None:
        self.now = now
        self.calls: list[Call] = []
        """What was asked, oldest first, with what was refused and what nobody serves."""
        self.faults = Faults()
        self._port = port
        self._routes: dict[tuple[str, str], Handler] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: _Server | None = None

    @property
    def base_url(self) -> str:
        """As `http://127.0.0.1:40123`, without a slash at its end. Only while it runs."""
        if self._server is None:
            raise RuntimeError("the emulator is not started")
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        """Listens from now on; a second start does nothing."""
        if self._server is None:
            self._stopping.clear()
            self._server = _Server(self, self._port)
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Listens no more. Calls that are being slowed down end at once, without an answer."""
        server, self._server = self._server, None
        self._stopping.set()
        if server is not None:
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def route(self, method: str, path: str, handler: Handler) -> None:
        """`handler` answers `method` at exactly this path."""
        self._routes[method, path] = handler

    def answer(self, call: Call) -> Response | None:
        """What this call gets; `None` closes the connection without a word."""
        with self._lock:
            fault = self.faults.take(call.path)
            call = replace(call, swapped=fault.swapped)
            self.calls.append(call)
            response = Response(f"<html>{fault.status}</html>", fault.status, "text/html") if fault.status else self._work(call)
        if fault.slow and self._stopping.wait(fault.slow):
            return None
        if fault.drop:
            return None
        return replace(response, body=GARBAGE) if fault.garbage else response

    def _work(self, call: Call) -> Response:
        handler = self._routes.get((call.method, call.path))
        if handler is not None:
            try:
                return handler(call)
            except Exception:  # noqa: BLE001 - whatever is wrong with the emulator is shown to the test
                return Response(traceback.format_exc(), 599)
        known = any(path == call.path for _, path in self._routes)
        return Response(f"{call.method} {call.path}: not served here\n", 405 if known else 404)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, emulator: Emulator, port: int) -> None:
        self.emulator = emulator
        super().__init__(("127.0.0.1", port), _Connection)

    def server_bind(self) -> None:
        """Binds without asking DNS for our own name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what these tests are about; nothing is printed."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def handle_one_request(self) -> None:
        """One call, then the connection ends: no test depends on which one it found open."""
        self.raw_requestline = self.rfile.readline(65_537)
        self.close_connection = True
        if not self.raw_requestline or not self.parse_request():
            return
        self.close_connection = True
        response = cast("_Server", self.server).emulator.answer(self._call())
        if response is not None:
            self._write(response)

    def _call(self) -> Call:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
        return Call(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            form=dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True)) if is_form else {},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            target=self.path,
        )

    def _write(self, response: Response) -> None:
        octets = response.octets()
        head = {"Content-Type": response.content_type, **response.headers}
        self.send_response_only(response.status)
        for name, value in {**head, "Content-Length": str(len(octets)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else octets)

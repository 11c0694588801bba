"""A collector of traces as OpenTelemetry says that they are sent (OTLP over HTTP): it keeps what it hears, and can be made to hang."""

import asyncio
import gzip
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from running import SECONDS


@dataclass(frozen=True)
class Heard:
    """A span as it came."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    of: dict[str, Any]
    """Who says so: the resource's attributes."""


class OtlpReceiver:
    """What has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.spans: list[Heard] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.status = 200
        self.open = threading.Event()
        """While it is not set nobody is answered."""
        self.open.set()
        self.asked = asyncio.Event()
        """Set when somebody has sent something, answered or not."""
        self.flush: Callable[[], object] = lambda: None
        """Has what is recorded in the test's own process sent at once."""
        self._loop = loop
        self._news = asyncio.Event()

    def hear(self, headers: dict[str, str], body: bytes) -> None:
        """On a thread of the server."""
        self._on_loop(self.asked.set)
        self.open.wait(SECONDS)
        message = ExportTraceServiceRequest.FromString(body)
        found = [
            _heard(span, _attributes(part.resource.attributes))
            for part in message.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]
        self._on_loop(lambda: self._keep(headers, body, found))

    def _on_loop(self, work: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # whoever sent it last has outlived the test
            self._loop.call_soon_threadsafe(work)

    def _keep(self, headers: dict[str, str], body: bytes, found: list[Heard]) -> None:
        self.headers.append(headers)
        self.bodies.append(body)
        if self.status == 200:
            self.spans += found
        self._news.set()

    async def once(self, wanted: Callable[[Heard], bool]) -> Heard:
        """The first that is so, once it is there."""
        await asyncio.to_thread(self.flush)
        async with asyncio.timeout(SECONDS):
            while not (found := [span for span in self.spans if wanted(span)]):
                self._news.clear()
                await self._news.wait()
        return found[0]

    async def batches(self, count: int) -> None:
        """Until so many have come, whatever they were answered."""
        while len(self.bodies) < count:
            self._news.clear()
            await self._news.wait()

    async def request(self, name: str) -> Heard:
        """The span of a request: its parts have ended before it."""
        return await self.once(lambda span: span.name == name and span.kind == "server")

    def below(self, span: Heard) -> list[Heard]:
        """The steps of it, in the order in which they ended, with theirs."""
        return [one for one in self.spans if one.trace == span.trace and one.id != span.id]


def _heard(span: Span, of: dict[str, Any]) -> Heard:
    kind = Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower()
    failed = span.status.code == Status.STATUS_CODE_ERROR
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Heard(span.name, kind, *ids, _attributes(span.attributes), failed, of)


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@asynccontextmanager
async def receiving() -> AsyncIterator[tuple[OtlpReceiver, str]]:
    """One, and the endpoint to name in the settings."""
    receiver = OtlpReceiver(asyncio.get_running_loop())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            receiver.hear(dict(self.headers.items()), gzip.decompress(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            try:
                self.send_response(receiver.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:
                self.close_connection = True  # whoever sent it has given up

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_port}"
    finally:
        receiver.open.set()
        await asyncio.to_thread(server.shutdown)
        server.server_close()

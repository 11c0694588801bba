"""Traces as OpenTelemetry has them, sent to a collector (OTLP over HTTP). The one module that knows those packages, which are an extra.

A collector that hangs or is away costs nobody anything: spans wait in a queue of this process, whose thread sends them; what finds no place
there, or is not taken in time, is lost and counted.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from urllib.parse import unquote

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from requests import Session

from lingpai.core.chance import Chance, Clock
from lingpai.core.metrics import Metrics
from lingpai.core.tracing import Attributes, SpanRole
from lingpai.settings import Settings
from lingpai.settings.written import node_name

ROOM = 2_048
"""Spans that may wait: some hundred logins, about 4 MiB."""
BATCH = 512
"""Spans that are sent at once."""
EVERY_MS = 1_000
"""Milliseconds between two batches that are not full."""
SEND_SECONDS = 5.0
"""How long the collector may take for one, with all tries."""
FLUSH_SECONDS = 2.0
"""How long the end of the process waits for what is still there."""

_KINDS: dict[SpanRole, SpanKind] = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}
_LIBRARY = "opentelemetry.exporter.otlp.proto.http.trace_exporter"

log = structlog.get_logger("lingpai.traces")


class RecordedSpan:
    """One of a trace that is recorded: what `Recording` promises."""

    def __init__(self, tracer: Tracer, clock: Clock, span: OtelSpan) -> None:
        self._tracer = tracer
        self._clock = clock
        self._span = span
        self._began = clock.monotonic()

    @property
    def trace_id(self) -> str:
        return f"{self._span.get_span_context().trace_id:032x}"

    def child(self, name: str, kind: SpanRole, attributes: Attributes) -> "RecordedSpan":
        context = set_span_in_context(self._span, Context())
        return RecordedSpan(self._tracer, self._clock, self._tracer.start_span(name, context, _KINDS[kind], attributes))

    def note(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)

    def waited(self) -> None:
        self._span.set_attribute("lingpai.wait_seconds", self._clock.monotonic() - self._began)

    def end(self, error: str) -> None:
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class TraceRecorder:
    """A process's recorder: what `Recorder` promises. Made after the fork, on the event loop that it is used on."""

    def __init__(self, settings: Settings, clock: Clock, chance: Chance, metrics: Metrics) -> None:
        self._ratio = settings.traces.ratio
        self._clock = clock
        self._chance = chance
        count = on_loop(lambda fate, number: metrics.add(number, "spans", fate))
        self._provider = TracerProvider(ALWAYS_ON, _resource(settings), shutdown_on_exit=False)
        self._provider.add_span_processor(SpanQueue(Collector(settings, clock, count), count))
        self._tracer = self._provider.get_tracer("lingpai", version("lingpai"))
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, name: str, kind: SpanRole, attributes: Attributes, parent: str = "") -> RecordedSpan | None:
        before = self._propagator.extract({"traceparent": parent}, Context()) if parent else Context()
        caller = get_current_span(before).get_span_context()
        if not (caller.trace_flags.sampled if caller.is_valid else self._chance.spread(0, 1) < self._ratio):
            return None
        return RecordedSpan(self._tracer, self._clock, self._tracer.start_span(name, before, _KINDS[kind], attributes))

    async def close(self) -> None:
        """Sends what is left, as far as FLUSH_SECONDS reach."""
        done, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A thread that the end of the process does not wait for.
        threading.Thread(target=end, name="last-spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await done.wait()


class SpanQueue(BatchSpanProcessor):
    """Ended spans on their way to the collector; those that find no place are dropped."""

    def __init__(self, collector: "Collector", count: Callable[[str, int], None]) -> None:
        # All is said here: what is not, the library would look for in the environment.
        super().__init__(collector, ROOM, EVERY_MS, BATCH, SEND_SECONDS * 1_000)
        self._collector = collector
        self._count = count
        self._taken = 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._taken - self._collector.done >= ROOM:
            self._count("dropped", 1)
            return
        self._taken += 1
        super().on_end(span)


class Collector(SpanExporter):
    """Where spans are sent. Its loss is said once in the log, and its return."""

    def __init__(self, settings: Settings, clock: Clock, count: Callable[[str, int], None]) -> None:
        self.done = 0
        """Spans that are out of hand: sent or lost."""
        session = Session()
        session.trust_env = False  # neither proxies nor passwords from there
        self._exporter = OTLPSpanExporter(
            f"{settings.traces.endpoint}/v1/traces",
            headers=_headers(settings.traces.headers),
            timeout=SEND_SECONDS,
            compression=Compression.Gzip,
            session=session,
        )
        self._clock = clock
        self._count = count
        self._lost_at: float | None = None
        self._heard = _Heard()
        logging.getLogger(_LIBRARY).addFilter(self._heard)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001 - what the library did not think of loses a batch, and not the thread
            self._heard.last, result = type(error).__name__, SpanExportResult.FAILURE
        sent = result is SpanExportResult.SUCCESS
        self.done += len(spans)
        self._count("sent" if sent else "lost", len(spans))
        (self._back if sent else self._lost)()
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the library's
        logging.getLogger(_LIBRARY).removeFilter(self._heard)

    def _lost(self) -> None:
        if self._lost_at is None:
            self._lost_at = self._clock.monotonic()
            log.warning("traces-lost", reason=self._heard.last)

    def _back(self) -> None:
        if self._lost_at is not None:
            log.warning("traces-back", seconds=round(self._clock.monotonic() - self._lost_at, 1))
            self._lost_at = None


class _Heard(logging.Filter):
    """The library tells of each batch; we keep what it said last."""

    last = ""

    def filter(self, record: logging.LogRecord) -> bool:
        self.last = record.getMessage()
        return False


def on_loop(count: Callable[[str, int], None]) -> Callable[[str, int], None]:
    """The same for any thread: counters belong to the loop's. What comes after its end is counted by nobody."""
    loop = asyncio.get_running_loop()

    def call(fate: str, number: int) -> None:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(count, fate, number)

    return call


def _resource(settings: Settings) -> Resource:
    return Resource(
        {
            "service.name": "lingpai",
            "service.version": version("lingpai"),
            "service.instance.id": node_name(settings.node),
        }
    )


def _headers(text: str) -> dict[str, str]:
    """As `forms.headers` has let them in."""
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}

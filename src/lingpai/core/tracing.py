"""Traces: what a request, or an attempt at a letter, spent its time on. Nothing here names a person.

A span is one step's share of that time. Its name and what is noted on it are names of ours (a route, a dialect, a store, a refusal's
code), numbers, and the request's id; never what somebody has sent. Steps lie deep, so each finds in its context whether its trace is
recorded. Most are not, and for those a span costs a look.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Literal, Protocol

from structlog.contextvars import bound_contextvars

from lingpai.core.errors import Refusal, Unavailable

SpanRole = Literal["server", "client", "internal"]
"""Who waits: somebody for us, we for somebody, or neither."""
Attributes = Mapping[str, str | int]

_NOTHING: Attributes = {}


class Recording(Protocol):
    """A span that is written down. All of it may be called on any thread."""

    @property
    def trace_id(self) -> str:
        """The trace that it belongs to: 32 hexadecimal digits."""
        ...

    def child(self, name: str, kind: SpanRole, attributes: Attributes) -> "Recording":
        """A step of it, which begins now."""
        ...

    def note(self, name: str, value: str | int) -> None:
        """Adds an attribute."""
        ...

    def waited(self) -> None:
        """Until now it has waited for its turn; from now on it works."""
        ...

    def end(self, error: str) -> None:
        """It is over. `error`: what went wrong; empty: nothing."""
        ...


class Recorder(Protocol):
    """Decides which traces are recorded, and hands them on."""

    def begin(self, name: str, kind: SpanRole, attributes: Attributes, parent: str = "") -> Recording | None:
        """A trace's first span here; None where this one is not recorded.

        `parent`: the `traceparent` (W3C Trace Context) of somebody who is believed. What it says of recording is done.
        """
        ...


class Span:
    """A step, in a `with`. This one is not recorded."""

    __slots__ = ()
    recorded = False

    def note(self, name: str, value: str | int) -> None:
        """Adds an attribute."""

    def waited(self) -> None:
        """Until now the step has waited for its turn; from now on it works."""

    def failed(self, error: str) -> None:
        """The step has failed, though it raises nothing."""

    def __enter__(self) -> "Span":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Does nothing."""


class _Step(Span):
    """One that is."""

    __slots__ = ("_before", "_error", "_recording")
    recorded = True

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._before: Recording | None = None
        self._error = ""

    def note(self, name: str, value: str | int) -> None:
        self._recording.note(name, value)

    def waited(self) -> None:
        self._recording.waited()

    def failed(self, error: str) -> None:
        self._error = error

    def __enter__(self) -> Span:
        self._before = _current.get()
        _current.set(self._recording)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Not by a token: a generator that is dropped ends in another context than it began in.
        _current.set(self._before)
        self._recording.end(_named(error) or self._error)


class _First(_Step):
    """The first of a trace, which the log names meanwhile."""

    __slots__ = ("_log",)

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording)
        self._log = bound_contextvars(trace_id=recording.trace_id)

    def __enter__(self) -> Span:
        self._log.__enter__()
        return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        super().__exit__(kind, error, trace)
        self._log.__exit__(kind, error, trace)


UNRECORDED = Span()

_current: ContextVar[Recording | None] = ContextVar("span", default=None)


def span(name: str, kind: SpanRole = "internal", attributes: Attributes = _NOTHING) -> Span:
    """A step of what is going on here; it begins now, and ends with the `with` that it is used in."""
    current = _current.get()
    return UNRECORDED if current is None else _Step(current.child(name, kind, attributes))


def trace(recorder: Recorder | None, name: str, kind: SpanRole, attributes: Attributes, parent: str = "") -> Span:
    """The first step of something new; otherwise as `span`. Without a recorder nothing is recorded."""
    recording = recorder.begin(name, kind, attributes, parent) if recorder else None
    return UNRECORDED if recording is None else _First(recording)


def _named(error: BaseException | None) -> str:
    """What is noted of an error: its text may hold anything. A refusal is an answer, and might tell who has an account."""
    if isinstance(error, Refusal):
        return str(getattr(error, "cause", error.code)) if isinstance(error, Unavailable) else ""
    return type(error).__name__ if error else ""

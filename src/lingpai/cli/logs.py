"""Structured logs: one event, one line, on standard error, with the instant in UTC."""

import logging
import os
import sys
from importlib.metadata import version
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from lingpai.settings.written import Log, node_name

_JSON = msgspec.json.Encoder(enc_hook=repr)


def configure(log: Log, node: str = "") -> None:
    """Sets up structlog for this process, and sends what libraries log (warnings and worse) the same way.

    `node`: the setting. Every line names it, the version and the process that wrote it.
    """
    level = logging.getLevelNamesMapping()[log.level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _named(node_name(node), version("lingpai")),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    people = log.format == "console"
    structlog.configure(
        processors=[*shared, _console()] if people else [*shared, structlog.processors.format_exc_info, _line],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr) if people else structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Bridge()], level=max(level, logging.WARNING), force=True)


def _named(node: str, release: str) -> Processor:
    """What tells the lines of many machines, of their processes, and of two versions while one rolls, apart."""

    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["node"], event["version"] = node, release
        event.setdefault("pid", os.getpid())  # who tells of another process's end names that one
        return event

    return add


def _line(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    return _JSON.encode(event)


def _console() -> Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


class _Bridge(logging.Handler):
    """A library's record as an event of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        structlog.get_logger().log(record.levelno, record.getMessage(), **fields)

"""The second port of `serve` and `worker`, for whoever watches over them."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from lingpai.cli.options import Failure
from lingpai.settings import Settings
from lingpai.settings.check import SOCKET

if TYPE_CHECKING:
    from lingpai.flows import Services
    from lingpai.web.server.watched import Post, Watch

log = structlog.get_logger("lingpai.metrics")


def listen_for_watchers(settings: Settings, *, must: bool = True) -> socket.socket | None:
    """Where `metrics.listen` says; None where it says nothing. Raises Failure.

    A process that goes on as a newer one of itself `must` not: what it serves is worth more, and the log says what is wrong.
    """
    if not settings.metrics.listen:
        return None
    from lingpai.web.server.listening import listen, url

    try:
        made = listen(*_where(settings.metrics.listen), int(settings.socket_mode, 8))
    except OSError as error:
        failure = Failure(f"cannot listen on {settings.metrics.listen} (metrics.listen): {os.strerror(error.errno or 0)}")
        if must:
            raise failure from None
        log.error("metrics.unreachable", why=failure.message)
        return None
    log.info("metrics.served", url=url(made))
    return made


def _where(text: str) -> tuple[str, int]:
    if text.startswith(SOCKET):
        return text, 0
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def post_at(listening: socket.socket | None) -> "Post | None":
    """A process that listens there itself."""
    if listening is None:
        return None
    from lingpai.web.server.watched import Post

    return Post(listening)


async def watch(services: "Services", post: "Post | None") -> "Watch | None":
    """Answers at that post from now on; None: there is none."""
    if post is None:
        return None
    from lingpai.web.server.watched import Watch

    made = Watch(services, post)
    await made.start()
    return made


@asynccontextmanager
async def watching(services: "Services", listening: socket.socket | None) -> AsyncIterator[None]:
    """The same around a process that serves nothing else."""
    made = await watch(services, post_at(listening))
    try:
        yield
    finally:
        if made:
            await made.close()

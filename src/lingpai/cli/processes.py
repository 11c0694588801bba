"""The processes of `lingpai serve`: one that serves alone, or a supervisor and its workers."""

import asyncio
import gc
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click
import structlog

from lingpai.cli.renewal import SelfRenewal
from lingpai.cli.watched import post_at, watch
from lingpai.core.chance import SystemClock
from lingpai.core.errors import Unavailable
from lingpai.settings import Settings, reached
from lingpai.settings.handed import Handed
from lingpai.settings.realms import dialects
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.notify import ServiceManager
from lingpai.web.server.serve import Life, Terms
from lingpai.web.server.serve import run as run_loop
from lingpai.web.server.serve import serve as serve_on
from lingpai.web.server.workers import Company, Predecessor, Ties, supervise

if TYPE_CHECKING:
    from lingpai.assembly import Service
    from lingpai.steps.services import Services
    from lingpai.web.server.watched import Post, ReportBoard, Watch

NEEDS_RESTART = "what the command line and the environment say (where it listens, how many processes), and socket_mode"
"""What SIGHUP changes nothing of: a process cannot be given other words, and a socket's file is there already."""

log = structlog.get_logger("lingpai.serve")


@dataclass(frozen=True, slots=True)
class Serving:
    """What is served, where, and by how many."""

    settings: Settings
    sockets: Sequence[socket.socket]
    urls: Sequence[str]
    given: Handed
    workers: int
    sends: bool
    """Whether letters are sent too."""
    watched: socket.socket | None = None
    """Where whoever watches over this node connects."""

    @property
    def status(self) -> str:
        """For the service manager and its people."""
        return f"serving at {' and '.join(self.urls)}"

    def terms(self, *, beat_seconds: float, ties: Ties | None = None) -> Terms:
        """How one process of it serves."""
        return Terms(
            Bounds(idle_seconds=self.settings.keep_alive_seconds, connections=self.settings.connections),
            delay_seconds=self.settings.drain.delay_seconds,
            lent=self.given.lent,
            lifeline=ties.lifeline if ties else None,
            beat_seconds=beat_seconds,
            on_terminal=ties is None and sys.stdin.isatty(),
        )


def run(serving: Serving) -> None:
    """Serves until it is told to stop; at SIGHUP this process becomes a newer one of itself, if that one can start."""
    manager = ServiceManager(serving.given.notify, serving.given.watchdog_seconds, SystemClock())
    if serving.workers > 1:
        gc.enable()
        raise SystemExit(_supervise(serving, manager))
    renewal = SelfRenewal(serving.sockets, lent=serving.given.lent)
    post = post_at(serving.watched)
    if run_loop(_live(serving, Alone(serving, manager, renewal, post), serving.terms(beat_seconds=manager.beat_seconds))):
        renewal.become(None, ())


def _supervise(serving: Serving, manager: ServiceManager) -> int:
    import lingpai.guard.passwords.arena  # noqa: F401 - what it makes once is for all processes that are forked

    given = serving.given
    board = _board(serving)

    def work(ties: Ties) -> None:
        post = _post_of(ties, board) if board else None
        run_loop(_live(serving, OneOfSeveral(ties, post), serving.terms(beat_seconds=manager.beat_seconds, ties=ties)))

    def let_go() -> None:
        for one in serving.sockets:
            one.close()

    company = Company(
        serving.workers,
        work,
        delay_seconds=serving.settings.drain.delay_seconds,
        on_terminal=sys.stdin.isatty(),
        let_go=let_go,
        ready=lambda: _say_ready(serving, manager),
        watched=serving.watched,
        status=serving.status,
    )
    before = Predecessor(given.lifeline, given.workers) if given.lifeline is not None else None
    return supervise(company, SystemClock(), manager, SelfRenewal(serving.sockets, lent=given.lent), before)


class ServiceLife(Life):
    """A process with the whole service in it: its own worker ends when it winds up, and it closes with it."""

    def __init__(self, post: "Post | None" = None) -> None:
        self._post = post
        self._watch: Watch | None = None
        self._service: Service | None = None
        self._stop = asyncio.Event()
        self._working: asyncio.Task[None] | None = None
        self._measuring: asyncio.Task[None] | None = None

    async def move_in(self, service: "Service", *, sends: bool) -> None:
        """It is assembled; `sends`: its worker begins to."""
        self._service = service
        self._watch = await watch(service.services, self._post)
        if sends:
            self._working = asyncio.create_task(service.worker.run(self._stop))

    def say_what_a_hash_costs(self) -> None:
        """In the log, soon: the first answer does not wait for it."""
        if self._service:
            self._measuring = asyncio.create_task(_measure(self._service.services))

    def draining(self) -> None:
        if self._service:
            self._service.services.draining.set()

    def stopping(self) -> None:
        self._stop.set()

    async def close(self) -> None:
        if self._measuring:
            self._measuring.cancel()
        if self._working:
            await self._working
        if self._watch:
            await self._watch.close()
        if self._service:
            await self._service.close()


class Alone(ServiceLife):
    """The only process: it reports to the service manager itself."""

    def __init__(self, serving: Serving, manager: ServiceManager, renewal: SelfRenewal, post: "Post | None") -> None:
        super().__init__(post)
        self._serving = serving
        self._manager = manager
        self._renewal = renewal

    def ready(self) -> None:
        _say_ready(self._serving, self._manager)
        self.say_what_a_hash_costs()

    def beat(self) -> None:
        self._manager.alive()

    async def renewable(self) -> bool:
        self._manager.reloading()
        fits = await self._renewal.fits()
        if not fits:
            self._manager.ready(self._serving.status)
        return fits

    def draining(self) -> None:
        self._manager.stopping()
        super().draining()


class OneOfSeveral(ServiceLife):
    """A worker: it reports to its supervisor, and leaves when that tells it to."""

    def __init__(self, ties: Ties, post: "Post | None") -> None:
        super().__init__(post)
        self._ties = ties

    def ready(self) -> None:
        self._ties.beat()
        if self._ties.number == 0:
            self.say_what_a_hash_costs()

    def beat(self) -> None:
        self._ties.beat()

    async def renewable(self) -> bool:
        return True


async def _live(serving: Serving, life: ServiceLife, terms: Terms) -> bool:
    """One process's life: the service is assembled, serves and works, and is closed. True where a successor takes over."""
    from lingpai.assembly import build

    service = await build(serving.settings, processes=serving.workers)
    await life.move_in(service, sends=serving.sends)
    clock, chance = service.services.clock, service.services.chance
    renews = await serve_on(service.app, serving.sockets, clock, chance, life, terms)
    log.info("stopped")
    return renews


async def _measure(services: "Services") -> None:
    """Which Argon2 runs here, and what a hash costs."""
    from lingpai.assembly import hash_cost
    from lingpai.core.threads import run_aside

    hashing = services.settings.hashing
    try:
        # Not on a hashing thread: logins and stopping would wait for it, and from then on it would keep memory that nobody needs yet.
        found = await run_aside(partial(hash_cost.measure, hashing), "measuring")
    except Unavailable:
        log.warning("hashing.no-memory", mib=hashing.memory_kib // 1_024)
        return
    log.info("hashing", argon2=found.version, build=found.build, memory=found.memory, hash_ms=found.ms)


def _board(serving: Serving) -> "ReportBoard | None":
    """What the workers share where somebody watches; made before they are forked."""
    if serving.watched is None:
        return None
    from lingpai.web.server.watched import ReportBoard

    return ReportBoard(serving.workers)


def _post_of(ties: Ties, board: "ReportBoard") -> "Post":
    from lingpai.web.server.watched import Post

    return Post(handed=ties.handed, board=board, number=ties.number)


def _say_ready(serving: Serving, manager: ServiceManager) -> None:
    """In the log, to the service manager, and for people, who were told before where it is a successor."""
    log.info("serving", url=serving.urls[0], urls=serving.urls, dev=serving.settings.dev, workers=serving.workers)
    manager.ready(serving.status)
    if serving.given.succeeds:
        log.info("renewed", needs_restart=NEEDS_RESTART)
        return
    _say_where(serving.settings, serving.urls)


def _say_where(settings: Settings, urls: Sequence[str]) -> None:
    """On standard output: where to click."""
    click.echo(f"Lingpai serves at {urls[0]}")
    for url in urls[1:]:
        click.echo(f"  and at        {url}")
    if settings.dev:
        click.echo(f"  caught mail   {urls[0]}/dev/inbox\n  all calls     {urls[0]}/openapi.json")
        click.echo(f"  try           {_try(settings, urls[0])}")
    sys.stdout.flush()


def _try(settings: Settings, url: str) -> str:
    """A line to paste, of a dialect that is served; without maillink, whose first call needs nothing from before, where all lines stand."""
    maillink = dialects(settings).get("maillink")
    if maillink is None:
        return f"{url}/docs"
    return f"curl {reached(url, maillink)}/register -d email=ada@example.com -d password=correct-horse-battery"

"""`lingpai serve`: the service in one process or several, each with an outbox worker of its own."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import structlog

from lingpai.cli.options import Failure, places, warn_of_connections
from lingpai.settings import Settings, reached
from lingpai.settings.load import Loaded
from lingpai.settings.realms import dialects
from lingpai.settings.written import Log

_URL_OF_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only printed

log = structlog.get_logger("lingpai.serve")


@click.command()
@click.option("--dev", is_flag=True, help="For trying: mails are caught and shown, nothing has to be set.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8_000, show_default=True, help="0: a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="Processes that serve.")
@places
def serve(dev: bool, host: str, port: int, workers: int, data: Path, config: Path | None) -> None:
    """Serve until SIGTERM; outside dev mode after `lingpai migrate`."""
    from lingpai.assembly.configuration import load
    from lingpai.cli.logs import configure

    os.umask(0o077)
    _raise_open_files()
    loaded = load(config, data=data, dev=dev, host=host)
    configure(_log(loaded), loaded.settings.node)
    _prepare(loaded.settings, config)
    warn_of_connections(loaded.settings, workers)
    _admit(loaded.settings)
    listening = _listen(host, port)
    settings = _reached(loaded.settings, _url(listening))
    for doubt in loaded.warnings:
        log.warning("settings.doubtful", what=doubt)
    if workers == 1:
        _work(settings, listening)
    else:
        _supervise(settings, listening, workers)


def _raise_open_files() -> None:
    """As many connections as this user may have: the usual soft limit of 1,024 is soon used up by slow ones (A53)."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _log(loaded: Loaded) -> Log:
    """Dev mode writes for people, unless the settings say otherwise."""
    log = loaded.settings.log
    return msgspec.structs.replace(log, format="console") if loaded.settings.dev and "log.format" not in loaded.sources else log


def _prepare(settings: Settings, config: Path | None) -> None:
    """This version works with the schema when this returns; only dev mode makes it so. Raises WrongSchema."""
    from lingpai.assembly import find_schema
    from lingpai.assembly.schema import WrongSchema
    from lingpai.store.migrate import latest

    found = asyncio.run(find_schema(settings))
    if found.fits:
        if found.newer:
            log.warning("schema.newer", found=found.revision, known=latest())
        return
    if found.newer or not settings.dev:
        raise WrongSchema(found)
    # Another process, for what Alembic needs would stay in this one's memory.
    call = [sys.executable, "-m", "lingpai", "migrate", "--data", str(settings.data), *(["--config", str(config)] if config else [])]
    if subprocess.run(call, stdout=subprocess.DEVNULL, check=False).returncode:  # noqa: S603 - our own command, no shell
        raise Failure("the database could not be migrated")


def _admit(settings: Settings) -> None:
    """Here, and not only in each process that serves: a secret that does not fit is said once, before anybody listens."""
    from lingpai.assembly import admit

    asyncio.run(admit(settings))


def _listen(host: str, port: int) -> socket.socket:
    from lingpai.web.server.serve import listen

    try:
        return listen(host, port)
    except OSError as error:
        raise Failure(f"cannot listen on {host} port {port}: {os.strerror(error.errno) if error.errno else error}") from None


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    host = _URL_OF_ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reached(settings: Settings, url: str) -> Settings:
    """In dev mode links lead to where it listens, unless the settings say otherwise."""
    return settings if settings.public_url else msgspec.structs.replace(settings, public_url=url)


def _supervise(settings: Settings, listening: socket.socket, workers: int) -> None:
    from lingpai.core.chance import SystemClock
    from lingpai.web.server.workers import supervise

    _say_where(settings, _url(listening))
    code = supervise(
        workers, lambda lifeline: _work(settings, listening, processes=workers, lifeline=lifeline), SystemClock(), let_go=listening.close
    )
    raise SystemExit(code)


def _work(settings: Settings, listening: socket.socket, *, processes: int = 1, lifeline: int | None = None) -> None:
    from lingpai.web.server.serve import run

    run(_live(settings, listening, processes, lifeline))


async def _live(settings: Settings, listening: socket.socket, processes: int, lifeline: int | None) -> None:
    """One process's life: the service is assembled, serves and works, and is closed."""
    from lingpai.assembly import build
    from lingpai.web.server.protocol import Bounds
    from lingpai.web.server.serve import serve as serve_on

    house = await build(settings, processes=processes)
    stop = asyncio.Event()
    working = asyncio.create_task(house.worker.run(stop))

    async def close() -> None:
        await working
        await house.close()

    def ready() -> None:
        log.info("serving", url=_url(listening), dev=settings.dev)
        if lifeline is None:
            _say_where(settings, _url(listening))

    bounds, told = Bounds(idle_seconds=settings.keep_alive_seconds), house.services
    await serve_on(house.app, [listening], told.clock, told.chance, close, ready=ready, stopping=stop.set, lifeline=lifeline, bounds=bounds)
    log.info("stopped")


def _try(settings: Settings, url: str) -> str:
    """A line to paste, of a dialect that is served; without maillink, whose first call needs nothing from before, where all lines stand."""
    own = dialects(settings).get("maillink")
    if own is None:
        return f"{url}/docs"
    return f"curl {reached(url, own)}/register -d email=ada@example.com -d password=correct-horse-battery"


def _say_where(settings: Settings, url: str) -> None:
    """For people, on standard output: where to click."""
    click.echo(f"Lingpai serves at {url}")
    if settings.dev:
        click.echo(f"  caught mail   {url}/dev/inbox\n  all calls     {url}/openapi.json")
        click.echo(f"  try           {_try(settings, url)}")
    sys.stdout.flush()

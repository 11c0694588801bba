"""`lingpai serve`: the service in one process or several, each with an outbox worker of its own."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
import structlog

from lingpai.cli.options import Failure, places, warn_of_connections
from lingpai.settings import Settings, realms
from lingpai.settings.check import SOCKET
from lingpai.settings.handed import Handed, handed
from lingpai.settings.load import Loaded
from lingpai.settings.serving import Drain
from lingpai.settings.written import Log

log = structlog.get_logger("lingpai.serve")


@click.command()
@click.option("--dev", is_flag=True, help="For trying: mails are caught and shown, nothing has to be set.")
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=("127.0.0.1",),
    show_default="127.0.0.1",
    help="Where to listen: an address, localhost for both of this machine's, unix:/path for a socket's file. Several by commas, or again.",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8_000, show_default=True, help="0: a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="Processes that serve.")
@click.option("--no-worker", is_flag=True, help="Serve alone: `lingpai worker` sends the letters.")
@click.option("--trial", is_flag=True, hidden=True)
@places
def serve(
    *, dev: bool, hosts: Sequence[str], port: int, workers: int, no_worker: bool, trial: bool, data: Path, config: Path | None
) -> None:
    """Serve until SIGTERM; outside dev mode after `lingpai migrate`.

    Sockets that a service manager hands over (LISTEN_FDS) take the place of --host and --port. SIGHUP reads the settings again, and the
    program: requests are answered all the while. What this command line and the environment say stays until a restart.
    """
    from lingpai.assembly.configuration import load
    from lingpai.cli.logs import configure
    from lingpai.cli.processes import Serving, run
    from lingpai.cli.watched import listen_for_watchers
    from lingpai.web.server.listening import address, url

    os.umask(0o077)
    _raise_open_files()
    given, sockets = _handed()
    addresses = [address(one) for one in sockets] or _each(hosts)
    loaded = load(config, data=data, dev=dev, hosts=addresses)
    settings = _draining(loaded)
    if trial:
        warn_of_connections(settings, workers)
        asyncio.run(_try_out(settings, workers))
        return
    configure(_log(loaded), loaded.settings.node)
    if not given.succeeds:  # a successor was tried a moment ago
        _prepare(settings, config)
        _admit(settings)
        warn_of_connections(settings, workers)
    sockets = sockets or _listen(addresses, port, settings)
    _say_what_is_doubtful(loaded)
    urls = [url(one) for one in sockets]
    watched = listen_for_watchers(settings, must=not given.succeeds)
    run(Serving(_reached(settings, urls[0]), sockets, urls, given, workers, sends=not no_worker, watched=watched))


def _handed() -> tuple[Handed, list[socket.socket]]:
    from lingpai.web.server.listening import handed_over

    try:
        given = handed()
        return given, handed_over(given.sockets)
    except ValueError as wrong:
        raise Failure(f"cannot take over what was handed: {wrong}") from None


def _each(hosts: Sequence[str]) -> list[str]:
    found = [host for text in hosts for host in map(str.strip, text.split(",")) if host]
    if not found:
        raise click.BadParameter("expected an address, localhost or unix:/path", param_hint="--host")
    return found


def _raise_open_files() -> None:
    """As many connections as this user may have: the usual soft limit of 1,024 is soon used up by slow ones (A53)."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _log(loaded: Loaded) -> Log:
    """Dev mode writes for people, unless the settings say otherwise."""
    log = loaded.settings.log
    return msgspec.structs.replace(log, format="console") if loaded.settings.dev and "log.format" not in loaded.sources else log


def _draining(loaded: Loaded) -> Settings:
    """In dev mode nobody has to notice that it ends, unless the settings say otherwise."""
    settings = loaded.settings
    return msgspec.structs.replace(settings, drain=Drain(0)) if settings.dev and "drain.delay_seconds" not in loaded.sources else settings


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
    if found.newer or found.restoring or not settings.dev:
        raise WrongSchema(found)
    # Another process, for what Alembic needs would stay in this one's memory.
    call = [sys.executable, "-m", "lingpai", "migrate", "--data", str(settings.data), *(["--config", str(config)] if config else [])]
    if subprocess.run(call, stdout=subprocess.DEVNULL, check=False).returncode:  # noqa: S603 - our own command, no shell
        raise Failure("the database could not be migrated")


def _admit(settings: Settings) -> None:
    """Here, and not only in each process that serves: a secret that does not fit is said once, before anybody listens."""
    from lingpai.assembly import admit

    asyncio.run(admit(settings))


async def _try_out(settings: Settings, workers: int) -> None:
    """Everything is assembled, and let go of again. Raises what keeps it from serving."""
    from lingpai.assembly import build

    service = await build(_reached(settings, "http://localhost"), processes=workers)
    await service.close()


def _listen(hosts: Sequence[str], port: int, settings: Settings) -> list[socket.socket]:
    from lingpai.web.server.listening import listen_on

    try:
        return listen_on(hosts, port, int(settings.socket_mode, 8))
    except OSError as error:
        where = error.filename if error.filename.startswith(SOCKET) else f"{error.filename} port {port}"
        raise Failure(f"cannot listen on {where}: {os.strerror(error.errno) if error.errno else error}") from None


def _say_what_is_doubtful(loaded: Loaded) -> None:
    for doubt in loaded.warnings:
        log.warning("settings.doubtful", what=doubt)
    for name, length in realms.shorter_passwords(loaded.settings).items():
        # No doubt, as seeds have it so: but whoever sets a longer one elsewhere cannot log in there.
        log.info("passwords.shorter", dialect=name, takes=length, passwords_max=loaded.settings.passwords.max)
    if loaded.aside:
        log.info("settings.aside", variables=loaded.aside, why="Kubernetes sets them for its services")


def _reached(settings: Settings, url: str) -> Settings:
    """In dev mode links lead to where it listens, unless the settings say otherwise."""
    return settings if settings.public_url else msgspec.structs.replace(settings, public_url=url)

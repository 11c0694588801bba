"""`lingpai worker`: sends letters, without serving."""

import asyncio
import signal
import socket
from pathlib import Path

import click

from lingpai.cli.options import places, read, warn_of_connections
from lingpai.settings import Settings


@click.command()
@places
def worker(data: Path, config: Path | None) -> None:
    """Send waiting letters until SIGTERM; any number of workers share the work. `serve` does it too."""
    from lingpai.cli.logs import configure
    from lingpai.cli.watched import listen_for_watchers

    loaded = read(data, config, need="serve")
    configure(loaded.settings.log, loaded.settings.node)
    warn_of_connections(loaded.settings)
    asyncio.run(_work(loaded.settings, listen_for_watchers(loaded.settings)))


async def _work(settings: Settings, watched: socket.socket | None) -> None:
    import structlog

    from lingpai.assembly import open_worker
    from lingpai.cli.watched import watching

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_worker(settings) as (services, worker), watching(services, watched):
        structlog.get_logger().info("worker.started")
        await worker.run(stop)
    structlog.get_logger().info("worker.stopped")

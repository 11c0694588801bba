"""nginx as Debian ships it, in front of nodes: what is not said here is as it comes."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from needed import needed
from running import SECONDS

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
CLIENT = "proxy_set_header X-Forwarded-For $http_x_forwarded_for;"
KEEPING = ("keepalive 16;", 'proxy_http_version 1.1; proxy_set_header Connection "";')
"""Connections to the nodes are kept, which nginx does not by itself."""


@asynccontextmanager
async def nginx(folder: Path, nodes: Sequence[str], upstream: str = "", location: str = "") -> AsyncIterator[int]:
    """Its port, until the end. `nodes`: `host:port` with what follows it; `upstream` and `location`: more lines of these blocks.

    Each request's X-Forwarded-For is handed on as it comes, so that a test may be many clients. Connections are as many as wait while a
    node starts on a machine that does much else.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    servers = " ".join(f"server {node};" for node in nodes)
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err; worker_processes 1; events {{ worker_connections 8192; }}\n"
        f"http {{ access_log off; {' '.join(f'{kind}_temp_path {folder}/{kind};' for kind in TEMPORARY)}\n"
        f"upstream nodes {{ {servers} {upstream} }}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://nodes; {CLIENT} {location} }} }} }}\n"
    )
    process = await asyncio.create_subprocess_exec(needed("nginx"), "-c", str(file), "-e", f"{folder}/nginx.err")
    try:
        await listening(port, process)
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Until nginx takes connections; raises where it has ended."""
    async with asyncio.timeout(SECONDS):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
            writer.close()
            return
    raise AssertionError("nginx has ended")

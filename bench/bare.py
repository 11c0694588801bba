"""What a session check is measured against: a bare ASGI handler that makes the same one-row read behind the same protocol class.

`bare.py PORT DATABASE_URL`. The statement is the service's own, on the same driver, and what the class does for session checks it does
here too: they begin at once, and their reply is one message. No route, no gate, no limits, no headers of safety.
"""

import asyncio
import hashlib
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import apsw
import asyncpg
import msgspec
import people
import uvloop

from lingpai.core.chance import SystemChance, SystemClock
from lingpai.store import sqlite
from lingpai.store.postgres.pool import DIALECT
from lingpai.store.sessions import _ALIVE as ALIVE
from lingpai.web.http.response_headers import PLAIN
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.serve import Server

Row = tuple[Any, ...]
Read = Callable[[bytes], Awaitable[Row]]

ID, NICKNAME, EMAIL = 1, 10, -2
"""Where they stand in the row."""
FIRST = {people.check(0).split()[1]}
"""As `FrontProtocol` knows those that wait for no turn: by their path."""


async def reader(url: str) -> Read:
    """Reads a session's row by the digest of its token."""
    return _sqlite(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else await _postgres(url)


def _sqlite(path: str) -> Read:
    connection = apsw.Connection(path)
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    plan = ALIVE.plan(sqlite.DIALECT)

    async def read(digest: bytes) -> Row:
        given = {"digest": digest, "realm": "main", "now": time.time_ns() // 1_000_000}
        row: Row = connection.execute(plan.sql, plan.bind(given)).fetchall()[0]
        return row

    return read


async def _postgres(url: str) -> Read:
    # As the service has it: giving a connection back costs no round trip.
    pool = await asyncpg.create_pool(url, min_size=10, max_size=10, reset=_as_it_is)
    plan = ALIVE.plan(DIALECT)

    async def read(digest: bytes) -> Row:
        given = {"digest": digest, "realm": "main", "now": time.time_ns() // 1_000_000}
        async with pool.acquire() as connection:
            return tuple((await connection.fetch(plan.sql, *plan.bind(given)))[0])

    return read


async def _as_it_is(_connection: object) -> None:
    pass


def application(read: Read) -> Callable[..., Awaitable[None]]:
    """The handler."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        cookie: bytes = next(value for name, value in scope["headers"] if name == b"cookie")
        row = await read(hashlib.sha256(cookie.partition(b"=")[2]).digest())
        card = {"id": row[ID], "email": row[EMAIL], "phone": None, "nickname": row[NICKNAME]}
        body = msgspec.json.encode({"code": 200, "msg": "success", "data": card})
        head = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
        await send({"type": PLAIN, "head": head, "body": body})

    return app


async def main(port: int, url: str) -> None:
    """Until SIGTERM."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        app = application(await reader(url))
        await Server(app, [listening], SystemClock(), SystemChance(), Bounds(), FIRST).start()
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))

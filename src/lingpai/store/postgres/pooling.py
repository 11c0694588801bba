"""Whether a pooler stands between us and PostgreSQL, and for how long it lends a connection."""

from typing import Literal

from lingpai.store.postgres.faults import translated
from lingpai.store.postgres.hosts import Connected, Hosts

Pooling = Literal["none", "session", "transaction"]
"""`none`: we speak to PostgreSQL itself; else how long a client keeps its connection to it."""

TIMEOUT_SECONDS = 2.0
"""Seconds that one statement may wait: a pooler that lends for a session may have no second connection to give."""
TRIES = 3
"""Looks whether two of our connections are one behind the pooler: somebody else may take it in between."""

_PROCESS = "SELECT pg_backend_pid()"


async def pooling(url: str) -> Pooling:
    """What is met at a `postgresql://` URL. Raises StoreDown."""
    hosts = Hosts(url, command_timeout=TIMEOUT_SECONDS, statement_cache_size=0, server_settings={"application_name": "lingpai"})
    connections: list[Connected] = []
    try:
        with translated():
            return await _met(hosts, connections)
    finally:
        for one in connections:
            one.terminate()


async def _met(hosts: Hosts, connections: list[Connected]) -> Pooling:
    connections.append(one := await hosts.connect())
    # To cancel by, a server says which process it is. A pooler, whose clients change their process, says a number of its own.
    if await one.fetchval(_PROCESS) == one.get_server_pid():
        return "none"
    connections.append(other := await hosts.connect())
    shared = [await _shared(one, other) for _ in range(TRIES)]
    return "transaction" if any(shared) else "session"


async def _shared(one: Connected, other: Connected) -> bool:
    """Whether both are led to the same process, one after the other."""
    try:
        return bool(await one.fetchval(_PROCESS) == await other.fetchval(_PROCESS))
    except TimeoutError:
        return False

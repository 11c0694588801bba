"""Callers with a new connection each, who know what became of it."""

import asyncio
from collections import Counter
from contextlib import suppress

from running import SECONDS

Target = int | str
"""A port of this machine, or a socket's file."""


async def call(target: Target, request: bytes) -> str:
    """`refused` where it did not connect, `reset` where it did and was turned away, else the status."""
    try:
        connecting = asyncio.open_connection("127.0.0.1", target) if isinstance(target, int) else asyncio.open_unix_connection(target)
        async with asyncio.timeout(SECONDS):
            reader, writer = await connecting
    except OSError:
        return "refused"
    try:
        writer.write(request)
        async with asyncio.timeout(SECONDS):
            answer = await reader.read()
        return answer[9:12].decode() or "reset"
    except OSError:
        return "reset"
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\r\n".encode()


async def bursts(target: Target, request: bytes, size: int, ended: asyncio.Event) -> Counter[str]:
    """So many at once, again and again, until nobody listens any more or it is `ended`; how often each thing happened."""
    found: Counter[str] = Counter()
    while "refused" not in found and not ended.is_set():
        found.update(await asyncio.gather(*(call(target, request) for _ in range(size))))
    return found

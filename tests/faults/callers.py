"""Callers with a new connection each, who know what became of it."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address

import msgspec

from lingpai.core.chance import SystemClock
from running import SECONDS

Target = int | str
"""A port of this machine, or a socket's file."""


async def call(target: Target, request: bytes) -> str:
    """`refused` where it did not connect, `reset` where it did and was turned away, `silence` where nothing came, else the status."""
    try:
        connecting = asyncio.open_connection("127.0.0.1", target) if isinstance(target, int) else asyncio.open_unix_connection(target)
        async with asyncio.timeout(SECONDS):
            reader, writer = await connecting
    except TimeoutError:
        return "silence"
    except OSError:
        return "refused"
    try:
        writer.write(request)
        async with asyncio.timeout(SECONDS):
            answer = await reader.read()
        return answer[9:12].decode() or "reset"
    except TimeoutError:
        return "silence"
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


def post(path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def people() -> Iterator[tuple[str, bytes]]:
    """Requests of clients, and the address of each: every tenth asks for a mail, and every fiftieth registers, which is dear."""
    for number in itertools.count(1):
        client = str(ip_address("10.0.0.0") + number)
        header = f"X-Forwarded-For: {client}\r\n"
        mail = {"email": f"person{number}@example.com"}
        if number % 50 == 0:
            yield client, post("/register", msgspec.json.encode(mail | {"password": "correct-horse-battery"}), header)
        elif number % 10 == 0:
            yield client, post("/reset_password/send_mail", msgspec.json.encode(mail), header)
        else:
            yield client, get("/login", header)


async def people_come(target: Target, per_second: int, ended: asyncio.Event) -> dict[str, str]:
    """What became of each client of those that come so often, and no sooner after a stop of the machine, until it is `ended`."""
    clock, loop, calls = SystemClock(), asyncio.get_running_loop(), {}
    due = loop.time()
    for client, request in people():
        if ended.is_set():
            break
        calls[client] = asyncio.create_task(call(target, request))
        due = max(due + 1 / per_second, loop.time())
        await clock.sleep(due - loop.time())
    return {client: await each for client, each in calls.items()}

"""A stop under load: it is not ready first, then takes nothing new, and turns nobody away who has connected (contract, R10)."""

import asyncio
import signal
from collections import Counter
from pathlib import Path

import pytest

from faults.callers import bursts, call, get
from running import SECONDS, Running, serving

ALIVE = get("/healthz")
READY = get("/readyz")
BURST = 50
REAL = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://127.0.0.1:9", "LINGPAI_TRUSTED_PROXIES": "unix"}


async def stopped_under_load(running: Running, target: int | str) -> Counter[str]:
    """What becomes of bursts of 50 new connections, several at a time, that go on through a stop."""
    found: Counter[str] = Counter(await asyncio.gather(*(call(target, ALIVE) for _ in range(BURST))))
    calling = [asyncio.create_task(bursts(target, ALIVE, BURST, asyncio.Event())) for _ in range(4)]
    running.tell(signal.SIGTERM)
    for each in calling:
        found += await each
    assert await running.ended() == 0
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_nobody_who_has_connected_is_turned_away_by_a_stop(sqlite_path: Path, workers: str) -> None:
    async with serving("--workers", workers, "--data", sqlite_path.parent, **REAL) as running:
        found = await stopped_under_load(running, running.port)
    assert set(found) == {"200", "refused"}, found


@pytest.mark.long
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_nobody_is_of_thousands_in_a_row_of_stops(sqlite_path: Path, workers: str) -> None:
    found: Counter[str] = Counter()
    while found.total() < 2_400:
        async with serving("--workers", workers, "--data", sqlite_path.parent, **REAL) as running:
            found += await stopped_under_load(running, running.port)
    assert set(found) == {"200", "refused"}, found


async def test_nor_is_who_has_connected_to_a_sockets_file(sqlite_path: Path) -> None:
    file = sqlite_path.with_name("http.sock")
    async with serving("--host", f"unix:{file}", "--workers", "2", "--data", sqlite_path.parent, **REAL) as running:
        found = await stopped_under_load(running, str(file))
    assert set(found) == {"200", "refused"}, found
    assert not await asyncio.to_thread(file.exists)


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_it_says_that_it_is_not_ready_and_answers_on_until_the_delay_is_over(sqlite_path: Path, workers: str) -> None:
    slow = REAL | {"LINGPAI_DRAIN__DELAY_SECONDS": "300"}
    async with serving("--workers", workers, "--data", sqlite_path.parent, **slow) as running:
        assert await call(running.port, READY) == "200"
        running.tell(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            while await call(running.port, READY) != "503":
                pass
        for _ in range(20):
            assert await call(running.port, ALIVE) == "200"
        running.tell(signal.SIGTERM)  # whoever is in a hurry says so once more
        assert await running.ended() == 0


async def test_a_kept_connection_ends_with_its_next_answer_and_is_not_cut_before(sqlite_path: Path) -> None:
    slow = REAL | {"LINGPAI_DRAIN__DELAY_SECONDS": "300"}
    async with serving("--data", sqlite_path.parent, **slow) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        asked = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        writer.write(asked)
        assert b"connection: close" not in await reader.readuntil(b"\r\n\r\n")
        running.tell(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            while await call(running.port, READY) != "503":
                pass
            writer.write(asked)
            assert b"connection: close" in await reader.read()
        writer.close()
        running.tell(signal.SIGTERM)
        assert await running.ended() == 0

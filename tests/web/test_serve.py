"""Draining, signals and workers (contract, "Running it")."""

import asyncio
import os
import signal

import pytest

from frontdoor import answers, mount, raw, services, serving, wired
from lingpai.assembly.front import application
from web.programs import started

HOST = b"Host: id.example.com\r\n"
WHO = b"GET /who HTTP/1.1\r\n" + HOST
LAST = b"Connection: close\r\n\r\n"


@wired
async def test_draining_lets_running_requests_finish_and_takes_no_new_ones() -> None:
    made = services()
    served = application(made, (mount(),), mount())
    async with serving(served) as (server, port):
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        idle_writer.write(WHO + b"\r\n")
        await idle_reader.readuntil(b"}")
        running = asyncio.create_task(raw(port, b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n"))
        await asyncio.wait([running], timeout=0.05)
        draining = asyncio.create_task(server.drain(5))
        assert await idle_reader.read() == b""
        with pytest.raises(ConnectionError):
            await raw(port, WHO + LAST)
        assert not draining.done()
        made.gate.set()
        (got,) = answers(await running)
        await draining
        idle_writer.close()
    assert got.json() == {"code": 200, "said": "waited"}
    assert got["connection"] == "close"


@wired
async def test_draining_has_an_end() -> None:
    async with serving() as (server, port):
        running = asyncio.create_task(raw(port, b"GET /wait HTTP/1.1\r\n" + HOST + b"\r\n"))
        await asyncio.wait([running], timeout=0.05)
        await server.drain(0.05)
        await asyncio.wait([running], timeout=5)
        assert running.done()
        running.exception()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [0, 2])
@wired
async def test_a_signal_ends_it_in_order_with_exit_code_0(number: signal.Signals, workers: int) -> None:
    with started(workers) as (process, port, _):
        assert answers(await raw(port, WHO + LAST))[0].status == 200
        process.send_signal(number)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert said.count("closed") == (workers or 1)


@wired
async def test_a_worker_that_dies_is_replaced() -> None:
    with started(2) as (process, port, born):
        assert process.stdout
        os.kill(born[0], signal.SIGKILL)
        successor = int(process.stdout.readline().split()[1])
        assert successor not in born
        os.kill(born[1], signal.SIGKILL)
        assert answers(await raw(port, WHO + LAST))[0].status == 200
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_workers_end_when_their_supervisor_is_killed() -> None:
    with started(2) as (process, _, born):
        process.kill()
        said, _ = process.communicate(timeout=20)  # returns when the last worker has let go of the pipe
    assert said.count("closed") == len(born)

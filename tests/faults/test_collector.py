"""A real node and its collector of traces, which may hang, refuse, or be away."""

import asyncio
from pathlib import Path

import httpx

from faults.service import caller, warned
from otlp import receiving
from running import SECONDS, Running, serving

RECORDED = {"LINGPAI_TRACES__RATIO": "1", "LINGPAI_LOG__FORMAT": "json", "LINGPAI_NODE": "here"}


async def log_in(running: Running) -> httpx.Response:
    """On a connection of its own, which any of the processes may take."""
    async with caller(running) as somebody:
        return await somebody.post("/login", data={"email": "ada@example.com", "password": "correct-horse-battery"})


async def test_each_process_sends_its_own_and_the_log_leads_to_them(tmp_path: Path) -> None:
    secret = tmp_path / "headers"
    secret.write_text("authorization=Bearer%20from-a-file\n")
    async with receiving() as (receiver, endpoint):
        traces = {"LINGPAI_TRACES__ENDPOINT": endpoint, "LINGPAI_TRACES__HEADERS_FILE": str(secret)}
        async with serving("--dev", "--workers", "2", "--data", tmp_path / "d", **RECORDED, **traces) as running:
            lines = []
            async with asyncio.timeout(SECONDS):
                while len({line["pid"] for line in lines}) < 2:
                    await log_in(running)
                    lines = [line for line in running.events if line["event"] == "request"]
            for line in lines:
                login = await receiver.once(lambda one, trace=line["trace_id"]: one.trace == trace and one.kind == "server")
                assert login.attributes["lingpai.request_id"] == line["request_id"]
                assert login.of["service.instance.id"] == line["node"] == "here"
            assert {headers["authorization"] for headers in receiver.headers} == {"Bearer from-a-file"}
            assert await running.end() == 0


async def test_what_is_left_is_sent_when_the_process_ends(tmp_path: Path) -> None:
    async with receiving() as (receiver, endpoint):
        async with serving("--dev", "--data", tmp_path / "d", **RECORDED, LINGPAI_TRACES__ENDPOINT=endpoint) as running:
            await log_in(running)
            assert await running.end() == 0
        assert [one.name for one in receiver.spans if one.kind == "server"] == ["POST /login"]


async def test_a_collector_that_hangs_holds_up_neither_an_answer_nor_the_end(tmp_path: Path) -> None:
    async with receiving() as (receiver, endpoint):
        receiver.open.clear()
        async with serving("--dev", "--data", tmp_path / "d", **RECORDED, LINGPAI_TRACES__ENDPOINT=endpoint) as running:
            await log_in(running)
            await receiver.asked.wait()
            assert (await log_in(running)).status_code == 200
            assert await running.end() == 0
            assert not receiver.open.is_set(), "all the while it has answered nobody"
            assert receiver.spans == []


async def test_its_loss_and_its_return_are_said_once_each(tmp_path: Path) -> None:
    async with receiving() as (receiver, endpoint):
        receiver.status = 400
        async with serving("--dev", "--data", tmp_path / "d", **RECORDED, LINGPAI_TRACES__ENDPOINT=endpoint) as running:
            for count in (1, 2):
                await log_in(running)
                async with asyncio.timeout(SECONDS):
                    await receiver.batches(count)
            lost = await running.logged("traces-lost")
            assert "400" in lost["reason"]
            receiver.status = 200
            await log_in(running)
            await running.logged("traces-back")
            assert await running.end() == 0
            said = [line["event"] for line in warned(running)]
        assert said == ["traces-lost", "traces-back"], "no line a batch, and none of the library's own"


async def test_one_that_is_away_is_no_reason_not_to_start(tmp_path: Path) -> None:
    away = {"LINGPAI_TRACES__ENDPOINT": "http://127.0.0.1:9"}
    async with serving("--dev", "--data", tmp_path / "d", **RECORDED, **away) as running:
        assert (await log_in(running)).status_code == 200
        assert await running.end() == 0

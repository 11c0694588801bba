"""No measurable time tells who has an account (contract, 8.2): a friend's request does what a stranger's does, on each kind of store."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import valkey

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.core.errors import NotLoggedIn
from lingpai.store import accounts
from lingpai.web.dialects import dialects
from web.test_every_dialect import face, registered
from web.town import Town, settings_for
from web.traces import Trace
from web.walking import walker

NAMES = tuple(dialects())


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def stores(request: pytest.FixtureRequest) -> dict[str, str]:
    """Each store that counters may be kept in."""
    if request.param == "postgres":
        return {"database_url": str(request.getfixturevalue("postgres_url"))}
    lite = {"database_url": f"sqlite:///{request.getfixturevalue('sqlite_path')}"}
    return lite | ({"valkey_url": str(request.getfixturevalue("valkey_url"))} if request.param == "valkey" else {})


@pytest.fixture
async def town(stores: dict[str, str], tmp_path: Path, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Town]:
    """No dialect of it tells who has an account, not even hiyouth."""
    quiet = {name: dialect.settings(reveal_accounts=False) for name, dialect in dialects().items()}
    url, more = stores["database_url"], {name: value for name, value in stores.items() if name != "database_url"}
    house = await build(settings_for(tmp_path, url, **quiet, **more), clock, chance)
    yield Town(house, clock)
    await house.close()


def later(town: Town, stores: dict[str, str]) -> None:
    """No interval runs any more. Valkey's own clock cannot be moved: it forgets all."""
    town.clock.advance(hours=2)
    if "valkey_url" in stores:
        valkey.Valkey.from_url(stores["valkey_url"]).flushdb()


@pytest.mark.parametrize("name", NAMES)
async def test_friend_and_stranger_leave_the_same_trace_at_every_call(
    town: Town, stores: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = walker(town, name)
    await registered(person)
    trace, compared = Trace(town, monkeypatch), 0
    for number, step in enumerate(person.dialect.walk.steps):
        if NotLoggedIn in person.call_of(step).refusals or step.page:
            continue
        done = []
        for whose in (person.email, f"nobody{number}@mail.example.com"):
            later(town, stores)
            trace.take()
            asked = await face(walker(town, name), step, whose)
            done.append(trace.take())
        if asked:
            assert done[0] == done[1], (step.path, [pair for pair in zip(*done, strict=False) if pair[0] != pair[1]][:3])
            compared += 1
    assert compared > 1


PHONE, OTHER_PHONE = "13800138000", "13900139000"
BY_PHONE = {"type": "member", "option": "mobile", "pwd": "not-the-password-7"}
BY_NAME_OR_PHONE = [
    ("session", "POST", "/session/Forget_pass_send", {"EmailAccount": ("ada", "bobby")}),
    ("session", "POST", "/session/Forget_pass_Question", {"EmailAccount": ("ada", "bobby")}),
    ("session", "POST", "/session/Forget_pass_EmailAccount", {"EmailAccount": ("ada", "bobby"), "code": ("000000", "000000")}),
    ("hiyouth", "POST", "/api/findpwd", {**{name: (text, text) for name, text in BY_PHONE.items()}, "account": (PHONE, OTHER_PHONE)}),
    ("hiyouth", "POST", "/api/Login", {**{name: (text, text) for name, text in BY_PHONE.items()}, "account": (PHONE, OTHER_PHONE)}),
    ("hiyouth", "POST", "/api/Register", {**{name: (text, text) for name, text in BY_PHONE.items()}, "account": (PHONE, OTHER_PHONE)}),
]
"""Calls that take an account's name or its phone as well: with those of the walk, and with those of nobody."""


async def sent(town: Town, path: str, fields: dict[str, str]) -> httpx.Response:
    """As a program sends it, or as the form of one of our pages does."""
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"} if path.startswith("/page/") else {}
    return await town.browser().post(path, data=fields, headers=headers)


@pytest.mark.parametrize(("name", "method", "path", "pairs"), BY_NAME_OR_PHONE, ids=lambda value: value if isinstance(value, str) else "")
async def test_so_it_is_for_who_is_called_by_a_name_or_a_phone(
    town: Town,
    stores: dict[str, str],
    name: str,
    method: str,
    path: str,
    pairs: dict[str, tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await registered(walker(town, name))
    trace = Trace(town, monkeypatch)
    done = []
    for which in (0, 1):
        later(town, stores)
        trace.take()
        await sent(town, path, {field: pair[which] for field, pair in pairs.items()})
        done.append(trace.take())
    assert done[0] == done[1], [pair for pair in zip(*done, strict=False) if pair[0] != pair[1]][:3]


PAGES = [
    ("/page/login", {"password": "not-the-password-7"}, "account"),
    ("/page/forgot", {"by": "code"}, "account"),
    ("/page/forgot", {"by": "link"}, "account"),
    ("/page/activate/again", {}, "email"),
    ("/page/register", {"by": "link", "password": "not-the-password-7", "terms": "on"}, "email"),
]


@pytest.mark.parametrize(("path", "fields", "field"), PAGES, ids=lambda value: value if isinstance(value, str) else "")
async def test_so_it_is_at_every_page_that_takes_an_address(
    town: Town, stores: dict[str, str], path: str, fields: dict[str, str], field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = walker(town, "maillink")
    await registered(person)
    trace = Trace(town, monkeypatch)
    done = []
    for whose in (person.email, "nobody@mail.example.com"):
        later(town, stores)
        trace.take()
        await sent(town, path, {**fields, field: whose})
        done.append(trace.take())
    assert len(done[0]) > 3
    assert done[0] == done[1], [pair for pair in zip(*done, strict=False) if pair[0] != pair[1]][:3]


async def test_a_difference_is_found(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a look at the store that only a friend's request makes."""
    person = walker(town, "maillink")
    await registered(person)
    trace = Trace(town, monkeypatch)
    await accounts.find(town.house.services.store, "main", "email", person.email)
    assert trace.take() == ["statement read identifiers"]
    assert trace.take() == []

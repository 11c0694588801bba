"""No measurable time tells who has an account (contract, 8.2): a friend's request does what a stranger's does, on each kind of store."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import valkey

import lingpai.web
from fakes import FakeChance, FakeClock
from flows.births import HERE, born
from lingpai.assembly import build
from lingpai.core import rules
from lingpai.core.errors import NotLoggedIn
from lingpai.settings import Pages
from lingpai.social import SocialPerson
from lingpai.steps import newcomers
from lingpai.store import accounts
from lingpai.web.dialects import dialects
from lingpai.web.pages import activation, connect, me, recovery
from lingpai.web.pages.entrance import ENTRANCE
from lingpai.web.request.calls import Call
from lingpai.web.request.examples import values_of
from lingpai.web.request.fields import slots
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
    house = await build(settings_for(tmp_path, url, pages=Pages(register=("link", "code")), **quiet, **more), clock, chance)
    yield Town(house, clock)
    await house.close()


def later(town: Town, stores: dict[str, str]) -> None:
    """No interval and no count runs any more. Valkey's own clock cannot be moved: it forgets all."""
    town.clock.advance(days=2)
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
TOKEN, NEW = "a" * 52, "a staple of another kind"
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


async def sent(
    town: Town, path: str, fields: dict[str, str], method: str = "POST", browser: httpx.AsyncClient | None = None
) -> httpx.Response:
    """As a program sends it, or as the form of one of our pages does."""
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"} if path.startswith("/page/") else {}
    browser = browser or town.browser()
    if method == "GET":
        return await browser.get(path, params=fields, headers=headers)
    return await browser.post(path, data=fields, headers=headers)


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


async def test_so_it_is_at_sessions_login_behind_its_captcha(town: Town, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    await registered(walker(town, "session"))
    trace, done = Trace(town, monkeypatch), []
    for who in ("ada", "bobby"):
        later(town, stores)
        stranger = walker(town, "session")
        walk = stranger.dialect.walk
        trace.take()
        assert not stranger.accepted(await stranger.take(stranger.step_to(walk.log_in), ada=who, **{walk.password: walk.new_password}))
        done.append(trace.take())
    assert "verify" in done[0]
    assert done[0] == done[1]


PAGES: list[tuple[str, str, dict[str, str], str]] = [
    ("POST", "/page/login", {"password": "not-the-password-7"}, "account"),
    ("POST", "/page/login/asks", {}, "account"),
    ("POST", "/page/login/code", {}, "account"),
    ("POST", "/page/login/enter", {"code": "000000"}, "account"),
    ("POST", "/page/forgot", {"by": "code"}, "account"),
    ("POST", "/page/forgot", {"by": "link"}, "account"),
    ("POST", "/page/forgot", {"by": "questions"}, "account"),
    ("POST", "/page/forgot/code", {"code": "000000"}, "account"),
    ("POST", "/page/forgot/answers", {"answer_one": "a", "answer_two": "b", "answer_three": "c"}, "account"),
    ("POST", "/page/forgot/password", {"password": NEW}, "account"),
    ("GET", "/page/reset", {"vcode": TOKEN}, "email"),
    ("POST", "/page/reset", {"vcode": TOKEN, "password": NEW}, "email"),
    ("GET", "/page/activate", {"vcode": TOKEN}, "email"),
    ("POST", "/page/activate", {"vcode": TOKEN}, "email"),
    ("POST", "/page/activate/password", {"vcode": TOKEN, "password": NEW}, "email"),
    ("POST", "/page/activate/again", {}, "email"),
    ("POST", "/page/verify/again", {}, "email"),
    ("POST", "/page/register", {"by": "link", "password": NEW, "terms": "on"}, "email"),
    ("POST", "/page/register/code", {"way": "code"}, "account"),
    ("POST", "/page/register/enter", {"code": "000000"}, "account"),
    ("POST", "/send_activate_email", {}, "email"),
    ("GET", "/activate_account", {"vcode": TOKEN}, "email"),
    ("GET", "/reset_password/verify", {"vcode": TOKEN}, "email"),
]
"""The pages' forms that take an address, and what mails open; what each is sent beside it."""


async def test_so_it_is_at_every_page_that_takes_an_address(town: Town, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    person = walker(town, "maillink")
    await registered(person)
    trace, differs = Trace(town, monkeypatch), {}
    for number, (method, path, fields, field) in enumerate(PAGES):
        done = []
        for whose in (person.email, f"nobody{number}@mail.example.com"):
            later(town, stores)
            trace.take()
            reply = await sent(town, path, {**fields, field: whose}, method)
            assert reply.status_code < 500, (path, reply.text)
            done.append(trace.take())
        assert len(done[0]) > 1, path
        if done[0] != done[1]:
            differs[method, path, *fields.values()] = [pair for pair in zip(*done, strict=False) if pair[0] != pair[1]][:3]
    assert differs == {}


BIND = {
    "/page/connect/new/bind": {"password": "not-the-password-7"},
    "/page/connect/new/code": {},
    "/page/connect/new/enter": {"code": "000000"},
}


async def test_so_it_is_for_whoever_comes_by_a_third_party_and_says_which_account_is_theirs(
    town: Town, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = walker(town, "maillink")
    await registered(person)
    trace, differs = Trace(town, monkeypatch), {}
    for number, (path, fields) in enumerate(BIND.items()):
        done = []
        for whose in (person.email, f"nobody{number}@mail.example.com"):
            later(town, stores)
            guest = town.browser()
            step = await newcomers.store(town.house.services, HERE, SocialPerson("qq", "1", "theirs"), "/me")
            guest.cookies.set("lingpai_visit", step.state, domain="127.0.0.1")
            trace.take()
            reply = await sent(town, path, {**fields, "account": whose}, browser=guest)
            assert reply.status_code in (303, 422), reply.text
            assert reply.headers.get("location", "") != "/login", "the page has somebody to link"
            done.append(trace.take())
        assert len(done[0]) > 3, path
        if done[0] != done[1]:
            differs[path] = [pair for pair in zip(*done, strict=False) if pair[0] != pair[1]][:3]
    assert differs == {}


TAKEN_MAIL, FREE_MAIL = "taken@mail.example.com", "free@mail.example.com"
LOGGED_IN = [
    ("hiyouth", "/api/setEmail", {}, "email", (TAKEN_MAIL, FREE_MAIL)),
    ("hiyouth", "/api/setEmail", {"verid": "000000"}, "email", (TAKEN_MAIL, FREE_MAIL)),
    ("hiyouth", "/api/setPhone", {}, "phone", (PHONE, OTHER_PHONE)),
    ("hiyouth", "/api/setPhone", {"verid": "000000"}, "phone", (PHONE, OTHER_PHONE)),
    ("session", "/session/SignUp_email_send", {}, "email", (TAKEN_MAIL, FREE_MAIL)),
    ("session", "/session/SignUp_email", {"code": "000000"}, "email", (TAKEN_MAIL, FREE_MAIL)),
    ("session", "/page/me/email", {"code": "000000"}, "email", (TAKEN_MAIL, FREE_MAIL)),
    ("session", "/page/me/phone", {}, "phone", (PHONE, OTHER_PHONE)),
    ("session", "/page/me/phone", {"code": "000000"}, "phone", (PHONE, OTHER_PHONE)),
]
"""What somebody who is logged in may bind: an address that is another's, and one that is nobody's."""


@pytest.mark.parametrize("name", ["hiyouth", "session"])
async def test_so_it_is_for_who_is_logged_in_and_asks_for_an_address_that_is_anothers(
    town: Town, stores: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await born(town.house.services, rules.email(TAKEN_MAIL), rules.phone(PHONE))
    person = walker(town, name)
    await registered(person)
    trace, differs = Trace(town, monkeypatch), {}
    for _, path, fields, field, pair in (case for case in LOGGED_IN if case[0] == name):
        done = []
        for whose in pair:
            trace.take()
            reply = await sent(town, path, {**fields, field: whose}, browser=person.browser)
            assert reply.status_code in (200, 303, 422), (path, reply.text)
            done.append(trace.take())
        assert len(done[0]) > 3, path
        if done[0] != done[1]:
            differs[path, *fields] = [pair for pair in zip(*done, strict=False) if pair[0] != pair[1]][:3]
    assert differs == {}


ADDRESS = {"account", "email", "emailaccount", "phone"}
"""What a field is called, in any case, that takes an address or a name."""
TOLD = {"/session/sign_up", "/page/me/name"}
"""Whose own answer tells that a name is taken (seed 003): nobody could choose one otherwise."""
OWN = {"/page/me", "/page/me/way", "/page/login/create", "/page/login/recognise"}
"""Forms about what the account that is logged in has, or what the browser has proved."""


def looks_for_an_address(call: Call) -> bool:
    return any(slot.name.lower() in ADDRESS for slot in slots(call.takes)) and (call.changes or "vcode" in names(call))


def names(call: Call) -> set[str]:
    return {slot.name for slot in slots(call.takes)}


def walked(name: str) -> set[str]:
    """The paths that are compared where a dialect's walk goes."""
    dialect = dialects()[name]
    prefix = dialect.settings().prefix.rstrip("/")
    steps = [(next(call for call in dialect.calls if call.path == step.path), step) for step in dialect.walk.steps if not step.page]
    return {
        prefix + step.path
        for call, step in steps
        if NotLoggedIn not in call.refusals and any(dialect.walk.email == value for _, value in values_of(call, dialect.walk, step))
    }


def forms() -> set[str]:
    """Where the pages' forms go that have a field for an address, also a hidden one."""
    found = set()
    for template in (Path(lingpai.web.__file__).parent / "templates").rglob("*.html"):
        for action, body in re.findall(r'<form method="post" action="(.*?)">\n(.*?)</form>', template.read_text(), re.DOTALL):
            if re.search(r'field\(form, ("(account|email|phone)"|kind)|\b(account|email|phone)=', body):
                to = re.findall(r"/page/[\w/{} ]*[\w}]", action)
                found |= {path.replace("{{ kind }}", kind) for path in to for kind in ("email", "phone")}
    return found


def test_every_call_and_every_form_that_takes_an_address_is_compared() -> None:
    compared = {path for name in NAMES for path in walked(name)}
    compared |= {"/session/login"}
    compared |= (
        {path for _, _, path, _ in BY_NAME_OR_PHONE} | {path for _, path, _, _ in PAGES} | {path for _, path, *_ in LOGGED_IN} | {*BIND}
    )
    calls = {
        ("" if call.rooted or call in dialect.pages else dialect.settings().prefix.rstrip("/")) + call.path
        for dialect in dialects().values()
        for call in (*dialect.calls, *dialect.pages)
        if looks_for_an_address(call)
    }
    pages = {call.path for call in (*activation.CALLS, *recovery.CALLS, *connect.CALLS, *me.CALLS, *ENTRANCE) if looks_for_an_address(call)}
    assert len(calls) > 20
    assert len(pages) > 4
    assert len(forms()) > 8
    assert sorted((calls | pages | forms()) - compared - TOLD - OWN) == []


async def test_a_difference_is_found(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a look at the store that only a friend's request makes."""
    person = walker(town, "maillink")
    await registered(person)
    trace = Trace(town, monkeypatch)
    await accounts.find(town.house.services.store, "main", "email", person.email)
    assert trace.take() == ["statement read identifiers"]
    assert trace.take() == []

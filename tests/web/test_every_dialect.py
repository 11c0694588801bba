"""What holds for every dialect that there is, whoever adds it: gone through by the walk that each declares."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from lingpai.core import words
from lingpai.core.errors import CrossSite, NotLoggedIn
from lingpai.settings.realms import query_name, served
from lingpai.web.dialects import dialects
from lingpai.web.pages import me
from lingpai.web.pages.me import login_link
from lingpai.web.request.examples import values_of
from lingpai.web.request.walks import DrawnCaptcha, ExampleStep, ExampleWord, ReadCaptcha, Walk
from web.reading import Page, Reader
from web.town import Town
from web.walking import Walker, walker

FIFTH = "fifth"
NAMES = tuple(dialects())


def moved(name: str, **more: Any) -> dict[str, Any]:
    """The dialect in a realm that is no other's, which needs no name for people."""
    return {name: dialects()[name].settings(realm=FIFTH, **more)}


HERE = [pytest.param(name, {}, id=name) for name in NAMES]
ANYWHERE = HERE + [pytest.param(name, moved(name), id=f"{name} in a realm of its own") for name in NAMES]
HIDING = [pytest.param(name, {name: dialects()[name].settings(reveal_accounts=False)}, id=name) for name in NAMES]


@pytest.mark.parametrize(("name", "changes"), ANYWHERE)
async def test_its_walk_works_from_the_first_step_to_the_last(town: Town, name: str, changes: Mapping[str, Any]) -> None:
    person = walker(town, name)
    assert person.dialect.walk.steps
    for step, reply in await person.go():
        if step.heading:
            headings = tuple(words.text(step.heading, locale) for locale in words.LOCALES)
            assert Page(reply).heading.endswith(headings), (step.path, reply.text)
        else:
            assert person.accepted(reply) is not step.refused, (step.path, reply.text)


async def registered(person: Walker) -> None:
    """As far as the login."""
    *_, (_, reply) = await person.go(until=person.dialect.walk.log_in)
    assert person.accepted(reply), reply.text


def realm_of(town: Town, name: str) -> str:
    return town.house.services.settings.dialects[name].realm


async def lets_in(person: Walker, password: str) -> bool:
    """Whether the dialect's own login takes a password."""
    walk = person.dialect.walk
    return person.accepted(await person.take(person.step_to(walk.log_in), **{walk.password: password}))


async def fill(page: Reader, **typed: str) -> None:
    """Sends the form that asks for a password; the login page offers a code first."""
    if any(form.path == "/page/login/code" for form in page.page.forms):
        await page.open(f"{page.where}{'&' if '?' in page.where else '?'}way=password")
    form = next(form for form in page.page.forms if "password" in form.fields)
    await page.send(form.action, **{name: text for name, text in typed.items() if name in form.fields})


async def reset(page: Reader, person: Walker, password: str) -> None:
    """From the page that asks who it is, by the mailed link, to another password."""
    await page.post("/page/forgot", **{**page.page.form("/page/forgot").fields, "account": person.email, "by": "link"})
    await page.follow(person.email)
    await fill(page, password=password)


def query(town: Town, name: str) -> str:
    """What pages are told of a dialect's realm."""
    found = query_name(town.house.services.settings, realm_of(town, name))
    return f"?type={found}" if found else ""


@pytest.mark.parametrize(("name", "changes"), ANYWHERE)
async def test_a_reset_on_the_pages_leads_back_in(town: Town, name: str, changes: Mapping[str, Any]) -> None:
    person, page = walker(town, name), Reader(town)
    await registered(person)
    town.clock.advance(hours=2)
    walk = person.dialect.walk
    await page.open(f"/forgot{query(town, name)}")
    await reset(page, person, walk.new_password)
    town.clock.advance(hours=2)
    assert await lets_in(person, walk.new_password), page.page.text
    town.clock.advance(hours=2)
    assert not await lets_in(person, walk.password)


@pytest.mark.parametrize(("name", "changes"), ANYWHERE)
async def test_the_notice_of_a_change_leads_to_a_page_that_mails_its_account(town: Town, name: str, changes: Mapping[str, Any]) -> None:
    """The owner of a password that somebody else has changed: from the notice back in."""
    person, page = walker(town, name), Reader(town)
    walk = person.dialect.walk
    await registered(person)
    town.clock.advance(hours=2)
    await page.open(f"/forgot{query(town, name)}")
    await reset(page, person, walk.new_password)
    town.clock.advance(hours=2)
    await page.follow(person.email)
    assert page.where.startswith("/forgot")
    await reset(page, person, walk.password)
    town.clock.advance(hours=2)
    assert await lets_in(person, walk.password)


@pytest.mark.parametrize(("name", "changes"), [pytest.param(name, moved(name), id=name) for name in NAMES])
async def test_its_accounts_are_its_realms_alone(town: Town, name: str, changes: Mapping[str, Any]) -> None:
    """The pages let them in where the realm is asked for, and nowhere else."""
    person = walker(town, name)
    await registered(person)
    settings = town.house.services.settings
    assert FIFTH in served(settings)
    for realm in served(settings):
        page = Reader(town, ip="198.51.100.8")
        kind = query_name(settings, realm)
        await page.open("/login" + (f"?type={kind}" if kind else ""))
        await fill(page, account=person.email, password=person.dialect.walk.password)
        assert (page.where == "/me") is (realm == FIFTH), (realm, page.page.text)
        town.clock.advance(hours=2)


@pytest.mark.parametrize(("name", "changes"), [pytest.param(name, moved(name), id=name) for name in NAMES])
async def test_every_page_serves_a_realm_that_no_setting_names(town: Town, name: str, changes: Mapping[str, Any]) -> None:
    person, page = walker(town, name), Reader(town)
    await registered(person)
    kind = query_name(town.house.services.settings, FIFTH)
    for path in ("/login", "/register", "/forgot"):
        opened = await page.open(f"{path}?type={FIFTH}")
        assert opened.status == 200
        assert {form.fields.get("type", "") for form in opened.forms if form.action.startswith(f"/page{path}")} == {kind}, path
    await log_in_by_page(town, page, person)
    for path in OWN_PAGES:
        opened = await page.open(f"{path}?provider=qq")
        # What an account does not have leads to where it would stand.
        places = ((200, path), (303, "/me"), (303, "/me/safety"), (303, "/me/security"))
        # What says that something was done in this browser says so to nobody else.
        assert (opened.status, page.where.partition("?")[0]) in places or path.endswith("/done"), (path, opened.text)


OWN_PAGES = [call.path for call in (*me.CALLS, *login_link.CALLS) if "GET" in call.methods]


@pytest.mark.parametrize(("name", "changes"), ANYWHERE)
async def test_who_leaves_is_refused_by_the_dialect_and_asked_by_the_pages(town: Town, name: str, changes: Mapping[str, Any]) -> None:
    person, page = walker(town, name), Reader(town)
    await registered(person)
    walk = person.dialect.walk
    await log_in_by_page(town, page, person)
    await page.open("/me/delete")
    await page.send("/page/me/delete", sure="on")
    town.clock.advance(hours=2)
    assert not await lets_in(person, walk.password), "its clients cannot take the step"
    await log_in_by_page(town, page, person)
    assert page.page.heading == words.text("pages.closing.title", "en")
    await page.send("/page/keep")
    town.clock.advance(hours=2)
    assert await lets_in(person, walk.password)


async def log_in_by_page(town: Town, page: Reader, person: Walker) -> None:
    await page.open(f"/login{query(town, person.dialect.name)}")
    await fill(page, account=person.email, password=person.dialect.walk.password)


async def told_apart(town: Town, name: str) -> dict[str, bool]:
    """Each step that asks for an address, and whether its answer says if that has an account."""
    person = walker(town, name)
    await registered(person)
    found: dict[str, bool] = {}
    for number, step in enumerate(person.dialect.walk.steps):
        if NotLoggedIn in person.call_of(step).refusals or step.page:
            continue
        town.clock.advance(hours=2)
        known, unknown = [await face(walker(town, name), step, whose) for whose in (person.email, f"nobody{number}@mail.example.com")]
        if known:
            found[step.path] = found.get(step.path, False) or known != unknown
    return found


@pytest.mark.parametrize(("name", "changes"), HIDING)
async def test_no_answer_tells_whether_an_address_has_an_account(town: Town, name: str, changes: Mapping[str, Any]) -> None:
    found = await told_apart(town, name)
    assert len(found) > 1
    assert not any(found.values()), found


@pytest.mark.parametrize("changes", [{"maillink": dialects()["maillink"].settings(reveal_accounts=True)}])
async def test_an_answer_that_tells_it_is_found(town: Town, changes: Mapping[str, Any]) -> None:
    """The control."""
    assert any((await told_apart(town, "maillink")).values())


async def face(stranger: Walker, step: ExampleStep, whose: str) -> tuple[int, Any] | None:
    """What a stranger is told who knows an address, and neither password nor code; None where the step asks for no address."""
    call, walk = stranger.call_of(step), stranger.dialect.walk
    fields: dict[str, str] = {}
    for field, value in values_of(call, walk, step):
        known = await stranger.read(value) if isinstance(value, str | DrawnCaptcha | ReadCaptcha) else "000000"
        fields[field] = {stranger.email: whose, walk.password: "not-the-password-7"}.get(known, known)
    reply = await stranger.send(call, step, fields)
    return (reply.status_code, masked(reply, step, walk, whose)) if whose in fields.values() else None


def masked(reply: httpx.Response, step: ExampleStep, walk: Walk, whose: str) -> Any:
    """All of an answer but the address, and the values that are an account's own (of a stranger's: made up, or another number)."""
    text = reply.text.replace(whose, "…").replace(quote(whose, safe=""), "…")
    if not reply.headers["content-type"].startswith("application/json"):
        return text
    said = json.loads(text)
    for name, example in {**walk.gives, **step.gives}.items():
        outer, _, inner = name.partition(".")
        if inner and not isinstance(example, ExampleWord) and inner in (said.get(outer) or {}):
            said[outer][inner] = type(said[outer][inner])
    return said


WAYS_OUT = {"/api/cancelLogin"}
"""What a page may lead to though it changes something (contract, 11.20)."""
BY_SCRIPT = [
    pytest.param(name, call.path, id=f"{name} {call.path}")
    for name, dialect in dialects().items()
    for call in dialect.calls
    if "GET" in call.methods and (call.changes or call.by_script) and call.path not in WAYS_OUT
]


@pytest.mark.parametrize(("name", "path"), BY_SCRIPT)
async def test_a_get_that_changes_something_refuses_a_browser_that_navigates_to_it(town: Town, name: str, path: str) -> None:
    dialect = dialects()[name]
    refused = dialect.refuse(CrossSite(), dialect.language)
    person = walker(town, name)
    url = f"{person.base}{path}"
    followed = await person.browser.get(url, headers={"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"})
    fetched = await person.browser.get(url, headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"})
    assert (followed.status_code, followed.json()) == (200, refused)
    assert fetched.json() != refused


@pytest.mark.parametrize(("name", "path"), BY_SCRIPT)
async def test_so_it_does_where_the_browser_says_nothing_but_that_it_reads_html(town: Town, name: str, path: str) -> None:
    """An older one, or any on plain http: a link in a mail would act in its reader's name. The clients' scripts ask for no HTML."""
    dialect, person = dialects()[name], walker(town, name)
    refused = dialect.refuse(CrossSite(), dialect.language)
    followed = await person.browser.get(f"{person.base}{path}", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    asked = await person.browser.get(f"{person.base}{path}", headers={"Accept": "application/json, text/javascript, */*; q=0.01"})
    assert "<h1" in followed.text if followed.headers["content-type"].startswith("text/html") else followed.json() == refused
    assert asked.json() != refused


async def test_the_ways_out_are_led_to(town: Town) -> None:
    assert {call.path for dialect in dialects().values() for call in dialect.calls if call.by_script is False} == WAYS_OUT
    followed = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    async with town.browser() as browser:
        assert (await browser.get("/api/cancelLogin", headers=followed)).headers["location"] == "/login"


@pytest.mark.parametrize("followed", [{}, {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}])
async def test_a_link_that_somebody_wrote_resets_no_password_and_sends_no_mail(town: Town, followed: dict[str, str]) -> None:
    async with town.browser() as browser:
        for query in (
            {"option": "email", "type": "member", "account": "ada@example.com"},
            {"option": "resend", "emailname": "ada@example.com"},
        ):
            path = "/api/findpwd" if "account" in query else "/api/EmailVer"
            assert ((await browser.get(path, params=query, headers=followed)).json()["code"] == 1) is not bool(followed)

"""The reference at /docs: whole, true to the declarations, in every language, and only where it is served."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fakes import FakeChance, FakeClock
from frontdoor import NOTES, app, ask, mount, services
from lingpai.assembly import build
from lingpai.assembly.configuration import defaults
from lingpai.assembly.front import application
from lingpai.core import errors, words
from lingpai.core.errors import BadCode, BadInput, InviteRequired, NotInvited, Refusal, WeakPassword
from lingpai.core.model import Locale
from lingpai.settings import MailSettings, Pages
from lingpai.web.dialects import dialects, hiyouth, mailcode, maillink
from lingpai.web.http.app import App
from lingpai.web.reference import docs, samples
from lingpai.web.request.calls import Call, Dialect
from web.town import PUBLIC_URL, Town, settings_for

DIALECTS = tuple(dialects().values())
ALL = [(dialect, call) for dialect in DIALECTS for call in dialect.calls]
NAMES = [f"{dialect.name} {call.methods[0]} {call.path}" for dialect, call in ALL]
READERS: dict[Locale, str] = {"zh-Hans": "zh-CN", "zh-Hant": "zh-TW", "en": "en-US"}


DECLARABLE = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal) and kind not in (Refusal, BadInput)
]


@pytest.fixture
async def town(tmp_path: Path, sqlite_path: Path, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Town]:
    house = await build(settings_for(tmp_path, f"sqlite:///{sqlite_path}"), clock, chance)
    yield Town(house, clock)
    await house.close()


async def read(town: Town, path: str, locale: Locale = "en") -> str:
    async with town.browser() as browser:
        answer = await browser.get(path, headers={"Accept": "text/html", "Accept-Language": READERS[locale]})
    assert answer.status_code == 200, path
    return unbadged(answer.text)


def unbadged(page: str) -> str:
    """The page with each call's methods as plain text before its path."""
    return re.sub(r'<span class="method [a-z]+">([^<]*)</span>', r"\1", page)


def section(page: str, call: Call) -> str:
    anchor = f"{call.methods[0].lower()}{call.path.replace('/', '-')}"
    found = re.search(rf'<section class="panel part" id="{re.escape(anchor)}">(.*?)</section>', page, re.DOTALL)
    assert found, anchor
    return unescape(found[1])


@pytest.mark.parametrize(("dialect", "call"), ALL, ids=NAMES)
def test_every_call_says_what_it_does_in_every_language(dialect: Dialect, call: Call) -> None:
    assert all(words.text(call.summary, locale) for locale in words.LOCALES)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_call_has_a_step_and_no_step_is_for_a_call_that_is_gone(dialect: Dialect) -> None:
    assert dialect.walk.steps, f"{dialect.name} declares no walk (CONTRIBUTING.md, Add a dialect)"
    steps = {(step.path, step.method) for step in dialect.walk.steps}
    called = {call.path: call.methods for call in dialect.calls}
    assert {path for path, _ in steps} == set(called)
    assert all(any(method in call.methods for call in dialect.calls if call.path == path) for path, method in steps if method)


@pytest.mark.parametrize("locale", words.LOCALES)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_every_call_is_there_with_its_path_its_fields_and_each_refusal(town: Town, dialect: Dialect, locale: Locale) -> None:
    page = await read(town, f"/docs/{dialect.name}", locale)
    index = await read(town, "/docs", locale)
    base = dialect.settings().prefix.rstrip("/")
    for call in dialect.calls:
        told = section(page, call)
        assert f"<code>{', '.join(call.methods)} {call.path if call.rooted else base + call.path}</code>" in told
        assert words.text(call.summary, locale) in told
        assert words.text(call.summary, locale) in index
        assert "curl" in told
        assert all(f"<code>{field.encode_name}</code>" in told for field in msgspec.structs.fields(call.takes))
        own = {**dialect.walk.cases, **next(step.cases for step in dialect.walk.steps if step.path == call.path)}
        for kind in call.refusals:
            for refusal in samples.cases(kind, call.takes, own):
                assert msgspec.json.encode(dialect.envelope(refusal, locale)).decode() in told, refusal


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_what_every_call_may_answer_comes_in_the_dialects_envelope(town: Town, dialect: Dialect) -> None:
    found = re.search(r'id="common">(.*?)</section>', await read(town, f"/docs/{dialect.name}"), re.DOTALL)
    assert found
    told = unescape(found[1])
    assert re.findall(r"<dd>(\d+) ", told) == ["404", "405", "413", "429", "503", "500"]
    for envelope in (dialect.missing("en"), dialect.fail("en")):
        assert msgspec.json.encode(envelope).decode() in told


@pytest.mark.parametrize("kind", DECLARABLE, ids=lambda kind: kind.__name__)
def test_every_refusal_that_a_call_may_declare_can_be_shown(kind: type[Refusal]) -> None:
    for locale in words.LOCALES:
        for refusal in samples.cases(kind, msgspec.defstruct("Takes", []), {}):
            assert words.refusal(refusal, locale)
            assert all(dialect.envelope(refusal, locale) for dialect in DIALECTS)


def test_a_declared_refusal_stands_for_its_kinds() -> None:
    found = [type(one) for one in samples.cases(NotInvited, msgspec.defstruct("Takes", []), {})]
    assert InviteRequired in found
    assert NotInvited not in found
    assert len(list(samples.cases(WeakPassword, msgspec.defstruct("Takes", []), {}))) == 3
    own: samples.Cases = {BadCode: (BadCode(words="not_registered"),)}
    assert [one.details for one in samples.cases(BadCode, msgspec.defstruct("Takes", []), own)] == [{"words": "not_registered"}]


async def test_a_password_shows_the_lengths_that_count_in_the_end(town: Town) -> None:
    told = section(await read(town, "/docs/maillink"), next(call for call in maillink.DIALECT.calls if call.path == "/register"))
    assert "password, 8 to 40 characters" in told
    assert "email address, 4 to 60 characters" in told


async def test_what_a_setting_makes_needed_is_told_as_needed(town: Town) -> None:
    told = section(await read(town, "/docs/mailcode"), next(call for call in mailcode.DIALECT.calls if call.handler.__name__ == "log_in"))
    assert re.search(r"<code>Expiry</code></dt><dd>whole number, from 5 to 2592000</dd>", told)
    assert re.search(r"<code>Captcha</code></dt><dd>object</dd>", told)
    assert re.search(r"<code>Language</code></dt><dd>[^<]*<span[^>]*>optional", told)


async def test_what_a_dialect_does_not_tell_apart_is_not_told_apart_here_either(town: Town) -> None:
    told = section(await read(town, "/docs/maillink"), next(call for call in maillink.DIALECT.calls if call.path == "/login"))
    assert "Wrong account or password." in told
    assert "There is no such account." not in told
    told = section(await read(town, "/docs/hiyouth"), next(call for call in hiyouth.DIALECT.calls if call.path == "/api/Login"))
    assert "There is no such account." in told
    assert "Wrong password." in told


async def test_the_house_describes_what_other_services_call(town: Town) -> None:
    page = unescape(await read(town, "/docs/house"))
    for path in ("GET /healthz", "GET /readyz", "GET /openapi.json", "GET /.well-known/jwks.json", "POST /oauth2/introspect"):
        assert path in page
    assert '401 <code>{"error":"invalid_client"' in page
    assert "/page/" not in page.replace("/page/language", "")


@pytest.mark.parametrize("prefix", ["/", "/old"])
async def test_a_call_stands_at_its_mount(prefix: str) -> None:
    answer = await ask(reference(prefix), "GET", "/docs/notes", accept_language="en")
    shown = unescape(unbadged(answer.body.decode()))
    base = prefix.rstrip("/")
    assert f"POST {base}/write" in shown
    assert f"curl https://id.example.com{base}/write -d title=xx" in shown
    assert (await ask(reference(prefix), "POST", f"{base}/write", b"title=xx")).json()["said"] == "xx/None"


async def test_the_list_at_the_side_leads_to_every_call_of_every_chapter(town: Town) -> None:
    for path in ("/docs", "/docs/mailcode"):
        page = await read(town, path)
        side = page[page.index("<nav") : page.index("</nav>")]
        for dialect in DIALECTS:
            base = "" if path.endswith(dialect.name) else f"/docs/{dialect.name}"
            for call in dialect.calls:
                assert f'href="{base}#{call.methods[0].lower()}{call.path.replace("/", "-")}"' in side
        assert side.count("<ul>") == (path != "/docs"), "the others' calls are only searched for"


def reference(prefix: str = "/", **settings: Any) -> App:
    """The small dialect with its reference."""
    made = defaults(public_url="https://id.example.com", pages=Pages(docs=True))
    opened = mount(prefix=prefix)
    return application(services(**settings), [opened], opened, docs.calls(made, [opened]))


async def in_production(tmp_path: Path, sqlite_path: Path, *, served: bool, path: str) -> httpx.Response:
    """What somebody gets outside dev mode."""
    mail = MailSettings(smtp_url="smtp://127.0.0.1:25")
    settings = settings_for(tmp_path, f"sqlite:///{sqlite_path}", pages=Pages(docs=served), mail=mail)
    house = await build(msgspec.structs.replace(settings, dev=False), FakeClock(), FakeChance())
    async with Town(house, FakeClock()).browser() as browser:
        answer = await browser.get(path, headers={"Accept": "text/html", "Accept-Language": "en"})
    await house.close()
    return answer


@pytest.mark.parametrize("path", ["/docs", "/docs/maillink", "/docs/house"])
async def test_where_the_setting_is_off_there_is_no_reference(tmp_path: Path, sqlite_path: Path, path: str) -> None:
    found = [(await in_production(tmp_path, sqlite_path, served=served, path=path)).status_code for served in (False, True)]
    assert found == [404, 200]


async def test_the_start_page_is_for_dev_mode_alone(tmp_path: Path, sqlite_path: Path) -> None:
    assert (await in_production(tmp_path, sqlite_path, served=True, path="/")).status_code == 303


async def test_outside_dev_mode_nothing_leads_to_the_inbox(tmp_path: Path, sqlite_path: Path) -> None:
    page = (await in_production(tmp_path, sqlite_path, served=True, path="/docs/mailcode")).text
    assert "/dev/" not in page
    assert "<code>$CODE</code> is in the email." in page
    assert "JWT=$(" in page


@pytest.mark.parametrize("path", ["/docs", "/docs/maillink", "/docs/house", "/"])
async def test_what_somebody_writes_into_the_address_stays_text(town: Town, path: str) -> None:
    page = await read(town, f'{path}?"><script>alert(1)</script>=<b>')
    assert "<script>alert" not in page
    assert "<b>" not in page


@pytest.mark.parametrize("locale", words.LOCALES)
async def test_the_start_page_greets_each_dialect_and_shows_what_runs_where(town: Town, locale: Locale) -> None:
    page = unescape(await read(town, "/", locale))
    assert words.text("pages.start.title", locale) in page
    for dialect in DIALECTS:
        assert f'href="/docs/{dialect.name}"' in page
    assert len(re.findall(r"^<pre[^>]*>curl |<pre[^>]*>curl ", page)) == len(DIALECTS)
    for link in ("/dev/inbox", "/docs", "/register", "/login", "/me"):
        assert f'href="{link}"' in page
    assert PUBLIC_URL in page
    assert str(town.house.services.settings.database_url.removeprefix("sqlite://")) in page


async def test_an_address_with_a_password_in_it_is_shown_without(tmp_path: Path, sqlite_path: Path) -> None:
    settings = settings_for(tmp_path, f"sqlite:///{sqlite_path}")
    remote = "postgresql://lingpai:hunter2@db.example.com/lingpai"
    parts = docs._parts(msgspec.structs.replace(settings, database_url=remote, valkey_url="valkey://:hunter2@cache.example.com:6379/0"))
    assert parts == {"database": "postgresql://db.example.com/lingpai", "valkey": "valkey://cache.example.com/0"}


async def test_a_dialect_without_a_walk_is_described_all_the_same() -> None:
    shown = unescape(unbadged((await ask(reference(), "GET", "/docs/notes", accept_language="en")).body.decode()))
    assert all(f"{', '.join(call.methods)} {call.path}" in shown for call in NOTES.calls)
    assert (await ask(app(), "GET", "/docs/notes")).status == 404

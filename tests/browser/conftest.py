"""A whole house behind a real port, and a browser before it.

One Chromium serves all tests of a worker: a test opens contexts of its own in it. That is why tests here run in the loop of the whole
session, and why an async fixture here says `loop_scope="session"`.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from playwright.async_api import Browser, async_playwright

from browser.looking import Eye
from browser.person import Person, Visits, arrives
from fakes import FakeChance, FakeClock
from frontdoor import serving
from lingpai.assembly import build
from lingpai.core.model import Locale
from lingpai.web.server.listening import listen
from web.town import Town, settings_for

HERE = Path(__file__).parent
FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP plain.example 127.0.0.1, MAP elsewhere.example 127.0.0.1"]
"""Tests run as root in containers, where Chromium's sandbox cannot. The names are of hosts that are not this machine's own."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One loop for all tests of this folder: the browser lives in it."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings that a test's own parametrisation replaces."""
    return {}


@pytest.fixture
def reached_at() -> str:
    """The name by which the town's house is reached."""
    return "127.0.0.1"


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    tmp_path: Path, sqlite_path: Path, clock: FakeClock, chance: FakeChance, changes: dict[str, Any], reached_at: str
) -> AsyncIterator[Town]:
    """A house that is reached at its own `public_url`: what it mails, and where a third party sends people back to, leads there."""
    with listen("127.0.0.1", 0) as listening:
        url = f"http://{reached_at}:{listening.getsockname()[1]}"
        settings = replace(settings_for(tmp_path, f"sqlite:///{sqlite_path}", **changes), public_url=url)
        house = await build(settings, clock, chance)
        async with serving(house.app, listening=listening):
            yield Town(house, clock)
        await house.close()


@pytest.fixture
def url(town: Town) -> str:
    """Where the town's house is reached, without a closing slash."""
    return town.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        await opened.close()


@pytest.fixture(params=["at-a-glance", pytest.param("thoroughly", marks=pytest.mark.long)])
def eye(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Eye:
    """Judges pages."""
    assert pytestconfig.cache
    return Eye(pytestconfig.cache.mkdir("looks"), thorough=request.param == "thoroughly")


@pytest.fixture
def locale() -> Locale:
    return "en"


@pytest.fixture
def scripts() -> bool:
    return True


@pytest.fixture
def another(browser: Browser, town: Town, locale: Locale, scripts: bool) -> Visits:
    return lambda **options: arrives(browser, town, locale, scripts=scripts, **options)


@pytest.fixture
def providers() -> set[str]:
    """Hosts that a story may lead to beside ours."""
    return set()


@pytest_asyncio.fixture(loop_scope="session")
async def ada(another: Visits, providers: set[str]) -> AsyncIterator[Person]:
    """Somebody with a browser, which must ask nobody but us."""
    async with another() as person:
        person.expected |= providers
        yield person
    assert person.strangers() == set()

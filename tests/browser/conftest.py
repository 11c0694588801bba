"""A whole house behind a real port, and a browser before it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from fakes import FakeChance, FakeClock
from frontdoor import serving
from lingpai.build import build
from web.town import Town, settings_for


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings that a test's own parametrisation replaces."""
    return {}


@pytest.fixture
async def town(tmp_path: Path, sqlite_path: Path, clock: FakeClock, chance: FakeChance, changes: dict[str, Any]) -> AsyncIterator[Town]:
    house = await build(settings_for(tmp_path, f"sqlite:///{sqlite_path}", **changes), clock, chance)
    yield Town(house, clock)
    await house.close()


@pytest.fixture
async def url(town: Town) -> AsyncIterator[str]:
    """Where the town's house is reached, without a closing slash."""
    async with serving(town.house.app) as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        await opened.close()

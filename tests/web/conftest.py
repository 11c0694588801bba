"""The fixtures of a whole house in one process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from web.town import Town, settings_for


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings that a test's own parametrisation replaces."""
    return {}


@pytest.fixture
async def town(tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance, changes: dict[str, Any]) -> AsyncIterator[Town]:
    house = await build(settings_for(tmp_path, database_url, **changes), clock, chance)
    yield Town(house, clock)
    await house.close()

"""Flows are told without HTTP: on the real services, in one process, on each database."""

from pathlib import Path
from typing import Any

import pytest

from fakes import FakeChance, FakeClock
from lingpai.assembly import Service, build
from lingpai.flows import Services
from web.town import Town, settings_for


@pytest.fixture
def changes() -> dict[str, Any]:
    """Settings that a test's own parametrisation replaces."""
    return {}


@pytest.fixture
async def town(tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance, changes: dict[str, Any]) -> Town:
    service: Service = await build(settings_for(tmp_path, database_url, **changes), clock, chance)
    return Town(service, clock)


@pytest.fixture
def services(town: Town) -> Services:
    return town.house.services

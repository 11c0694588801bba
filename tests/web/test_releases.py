"""Databases of the releases, as they were left with data in every table: each is brought up, and its people go on with what they hold.

`--write-release` writes down that of this version, once, before it is released (CONTRIBUTING.md).
"""

import asyncio
import json
import sqlite3
import subprocess
import tomllib
from contextlib import closing
from pathlib import Path

import pytest

from fakes import START, FakeClock
from lingpai.store.migrate import contents
from lingpai.store.schema import metadata, volatile
from postgresql import PSQL, migrate
from web.releases import go_on, leave, open_town

ROOT = Path(__file__).parents[2]
RELEASES = ROOT / "tests" / "data" / "releases"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
LATER = 5 * 60_000
"""Milliseconds after it was left: its links are still good."""


def dump(url: str) -> str:
    """All of a database as SQL, by its maker's own means."""
    if not url.startswith("sqlite"):
        call = (PSQL.with_name("pg_dump"), "--inserts", "--no-owner", "--no-privileges", "--restrict-key=release", url)
        return subprocess.run(call, check=True, capture_output=True, text=True).stdout
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
        return "\n".join(file.iterdump()) + "\n"


def restore(url: str, text: str) -> None:
    """Makes it anew in a database that is empty."""
    if not url.startswith("sqlite"):
        subprocess.run((PSQL, "-Xq", "-v", "ON_ERROR_STOP=1", url), input=text, check=True, capture_output=True, text=True)
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
        file.executescript(text)


async def test_this_version_leaves_something_in_every_table_and_its_dump_is_as_good(
    database_url: str, empty_url: str, database_kind: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    town = await open_town(tmp_path, database_url, FakeClock(), "old")
    held = await leave(town)
    await town.house.close()
    filled = {*metadata.tables, *(volatile.tables if database_kind == "postgres" else ())}
    assert set(await asyncio.to_thread(contents, database_url)) == filled
    folder = RELEASES / VERSION if pytestconfig.getoption("write_release") else tmp_path / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{database_kind}.sql").write_text(dump(database_url), "utf-8")
    (folder / f"{database_kind}.json").write_text(json.dumps(held, indent=2) + "\n", "utf-8")
    await brought_up(folder, database_kind, empty_url, tmp_path)


async def brought_up(release: Path, database_kind: str, empty_url: str, folder: Path) -> None:
    """A release's database comes to life in an empty one, and is upgraded; its people go on."""
    restore(empty_url, (release / f"{database_kind}.sql").read_text("utf-8"))
    await asyncio.to_thread(migrate, empty_url)
    clock = FakeClock(START + LATER)
    town = await open_town(folder, empty_url, clock, "new")
    await go_on(town, json.loads((release / f"{database_kind}.json").read_text("utf-8")))
    await town.house.close()


@pytest.mark.parametrize("version", [path.name for path in sorted(RELEASES.iterdir())])
async def test_a_database_of_a_release_is_brought_up_and_its_people_go_on(
    version: str, database_kind: str, empty_url: str, tmp_path: Path
) -> None:
    await brought_up(RELEASES / version, database_kind, empty_url, tmp_path)

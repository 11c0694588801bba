"""Two versions on one database: this one, and the tree with one step more, as the next release would be."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from faults.service import COOKIE, Installation, caller, installation
from lingpai.store.migrate import latest
from running import Ended, Running, lingpai, serving

__all__ = ["installation"]

ROOT = Path(__file__).parents[2]
HERE, NEXT, AFTER = (f"{int(latest()) + more:04}" for more in range(3))
"""The revisions that this version knows, the next one, and the one after it."""
PASSWORD = "correct-horse-battery"
NEW_PASSWORD = "staple-in-the-battery"
CALLERS = 3
SECONDS = 60
STEP = '''"""{revision} expands: {expands}"""

from alembic import op
from sqlalchemy import Column, Integer, Text, inspect, text

revision = "{revision}"
down_revision = "{before}"
expands = {expands}


def upgrade() -> None:
    {up}


def downgrade() -> None:
    {down}
'''
EXPAND = """for table in inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.add_column(table, Column("later", Text, nullable=False, server_default=text("'empty'")))
    op.create_table("extras", Column("id", Integer, primary_key=True))"""
BACK = """op.drop_table("extras")
    for table in inspect(op.get_bind()).get_table_names():
        if table != "alembic_version":
            op.drop_column(table, "later")"""
CONTRACT = """op.drop_column("accounts", "avatar")"""
UNDO = """op.add_column("accounts", Column("avatar", Text, nullable=False, server_default=text("''")))"""


@dataclass(frozen=True)
class Version:
    """A tree to run, on the settings of one installation."""

    tree: Path
    installation: Installation

    def serve(self) -> AbstractAsyncContextManager[Running]:
        return serving(*self._places, PYTHONPATH=str(self.tree / "src"))

    async def migrate(self, *words: str) -> Ended:
        return await lingpai("migrate", *words, *self._places, PYTHONPATH=str(self.tree / "src"))

    async def starts(self) -> Ended:
        """For a start that is refused."""
        return await lingpai("serve", "--port", "0", *self._places, PYTHONPATH=str(self.tree / "src"))

    @property
    def _places(self) -> tuple[str | Path, ...]:
        return ("--data", self.installation.folder, "--config", self.installation.folder / "lingpai.toml")


def add_step(tree: Path, revision: str, before: str, *, expands: bool, up: str, down: str) -> None:
    """What whoever develops the next version does to the tree."""
    store = tree / "src" / "lingpai" / "store"
    file = store / "migrations" / "versions" / f"r{revision}_toy.py"
    file.write_text(STEP.format(revision=revision, before=before, expands=expands, up=up, down=down))
    (store / "migrate.py").write_text((store / "migrate.py").read_text().replace(f'LATEST = "{before}"', f'LATEST = "{revision}"'))


@pytest.fixture
def later_tree(tmp_path: Path) -> Path:
    """The next version: one step more, which adds a column to every table, and one table."""
    tree = tmp_path / "later"
    shutil.copytree(ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("__pycache__"))
    add_step(tree, NEXT, HERE, expands=True, up=EXPAND, down=BACK)
    return tree


@dataclass
class Load:
    """People who register, prove, log in, look and reset, each call at another node than the one before."""

    installation: Installation
    nodes: list[Running]
    lived: int = 0
    failed: list[str] = field(default_factory=list)
    _asked: int = 0
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as calling:
            for _ in range(CALLERS):
                calling.create_task(self._call(stop))
            try:
                yield
            finally:
                stop.set()

    async def lives(self, more: int = 1) -> None:
        """Returns when all stories that are under way have ended, and so many more."""
        until = self.lived + CALLERS + more
        async with asyncio.timeout(SECONDS):
            while self.lived < until and not self.failed:
                self._grown.clear()
                await self._grown.wait()
        assert self.failed == []

    async def go_over_to(self, *nodes: Running) -> None:
        """Leaves every other node alone from here on."""
        self.nodes = list(nodes)
        await self.lives()

    async def _call(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and not self.failed:
            self._asked += 1
            try:
                await self._live(f"person{self._asked}@example.com", self._asked)
                self.lived += 1
            except (httpx.HTTPError, AssertionError, TimeoutError) as error:
                self.failed.append(repr(error))
            self._grown.set()

    async def _live(self, email: str, turn: int) -> None:
        one, other = self.nodes[turn % 2], self.nodes[1 - turn % 2]
        async with caller(one) as here, caller(other) as there:
            fields = {"email": email, "password": PASSWORD}
            well(await here.post("/register", json=fields))
            link = await self.installation.link(email, "/activate_account")
            assert (await there.get("/activate_account", params=link)).status_code == 200
            reply = well(await here.post("/login", json=fields))
            cookie = {"Cookie": f"{COOKIE}={reply.cookies[COOKIE]}"}
            assert email in well(await there.get("/userinfo/get", headers=cookie)).text
            well(await here.post("/reset_password/send_mail", json={"email": email}))
            link = await self.installation.link(email, "/reset_password/verify")
            well(await there.post("/reset_password/reset", json={**link, "password": NEW_PASSWORD, "rp_password": NEW_PASSWORD}))
            well(await here.post("/login", json={"email": email, "password": NEW_PASSWORD}))


def well(reply: httpx.Response) -> httpx.Response:
    assert (reply.status_code, reply.json()["code"]) == (200, 200), reply.text
    return reply


async def test_the_version_before_serves_beside_the_next_one(installation: Installation, later_tree: Path) -> None:
    later = Version(later_tree, installation)
    assert (await later.migrate()).out.endswith(f"is at {NEXT}.\n")
    async with Version(ROOT, installation).serve() as this, later.serve() as next_one:
        assert ("schema.newer" in this.log, "schema.newer" in next_one.log) == (True, False)
        load = Load(installation, [this, next_one])
        async with load.running():
            await load.lives()


@pytest.mark.long
async def test_an_upgrade_under_load_fails_nobody_while_the_old_version_serves_beside_the_new(
    installation: Installation, later_tree: Path
) -> None:
    this, later = Version(ROOT, installation), Version(later_tree, installation)
    assert (await this.migrate()).code == 0
    async with AsyncExitStack() as nodes:
        first, second = [await nodes.enter_async_context(this.serve()) for _ in range(2)]
        load = Load(installation, [first, second])
        async with load.running():
            await load.lives()
            assert (await later.migrate()).out.endswith(f"is at {NEXT}.\n")
            third = await nodes.enter_async_context(later.serve())
            await load.go_over_to(first, third)
            assert await second.end() == 0
            again = await nodes.enter_async_context(this.serve())
            assert ("schema.newer" in again.log, "schema.newer" in third.log) == (True, False)
            await load.go_over_to(again, third)
            assert await first.end() == 0
            await load.go_over_to(third, third)


@pytest.mark.long
async def test_a_contracting_step_ends_the_version_before_and_the_later_version_goes_back(
    installation: Installation, later_tree: Path
) -> None:
    this, later = Version(ROOT, installation), Version(later_tree, installation)
    add_step(later_tree, AFTER, NEXT, expands=False, up=CONTRACT, down=UNDO)
    assert (await later.migrate()).code == 0
    refused = await this.starts()
    assert (refused.code, refused.err) == (
        1,
        f"lingpai: the database is at revision {AFTER}, which serves no version before {AFTER}, and this version knows {HERE}: "
        f"run the version that made it, or go back with that one's `lingpai migrate --to {HERE}`\n",
    )
    assert (await later.migrate("--to", HERE, "--yes")).code == 0
    async with this.serve() as back:
        assert "schema.newer" not in back.log

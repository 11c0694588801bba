"""What is to be said of a call that was disturbed: all of it is done or nothing, and the same call again works."""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from faults.breaking import Breaking, BreakingPostgres, BreakingSqlite
from faults.stage import Deed, Ground, Moment, Player, PostgresGround, Rows, SqliteGround, Stage, differing, rows
from lingpai.web.dialects import dialects
from postgresql import Postgres

SCRIPTS = (*dialects(), "pages")
Wrong = tuple[Any, ...]
"""What is not as it should be."""


@dataclass(frozen=True)
class Clean:
    """A call that nothing disturbed."""

    face: tuple[Any, ...]
    before: Rows
    after: Rows


async def undisturbed(
    stage: Stage, moment: Moment, deed: Deed, name: str, counting: AbstractContextManager[Any] | None = None
) -> tuple[Clean, Moment]:
    """Plays it, and says what comes next. `counting` is around it."""
    async with stage.playing(moment, deed, name) as player:
        before = await rows(player.town)
        with counting or nullcontext():
            reply = await player.send()
        assert reply.status_code < 400, (deed.name, reply.text)
        return Clean(player.face(reply), before, await rows(player.town)), player.leave(moment, name, reply)


async def judged(player: Player, clean: Clean, reply: httpx.Response | None, *, unsure: bool = False, lost: bool = False) -> Wrong:
    """Empty where all is well. `reply`: None where nobody was there to hear it.

    `unsure`: what was done may be refused. `lost`: where nothing was done, what was taken for it may be lost all the same.
    """
    now = await rows(player.town)
    # A login that follows a reset (contract, 10.13) is one thing more: the password is set, whatever comes then.
    after = now if player.deed.leads_on and short_of_a_login(now, clean) else clean.after
    if reply and not player.refused(reply):
        answered = player.face(reply) == clean.face or (reply.status_code < 400 and now != clean.before)
        return () if answered and now == after else ("neither answered nor refused", player.face(reply), differing(now, after))
    if now not in (clean.before, after):
        return ("half done", differing(now, clean.before), differing(now, after))
    # What leaves only something that lasts minutes may be done without a trace here.
    done = now != clean.before or (unsure and clean.before == clean.after)
    if done and not unsure:
        return ("refused after it was done",)
    await player.deed.again(player)
    return await judged_again(player, clean, await player.send(), done=done, lost=lost)


def short_of_a_login(now: Rows, clean: Clean) -> bool:
    """Whether only a login is missing."""
    missing = differing(now, clean.after)
    return now != clean.before and missing.keys() <= {"logins", "sessions", "audit"} and not any(more for more, _ in missing.values())


async def judged_again(player: Player, clean: Clean, again: httpx.Response, *, done: bool, lost: bool) -> Wrong:
    """The same call again works; or, where the first one is done, or what it took is lost, says what a call that comes late is answered.

    What was done before may be there a second time: a session that nobody was given, a letter.
    """
    if player.face(again) != clean.face:
        return () if (done or lost) and again.status_code < 500 else ("not done", player.face(again), again.text)
    then = await rows(player.town)
    missing = any(left for _, left in differing(then, clean.after).values())
    return () if then == clean.after or lost or (done and not missing) else ("the same call again left", differing(then, clean.after))


def shares(short: int, of_postgres: int) -> Any:
    """Of how many plays one is disturbed: few in the short form, at length all on SQLite, and fewer on a server."""
    long = [pytest.param("sqlite", 1, marks=pytest.mark.long), pytest.param("postgres", of_postgres, marks=pytest.mark.long)]
    return pytest.mark.parametrize(("copies", "share"), [pytest.param("sqlite", short), *long], indirect=["copies"])


Playground = tuple[Ground, Breaking]


@pytest.fixture
def copies(request: pytest.FixtureRequest, ground: Path, tmp_path: Path) -> Playground:
    """Where databases are copied, and what breaks them; its parameter says of which kind they are."""
    if request.param == "sqlite":
        return SqliteGround(tmp_path, request.getfixturevalue("blank_sqlite")), BreakingSqlite()
    postgres: Postgres = request.getfixturevalue("postgres")
    return PostgresGround(tmp_path, postgres, ground), BreakingPostgres(postgres.folder, ground)


@pytest.fixture
async def playground(copies: Playground) -> AsyncIterator[Playground]:
    """The same, ready."""
    async with copies[1].listening():
        yield copies
    copies[0].clear()

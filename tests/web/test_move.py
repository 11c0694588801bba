"""`lingpai move`: from SQLite to PostgreSQL with everything that people hold in their hands, under a node that goes on serving."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

import apsw
import pytest
from sqlalchemy import text

from conftest import open_database
from fakes import START, FakeChance, FakeClock
from lingpai.assembly.schema import UnservedDatabase
from lingpai.core.errors import StoreDown, StoreMoving
from lingpai.core.model import Letter, RequestContext
from lingpai.ephemeral.counters import FileCounters
from lingpai.flows import moving
from lingpai.flows.moving import Relocation
from lingpai.settings.postgresql import shown
from lingpai.store import audit, installation, outbox
from lingpai.store.database import Database, Query, Transaction
from lingpai.store.migrate import downgrade
from lingpai.store.moving import marks
from lingpai.store.moving.arrival import Arrival, Busy, open_arrival
from lingpai.store.moving.tables import PAGE, MovedTable, moved_tables
from lingpai.store.postgres import alone
from lingpai.store.schema import metadata
from lingpai.web.dialects import dialects
from postgresql import Postgres, lose_lock, migrate, psql
from rows import locked, new_account, new_letters, new_login, until_blocked
from running import SECONDS, Ended, lingpai, lingpai_here, start
from web.people import ADA, GOOD, member
from web.reading import HTML, LANGUAGES
from web.releases import go_on, open_town
from web.speakers import Hiyouth, Mailcode, Maillink, Session
from web.test_releases import LATER, RELEASES, VERSION, restore
from web.town import Town

SECRET = "s" * 32
BOB = "bob@example.com"
EMPTY = ("questions", "consents", "clients", "invites")
"""Tables of which nobody in these stories has anything."""


class Desk:
    """The operator's place: the old database, and the new one."""

    def __init__(self, folder: Path, source: Path, target: str) -> None:
        self.folder = folder
        self.source = f"sqlite:///{source}"
        self.target = target

    @property
    def variables(self) -> dict[str, str]:
        return {"LINGPAI_DATABASE_URL": self.source, "LINGPAI_SECRET": SECRET}

    async def move(self, *words: str | Path) -> Ended:
        return await lingpai_here("move", *words, "--data", self.folder, **self.variables)

    async def moved(self) -> dict[str, Any]:
        """What the command says once it is done."""
        ended = await self.move("--to", self.target, "--json")
        assert ended.code == 0, ended.err
        return dict(json.loads(ended.out))

    async def refused(self, *words: str | Path) -> str:
        ended = await self.move(*words)
        assert (ended.code, ended.out) == (1, "")
        return ended.err

    async def rows(self, url: str, table: str) -> list[tuple[Any, ...]]:
        """All of a table, by a query of our own."""
        columns = ", ".join(metadata.tables[table].columns.keys()) if table in metadata.tables else "*"
        database = await open_database(url, FakeClock(), FakeChance())
        try:
            return sorted(await database.rows(Query(text(f"SELECT {columns} FROM {table}"))), key=repr)
        finally:
            await database.close()


@pytest.fixture
def desk(tmp_path: Path, sqlite_path: Path, postgres_url: str) -> Desk:
    return Desk(tmp_path, sqlite_path, postgres_url)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = await open_database(url, FakeClock(), FakeChance())
    yield database
    await database.close()


def quiet(*_: object) -> None:
    """Nobody watches."""


async def audited(database: Database, count: int) -> None:
    """So many lines of the trail."""
    async with database.begin() as tx:
        for number in range(count):
            await audit.add(
                tx,
                at=START + number,
                realm="main",
                account_id=None,
                event="login",
                result="ok",
                origin=RequestContext("192.0.2.1", "192.0.2.1"),
            )


async def test_a_release_moves_with_all_its_rows_and_its_people_go_on_with_what_they_hold(tmp_path: Path, empty_postgres_url: str) -> None:
    release, source = RELEASES / VERSION, tmp_path / "old.db"
    restore(f"sqlite:///{source}", (release / "sqlite.sql").read_text("utf-8"))
    await asyncio.to_thread(migrate, f"sqlite:///{source}")
    desk = Desk(tmp_path, source, empty_postgres_url)
    clock = FakeClock(START + LATER)
    old = await open_town(tmp_path, desk.source, clock, "new")
    said = await desk.moved()
    assert [one for one in said["tables"] if not one["same"] or one["source"] != one["target"]] == []
    assert {one["table"] for one in said["tables"] if one["target"] == 0} <= {"counters"}
    for table in metadata.tables:
        here, there = await desk.rows(desk.source, table), await desk.rows(desk.target, table)
        if table == "installation":
            here, there = ([row for row in rows if row[0] != "move"] for rows in (here, there))
        assert here == there, table
    assert (await Maillink(old).who()) is None, "the old node still answers"
    await old.house.close()
    new = await open_town(tmp_path, desk.target, clock, "newer")
    await go_on(new, json.loads((release / "sqlite.json").read_text("utf-8")))
    await new.house.close()


async def test_what_is_moved_is_every_table_that_a_database_has_and_each_of_them_is_closed(desk: Desk) -> None:
    names = {moved.name for moved in moved_tables()}
    async with opened(desk.target) as target:
        tables = await target.rows(Query(text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")))
        assert {name for (name,) in tables} == names | {"alembic_version"}
    await desk.moved()
    with apsw.Connection(desk.source.removeprefix("sqlite:///")) as file:
        there = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
        for (table,) in there:
            if table != "alembic_version":
                triggers = file.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)).get
                assert triggers == 3, table


async def test_what_a_probe_has_written_is_moved_also_where_it_wrote_a_text_for_bytes(desk: Desk) -> None:
    async with opened(desk.source) as source:
        await source.ping()
        ((value, proof),) = await source.rows(Query(text("SELECT typeof(value), typeof(proof) FROM entries")))
        assert (value, proof) == ("blob", "blob")
        await source.execute(Query(text("INSERT INTO entries VALUES ('older', '', 'text', 0, 9000000000000)")))
    assert all(one["same"] for one in (await desk.moved())["tables"])
    assert [row[1:3] for row in await desk.rows(desk.target, "entries")] == [(b"", b"text"), (b"", b"")]


async def test_new_rows_get_numbers_above_all_that_were_ever_given(desk: Desk) -> None:
    async with opened(desk.source) as source:
        for number in range(3):
            last = await new_account(source, f"{number}@example.com")
        await source.execute(Query(text(f"DELETE FROM accounts WHERE id = {last}")))
    await desk.moved()
    async with opened(desk.target) as target:
        assert await new_account(target, "new@example.com") == last + 1
        for moved in moved_tables():
            if moved.numbered:
                largest = f"SELECT coalesce(max(id), 0) < nextval(pg_get_serial_sequence('{moved.name}', 'id')) FROM {moved.name}"
                assert await target.row(Query(text(largest))) == (True,), moved.name


async def calls(town: Town) -> dict[str, Any]:
    """A call of each dialect that writes, and what it says: the status, when to come again, and the envelope."""
    asked = {
        "maillink": Maillink(town).browser.post("/register", json={"email": "eve@example.com", "password": GOOD}),
        "mailcode": Mailcode(town).browser.get("/public/captcha"),
        "session": Session(town).browser.post("/session/sign_up", json={"account": "eve.x", "pass": "correcthorse1"}),
        "hiyouth": Hiyouth(town).browser.get(
            "/api/Register", params={"type": "member", "option": "email", "account": "eve@example.com", "pwd": GOOD}
        ),
    }
    replies = {name: await call for name, call in asked.items()}
    assert all(60 <= int(reply.headers["retry-after"]) <= 66 for reply in replies.values() if reply.status_code == 503)
    return {name: (reply.status_code, reply.json()) for name, reply in replies.items()}


async def refused_in_words(town: Town) -> None:
    moving_now = StoreMoving()
    assert await calls(town) == {name: (503, one.refuse(moving_now, one.language)) for name, one in dialects().items()}
    for tag, words in {"en": "The service is being moved", "zh-Hans": "服务正在迁移", "zh-Hant": "服務正在搬遷"}.items():
        heads = {"Accept": HTML, "Accept-Language": LANGUAGES[tag], "Sec-Fetch-Site": "same-origin"}
        page = await town.browser().post("/page/login", data={"account": ADA, "password": GOOD}, headers=heads)
        assert (page.status_code, words in page.text) == (503, True), page.text
        assert 60 <= int(page.headers["retry-after"]) <= 66


class People:
    """Ada with a cookie, Bob with a JWT; of a reset that Ada has asked for the letter waits."""

    def __init__(self, town: Town, ada: Maillink, bob: Mailcode) -> None:
        self.town = town
        self.ada = ada
        self.bob = bob

    @classmethod
    async def settled(cls, town: Town) -> "People":
        ada = await member(town)
        assert (await ada.log_in(ADA, GOOD)).yes
        bob = Mailcode(town, town.browser("198.51.100.8"))
        assert (await bob.register(BOB, GOOD)).yes
        assert (await bob.log_in(BOB, GOOD)).yes
        assert (await ada.another().forget(ADA)).yes
        return cls(town, ada, bob)

    async def are_logged_in(self) -> None:
        assert (await self.ada.who() or {})["email"] == ADA
        assert (await self.bob.who() or {})["email"] == BOB

    def go_to(self, town: Town) -> None:
        """The same browsers, led to another node."""
        cookies, jwt = self.ada.browser.cookies, self.bob.jwt
        self.ada, self.bob = Maillink(town), Mailcode(town, town.browser("198.51.100.8"))
        self.ada.browser.cookies.update(cookies)
        self.bob.jwt = jwt


@asynccontextmanager
async def stopped_at(table: str, desk: Desk) -> AsyncIterator[Database]:
    """`lingpai move` runs until it wants to write to the table, and is killed there. Yields the new database meanwhile."""
    async with opened(desk.target) as target, locked(desk.target, table, "SHARE ROW EXCLUSIVE"):
        process = await start(("move", "--to", desk.target, "--data", desk.folder), desk.variables, asyncio.subprocess.PIPE)
        try:
            await until_blocked(target)
            yield target
        finally:
            process.send_signal(SIGKILL)
            await process.communicate()


async def is_moving(town: Town) -> None:
    ready = await town.browser().get("/readyz")
    down = [{"store": "database", "reason": "moving"}]
    assert (ready.status_code, ready.json()) == (200, {"status": "moving", "down": down})


async def test_a_move_is_killed_in_the_middle_and_goes_on_while_the_old_node_checks_and_writes_nothing(desk: Desk) -> None:
    clock = FakeClock()
    old = await open_town(desk.folder, desk.source, clock, "old")
    people = await People.settled(old)
    await audited(old.house.services.store, PAGE + 10)
    async with stopped_at("sessions", desk) as target:
        clock.advance(minutes=11)
        await people.are_logged_in()  # that they are in use is noted every ten minutes, and now not
        await refused_in_words(old)
        await is_moving(old)
        with pytest.raises(UnservedDatabase, match="arriving"):
            await open_town(desk.folder, desk.target, clock, "early")
        carried = Query(text("SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM sessions)"))
        assert await target.row(carried) == (2, 0)
    said = await desk.moved()
    assert {one["table"]: one["target"] for one in said["tables"]}["audit"] > PAGE
    assert [one for one in said["tables"] if not one["same"] or not (one["target"] or one["table"] in EMPTY)] == []
    assert await desk.moved() == said, "and it may be said again"
    with pytest.raises(UnservedDatabase, match="left"):
        await open_town(desk.folder, desk.source, clock, "late")
    new = await open_town(desk.folder, desk.target, clock, "new")
    people.go_to(new)
    await people.are_logged_in()
    assert (await people.ada.another().reset(ADA, "staple of another kind")).yes, "its letter waited, and the new node has sent it"
    assert (await Maillink(new).register("eve@example.com", GOOD)).yes
    for town in (old, new):
        await town.house.close()


async def claimed(worker: Database, owner: str, now: int, limit: int = 2) -> list[Letter]:
    async with worker.begin() as tx:
        return await outbox.claim(tx, channel="email", owner=owner, now=now, lease_until=now + 60_000, limit=limit)


async def test_a_letter_in_a_workers_hands_is_waited_for_and_none_is_taken_any_more(desk: Desk) -> None:
    clock = FakeClock()
    async with opened(desk.source) as worker, opened(desk.source) as source, open_arrival(desk.target) as arrival:
        first, second = await new_letters(worker, 2)
        assert [taken.id for taken in await claimed(worker, "a", clock.now(), 1)] == [first]
        going = asyncio.create_task(moving.move(Relocation(source, None, arrival, clock, FakeChance()), "old", "new", quiet))
        async with asyncio.timeout(SECONDS):
            while not clock.sleeping:
                await asyncio.wait([going], timeout=0.01)
        for owner, later in (("b", 0), ("a", 61_000), ("b", 61_000)):
            with pytest.raises(StoreMoving):
                await claimed(worker, owner, clock.now() + later, 1)
        with pytest.raises(StoreMoving):
            await new_letters(worker, 1)
        assert await outbox.delivered(worker, id=first, owner="a", at=clock.now(), kept=None)
        await clock.elapse(seconds=1)
        async with asyncio.timeout(SECONDS):
            await going
    assert [(row[0], row[11]) for row in await desk.rows(desk.target, "letters")] == [(first, "sent"), (second, "waiting")]


async def test_undo_takes_the_old_database_back_and_empties_what_was_begun(desk: Desk) -> None:
    old = await open_town(desk.folder, desk.source, FakeClock(), "old")
    ada = await member(old)
    assert "there is nothing to undo" in await desk.refused("--undo")
    async with opened(desk.source) as source, open_arrival(desk.target) as arrival:
        both = Relocation(source, None, arrival, FakeClock(), FakeChance())
        await moving._copied(both, (await moving._begun(both, "old", "new"))[1], quiet)
        await marks.close(source, await marks.find(source) or pytest.fail("unmarked"), "copying")
    assert (await calls(old))["maillink"][0] == 503
    assert len(await desk.rows(desk.target, "accounts")) == 1
    ended = await desk.move("--undo", "--to", desk.target)
    assert (ended.code, "takes writes again" in ended.out) == (0, True), ended.err
    assert await desk.rows(desk.target, "accounts") == []
    assert [name for name, _ in await desk.rows(desk.target, "installation")] == [installation.OLDEST_SCHEMA]
    assert (await ada.log_in(ADA, GOOD)).yes
    assert all(one["same"] for one in (await desk.moved())["tables"])
    assert "Go back to the old database?" in (await desk.move("--undo")).err
    assert (await desk.move("--undo", "--yes", "--json")).code == 0
    assert (await ada.log_in(ADA, GOOD)).yes
    await old.house.close()
    assert [file for file in await desk.rows(desk.source, "installation") if file[0] == "move"] == []


async def test_what_does_not_fit_is_said_in_words_and_closes_nothing(desk: Desk, tmp_path: Path) -> None:
    await open_and_close(desk.source, desk.folder)
    await open_and_close(desk.target, desk.folder)
    assert "is not empty (accounts 1, " in await desk.refused("--to", desk.target)
    for words in ((), ("--to", "sqlite:///x.db"), ("--to", "postgresql://a/b", "--to-file", __file__)):
        assert (await desk.move(*words)).code == 2, words
    said = await desk.refused("--to", f"postgresql://postgres:pass@/none?host={tmp_path}")
    assert ("a database does not serve" in said, "pass" in said) == (True, False)
    async with opened(desk.source) as source:
        assert await marks.find(source) is None
        assert await new_account(source, "free@example.com")


async def test_a_standby_or_what_else_takes_no_writes_is_refused_in_words(desk: Desk, postgres_url: str) -> None:
    psql(postgres_url, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$")
    with pytest.raises(StoreDown, match="store-down") as down:
        async with open_arrival(desk.target):
            pass
    assert down.value.cause == "read-only"
    assert "a database does not serve: " in await desk.refused("--to", desk.target)


async def test_a_login_that_may_make_no_tables_is_said_in_words(desk: Desk, postgres: Postgres, empty_postgres_url: str) -> None:
    postgres.ask("CREATE ROLE move_weak LOGIN")
    try:
        assert "permission denied for schema public" in await desk.refused("--to", empty_postgres_url.replace("postgres@", "move_weak@"))
    finally:
        postgres.ask("DROP ROLE move_weak")


async def test_whoever_comes_to_a_database_that_has_moved_is_told_where_to(desk: Desk, empty_postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(desk.target + "\n")
    assert (await desk.move("--to-file", tmp_path / "url")).code == 0
    assert re.search(r"this database has moved to postgresql:///\w+", await desk.refused("--to", empty_postgres_url))
    with pytest.raises(StoreMoving):
        await asyncio.to_thread(downgrade, desk.source, "0006")
    ended = await lingpai("serve", "--dev", "--port", "0", "--data", desk.folder, **desk.variables)
    assert (ended.code, "lingpai: this database has moved to postgresql:///" in ended.err) == (1, True), ended.err
    second = Desk(tmp_path, tmp_path / "second.db", desk.target)
    await asyncio.to_thread(migrate, second.source)
    assert "belongs to another move" in await second.refused("--to", second.target)


async def open_and_close(url: str, folder: Path) -> None:
    """Somebody has served there."""
    town = await open_town(folder, url, FakeClock(), "one")
    await member(town)
    await town.house.close()


async def test_counters_come_as_they_are_at_the_end_whatever_was_carried_before(desk: Desk) -> None:
    clock = FakeClock()
    hits = FileCounters(desk.folder / "counters.db", clock)
    await hits.hit("guesses", 600, 19)
    async with (
        opened(desk.source) as source,
        opened(f"sqlite:///{desk.folder / 'counters.db'}") as counters,
        open_arrival(desk.target) as arrival,
    ):
        both = Relocation(source, counters, arrival, clock, FakeChance())
        await moving._copied(both, (await moving._begun(both, "old", "new"))[1], quiet)
        await hits.hit("guesses", 600, 1)
        await moving.move(both, "old", "new", quiet)
    await hits.close()
    assert [row[:2] for row in await desk.rows(desk.target, "counters")] == [("guesses", 20)]


class TakenBack(Arrival):
    """While it is compared, somebody takes the old database back."""

    desk: Desk

    async def found(self, moved: MovedTable) -> tuple[int, str]:
        if moved.name == "accounts":
            assert (await self.desk.move("--undo")).code == 0
        return await super().found(moved)


async def test_a_database_that_was_taken_back_meanwhile_is_not_left(desk: Desk) -> None:
    async with opened(desk.source) as source, open_arrival(desk.target) as arrival:
        taken = TakenBack(arrival._url, arrival._connection, arrival._sole)
        taken.desk = desk
        with pytest.raises(moving.CannotMove, match="undone"):
            await moving.move(Relocation(source, None, taken, FakeClock(), FakeChance()), "old", "new", quiet)
        assert await marks.find(source) is None
        assert ((await arrival.mark()) or pytest.fail("unmarked")).state == "arriving"


async def test_killed_while_the_new_one_is_opened_the_old_one_is_not_taken_back_unasked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes that begin again and again may serve the new one from its last commit on."""
    put = marks.put

    async def killed(tx: Transaction, mark: marks.Move) -> marks.Move:
        if mark.state == "left":
            raise ZeroDivisionError
        return await put(tx, mark)

    async with opened(desk.source) as source, open_arrival(desk.target) as arrival:
        monkeypatch.setattr(marks, "put", killed)
        with pytest.raises(ZeroDivisionError):
            await moving.move(Relocation(source, None, arrival, FakeClock(), FakeChance()), "old", shown(desk.target), quiet)
        monkeypatch.undo()
        assert ((await arrival.mark()) or pytest.fail("unmarked")).state == "arrived"
    asked = await desk.move("--undo")
    assert (asked.code, "Go back to the old database?" in asked.err) == (1, True)
    assert all(one["same"] for one in (await desk.moved())["tables"]), "and run again it only says that it is done"
    async with opened(desk.source) as source:
        assert ((await marks.find(source)) or pytest.fail("unmarked")).state == "left"


async def test_killed_before_the_new_one_is_opened_the_old_one_is_taken_back_as_in_the_middle(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> None:
        raise ZeroDivisionError

    async with opened(desk.source) as source, open_arrival(desk.target) as arrival:
        monkeypatch.setattr(Arrival, "finish", killed)
        with pytest.raises(ZeroDivisionError):
            await moving.move(Relocation(source, None, arrival, FakeClock(), FakeChance()), "old", shown(desk.target), quiet)
    ended = await desk.move("--undo", "--to", desk.target)
    assert (ended.code, "is empty again" in ended.out) == (0, True), ended.err


async def test_a_row_that_differs_is_found(sqlite_path: Path, postgres_url: str) -> None:
    """The control of the comparison: of one value, in one row."""
    async with opened(f"sqlite:///{sqlite_path}") as source, open_arrival(postgres_url) as arrival:
        one = await new_account(source, "ada@example.com")
        await new_login(source, one, "token")
        both = Relocation(source, None, arrival, FakeClock(), FakeChance())
        marked = (await moving._begun(both, "old", "new"))[1]
        await moving._copied(both, marked, quiet)
        async with opened(postgres_url) as target:
            await target.execute(Query(text("UPDATE sessions SET ip = '192.0.2.8'")))
        with pytest.raises(moving.CannotMove, match="sessions"):
            await moving.move(both, "old", "new", quiet)


async def worked(arrival: Arrival) -> None:
    """A move of nothing."""
    mark = marks.Move("x", "arriving", "old")
    table = next(one for one in moved_tables() if not one.lasts)
    await arrival.claim(mark)
    await arrival.add(table, [], mark)
    await arrival.restart(table, mark)
    await arrival.finish({}, mark)
    await arrival.clear()


CLAIM = Arrival.claim


@pytest.mark.parametrize("step", ["claim", "add", "restart", "finish", "clear"])
async def test_a_move_whose_lock_is_lost_writes_nothing_any_more(postgres_url: str, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The next one is at work by then."""
    real = getattr(Arrival, step)

    async def lost_before(arrival: Arrival, *values: Any) -> None:
        await asyncio.to_thread(lose_lock, postgres_url)
        async with open_arrival(postgres_url) as second, opened(postgres_url) as target:
            await CLAIM(second, marks.Move("second", "arriving", "theirs"))
            await new_account(target)
            with pytest.raises(StoreDown):
                await real(arrival, *values)
            assert ((await marks.find(target)) or pytest.fail("unmarked")).id == "second"
            assert await target.row(Query(text("SELECT count(*) FROM accounts"))) == (1,)
        raise ZeroDivisionError

    monkeypatch.setattr(Arrival, step, lost_before)
    async with open_arrival(postgres_url) as arrival:
        with pytest.raises(ZeroDivisionError):
            await worked(arrival)


async def test_the_next_move_waits_for_what_one_has_under_way_whose_lock_is_lost(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "LOCK_SECONDS", 0.1)
    async with open_arrival(postgres_url) as arrival:
        async with arrival._work():
            await asyncio.to_thread(lose_lock, postgres_url)
            with pytest.raises(Busy):
                await open_arrival(postgres_url).__aenter__()
        async with open_arrival(postgres_url):
            """It has ended."""


async def test_a_limit_that_the_server_sets_for_transactions_ends_no_move_s_lock(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits for the lock five times as long as the server lets a transaction last."""
    monkeypatch.setattr(alone, "LOCK_SECONDS", 0.5)
    async with opened(postgres_url) as target:
        for limit in ("transaction_timeout", "idle_in_transaction_session_timeout"):
            await target.rows(Query(text(f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {limit} = 100', current_database()); END $$")))
    async with open_arrival(postgres_url):
        with pytest.raises(Busy):
            await open_arrival(postgres_url).__aenter__()

"""`lingpai backup` and `lingpai restore`, as an operator meets them: from a database that is in use to a machine that has none."""

import asyncio
import errno
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from conftest import open_database
from fakes import START, FakeChance, FakeClock
from flows.births import born
from flows.made import again, here, logged_in
from lingpai.assembly import build, find_schema, open_services
from lingpai.assembly.backups import open_restore
from lingpai.assembly.configuration import defaults
from lingpai.assembly.schema import WrongSchema
from lingpai.core import rules
from lingpai.core.chance import SystemClock, moment
from lingpai.core.errors import StoreDown
from lingpai.core.model import Account, RequestContext
from lingpai.ephemeral import Entry
from lingpai.flows import account_admin, account_deletion, not_me, reauthenticate
from lingpai.flows import restore as flow
from lingpai.flows.backup import CannotBackUp, _draft
from lingpai.flows.observe import observe
from lingpai.guard.crypto import FINGERPRINT
from lingpai.guard.sealed_file import FORM, MAGIC
from lingpai.settings.load import SettingsError
from lingpai.settings.written import BackupSettings
from lingpai.steps import backup_file
from lingpai.store import accounts, audit, keys
from lingpai.store.backup import Unusable
from lingpai.store.database import Query
from lingpai.store.migrate import downgrade, latest
from lingpai.store.restored import LEAST
from postgresql import PSQL
from rows import new_account
from running import SECONDS, Ended, lingpai, lingpai_here, serving
from web.people import ADA, GOOD, member
from web.releases import BOB, SERVICE, leave, open_town
from web.speakers import Mailcode, Maillink, Session
from web.town import Town, settings_for

SECRET = "s" * 32
"""As `settings_for` has it."""
WAITING = Query(text("SELECT count(*) FROM letters WHERE state = 'waiting'"))


class Machine:
    """Where commands are run: a data folder, a database, and PostgreSQL's own programs of the server's version."""

    def __init__(self, folder: Path, url: str, **more: str) -> None:
        self.folder = folder
        self.url = url
        self.variables = {"LINGPAI_DATABASE_URL": url, "LINGPAI_SECRET": SECRET, "PATH": f"{PSQL.parent}:/usr/bin:/bin", **more}
        self.backups = folder / "backups"
        self.backups.mkdir(exist_ok=True)

    async def ask(self, *words: str | Path, stdin: str = "", **more: str) -> Ended:
        return await lingpai_here(*words, "--data", self.folder, stdin=stdin, **self.variables | more)

    async def back_up(self) -> Path:
        made = await self.ask("backup", "--to", self.backups, "--json")
        assert made.code == 0, made.err
        return Path(json.loads(made.out)["file"])

    async def restore(self, file: Path, *more: str | Path, stdin: str = "") -> Ended:
        nobody = () if "--forget" in more else ("--forget-nobody",)
        return await self.ask("restore", file, *nobody, *more, stdin=stdin)


@pytest.fixture
def machine(tmp_path: Path, database_url: str) -> Machine:
    return Machine(tmp_path, database_url)


@pytest.fixture
def empty(tmp_path: Path, empty_url: str) -> Machine:
    """Another machine, without anything but the secret."""
    folder = tmp_path / "new"
    folder.mkdir()
    return Machine(folder, empty_url)


@dataclass
class Crowd:
    """People who register one after another, many at once."""

    client: httpx.AsyncClient
    asked: int = 0
    acknowledged: list[str] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def come(self) -> None:
        while not self.enough.is_set():
            self.asked += 1
            email = f"person{self.asked}@example.com"
            reply = await self.client.post("/register", json={"email": email, "password": GOOD})
            assert (reply.status_code, reply.json()["code"]) == (200, 200)
            self.acknowledged.append(email)

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(SECONDS):
            while len(self.acknowledged) < count:  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.005)  # noqa: TID251 - they work, and nothing tells when
        return list(self.acknowledged)


QUICK = {
    "LINGPAI_HASHING__MEMORY_KIB": "8",
    "LINGPAI_HASHING__TIME": "1",
    **{f"LINGPAI_LIMITS__{name}_CLIENT": "100000/hour" for name in ("REGISTER", "MESSAGE")},
}
TORN = Query(
    text(
        "SELECT count(*) FROM accounts WHERE id NOT IN (SELECT account_id FROM identifiers)"
        " OR id NOT IN (SELECT account_id FROM letters WHERE account_id IS NOT NULL) OR public_id IS NULL"
    )
)
ADDRESSES = Query(text("SELECT key FROM identifiers"))


async def test_whoever_watches_is_told_how_old_the_last_whole_backup_is(machine: Machine) -> None:
    settings = defaults(data=machine.folder, database_url=machine.url, secret=SECRET)
    async with open_services(settings) as services:

        async def age() -> float | None:
            told = (await observe(services)).stored
            assert told
            return told.backup_age

        assert await age() is None
        (machine.folder / "full").write_bytes(b"")
        assert (await machine.ask("backup", "--to", machine.folder / "full")).code != 0
        assert await age() is None
        await machine.back_up()
        seconds = await age()
        assert seconds is not None
        assert 0 <= seconds < SECONDS


async def test_while_many_register_a_backup_has_each_whole_or_not_at_all_and_an_empty_machine_serves_it(
    machine: Machine, empty: Machine
) -> None:
    async with serving("--dev", "--data", machine.folder, **machine.variables | QUICK) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=20) as client:
            crowd = Crowd(client)
            callers = [asyncio.create_task(crowd.come()) for _ in range(4)]
            before = await crowd.until(20)
            file = await machine.back_up()
            after = len(crowd.acknowledged)
            await crowd.until(after + 10)
            crowd.enough.set()
            await asyncio.gather(*callers)
        assert await running.end() == 0
    done = await empty.restore(file)
    assert (done.code, "All sessions, JWTs, codes and links are over." in done.out) == (0, True), done.err
    database = await open_database(empty.url, FakeClock(), FakeChance())
    there = {key for (key,) in await database.rows(ADDRESSES)}
    torn = await database.row(TORN)
    await database.close()
    assert set(before) <= there
    assert there < set(crowd.acknowledged)
    assert torn == (0,)
    async with serving("--dev", "--data", empty.folder, **empty.variables | QUICK) as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=20) as client:
            again = await client.post("/register", json={"email": "new@example.com", "password": GOOD})
            assert (again.status_code, again.json()["code"]) == (200, 200)
        assert await running.end() == 0


async def test_people_and_what_they_have_are_there_and_whatever_was_open_is_over(
    machine: Machine, empty: Machine, clock: FakeClock, tmp_path: Path
) -> None:
    town = await open_town(tmp_path, machine.url, clock, "before")
    held = await leave(town)
    old_kids = {key.kid for key in await keys.listing(town.house.services.store)}
    file = await machine.back_up()
    await town.house.close()
    assert (await empty.restore(file)).code == 0
    new = await open_town(tmp_path, empty.url, clock, "after")
    assert await new.house.services.store.row(WAITING) == (0,), "a letter of then is not sent: its link is dead"
    ada = Maillink(new)
    ada.browser.cookies.set("lingpai_session", held["cookie"], domain="127.0.0.1")
    assert await ada.who() is None
    assert (await ada.log_in(ADA, GOOD)).yes
    bob = Mailcode(new, new.browser("198.51.100.8"))
    bob.jwt = bytes.fromhex(held["jwt"]).decode()
    assert await bob.who() is None
    asked = await bob.browser.post("/oauth2/introspect", data={"token": bob.jwt}, auth=(SERVICE, held["client"]))
    assert asked.json()["active"] is False
    published = (await bob.browser.get("/.well-known/jwks.json")).json()["keys"]
    assert published
    assert not {key["kid"] for key in published} & old_kids, "others, who only read the published keys, do not believe it either"
    await new.house.close()


async def test_people_log_in_as_they_did_and_no_number_is_given_out_twice(
    machine: Machine, empty: Machine, clock: FakeClock, tmp_path: Path
) -> None:
    town = await open_town(tmp_path, machine.url, clock, "before")
    held = await leave(town)
    file = await machine.back_up()
    await town.house.close()
    assert (await empty.restore(file)).code == 0
    new = await open_town(tmp_path, empty.url, clock, "after")
    assert (await Mailcode(new, new.browser("198.51.100.8")).log_in(BOB, GOOD)).yes
    assert (await Session(new, new.browser("198.51.100.9")).enter("carol", "correcthorse1")).yes
    assert (await Mailcode(new, new.browser("198.51.100.11")).register("erin@example.com", GOOD, Invite=held["invite"])).yes
    erin = await accounts.find(new.house.services.store, "main", "email", "erin@example.com")
    assert erin
    assert erin.id > LEAST, "a number that was given out since the backup is never another person's"
    ada = await accounts.find(new.house.services.store, "main", "email", ADA)
    assert ada
    assert ada.security_stamp >= LEAST, "nor is a browser known by what it was given since"
    await new.house.close()


async def test_what_lasts_minutes_ends_on_a_valkey_too(machine: Machine, empty: Machine, clock: FakeClock, valkey_url: str) -> None:
    house = await build(settings_for(machine.folder, machine.url, valkey_url=valkey_url), clock, FakeChance())
    services = house.services
    await services.limits.spend("check_client", "somebody")
    machine.variables["LINGPAI_VALKEY_URL"] = empty.variables["LINGPAI_VALKEY_URL"] = valkey_url
    ada = await member(Town(house, clock))
    await ada.another().forget(ADA)
    file = await machine.back_up()
    assert await services.ephemeral.put("beside", Entry(b"value", life=60))
    assert (await empty.restore(file)).code == 0
    assert await services.ephemeral.get("beside") is None
    await house.close()
    lost = await empty.ask("restore", file, "--forget-nobody", "--replace", "--yes", LINGPAI_VALKEY_URL="unix:///nowhere/v.sock")
    assert (lost.code, "valkey_url does not answer" in lost.err) == (1, True)


# Whoever wanted to be forgotten


async def test_whoever_asked_for_deletion_since_is_deleted_again_and_whoever_took_it_back_is_not(
    machine: Machine, empty: Machine, clock: FakeClock, chance: FakeChance
) -> None:
    kept_apart = machine.folder / "forget"
    house = await build(settings_for(machine.folder, machine.url, backup=BackupSettings(str(machine.folder / "forget"))), clock, chance)
    before = ("regrets", "barred", "wavers", "freed", "guarded")
    names = ("stays", "leaves", "operated", "asks", "returns", "repents", "locked", *before)
    people = {name: await born(house.services, rules.email(f"{name}@example.com")) for name in names}
    clock.advance(seconds=(SystemClock().now() - clock.now()) / 1_000 - 600)
    await ask_before(Town(house, clock), people)
    file = await machine.back_up()
    clock.advance(seconds=(backup_time(file) - clock.now()) / 1_000 + 60)
    await take_back(Town(house, clock), people)
    await come_and_go(Town(house, clock), people)
    await house.close()
    only_ids(kept_apart)
    kept_apart.write_text(kept_apart.read_text() + f'{{"at":{clock.now()},"event":"deleted","realm":"none","id":"1"}}\n')
    empty.variables["LINGPAI_BACKUP__FORGET_FILE"] = str(kept_apart)
    done = await empty.ask("restore", file)
    assert "Deleted again: 2; to be deleted again: 3; not to be deleted any more: 2; not in the backup: 1 " in done.out, done.err
    database = await open_database(empty.url, clock, chance)
    found = {name: await accounts.find(database, "main", "email", f"{name}@example.com") for name in people}
    await database.close()
    assert {name for name, account in found.items() if account is None} == {"leaves", "operated"}
    assert {name for name, account in found.items() if account and account.deletes_at} == {"asks", "freed", "wavers"}
    assert {account.deletes_at for account in found.values() if account} == {None, clock.now() + account_deletion.LIFE * 1_000}
    closed = {"asks", "freed", "wavers", "barred", "guarded", "locked"}
    assert {name for name, account in found.items() if account and account.locked_at} == closed, "an operator's lock is no way back"


async def test_nobody_is_deleted_who_cannot_be_written_down_and_an_operator_is_told_why(machine: Machine, tmp_path: Path) -> None:
    named = {"LINGPAI_BACKUP__FORGET_FILE": str(tmp_path / "none" / "forget")}
    database = await open_database(machine.url, FakeClock(), FakeChance())
    made = await new_account(database)
    there = ("--data", machine.folder)
    refused = await lingpai("account", "delete", str(made), "--yes", *there, **machine.variables | named)
    assert (refused.code, "nobody was deleted, for backup.forget_file takes no line" in refused.err) == (1, True), refused
    assert await accounts.by_id(database, made)
    await database.close()
    for path in ("forget", "./forget"):
        refused = await lingpai("account", "list", *there, **machine.variables, LINGPAI_BACKUP__FORGET_FILE=path)
        assert (refused.code, "expected an absolute path" in refused.err) == (2, True), refused


def only_ids(forget: Path) -> None:
    lines = [json.loads(line) for line in forget.read_text().splitlines()]
    assert {line["event"] for line in lines} == {"asked", "kept", "locked", "deleted"}
    assert all(line.keys() <= {"at", "event", "realm", "id", "until"} for line in lines), "nothing of a person but the id"


async def ask_before(town: Town, people: dict[str, Account]) -> None:
    """What the backup has of those who change their minds after it, or had done so."""
    services = town.house.services
    for name in ("regrets", "barred", "wavers", "guarded"):
        await close(town, people[name])
    await account_deletion.cancel_deletion(services, here(), (await town.link("guarded@example.com", "/keep"))["token"])
    town.clock.advance(seconds=60)
    for name in ("freed", "guarded"):
        await account_admin.lock(services, await again(services, people[name]))


async def take_back(town: Town, people: dict[str, Account]) -> None:
    services = town.house.services
    for name in ("regrets", "wavers"):
        await account_deletion.cancel_deletion(services, here(), (await town.link(f"{name}@example.com", "/keep"))["token"])
    await account_admin.lock(services, await again(services, people["barred"]))
    await account_admin.unlock(services, people["freed"])


async def come_and_go(town: Town, people: dict[str, Account]) -> None:
    """What they do after the backup, and a week later."""
    services = town.house.services
    for name in ("leaves", "returns", "repents", "locked"):
        await close(town, people[name])
    await account_admin.delete(services, people["operated"])
    await account_deletion.cancel_deletion(services, here(), (await town.link("returns@example.com", "/keep"))["token"])
    await not_me.disavow(services, here(), (await town.link("repents@example.com", "/page/not-me"))["token"])
    await account_admin.lock(services, await again(services, people["locked"]))
    town.clock.advance(days=7, seconds=1)
    await town.house.worker.purge()
    for name in ("asks", "freed", "wavers"):
        await close(town, people[name])


async def close(town: Town, account: Account) -> None:
    person = await logged_in(town.house.services, account)
    fresh = await reauthenticate.require(town.house.services, person.ctx, person.login)
    await account_deletion.close(town.house.services, person.ctx, fresh, f"{town.url}/keep?token=")


def backup_time(file: Path) -> int:
    from lingpai.guard.crypto import SecretBox

    with file.open("rb") as opened:
        return backup_file.read(opened, SecretBox(SECRET.encode(), FakeChance())).contents.made_at


async def test_what_cannot_be_written_down_is_not_deleted(machine: Machine, clock: FakeClock, chance: FakeChance) -> None:
    (machine.folder / "forget").mkdir()
    house = await build(settings_for(machine.folder, machine.url, backup=BackupSettings(str(machine.folder / "forget"))), clock, chance)
    account = await born(house.services, rules.email(ADA))
    with pytest.raises(StoreDown):
        await account_admin.delete(house.services, account)
    assert await accounts.by_id(house.services.store, account.id)
    await house.close()


async def test_a_forget_file_that_cannot_be_read_is_refused_by_its_line_and_a_torn_end_is_not(machine: Machine, empty: Machine) -> None:
    file = await machine.back_up()
    forget = machine.folder / "forget"
    forget.write_text('{"at":1,"event":"deleted","realm":"main","id":"1"}\nnonsense\n')
    refused = await empty.restore(file, "--forget", forget)
    assert (refused.code, f"{forget}, line 2: " in refused.err) == (1, True)
    forget.write_text('{"at":1,"event":"deleted","realm":"main","id":"1"}\n{"at":1,"eve')
    assert (await empty.restore(file, "--forget", forget)).code == 0


async def test_without_a_word_on_who_was_deleted_nothing_is_restored(sqlite_path: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, f"sqlite:///{sqlite_path}")
    file = await machine.back_up()
    (tmp_path / "forget").touch()
    for named, said in ((), "--forget-nobody"), (("--forget", tmp_path / "forget", "--forget-nobody"), "either --forget or"):
        refused = await machine.ask("restore", file, "--replace", "--yes", *named, LINGPAI_BACKUP__FORGET_FILE="/elsewhere")
        assert (refused.code, said in refused.err) == (2, True), refused


# What is refused


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def changed(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def strange(file: Path) -> None:
    file.write_text("something else")


async def fill_pieces(url: str) -> None:
    """So much that does not pack that what is spoilt lies behind pieces which open."""
    database = await open_database(url, FakeClock(), FakeChance())
    many = FakeChance().token(300_000)
    origin = RequestContext("", "")
    await audit.add(database, at=START, realm="", account_id=None, event="login", result="ok", origin=origin, detail=many)
    await database.close()


@pytest.mark.parametrize(("spoil", "words"), [(cut, "cut off"), (changed, "was changed"), (strange, "is no backup")])
async def test_a_file_that_is_not_what_was_made_touches_nothing(
    machine: Machine, empty: Machine, spoil: Callable[[Path], None], words: str
) -> None:
    await fill_pieces(machine.url)
    file = await machine.back_up()
    whole = await machine.ask("backup", "verify", file)
    assert f"of {machine.url[:6]}" in whole.out
    spoil(file)
    for command in (("backup", "verify", file), ("restore", file, "--forget-nobody")):
        refused = await empty.ask(*command)
        assert (refused.code, words in refused.err) == (1, True), refused
    assert [path.name for path in empty.folder.iterdir()] == ["backups"]
    assert (await empty.ask("key", "list", LINGPAI_DATABASE_URL=machine.url)).code == 0


async def test_another_secret_is_told_and_an_empty_machine_without_one_makes_none(sqlite_path: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, f"sqlite:///{sqlite_path}")
    file = await machine.back_up()
    refused = await machine.ask("backup", "verify", file, LINGPAI_SECRET="another secret of 32 bytes, or more")
    assert (refused.code, "is sealed under the secret with the fingerprint" in refused.err) == (1, True)
    rolled = {"LINGPAI_SECRET": "another secret of 32 bytes, or more", "LINGPAI_SECRET_PREVIOUS": SECRET}
    assert (await machine.ask("backup", "verify", file, **rolled)).code == 0
    bare = tmp_path / "bare"
    with pytest.raises(SettingsError, match="expected the secret with the fingerprint"):
        await lingpai_here("restore", file, "--forget-nobody", "--data", bare)
    assert not bare.exists()


async def test_what_is_there_is_replaced_only_when_it_is_meant(machine: Machine) -> None:
    file = await machine.back_up()
    assert "the database is not empty" in (await machine.restore(file)).err
    asked = await machine.restore(file, "--replace", stdin="n\n")
    made = f"{moment(backup_time(file)):%Y-%m-%d %H:%M:%SZ}"
    assert (asked.code, f"the backup of {made}" in asked.err, "What is there now is lost." in asked.err) == (1, True, True)
    house = await build(settings_for(machine.folder, machine.url), FakeClock(), FakeChance())
    await born(house.services, rules.email(ADA))
    in_use = await machine.restore(file, "--replace", "--yes")
    assert (in_use.code, "first" in in_use.err) == (1, True)
    assert await accounts.find(house.services.store, "main", "email", ADA)
    await house.close()
    assert (await machine.restore(file, "--replace", stdin="y\n")).code == 0
    database = await open_database(machine.url, FakeClock(), FakeChance())
    assert await accounts.find(database, "main", "email", ADA) is None
    await database.close()


def cut_short(portions: Iterator[bytes]) -> Iterator[bytes]:
    """The disk fails in the middle of it."""
    yield next(portions)
    raise ZeroDivisionError


async def test_a_restore_that_is_cut_off_leaves_nothing_that_is_served(machine: Machine, empty: Machine) -> None:
    file = await machine.back_up()
    settings = settings_for(empty.folder, empty.url)
    with file.open("rb") as opened, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", empty.variables["PATH"])
        async with open_restore(settings, opened) as work:
            with pytest.raises(ZeroDivisionError):
                async with work.target.alone():
                    await work.target.fill(cut_short(backup_file.read(opened, work.secret_box).portions))
            assert await work.target.held() is None
            assert list(empty.folder.parent.glob(".*.restoring")) == [], "nothing of it stays in clear"
            async with work.target.alone():
                await work.target.fill(backup_file.read(opened, work.secret_box).portions)
                halfway = await find_schema(settings)
                await work.target.migrate(latest())
                assert await find_schema(settings) == halfway
    assert not halfway.fits
    with pytest.raises(WrongSchema):
        await empty.ask("key", "list")
    assert (await empty.restore(file, "--replace", "--yes")).code == 0
    assert (await empty.ask("key", "list")).code == 0


async def test_on_postgresql_it_is_all_or_nothing_and_a_half_restored_one_says_so(
    postgres_url: str, empty_postgres_url: str, tmp_path: Path
) -> None:
    file = await Machine(tmp_path, postgres_url).back_up()
    empty = Machine(tmp_path, empty_postgres_url)
    with file.open("rb") as opened, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", empty.variables["PATH"])
        async with open_restore(settings_for(tmp_path, empty.url), opened) as work:
            with pytest.raises(Unusable, match="division by zero"):
                await work.target.fill(chain(backup_file.read(opened, work.secret_box).portions, [b"SELECT 1 / 0;\n"]))
            assert await work.target.held() is None
            await work.target.fill(backup_file.read(opened, work.secret_box).portions)
    for command in (("serve", "--dev"), ("migrate",)):
        refused = await lingpai(*command, "--data", tmp_path, **empty.variables)
        assert (refused.code, "run `lingpai restore` again, with --replace" in refused.err) == (1, True)


async def test_an_older_backup_is_brought_up_and_a_newer_one_refused(
    machine: Machine, empty: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lingpai.assembly import backups

    older = f"{int(latest()) - 1:04}"
    await asyncio.to_thread(downgrade, machine.url, older)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", machine.variables["PATH"])
        patch.setattr("lingpai.assembly.schema.latest", lambda: older)
        for asked in ("steps.secrets_in_use.find", "assembly.schema._require_served"):  # that schema has no place for either
            patch.setattr(f"lingpai.{asked}", nobody)
        async with backups.open_source(settings_for(machine.folder, machine.url)) as source:
            from lingpai.flows.backup import make

            made = await make(source, machine.backups, lambda done, whole: None)
    assert made.contents.revision == older
    with monkeypatch.context() as patch:
        patch.setattr(flow, "newest", lambda: "0001")
        refused = await empty.restore(made.file)
    assert (refused.code, "of a newer schema" in refused.err) == (1, True)
    assert (await empty.restore(made.file)).code == 0
    assert (await empty.ask("key", "list")).code == 0


async def nobody(*_: Any) -> None:
    """Nothing is known of the secrets in use, nor of a move: that revision has no table for it."""


async def test_a_backup_of_the_other_kind_of_database_is_refused(tmp_path: Path, sqlite_path: Path, empty_postgres_url: str) -> None:
    file = await Machine(tmp_path, f"sqlite:///{sqlite_path}").back_up()
    refused = await Machine(tmp_path, empty_postgres_url).restore(file)
    assert (refused.code, "of the other kind of database" in refused.err) == (1, True)


async def test_postgresql_without_its_programs_is_told_what_to_do(postgres_url: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path, postgres_url, PATH="/nowhere")
    refused = await machine.ask("backup", "--to", machine.backups)
    assert (refused.code, "pg_basebackup" in refused.err) == (1, True)
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    (tmp_path / "pg_dump").chmod(0o755)
    refused = await machine.ask("backup", "--to", machine.backups, PATH=f"{tmp_path}:/bin")
    assert (refused.code, "is of version 9, and the server of 18" in refused.err) == (1, True)
    assert list(machine.backups.iterdir()) == []


# Many of them


async def test_old_ones_are_thinned_out_and_nothing_else_is(sqlite_path: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path, f"sqlite:///{sqlite_path}")
    first = await machine.back_up()
    for name in ("lingpai-20200101T000000Z.backup", "lingpai-20200101T120000Z.backup", "lingpai-20200201T000000Z.backup"):
        shutil.copy(first, machine.backups / name)
    for name in ("mine.txt", "lingpai-20200101T000000Z.backup.old", ".lingpai-20200101T000000Z.backup.part"):
        (machine.backups / name).touch()
    for year in range(2090, 2094):
        shutil.copy(first, machine.backups / f"lingpai-{year}0101T000000Z.backup")
    others = machine.backups / "lingpai-20200101T060000Z.backup"
    others.write_bytes(sealed_by_others(first.read_bytes()))
    nonsense = machine.backups / "lingpai-20209999T000000Z.backup"
    shutil.copy(first, nonsense)
    wrong = await machine.ask("backup", "--to", machine.backups, "--keep", "hourly=3")
    assert (wrong.code, "expected such as daily=7,weekly=4,monthly=6" in wrong.err) == (2, True)
    first.unlink()
    made = json.loads((await machine.ask("backup", "--to", machine.backups, "--keep", "monthly=3", "--json")).out)
    assert made["thinned"] == [str(machine.backups / "lingpai-20200101T000000Z.backup")]
    left = {path.name for path in machine.backups.iterdir()}
    assert left == {
        Path(made["file"]).name,
        *("mine.txt", "lingpai-20200101T000000Z.backup.old", "lingpai-20200101T120000Z.backup", "lingpai-20200201T000000Z.backup"),
        *(f"lingpai-{year}0101T000000Z.backup" for year in range(2090, 2094)),
        *(others.name, nonsense.name),
    }, "the draft of a run that was killed is gone too"
    assert modes(machine.backups)[Path(made["file"]).name] == 0o600


def sealed_by_others(backup: bytes) -> bytes:
    """The head of another installation's, which backs up into the same folder."""
    begin = len(MAGIC) + len(FORM)
    return backup[:begin] + bytes(FINGERPRINT) + backup[begin + FINGERPRINT :]


def test_on_a_disk_without_second_names_a_backup_gets_its_own_and_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Path, draft: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with _draft(tmp_path / "new") as draft:
        draft.write(b"whole")
    with pytest.raises(CannotBackUp), _draft(tmp_path / "new") as draft:
        draft.write(b"another")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"new": b"whole"}


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}

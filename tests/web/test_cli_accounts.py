"""`lingpai account list`, `search` and `export`: many accounts, a page at a time, and nothing of them that logs in."""

import csv
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, update

from lingpai.assembly import open_services
from lingpai.assembly.configuration import defaults
from lingpai.cli.listing import csv_line, defused
from lingpai.core import rules
from lingpai.flows import account_search
from lingpai.store import account_listing, accounts, schema
from lingpai.store.database import Query
from running import INHERITED, SECONDS, Ended, lingpai_here

SECRET = "a secret of 32 bytes, or more of them"
HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"
START = 1_790_000_000_000
PUBLIC = Query(update(schema.accounts).where(schema.accounts.c.id == bindparam("number")).values(public_id=bindparam("called")))


class Desk:
    """An operator's place: a migrated database with people in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.variables = {"LINGPAI_DATABASE_URL": url, "LINGPAI_SECRET": SECRET}
        self.settings = defaults(data=folder, database_url=url, secret=SECRET)

    async def ask(self, *words: str, **more: str) -> Ended:
        return await lingpai_here("account", *words, "--data", self.folder, **self.variables, **more)

    async def told(self, *words: str) -> dict[str, Any]:
        ended = await self.ask(*words, "--json")
        assert ended.code == 0, ended.err
        return dict(json.loads(ended.out))

    async def settle(self, *people: str, realm: str = "main", nickname: str = "", proved: bool = True) -> list[int]:
        """Accounts with each of these: a mail address, a phone, or a name."""
        numbers = []
        async with open_services(self.settings) as services, services.store.begin() as tx:
            for who in people:
                number = await accounts.add(
                    tx, realm=realm, password=HASH, nickname=nickname, locale="en", created_at=START, created_ip="198.51.100.7"
                )
                rule = rules.email if "@" in who else rules.phone if who.startswith("+") else rules.account_name
                at = START if proved else None
                assert await accounts.add_identifier(tx, account_id=number, realm=realm, address=rule(who), proved_at=at)
                numbers.append(number)
        return numbers


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(database_url, tmp_path)


def mails(found: dict[str, Any]) -> list[str]:
    return [account["email"] for account in found["accounts"]]


async def test_accounts_are_listed_a_page_at_a_time_each_once_whatever_is_registered_meanwhile(desk: Desk) -> None:
    await desk.settle(*(f"p{number}@example.com" for number in range(5)))
    first = await desk.told("list", "--limit", "2", "--full")
    assert mails(first) == ["p0@example.com", "p1@example.com"]
    await desk.settle("late@example.com")
    second = await desk.told("list", "--limit", "4", "--full", "--after", str(first["next"]))
    assert mails(second) == ["p2@example.com", "p3@example.com", "p4@example.com", "late@example.com"]
    assert second["next"] is None


async def test_a_realm_is_listed_alone_and_all_of_them_where_none_is_named(desk: Desk) -> None:
    await desk.settle("ada@example.com")
    await desk.settle("ada@example.com", realm="boss")
    assert [one["realm"] for one in (await desk.told("list"))["accounts"]] == ["main", "boss"]
    assert [one["realm"] for one in (await desk.told("list", "--realm", "boss"))["accounts"]] == ["boss"]
    ended = await desk.ask("list", "--realm", "bos")
    assert (ended.code, ended.err) == (1, "lingpai: there is no realm bos; expected main or boss\n")


async def test_addresses_are_masked_until_they_are_asked_for_in_full(desk: Desk) -> None:
    await desk.settle("ada@example.com", "+8613900000001")
    shown = (await desk.ask("list")).out
    assert "a…@example.com" in shown
    assert "ada@" not in shown
    assert "13900000001" not in shown + (await desk.ask("search", "+8613900000001")).out
    assert "+8613900000001" in (await desk.ask("list", "--full")).out


@pytest.mark.parametrize("typed", ["Ada@Example.com", "139 0000 0001", "Ada.Lovelace", "{public}", "{number}"])
async def test_an_account_is_found_by_whatever_names_it(desk: Desk, typed: str) -> None:
    mail, phone, name, numbered, called = await desk.settle(
        "ada@example.com", "+8613900000001", "ada.lovelace", "bob@example.com", "eve@example.com"
    )
    wanted = {"A": mail, "1": phone}.get(typed[0], name)
    async with open_services(desk.settings) as services:
        await services.store.execute(PUBLIC, called="U-77", number=called)
    if typed.startswith("{"):
        typed, wanted = ("U-77", called) if typed == "{public}" else (str(numbered), numbered)
    wanted = name if typed == "Ada.Lovelace" else wanted
    assert [one["id"] for one in (await desk.told("search", typed))["accounts"]] == [wanted]


async def test_whom_nobody_knows_is_told_with_an_exit_code(desk: Desk) -> None:
    await desk.settle("+8613900000001", proved=False)
    for typed in ("nobody@example.com", "77", "+8613900000001"):
        ended = await desk.ask("search", typed)
        assert (ended.code, ended.err) == (1, f"lingpai: there is no account {typed}\n")
    for wrong in (("search",), ("search", "a", "--by", "age"), ("search", "a", "--prefix", "--after", "main"), ("list", "--limit", "0")):
        assert (await desk.ask(*wrong)).code == 2


async def test_a_beginning_finds_all_that_begin_so_page_by_page_over_realms_and_kinds(desk: Desk) -> None:
    await desk.settle("ada@example.com", "adam@example.com", "ada.lovelace", "bob@example.com", "a_a@example.com", "+8613900000001")
    await desk.settle("ada@example.org", realm="boss")
    found, place = [], []
    while True:
        page = await desk.told("search", "Ada", "--prefix", "--limit", "1", "--full", *place)
        found += [one["email"] or one["name"] for one in page["accounts"]]
        if page["next"] is None:
            break
        place = ["--after", page["next"]]
    assert found == ["ada@example.org", "ada@example.com", "adam@example.com", "ada.lovelace"]
    assert mails(await desk.told("search", "ada", "--prefix", "--by", "email", "--realm", "boss", "--full")) == ["ada@example.org"]
    assert [one["phone"] for one in (await desk.told("search", "139", "--prefix", "--full"))["accounts"]] == ["+8613900000001"]
    # What means something in a pattern means itself here.
    assert mails(await desk.told("search", "a_", "--prefix", "--full")) == ["a_a@example.com"]
    assert (await desk.ask("search", "a%", "--prefix")).code == 1


async def test_no_account_is_passed_over_between_pages_whatever_the_order_of_kinds_and_of_realms(desk: Desk) -> None:
    for realm in ("main", "boss"):
        await desk.settle("zoe1@example.com", "zoe2@example.com", "zoe.one", "zoe.two", realm=realm)
    whole = ["zoe1@example.com", "zoe2@example.com", "zoe.one", "zoe.two"] * 2
    async with open_services(desk.settings) as services:
        for realms in (["main", "boss"], ["boss", "main"], ["boss", "main", "boss"]):
            for kinds in (("name", "email"), ("email", "name", "email")):
                found: list[str | None] = []
                page = await account_search.by_prefix(services, realms, "zoe", kinds, after=None, limit=1)
                found += [one.email or one.name for one in page.accounts]
                while page.following:
                    page = await account_search.by_prefix(services, realms, "zoe", kinds, after=page.following, limit=1)
                    found += [one.email or one.name for one in page.accounts]
                assert found == whole, (realms, kinds)


async def test_an_export_holds_every_account_whole_and_nothing_that_logs_in(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_search, "PAGE", 2)
    await desk.settle("ada@example.com", "bob@example.com", "eve@example.com", nickname="=1+1")
    await desk.settle("+8613900000001", realm="boss")
    ended = await desk.ask("export")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [(line["email"], line["phone"], line["nickname"], line["has_password"]) for line in lines] == [
        ("ada@example.com", None, "=1+1", True),
        ("bob@example.com", None, "=1+1", True),
        ("eve@example.com", None, "=1+1", True),
        (None, "+8613900000001", "", True),
    ]
    sheet = await desk.ask("export", "--format", "csv")
    assert "argon2" not in ended.out + sheet.out
    assert ended.err == sheet.err == ""
    assert sheet.out[0] == "\ufeff", "Excel would read another encoding"
    head, *rows = csv.reader(io.StringIO(sheet.out[1:], newline=""))
    assert head == list(lines[0])
    assert [dict(zip(head, row, strict=True))["email"] for row in rows] == ["ada@example.com", "bob@example.com", "eve@example.com", ""]
    assert [row[head.index("phone")] for row in rows] == ["", "", "", "'+8613900000001"]
    assert rows[0][head.index("nickname")] == "'=1+1"
    assert len((await desk.ask("export", "--realm", "boss")).out.splitlines()) == 1


async def test_an_export_stands_in_the_trail(desk: Desk) -> None:
    await desk.ask("export", "--realm", "boss")
    shown = (await lingpai_here("audit", "--event", "operator.accounts-export", "--data", desk.folder, **desk.variables)).out
    assert "boss" in shown


async def test_that_addresses_were_shown_whole_stands_in_the_trail(desk: Desk) -> None:
    await desk.settle("ada@example.com")
    for asked in (("list",), ("search", "ada@example.com"), ("search", "ada", "--prefix")):
        await desk.told(*asked)
    call = ("audit", "--json", "--event", "operator.accounts-shown", "--data", desk.folder)
    assert json.loads((await lingpai_here(*call, **desk.variables)).out)["entries"] == []
    for asked in (("list",), ("search", "ada@example.com"), ("search", "ada", "--prefix")):
        await desk.told(*asked, "--full")
    assert len(json.loads((await lingpai_here(*call, **desk.variables)).out)["entries"]) == 3


async def test_passwords_do_not_leave_the_database_where_accounts_are_listed(desk: Desk) -> None:
    await desk.settle("ada@example.com")
    async with open_services(desk.settings) as services:
        [ada] = await account_listing.page(services.store, realm=None, after=0, limit=5)
        assert ada.password == ""
        assert await account_listing.by_id(services.store, ada.id) == ada


@pytest.mark.parametrize("cell", ["=1+1", "+86139", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "＋1", "－1", "＠x", "'quoted", "'=1"])
def test_no_cell_begins_as_a_formula_does_and_each_can_be_had_back(cell: str) -> None:
    assert defused(cell) == f"'{cell}"
    [[read, plain]] = csv.reader(io.StringIO(csv_line((cell, "a,b")), newline=""))
    assert (read.removeprefix("'"), plain) == (cell, "a,b")


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize(
    "cell", ["x;=1+cmd|'/c calc'!A1;y", "x,@SUM(A1)", "x\t-1", 'x;"=1+1;y', "x; =1", "x;'=1", "=1;=2,'3\t'", "x\n;＝1"]
)
def test_no_cell_begins_as_a_formula_does_where_another_separator_is_read_for_ours(cell: str, separator: str) -> None:
    for record in csv.reader(io.StringIO(csv_line((cell, "y")), newline=""), delimiter=separator):
        assert [part for part in record if part.lstrip(' "')[:1] in {*"=+-@＝", "\t"}] == []
    [[read, _]] = csv.reader(io.StringIO(csv_line((cell, "y")), newline=""))
    assert re.sub("(^|[;,\t\r\n])'", r"\1", read) == cell


@pytest.mark.parametrize("cell", ["ada", "", "1", 'a"b', "a=b", "，", "Ada, Countess", "a;b", "O'Neill"])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    assert defused(cell) == cell
    assert next(csv.reader(io.StringIO(csv_line((cell,)), newline=""))) == [cell]


COLUMNS = "id, realm, password, nickname, locale, created_at, created_ip, public_id"


def fill(path: Path, count: int) -> None:
    rows = ((number, "main", HASH, "n" * 200, "en", START, "", str(number)) for number in range(1, count + 1))
    with closing(sqlite3.connect(path)) as file:
        file.executemany(f"INSERT INTO accounts ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        file.commit()


PEAK = """
import resource, sys
from lingpai.cli import lingpai
lingpai(["account", "export", "--data", sys.argv[1]], standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
FLAT = 4 * 1_024
"""KiB that twenty times as many accounts may take more: held at once, they would be 12 MiB."""


def peak(folder: Path, path: Path, count: int) -> int:
    """KiB of memory at most while so many are exported."""
    fill(path, count)
    call = [sys.executable, "-c", PEAK, folder]
    done = subprocess.run(call, env=INHERITED, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == count
    return int(done.stderr)


def test_an_export_takes_no_more_memory_for_more_accounts(blank_sqlite: Path, tmp_path: Path) -> None:
    peaks = []
    for count in (1_000, 20_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        peaks.append(peak(folder, Path(shutil.copy(blank_sqlite, folder / "lingpai.db")), count))
    assert peaks[1] - peaks[0] < FLAT

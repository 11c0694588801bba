"""The command line, as people and machines meet it: what it prints, what it refuses, its exit codes."""

import asyncio
import os
import pwd
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from lingpai.assembly import open_services
from lingpai.assembly.configuration import defaults
from lingpai.assembly.front import refuse_clash
from lingpai.cli.outbox import masked
from lingpai.core import rules
from lingpai.core.errors import Limited, WrongPassword
from lingpai.core.model import Links, RequestContext
from lingpai.flows import login
from lingpai.guard.throttling.sms_budgets import SmsBudgets
from lingpai.settings import Hashing
from lingpai.settings.load import SettingsError
from lingpai.settings.outside import Sms
from lingpai.store import accounts, outbox
from lingpai.store.migrate import latest
from lingpai.web.dialects import maillink
from lingpai.web.dialects.maillink import MaillinkSettings
from lingpai.web.request.calls import Mount
from lingpai.web.server.bounds import Bounds
from mailserver import mail_server
from running import INHERITED, SECONDS, Ended, lingpai, lingpai_here, serving, start

REAL = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://127.0.0.1:9"}
QUIET = {"LINGPAI_SESSION__QUESTIONS": "off", "LINGPAI_MAILLINK__ACTIVATION": "confirm"}
"""Without what is doubtful by default."""
SECRET = "a secret of 32 bytes, or more of them"
RESET: dict[str, Any] = {"channel": "email", "template": "reset", "locale": "en"}
QUICK = {"LINGPAI_HASHING__MEMORY_KIB": "8", "LINGPAI_HASHING__TIME": "1"}
MIGRATE = "run `lingpai migrate` with the same --data and --config, if these are the right ones\n"


def held(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def told(ended: Ended) -> list[str]:
    """What a refusal to start lists."""
    assert ended.code == 2
    assert ended.out == ""
    head, *lines = ended.err.splitlines()
    assert head == "lingpai cannot start; these settings do not fit:"
    return [line.strip() for line in lines]


async def test_serving_needs_a_public_url_and_a_mail_server_outside_dev_mode(tmp_path: Path) -> None:
    assert told(await lingpai("serve", "--data", tmp_path)) == [
        "public_url: not set, neither in a file (--config) nor as LINGPAI_PUBLIC_URL; required outside dev mode; "
        "expected such as https://id.example.com",
        "mail.smtp_url: not set, neither in a file (--config) nor as LINGPAI_MAIL__SMTP_URL; required outside dev mode; "
        "expected such as smtp://user:password@host:587",
    ]
    assert held(tmp_path) == set()


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_an_unknown_key_and_an_unknown_variable_are_refused_together(tmp_path: Path, command: str) -> None:
    file = tmp_path / "lingpai.toml"
    file.write_text('[mail]\nsmpt_url = "smtp://mail.example.com"\n')
    found = told(await lingpai(command, "--config", file, "--data", tmp_path, **REAL, LINGPAI_TRUSTED_PROXY="10.0.0.0/8"))
    assert found == [
        f"{file}: unknown key mail.smpt_url; did you mean mail.smtp_url?",
        "LINGPAI_TRUSTED_PROXY: unknown variable; did you mean LINGPAI_TRUSTED_PROXIES?",
    ]


async def test_dev_mode_does_not_listen_beyond_this_machine(tmp_path: Path) -> None:
    found = told(await lingpai("serve", "--dev", "--host", "0.0.0.0", "--data", tmp_path))  # noqa: S104 - it is refused
    assert found == ["--host 0.0.0.0: dev mode listens on this machine only, for it shows every mail; expected 127.0.0.1, ::1 or localhost"]


async def test_an_option_that_does_not_exist_is_wrong_usage() -> None:
    ended = await lingpai("serve", "--prot", "80")
    assert (ended.code, ended.out) == (2, "")
    assert "No such option '--prot'" in ended.err


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = await lingpai("serve", "--dev", "--port", port, "--data", tmp_path)
    assert (ended.code, ended.err) == (1, f"lingpai: cannot listen on 127.0.0.1 port {port}: Address already in use\n")


async def test_a_secret_that_is_too_short_is_told_with_its_file(sqlite_path: Path) -> None:
    sqlite_path.with_name("secret").write_text("short")
    found = told(await lingpai("account", "show", "1", "--data", sqlite_path.parent))
    assert found[0].startswith(f"{sqlite_path.with_name('secret')}: the secret does not fit; expected 32 bytes or more")


def test_two_dialects_on_one_path_are_both_named() -> None:
    links = Links("", "", "")
    other = replace(maillink.DIALECT, name="other", calls=maillink.DIALECT.calls[:1])
    mounts = [Mount(maillink.DIALECT, MaillinkSettings(), "", links), Mount(other, MaillinkSettings(), "", links)]
    with pytest.raises(SettingsError) as refused:
        refuse_clash(mounts)
    assert refused.value.problems == [
        "maillink.prefix, other.prefix: maillink and other both claim /register on every host; "
        "expected another prefix or other hosts for one"
    ]
    refuse_clash([mounts[0], Mount(other, MaillinkSettings(prefix="/x"), "/x", links)])


def made_newer(path: Path, oldest: str | None) -> None:
    """As a later version's `migrate` leaves a database."""
    with closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.execute("DELETE FROM installation WHERE name = 'oldest_schema'")
        if oldest:
            file.execute("INSERT INTO installation (name, value) VALUES ('oldest_schema', ?)", (oldest,))
        file.commit()


@pytest.mark.parametrize(
    ("dev", "oldest", "told"),
    [((), "9998", "which serves no version before 9998"), (("--dev",), None, "newer than this version knows")],
    ids=["told", "untold in dev mode"],
)
async def test_a_newer_schema_that_serves_no_older_version_is_refused_even_in_dev_mode(
    sqlite_path: Path, dev: tuple[str, ...], oldest: str | None, told: str
) -> None:
    made_newer(sqlite_path, oldest)
    newer = (
        f"lingpai: the database is at revision 9999, {told}, and this version knows {latest()}: run the version that made it, "
        f"or go back with that one's `lingpai migrate --to {latest()}`\n"
    )
    for command in (("serve", *dev), ("migrate",), ("account", "show", "1"), ("outbox",)):
        ended = await lingpai(*command, "--data", sqlite_path.parent, **({} if dev else REAL))
        assert (ended.code, ended.err) == (1, newer), command


async def test_a_newer_schema_that_serves_this_version_too_is_served_and_told_of(sqlite_path: Path) -> None:
    made_newer(sqlite_path, latest())
    migrated = await lingpai("migrate", "--data", sqlite_path.parent)
    assert (migrated.code, migrated.out) == (
        0,
        f"The database is at revision 9999, which a newer version made; this one ({latest()}) works with it too.\n",
    )
    back = await lingpai("migrate", "--to", latest(), "--data", sqlite_path.parent)
    assert back.code == 1, "the way back is known only to the version that went it"
    async with serving("--data", sqlite_path.parent, **REAL) as running:
        (told,) = [event for event in running.events if event["event"] == "schema.newer"]
        assert (told["level"], told["found"], told["known"]) == ("warning", "9999", latest())
        assert await running.end() == 0


async def test_an_empty_database_is_refused_until_it_is_migrated(tmp_path: Path) -> None:
    ended = await lingpai("serve", "--data", tmp_path, **REAL)
    assert (ended.code, ended.err) == (1, f"lingpai: the database has no tables yet, and this version needs {latest()}: {MIGRATE}")
    assert held(tmp_path) == set()
    assert (await lingpai("migrate", "--data", tmp_path)).out == f"The database was at revision base and is at {latest()}.\n"
    assert (tmp_path / "lingpai.db").stat().st_mode & 0o777 == 0o600
    async with serving("--data", tmp_path, **REAL) as running:
        assert await running.end() == 0


async def test_an_empty_postgresql_is_refused_until_it_is_migrated_and_can_be_taken_back(tmp_path: Path, empty_postgres_url: str) -> None:
    there = {"LINGPAI_DATABASE_URL": empty_postgres_url}
    ended = await lingpai("serve", "--data", tmp_path, **REAL, **there, LINGPAI_SECRET=SECRET)
    assert (ended.code, ended.err) == (1, f"lingpai: the database has no tables yet, and this version needs {latest()}: {MIGRATE}")
    assert (await lingpai("migrate", "--data", tmp_path, **there)).out == f"The database was at revision base and is at {latest()}.\n"
    async with serving("--data", tmp_path, **REAL, **there, LINGPAI_SECRET=SECRET) as running:
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{running.url}/readyz")).status_code == 200
        assert await running.end() == 0
    back = await lingpai("migrate", "--to", "base", "--yes", "--data", tmp_path, **there)
    assert back.out == f"The database was at revision {latest()} and is at base.\n"


@pytest.mark.parametrize(("to", "lost"), [("base", "everything in it"), ("0003", "whatever revision 0003 has no place for")])
async def test_going_back_says_what_is_lost_and_asks(sqlite_path: Path, to: str, lost: str) -> None:
    desk = Desk(f"sqlite:///{sqlite_path}", sqlite_path.parent)
    await desk.settle()
    refused = await lingpai_here("migrate", "--to", to, "--data", sqlite_path.parent, stdin="n\n")
    assert refused.code == 1
    assert "holds: accounts 1, identifiers 2" in refused.out
    assert f"Going back to {to} loses {lost} for ever. Go on?" in refused.out
    assert (await lingpai_here("migrate", "--to", to, "--data", sqlite_path.parent)).code == 1, "nobody said yes"
    assert (await desk.ask("show", "ada@example.com")).code == 0
    assert (await lingpai_here("migrate", "--to", to, "--data", sqlite_path.parent, stdin="y\n")).out.endswith(f" is at {to}.\n")


ODD = "a%41?b#c&d 数据 'e'"


async def test_a_data_folder_of_any_name_is_migrated_served_and_operated(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    assert (await lingpai_here("migrate", "--data", folder)).out == f"The database was at revision base and is at {latest()}.\n"
    assert held(tmp_path) == {ODD}
    async with serving("--data", folder, **REAL, **QUICK) as running:
        assert (await lingpai_here("invite", "add", "--data", folder)).code == 0
        assert await running.end() == 0
    assert {"lingpai.db", "secret", "counters.db"} <= held(folder)


@pytest.mark.parametrize("words", [("migrate",), ("serve", "--dev")])
async def test_a_data_folder_that_cannot_be_is_refused_in_words(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("")
    inside = await lingpai(*words, "--data", tmp_path / "file" / "x")
    assert (inside.code, inside.out) in ((1, ""), (2, ""))
    assert f"--data {tmp_path}/file/x: Not a directory (" in inside.err
    odd = await lingpai(*words, "--data", tmp_path / os.fsdecode(b"\xff"))
    assert told(odd)[0].endswith("is no UTF-8; expected a folder whose name is text")
    assert "Traceback" not in inside.err + odd.err


async def test_a_revision_that_does_not_exist_is_told(tmp_path: Path) -> None:
    ended = await lingpai("migrate", "--to", "9998", "--data", tmp_path)
    assert (ended.code, ended.err) == (1, f"lingpai: there is no revision 9998; expected head, base, or 0001 to {latest()}\n")


async def test_a_database_that_does_not_answer_is_told(tmp_path: Path) -> None:
    url = f"postgresql://nobody@/none?host={tmp_path}"
    ended = await lingpai("migrate", "--data", tmp_path, LINGPAI_DATABASE_URL=url)
    assert ended.code == 1
    assert ended.err.startswith("lingpai: the database does not answer (")


@pytest.mark.parametrize("kept", ["lingpai.db", "lingpai.db-shm"])
async def test_a_database_file_of_somebody_else_is_told_with_its_owner_and_rights(sqlite_path: Path, kept: str) -> None:
    file = sqlite_path.with_name(kept)
    file.touch()
    file.chmod(0)
    # Root without its right to pass over modes is as anybody else.
    call = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if os.geteuid() == 0 else []
    call += [sys.executable, "-m", "lingpai", "migrate", "--data", str(sqlite_path.parent)]
    ended = await asyncio.to_thread(subprocess.run, call, env=INHERITED, capture_output=True, text=True, check=False)
    us = pwd.getpwuid(os.geteuid()).pw_name
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"lingpai: the database refuses us ({file} belongs to {us}, mode 000; this runs as {us})"


async def test_dev_mode_starts_with_nothing_and_catches_the_mail(tmp_path: Path) -> None:
    async with serving("--dev", "--data", tmp_path / "new", **QUICK) as running, httpx.AsyncClient(base_url=running.url) as client:
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        answer = await client.post("/register", json={"email": "ada@example.com", "password": "correct-horse-battery"})
        assert answer.json()["code"] == 200
        async with asyncio.timeout(SECONDS):
            while not (mails := (await client.get("/dev/inbox.json", params={"to": "ada@example.com"})).json()):
                pass
        assert f"{running.url}/activate_account?email=" in mails[0]["text"]
        assert await running.end() == 0
        assert "correct-horse" not in running.log


async def test_a_second_start_of_dev_mode_keeps_what_the_first_one_made(tmp_path: Path) -> None:
    async with serving("--dev", "--data", tmp_path, **QUICK) as running:
        await running.end()
    made = (tmp_path / "secret").read_text()
    async with serving("--dev", "--data", tmp_path, **QUICK) as running:
        assert await running.end() == 0
    assert (tmp_path / "secret").read_text() == made


async def test_an_idle_connection_stays_as_long_as_the_setting_says(tmp_path: Path) -> None:
    async with serving("--dev", "--data", tmp_path, **QUICK, LINGPAI_KEEP_ALIVE_SECONDS="1") as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        async with asyncio.timeout(SECONDS):
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert Bounds().idle_seconds == defaults().keep_alive_seconds == 75


async def test_several_processes_serve_one_port_and_end_together(sqlite_path: Path) -> None:
    async with serving("--workers", "2", "--data", sqlite_path.parent, **REAL) as running:
        async with httpx.AsyncClient(base_url=running.url) as client:
            for _ in range(20):
                assert (await client.get("/readyz", headers={"Connection": "close"})).status_code == 200
        workers = running.children
        assert len(workers) == 2
        assert await running.end() == 0
        assert {line["pid"] for line in running.events} <= {running.process.pid, *workers}
        assert {line["pid"] for line in running.events if line["event"] == "request"} <= set(workers)
        assert not [pid for pid in workers if str(pid) in held(Path("/proc"))]


async def test_logs_are_lines_of_json_with_instants_in_utc(sqlite_path: Path) -> None:
    async with serving("--data", sqlite_path.parent, **REAL, **QUIET, LINGPAI_ALLOWED_ORIGINS="https://app.example.org") as running:
        async with httpx.AsyncClient(base_url=running.url) as client:
            answer = await client.get("/nothing?vcode=sesame")
        await running.end()
        doubt, *others = running.events
        start = next(line for line in others if line["event"] == "serving")
        shorter = {line["dialect"]: line["takes"] for line in others if line["event"] == "passwords.shorter"}
        (request,) = (line for line in others if line["event"] == "request")
        assert "sesame" not in running.log
    assert doubt["event"] == "settings.doubtful"
    assert doubt["level"] == "warning"
    assert "cookie_same_site" in doubt["what"]
    assert shorter == {"maillink": 40, "session": 16}, "whose clients cannot send each password that may be set (contract, 9.7)"
    assert start["timestamp"].endswith("Z")
    assert request["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("workers", ["1", "3"])
async def test_a_node_says_once_which_argon2_runs_and_what_a_hash_costs(sqlite_path: Path, workers: str) -> None:
    small = {**REAL, **QUIET, "LINGPAI_HASHING__MEMORY_KIB": "2048"}
    async with serving("--data", sqlite_path.parent, "--workers", workers, **small) as running:
        said = await running.logged("hashing")
        # Before it forks: what each process would make by itself overwrites what the others have (guard/passwords/arena.py).
        assert "_argon2_cffi_bindings" in running.maps
        await running.end()
        assert [line["event"] for line in running.events].count("hashing") == 1
    assert said["argon2"] == version("argon2-cffi-bindings")
    assert said["build"] in ("built", "published", "fit")
    assert said["memory"] != "fresh"
    assert said["hash_ms"] > 0


async def test_the_level_keeps_lesser_events_out(sqlite_path: Path) -> None:
    async with serving("--data", sqlite_path.parent, **REAL, **QUIET, LINGPAI_LOG__LEVEL="warning") as running:
        await running.end()
        assert running.log == ""


async def test_the_reference_and_what_is_in_force_are_printed(tmp_path: Path) -> None:
    ended = await lingpai("settings", "--data", tmp_path, LINGPAI_SECRET=SECRET, LINGPAI_HASHING__TIME="3")
    assert ended.code == 0
    assert (
        "hashing.time (LINGPAI_HASHING__TIME)\n    passes over the memory\n    takes a whole number from 1 to 64; default 2\n" in ended.out
    )
    assert "\nhashing.time = 3    # LINGPAI_HASHING__TIME\n" in ended.out
    assert "\nsecret = ********    # LINGPAI_SECRET\n" in ended.out
    assert SECRET not in ended.out


async def test_settings_that_do_not_fit_are_told_after_the_reference(tmp_path: Path) -> None:
    ended = await lingpai("settings", "--data", tmp_path, LINGPAI_HASHING__TIME="0")
    assert ended.code == 2
    assert "hashing.time (LINGPAI_HASHING__TIME)" in ended.out
    assert "LINGPAI_HASHING__TIME: '0' does not fit; expected a whole number from 1 to 64" in ended.err


class Desk:
    """An operator's place: a migrated database with ada in it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.variables = {"LINGPAI_DATABASE_URL": url, "LINGPAI_SECRET": SECRET}
        hashing = Hashing(memory_kib=8, time=1)
        self.settings = defaults(dev=True, data=folder, database_url=url, secret=SECRET, hashing=hashing)

    async def settle(self) -> int:
        async with open_services(self.settings) as services:
            async with services.passwords.slot() as slot:
                phc = await slot.new("correct-horse-battery", [])
            async with services.store.begin() as tx:
                found = await accounts.add(
                    tx, realm="main", password=phc, nickname="Ada", locale="en", created_at=services.clock.now(), created_ip="198.51.100.7"
                )
                for address in (rules.email("ada@example.com"), rules.phone("13800138000")):
                    await accounts.add_identifier(tx, account_id=found, realm="main", address=address, proved_at=services.clock.now())
            return found

    async def log_in(self) -> None:
        async with open_services(self.settings) as services:
            here = RequestContext(client="198.51.100.7", ip="198.51.100.7")
            await login.for_cookie(services, here, login.Try(rules.email("ada@example.com"), "correct-horse-battery"))

    async def ask(self, *words: str, stdin: str = "") -> Ended:
        return await lingpai_here("account", *words, "--data", self.folder, stdin=stdin, **self.variables)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(database_url, tmp_path)


async def test_an_account_is_found_by_mail_address_by_phone_and_by_id(desk: Desk) -> None:
    found = await desk.settle()
    for who in ("ada@example.com", "ADA@Example.com", "+8613800138000", "13800138000", str(found)):
        ended = await desk.ask("show", who)
        assert ended.code == 0
        assert "ada@example.com (proved " in ended.out
    for who in ("bob@example.com", "13900139000", str(found + 1), "nobody"):
        ended = await desk.ask("show", who)
        assert (ended.code, ended.err) == (1, f"lingpai: there is no account {who} in realm main\n")
    assert (await desk.ask("show", str(found), "--realm", "boss")).err == f"lingpai: there is no account {found} in realm boss\n"


async def test_the_realm_is_the_pages_own_and_one_that_nobody_serves_is_told(desk: Desk) -> None:
    await desk.settle()
    desk.variables["LINGPAI_MAILLINK__REALM"] = "staff"
    assert (await desk.ask("show", "ada@example.com")).err == "lingpai: there is no account ada@example.com in realm staff\n"
    assert (await desk.ask("delete", "ada@example.com", stdin="n\n")).out.startswith("Delete ada@example.com of realm staff for ever?")
    assert (await desk.ask("show", "ada@example.com", "--realm", "main")).code == 0
    for words in (("show",), ("delete", "--yes")):
        ended = await desk.ask(*words, "ada@example.com", "--realm", "bos")
        assert (ended.code, ended.err) == (1, "lingpai: there is no realm bos; expected staff or main or boss\n")


async def test_a_locked_account_logs_nobody_in_until_it_is_unlocked(desk: Desk) -> None:
    await desk.settle()
    await desk.log_in()
    assert (await desk.ask("lock", "ada@example.com")).out == "Locked.\n"
    with pytest.raises(WrongPassword):
        await desk.log_in()
    assert (await desk.ask("lock", "ada@example.com")).out == "It was locked already; its sessions are ended.\n"
    assert (await desk.ask("unlock", "ada@example.com")).out == "Unlocked.\n"
    await desk.log_in()
    shown = (await desk.ask("show", "ada@example.com")).out
    assert "operator.lock" in shown
    assert "operator.unlock" in shown


async def test_sessions_are_ended_and_counted(desk: Desk) -> None:
    await desk.settle()
    await desk.log_in()
    await desk.log_in()
    assert (await desk.ask("end-sessions", "ada@example.com")).out == "Sessions ended: 2.\n"
    assert (await desk.ask("end-sessions", "ada@example.com")).out == "Sessions ended: 0.\n"


async def test_an_account_is_deleted_only_after_a_yes(desk: Desk) -> None:
    await desk.settle()
    refused = await desk.ask("delete", "ada@example.com", stdin="n\n")
    assert refused.code == 1
    assert (await desk.ask("show", "ada@example.com")).code == 0
    assert (await desk.ask("delete", "ada@example.com", stdin="y\n")).out.endswith("Deleted.\n")
    assert (await desk.ask("show", "ada@example.com")).code == 1


async def test_the_outbox_tells_what_failed_and_why_without_whole_addresses(desk: Desk) -> None:
    async with open_services(desk.settings) as services:
        now = services.clock.now()
        async with services.store.begin() as tx:
            for to in ("ada@example.com", "bob@example.com"):
                await outbox.add(tx, recipient=to, sealed=b"x", account_id=None, created_at=now, expires_at=now + 60_000, **RESET)
        async with services.store.begin() as tx:
            (first, _) = await outbox.claim(tx, channel="email", now=now, owner="w", lease_until=now + 1_000, limit=2)
        await outbox.give_up(services.store, id=first.id, owner="w", state="failed", error="550 no such user", at=now)
    ended = await lingpai("outbox", "--data", desk.folder, **desk.variables)
    assert ended.code == 0
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in ended.out.splitlines() if line.startswith("│")]
    assert sorted(rows[:2]) == [["failed", "1"], ["waiting", "1"]]
    assert [(row[1], row[2], row[3], row[7]) for row in rows[2:]] == [
        ("waiting", "reset", "b…@example.com", ""),
        ("failed", "reset", "a…@example.com", "550 no such user"),
    ]


async def test_the_worker_alone_sends_what_waits(desk: Desk) -> None:
    found = await desk.settle()
    async with open_services(desk.settings) as services, services.store.begin() as tx:
        account = await accounts.by_id(tx, found)
        assert account
        links = Links("", "https://id.example.com/reset", "")
        asking = RequestContext("198.51.100.7", "198.51.100.7", locale="en", links=links)
        await services.letters.reset(tx, asking, account, "token")
    async with mail_server() as mail:
        real = {**REAL, **desk.variables, "LINGPAI_MAIL__SMTP_URL": mail.url()}
        process = await start(("worker", "--data", desk.folder), real, asyncio.subprocess.PIPE)
        assert process.stderr
        async with asyncio.timeout(SECONDS):
            async for line in process.stderr:
                if b"letter.delivered" in line:
                    break
            process.terminate()
            await process.communicate()
    assert process.returncode == 0
    assert [letter.recipients for letter in mail.arrived] == [("ada@example.com",)]


async def test_the_outbox_shows_the_budgets_of_text_messages_and_what_is_shut(desk: Desk) -> None:
    gateway = {"LINGPAI_SMS__PROVIDER": "webhook", "LINGPAI_SMS__DAILY_BUDGET": "2"}
    ended = await lingpai("outbox", "--data", desk.folder, **desk.variables)
    assert "sms" not in ended.out
    async with open_services(desk.settings) as services:
        sms_budgets = SmsBudgets(services.ephemeral, Sms(daily_budget=2), services.clock)
        for last in (0, 1):
            await sms_budgets.start(rules.phone(f"+861380013800{last}"))
        assert "2 of 2 sent today" in (await lingpai("outbox", "--data", desk.folder, **desk.variables, **gateway)).out
        with pytest.raises(Limited):
            await sms_budgets.start(rules.phone("+8613800138002"))
    ended = await lingpai("outbox", "--data", desk.folder, **desk.variables, **gateway)
    assert "overrun: nothing is sent until 20" in ended.out
    assert "13800138" not in ended.out


async def test_the_outbox_says_that_nothing_is_texted_while_the_counters_are_lost(desk: Desk) -> None:
    lost = {"LINGPAI_SMS__PROVIDER": "webhook", "LINGPAI_VALKEY_URL": f"unix://{desk.folder}/nobody.sock"}
    ended = await lingpai("outbox", "--data", desk.folder, **desk.variables, **lost)
    assert ended.code == 0
    assert "the counters do not answer: nothing is sent" in ended.out


@pytest.mark.parametrize(
    ("provider", "missing"),
    [
        ("aliyun", ["access_key_id", "access_key_secret", "sign_name", "templates.code"]),
        ("tencent", ["secret_id", "secret_key", "app_id", "sign_name", "templates.code"]),
        ("webhook", ["url", "secret"]),
    ],
)
async def test_a_gateway_that_lacks_something_refuses_the_start_and_names_it(tmp_path: Path, provider: str, missing: list[str]) -> None:
    ended = await lingpai("serve", "--data", tmp_path, **REAL, LINGPAI_SMS__PROVIDER=provider)
    assert told(ended) == [
        f"sms.{provider}.{path}: not set, neither in a file (--config) nor as LINGPAI_SMS__{provider.upper()}__"
        f'{path.replace(".", "__").upper()}; required by sms.provider = "{provider}"'
        for path in missing
    ]


def test_an_address_in_the_outbox_is_masked() -> None:
    assert masked("ada@example.com") == "a…@example.com"
    assert masked("+8613800138000") == "+8613…00"


UNUSED = {
    "PIL", "altcha", "alembic", "asyncpg", "captcha", "cryptography.x509", "email_validator", "httpx", "jinja2", "joserfc",
    "lingpai.post.inbox", "phonenumbers", "pydantic", "pygments", "rich", "segno", "sqlalchemy", "sqlite3", "typer", "valkey",
}  # fmt: skip
"""What a service on SQLite and SMTP does without, at least until the first address, page, JWT or picture."""


def test_sqlite_and_smtp_alone_load_nothing_else(sqlite_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
import lingpai.cli
from lingpai.assembly import build
from lingpai.assembly.configuration import defaults
from lingpai.settings import MailSettings
from lingpai.web.server import serve
async def main():
    mail = MailSettings(smtp_url="smtp://127.0.0.1:9")
    data = Path({str(sqlite_path.parent)!r})
    await (await build(defaults(data=data, public_url="https://id.example.com", mail=mail))).close()
asyncio.run(main())
print(*sorted({UNUSED!r} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "\n"

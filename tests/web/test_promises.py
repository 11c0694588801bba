"""What the core promises behind every door, seen through one: the trail, session rows, shedding, upgrades."""

import asyncio
from pathlib import Path

import pytest

from conftest import open_database
from fakes import FakeChance, FakeClock
from lingpai.assembly import build, hashing_threads
from lingpai.assembly.configuration import defaults
from lingpai.core import rules
from lingpai.settings import Hashing
from lingpai.store import accounts, audit, migrate, sessions
from running import lingpai
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import Town, settings_for


async def trail(town: Town, email: str) -> list[tuple[str, str, str]]:
    """Oldest first: what, how it ended, from where."""
    account = await accounts.find(town.house.services.store, "main", "email", rules.email(email).key)
    assert account
    events = await audit.of(town.house.services.store, account_id=account.id, limit=50)
    return [(event.event, event.result, event.ip) for event in sorted(events, key=lambda event: event.id)]


async def test_the_trail_tells_what_was_done_how_it_ended_and_from_where(town: Town) -> None:
    ada = await member(town)
    stranger = ada.another()
    await stranger.log_in(ADA, "not the password")
    await ada.log_in(ADA, GOOD)
    await ada.log_out()
    await stranger.forget(ADA)
    await stranger.reset(ADA, "quite another one")
    here, there = "198.51.100.7", "203.0.113.9"
    assert await trail(town, ADA) == [
        ("register", "ok", here),
        ("activate", "ok", here),
        ("login", "wrong-password", there),
        ("login", "ok", here),
        ("logout", "ok", here),
        ("reset.ask", "ok", there),
        ("reset", "ok", there),
    ]


async def test_a_session_row_keeps_when_from_where_with_what_and_when_last_seen(town: Town) -> None:
    ada = await member(town)
    ada.browser.headers["User-Agent"] = "A browser/1.0"
    await ada.log_in(ADA, GOOD)
    born, store = town.clock.now(), town.house.services.store
    account = await accounts.find(store, "main", "email", ADA)
    assert account

    async def row() -> tuple[int, int, str, str]:
        (session,) = await sessions.of(store, account_id=account.id, now=town.clock.now())
        return session.created_at, session.seen_at, session.ip, session.agent

    assert await row() == (born, born, "198.51.100.7", "A browser/1.0")
    town.clock.advance(minutes=9, seconds=59)
    await ada.who()
    assert (await row())[1] == born, "written at most every 10 minutes"
    town.clock.advance(seconds=1)
    await ada.who()
    assert (await row())[1] == town.clock.now()


async def test_a_weaker_hash_is_upgraded_at_login_also_by_many_at_once(
    tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance
) -> None:
    town = Town(await build(settings_for(tmp_path, database_url), clock, chance), clock)
    await member(town)
    await town.house.close()
    stronger = Hashing(memory_kib=16, time=2, threads=2, queue=200)
    town = Town(await build(settings_for(tmp_path, database_url, hashing=stronger), clock, chance), clock)
    people = [Maillink(town, town.browser(f"203.0.113.{number}")) for number in range(8)]
    answers = await asyncio.gather(*(person.log_in(ADA, GOOD) for person in people))
    assert [answer.yes for answer in answers] == [True] * 8
    account = await accounts.find(town.house.services.store, "main", "email", ADA)
    assert account
    assert "m=16,t=2" in (account.password or "")
    await town.house.close()


@pytest.mark.parametrize("changes", [{"hashing": Hashing(memory_kib=65_536, time=8, threads=1, queue=1)}])
async def test_who_finds_the_queue_full_is_told_so_before_anything_is_counted(town: Town) -> None:
    person = Maillink(town)
    town.clock.auto = True  # the refusal is held back by the clock
    answers = await asyncio.gather(*(person.log_in(f"person{number}@example.com", GOOD) for number in range(40)))
    shed = [answer for answer in answers if answer.reply.status_code == 503]
    assert len(shed) >= 38 - 2
    assert all(int(answer.reply.headers["Retry-After"]) >= 1 and answer.reply.json()["code"] == 0 for answer in shed)
    assert any(0.4 <= span <= 0.6 for span in town.clock.slept)
    assert not any(answer.reply.status_code == 429 for answer in answers), "40 are over the 30 a minute of one client"


def test_hashing_threads_are_as_many_as_cores_shared_among_processes() -> None:
    assert hashing_threads(defaults(hashing=Hashing(threads=8)), 1) == 8
    assert hashing_threads(defaults(hashing=Hashing(threads=8)), 4) == 2
    assert hashing_threads(defaults(hashing=Hashing(threads=2)), 4) == 1
    assert hashing_threads(defaults(), 1) >= 1


async def test_an_older_schema_is_refused_and_the_way_out_named(
    database_url: str, tmp_path: Path, clock: FakeClock, chance: FakeChance
) -> None:
    await asyncio.to_thread(migrate.downgrade, database_url, "0001")
    served = await lingpai(
        "serve",
        "--port",
        "0",
        "--data",
        tmp_path,
        LINGPAI_DATABASE_URL=database_url,
        LINGPAI_SECRET="s" * 32,
        LINGPAI_PUBLIC_URL="https://id.example.com",
        LINGPAI_MAIL__SMTP_URL="smtp://127.0.0.1:25",
    )
    assert served.code == 1
    assert "lingpai migrate" in served.err
    database = await open_database(database_url, clock, chance)
    assert await database.version() == "0001"
    await database.close()


async def test_a_link_leads_to_a_dialects_own_host(tmp_path: Path, sqlite_path: Path, clock: FakeClock, chance: FakeChance) -> None:
    from lingpai.web.dialects.maillink import MaillinkSettings

    own = MaillinkSettings(hosts=("login.example.com",))
    town = Town(await build(settings_for(tmp_path, f"sqlite:///{sqlite_path}", maillink=own), clock, chance), clock)
    person = Maillink(town)
    person.browser.headers["Host"] = "login.example.com"
    assert (await person.register(ADA, GOOD)).yes
    (mail,) = await town.mails(ADA)
    assert "http://login.example.com:8000/activate_account?" in mail["text"]
    await town.house.close()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_an_opened_activation_link_stays_already_active_whoever_asks_for_another(town: Town) -> None:
    ada = await member(town)
    link = await town.link(ADA, "/activate_account")
    town.clock.advance(minutes=2)
    await ada.another().say("/send_activate_email", email=ADA)
    assert "已激活，直接登录即可" in (await ada.browser.get("/activate_account", params=link)).text


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_one_of_an_addresss_five_messages_an_hour_is_kept_for_a_reset(town: Town) -> None:
    ada = await member(town)
    for _ in range(5):
        town.clock.advance(seconds=61)
        await ada.another().say("/send_activate_email", email=ADA)
    before = len(await town.mails(ADA))
    assert (await ada.forget(ADA)).yes
    assert len(await town.mails(ADA)) == before + 1


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_every_accepted_request_writes_one_letter_and_nobodys_leave_no_row(town: Town) -> None:
    async def waiting() -> int:
        return await count(town)

    await member(town)
    town.clock.advance(hours=1)
    for path in ("/send_activate_email", "/reset_password/send_mail", "/register"):
        for number, email in enumerate((ADA, "nobody@example.com")):
            before = await waiting()
            person = Maillink(town, town.browser(f"203.0.113.{number}"))
            assert (await person.say(path, email=email, password=GOOD)).yes
            assert await waiting() == before + 1, (path, email)
        town.clock.advance(hours=1)
        await town.mails()
    assert await waiting() == 0


async def count(town: Town) -> int:
    from lingpai.store import outbox

    return dict(await outbox.overview(town.house.services.store)).get("waiting", 0)

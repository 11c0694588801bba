"""What the store promises of letters and of the audit trail, on both databases."""

import asyncio
from pathlib import Path

import apsw

from conftest import open_database
from fakes import START, FakeChance, FakeClock, settle
from lingpai.core.model import Letter, RequestContext
from lingpai.store import audit, outbox
from lingpai.store.database import Database
from lingpai.store.sqlite import DIALECT
from rows import DAY, Words, letter, new_account, new_letters

LEASE = 30_000
ORIGIN = RequestContext(client="192.0.2.0/24", ip="192.0.2.7", agent="curl", request_id="r-1")


async def claim(database: Database, owner: str, *, now: int = START, limit: int = 100) -> list[Letter]:
    async with database.begin() as tx:
        return await outbox.claim(tx, channel="email", now=now, owner=owner, lease_until=now + LEASE, limit=limit)


async def test_a_letter_waits_from_the_moment_its_transaction_is_committed(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    assert not await outbox.due(database, channel="email", now=START)
    async with database.begin() as tx:
        number = await letter(tx, "ada@example.com", account_id=made)
    assert await outbox.due(database, channel="email", now=START)
    assert not await outbox.due(database, channel="email", now=START - 1)
    assert await outbox.listing(database, state="waiting", limit=10) == [
        Letter(number, "email", "activate", "ada@example.com", "en", b"sealed", made, START, START, START + DAY, 0, "waiting", "")
    ]


async def test_a_refused_request_leaves_no_letter(database: Database) -> None:
    try:
        async with database.begin() as tx:
            await letter(tx)
            raise KeyError
    except KeyError:
        pass
    assert await outbox.overview(database) == {}


async def test_the_longest_due_letters_are_claimed_first_and_count_the_attempt(database: Database) -> None:
    late = await new_letters(database, 2, at=START)
    early = await new_letters(database, 2, at=START - 5)
    got = await claim(database, "one", limit=3)
    assert [letter.id for letter in got] == [*early, late[0]]
    assert {letter.attempts for letter in got} == {1}


async def test_several_workers_never_get_the_same_letter(
    database: Database, database_url: str, clock: FakeClock, chance: FakeChance
) -> None:
    numbers = await new_letters(database, 200)
    # A pool of its own for each of two "processes"; SQLite's writers would wait for one another on the fake clock, so they take turns.
    second = await open_database(database_url, clock, chance) if database.name == "postgres" else database

    async def work(name: str, store: Database) -> list[int]:
        mine: list[int] = []
        while got := await claim(store, name, limit=7):
            mine += [letter.id for letter in got]
        return mine

    shares = await asyncio.gather(*(work(f"worker {n}", second if n % 2 else database) for n in range(16)))
    assert sorted(number for share in shares for number in share) == numbers
    if second is not database:
        await second.close()


async def test_a_worker_does_not_wait_for_letters_that_another_is_claiming(database: Database) -> None:
    await new_letters(database, 2)
    async with database.begin() as tx:
        first = await outbox.claim(tx, channel="email", now=START, owner="one", lease_until=START + LEASE, limit=1)
        other = asyncio.create_task(claim(database, "two", limit=1))
        if database.name == "postgres":
            assert await other  # while the first claim is still open: SKIP LOCKED
        else:
            await settle()
            assert not other.done()  # one writer at a time
    assert {letter.id for letter in [*first, *await other]} == {1, 2}


async def test_a_dead_workers_lease_ends(database: Database) -> None:
    [number] = await new_letters(database, 1)
    await claim(database, "dead")
    assert await claim(database, "other", now=START + LEASE - 1) == []
    assert not await outbox.due(database, channel="email", now=START + LEASE - 1)
    [again] = await claim(database, "other", now=START + LEASE)
    assert (again.id, again.attempts) == (number, 2)
    assert not await outbox.delivered(database, id=number, owner="dead", at=START, kept=None)
    assert not await outbox.retry(database, id=number, owner="dead", due_at=START, error="")
    assert not await outbox.give_up(database, id=number, owner="dead", state="failed", error="", at=START)
    assert await outbox.delivered(database, id=number, owner="other", at=START, kept=None)


async def test_a_delivered_letter_is_erased_and_keeps_its_words_only_where_asked(database: Database) -> None:
    plain, kept = await new_letters(database, 2)
    await claim(database, "one")
    assert await outbox.delivered(database, id=plain, owner="one", at=START, kept=None)
    assert await outbox.delivered(database, id=kept, owner="one", at=START, kept=Words("s", "t", "<p>h</p>"))
    assert not await outbox.delivered(database, id=kept, owner="one", at=START, kept=None)
    sent = await outbox.listing(database, state="sent", limit=10)
    assert [(letter.id, letter.sealed, letter.subject, letter.text, letter.html) for letter in sent] == [
        (kept, None, "s", "t", "<p>h</p>"),
        (plain, None, None, None, None),
    ]
    assert await claim(database, "two", now=START + DAY) == []


async def test_a_letter_that_is_retried_waits_until_it_is_due_again(database: Database) -> None:
    [number] = await new_letters(database, 1)
    await claim(database, "one")
    assert await outbox.retry(database, id=number, owner="one", due_at=START + 5_000, error="450 later")
    assert await claim(database, "one", now=START + 4_999) == []
    [again] = await claim(database, "one", now=START + 5_000)
    assert (again.attempts, again.error, again.sealed) == (2, "450 later", b"sealed")


async def test_a_letter_that_is_given_up_says_why_and_is_erased(database: Database) -> None:
    failed, expired = await new_letters(database, 2)
    await claim(database, "one")
    assert await outbox.give_up(database, id=failed, owner="one", state="failed", error="550 no such user", at=START)
    assert await outbox.give_up(database, id=expired, owner="one", state="expired", error="", at=START)
    [gone] = await outbox.listing(database, state="failed", limit=10)
    assert (gone.id, gone.error, gone.sealed) == (failed, "550 no such user", None)
    assert await outbox.overview(database) == {"failed": 1, "expired": 1}


async def test_leases_given_back_count_no_attempt_and_can_be_claimed_at_once(database: Database) -> None:
    await new_letters(database, 3)
    await claim(database, "one", limit=2)
    await claim(database, "two", limit=1)
    assert await outbox.release(database, owner="one") == 2
    assert [letter.attempts for letter in await claim(database, "three")] == [1, 1]


async def test_the_inbox_shows_kept_letters_oldest_first(database: Database) -> None:
    async with database.begin() as tx:
        numbers = [await letter(tx, to) for to in ("ada@example.com", "bob@example.com", "ada@example.com", "ada@example.com")]
    await claim(database, "one")
    for number in numbers[:3]:
        await outbox.delivered(database, id=number, owner="one", at=START, kept=Words())
    await outbox.delivered(database, id=numbers[3], owner="one", at=START, kept=None)

    async def shown(to: str | None = None, after: int = 0, limit: int = 10) -> list[int]:
        return [letter.id for letter in await outbox.recent(database, to=to, after=after, limit=limit)]

    assert await shown() == numbers[:3]
    assert await shown(to="Ada@Example.com") == [numbers[0], numbers[2]]
    assert await shown(after=numbers[0]) == numbers[1:3]
    assert await shown(limit=1) == [numbers[2]]


async def test_letters_that_have_ended_by_then_are_purged_in_batches(database: Database) -> None:
    numbers = await new_letters(database, 4)
    await claim(database, "one")
    for number in numbers[:3]:
        await outbox.give_up(database, id=number, owner="one", state="failed", error="", at=START)
    assert await outbox.purge(database, START - 1, 2) == 0
    assert [await outbox.purge(database, START, 2) for _ in range(3)] == [2, 1, 0]
    assert await outbox.overview(database) == {"waiting": 1}


async def test_the_number_of_a_purged_letter_is_never_used_again(database: Database) -> None:
    [number] = await new_letters(database, 1)
    await claim(database, "one")
    await outbox.give_up(database, id=number, owner="one", state="failed", error="", at=START)
    assert await outbox.purge(database, START, 10) == 1
    assert (await new_letters(database, 1))[0] > number


async def test_a_bell_wakes_who_waits_and_keeps_a_ring_for_who_comes_later() -> None:
    bell = outbox.Bell()
    waiting = asyncio.create_task(bell.wait(60))
    await settle()
    bell.ring()
    assert await waiting
    bell.ring()
    assert await bell.wait(60)
    assert not await bell.wait(0)


async def test_the_trail_tells_what_happened_newest_first(database: Database) -> None:
    await audit.add(database, at=START, realm="main", account_id=7, event="login", result="wrong-password", origin=ORIGIN)
    await audit.add(database, at=START + 1, realm="main", account_id=7, event="login", result="ok", origin=ORIGIN, detail="known device")
    await audit.add(database, at=START + 2, realm="main", account_id=None, event="login", result="unknown-account", origin=ORIGIN)
    newest, oldest = await audit.of(database, account_id=7, limit=10)
    assert newest == audit.Event(newest.id, START + 1, "main", 7, "login", "ok", "192.0.2.7", "curl", "r-1", "known device")
    assert oldest.result == "wrong-password"
    assert await audit.of(database, account_id=7, limit=1) == [newest]


async def test_the_trail_is_purged_in_batches_from_its_old_end(database: Database) -> None:
    for age in range(5):
        await audit.add(database, at=START - age, realm="main", account_id=7, event="login", result="ok", origin=ORIGIN)
    assert [await audit.purge(database, START, 3) for _ in range(3)] == [3, 1, 0]
    assert [event.at for event in await audit.of(database, account_id=7, limit=10)] == [START]


async def test_what_is_due_is_found_in_the_order_of_time_however_many_wait(sqlite_path: Path) -> None:
    with apsw.Connection(str(sqlite_path)) as file:
        for query in (outbox._OLDEST_DUE, outbox._DUE, outbox._CLAIM):
            sql = query.plan(DIALECT).sql
            plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * sql.count("?"))]
            assert any("ix_letters_due (channel=? AND due_at<?)" in step for step in plan), plan
            assert not any("TEMP B-TREE" in step for step in plan), plan

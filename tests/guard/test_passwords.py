"""The hashing pool, what it keeps, and what it refuses as guessable (contract, rule 9)."""

import asyncio
import os
import threading
import unicodedata
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
from argon2 import extract_parameters
from argon2.low_level import Type, hash_secret
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeChance, FakeClock, settle
from lingpai.core import data, time_budget
from lingpai.core.errors import Overloaded, WeakPassword
from lingpai.core.threads import NICE, WorkerThreads, run_aside
from lingpai.guard.passwords import arena, strength
from lingpai.guard.passwords.argon2 import Argon2
from lingpai.guard.passwords.hashing import PasswordHasher, Verdict
from lingpai.settings import Hashing

SMALL = Hashing(memory_kib=64, time=2, queue=2)
GOOD = "quietly-Orbiting7"
PERSONAL = ("ada.lovelace@brightmill.com", "Lingpai", "+8613800138000", "李小明")


@pytest.fixture
def pool() -> Iterator[WorkerThreads]:
    made = WorkerThreads(1)
    yield made
    made.close()


@pytest.fixture
def passwords(clock: FakeClock, chance: FakeChance) -> Iterator[PasswordHasher]:
    made = PasswordHasher(SMALL, 1, 1, clock, chance, familiar=("Brightmill",))
    yield made
    made.close()


@pytest.fixture
async def busy(pool: WorkerThreads) -> AsyncIterator[threading.Event]:
    """The pool's one thread is at work until the event is set."""
    started, go = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        go.wait()

    work = asyncio.create_task(pool.run(wait))
    await settle()
    assert started.wait(10)
    yield go
    go.set()
    await work


async def kept(passwords: PasswordHasher, password: str = GOOD) -> str:
    async with passwords.slot() as slot:
        return await slot.new(password, ())


async def verify(passwords: PasswordHasher, phc: str | None, password: str) -> Verdict:
    async with passwords.slot() as slot:
        return await slot.verify(phc, password)


def phc(password: str, *, memory: int = 64, time: int = 2, kind: Type = Type.ID) -> str:
    return hash_secret(password.encode(), b"a salt of its own", time, memory, 1, 32, kind).decode()


def judged(password: str, personal: tuple[str, ...] = PERSONAL, min_score: int = 1) -> str | None:
    try:
        strength.judge(password, personal, min_score)
    except WeakPassword as weak:
        return weak.reason
    return None


async def test_a_password_is_kept_as_argon2id_with_the_parameters_of_the_settings(passwords: PasswordHasher) -> None:
    found = extract_parameters(await kept(passwords))
    assert (found.type, found.memory_cost, found.time_cost, found.parallelism) == (Type.ID, 64, 2, 1)
    assert (found.salt_len, found.hash_len) == (16, 32)


async def test_the_same_password_is_never_kept_the_same_way(passwords: PasswordHasher) -> None:
    assert await kept(passwords) != await kept(passwords)


async def test_the_right_password_is_right_and_every_other_is_wrong(passwords: PasswordHasher) -> None:
    stored = await kept(passwords)
    assert await verify(passwords, stored, GOOD) == Verdict(right=True)
    for wrong in (GOOD.upper(), GOOD[:-1], GOOD + " ", "x" + GOOD, ""):
        assert await verify(passwords, stored, wrong) == Verdict(right=False)


async def test_a_long_password_counts_to_its_last_character(passwords: PasswordHasher) -> None:
    long = "the quick brown fox jumps over it " * 3
    stored = await kept(passwords, long + "a")
    assert not (await verify(passwords, stored, long + "b")).right


async def test_a_decomposed_spelling_is_the_same_password(passwords: PasswordHasher) -> None:
    stored = await kept(passwords, "caf\u00e9-orbiting")
    assert (await verify(passwords, stored, unicodedata.normalize("NFD", "caf\u00e9-orbiting"))).right


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """What every hash that is made takes: memory, passes, lanes, the lengths of salt and tag; and whether the thread keeps its memory."""
    real = arena.run
    seen: list[tuple[int, ...]] = []

    def watched(context: Any, kept: int) -> int:
        seen.append((context.m_cost, context.t_cost, context.lanes, context.saltlen, context.outlen, kept))
        return real(context, kept)

    monkeypatch.setattr(arena, "run", watched)
    return seen


async def test_a_stranger_costs_the_work_of_a_friend_and_is_never_right(passwords: PasswordHasher, work: list[tuple[int, ...]]) -> None:
    stored = await kept(passwords)
    work.clear()
    assert await verify(passwords, None, GOOD) == Verdict(right=False)
    await verify(passwords, stored, "a wrong one")
    await verify(passwords, "$2b$12$of-another-kind", GOOD)
    assert work == [(64, 2, 1, 16, 32, 64)] * 3


def test_the_decoy_is_another_one_in_every_process() -> None:
    assert Argon2(SMALL, FakeChance(1)).decoy != Argon2(SMALL, FakeChance(2)).decoy


@pytest.mark.parametrize(("memory", "time"), [(32, 4), (32, 2), (64, 1)])
async def test_a_weaker_hash_is_verified_and_upgraded(passwords: PasswordHasher, memory: int, time: int) -> None:
    stored = phc(GOOD, memory=memory, time=time)
    verdict = await verify(passwords, stored, GOOD)
    assert verdict.right
    assert verdict.upgraded is not None
    assert extract_parameters(verdict.upgraded).memory_cost == 64
    assert await verify(passwords, verdict.upgraded, GOOD) == Verdict(right=True)
    assert await verify(passwords, stored, "a wrong one") == Verdict(right=False)


async def test_a_stronger_hash_stays(passwords: PasswordHasher) -> None:
    assert await verify(passwords, phc(GOOD, memory=128, time=1), GOOD) == Verdict(right=True)


@pytest.mark.parametrize(
    "stored",
    [
        phc(GOOD).replace("m=64", "m=4194304"),
        phc(GOOD).replace("t=2", "t=4294967295"),
        phc(GOOD).replace("m=64,t=2", "m=1048576,t=2"),
        phc(GOOD).replace("p=1", "p=255"),
        phc(GOOD, kind=Type.I),
        phc(GOOD, kind=Type.D),
        phc(GOOD).replace("v=19", "v=16"),
        phc(GOOD) + "\n",
        phc(GOOD) + "AA",
        phc(GOOD)[:-1] + "B",
        "$2b$12$abcdefghijklmnopqrstuv",
        "plain",
        "",
    ],
)
async def test_a_foreign_or_absurd_hash_is_not_run_and_never_right(
    passwords: PasswordHasher, stored: str, work: list[tuple[int, ...]]
) -> None:
    assert await verify(passwords, stored, GOOD) == Verdict(right=False)
    assert work == [(64, 2, 1, 16, 32, 64)], "the work of a stranger"


async def test_a_full_queue_refuses_before_any_work_and_after_half_a_second(passwords: PasswordHasher, clock: FakeClock) -> None:
    held = [passwords.slot() for _ in range(3)]
    for slot in held:
        await slot.__aenter__()
    refused = asyncio.create_task(kept(passwords))
    await settle()
    assert not refused.done()
    assert clock.sleeping == 1
    await clock.elapse(seconds=0.6)
    with pytest.raises(Overloaded) as why:
        await refused
    assert 0.4 <= clock.slept[0] <= 0.6
    assert why.value.seconds == 1
    for slot in held:
        await slot.__aexit__(None, None, None)
    assert await kept(passwords)


async def test_the_refused_are_not_answered_together(passwords: PasswordHasher, clock: FakeClock) -> None:
    clock.auto = True
    async with passwords.slot(), passwords.slot(), passwords.slot():
        for _ in range(50):
            with pytest.raises(Overloaded):
                await kept(passwords)
    assert len(set(clock.slept)) > 1


async def test_a_place_is_given_back_however_its_caller_ends(passwords: PasswordHasher) -> None:
    async def hold(forever: asyncio.Event) -> None:
        async with passwords.slot():
            await forever.wait()

    with pytest.raises(WeakPassword):
        await kept(passwords, "password1")
    caller = asyncio.create_task(hold(asyncio.Event()))
    await settle()
    assert passwords.taken == 1
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert passwords.taken == 0


async def test_work_is_done_in_the_order_it_came(pool: WorkerThreads, busy: threading.Event) -> None:
    done: list[int] = []
    tasks = [asyncio.create_task(pool.run(lambda number=number: done.append(number))) for number in range(20)]
    await settle()
    busy.set()
    await asyncio.gather(*tasks)
    assert done == list(range(20))


async def test_nobody_waits_for_work_that_is_done_aside() -> None:
    """What a hash costs is measured so: neither logins nor an end wait for it, and its memory goes with its thread."""
    started, go, threads = threading.Event(), threading.Event(), []

    def wait() -> int:
        threads.append(threading.current_thread())
        started.set()
        go.wait()
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    work = asyncio.create_task(run_aside(wait, "aside"))
    await settle()
    assert started.wait(10)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert threads[0].daemon, "nor does the process that ends"
    go.set()
    threads[0].join(10)
    assert not threads[0].is_alive()
    assert await run_aside(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), "aside") == NICE


async def test_work_of_a_caller_who_has_gone_is_not_done(pool: WorkerThreads, busy: threading.Event) -> None:
    done: list[str] = []
    gone = asyncio.create_task(pool.run(lambda: done.append("gone")))
    there = asyncio.create_task(pool.run(lambda: done.append("there")))
    await settle()
    gone.cancel()
    await settle()
    busy.set()
    await there
    assert done == ["there"]
    with pytest.raises(asyncio.CancelledError):
        await gone


class Panic(BaseException):
    """What a Rust extension raises is no Exception."""


async def test_a_thread_outlives_work_that_fails(pool: WorkerThreads) -> None:
    def fail() -> None:
        raise Panic

    with pytest.raises(Panic):
        await pool.run(fail)
    assert await pool.run(lambda: "alive") == "alive"


async def test_the_hashing_threads_lower_themselves_and_nobody_else(pool: WorkerThreads) -> None:
    def nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before = nice()
    assert before < NICE
    assert await pool.run(nice) == NICE == 19
    assert nice() == before


async def test_a_thread_that_may_not_lower_itself_says_so_and_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, who: int, priority: int) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(os, "setpriority", refuse)
    with structlog.testing.capture_logs() as logs:
        pool = WorkerThreads(1)
        assert await pool.run(lambda: 1) == 1
        pool.close()
    assert [(line["log_level"], line["error"]) for line in logs] == [("warning", "not here")]


async def test_hashing_happens_on_the_lowered_threads_and_what_holds_the_interpreters_lock_on_another(
    passwords: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    judge, real = strength.judge, arena.run

    def watched_judge(password: str, personal: tuple[str, ...], min_score: int) -> None:
        names.append(threading.current_thread().name)
        judge(password, personal, min_score)

    def watched_hash(context: Any, kept: int) -> int:
        names.append(threading.current_thread().name)
        return real(context, kept)

    monkeypatch.setattr(strength, "judge", watched_judge)
    monkeypatch.setattr(arena, "run", watched_hash)
    await kept(passwords)
    assert names == ["judging-0", "hashing-0"]


@pytest.mark.parametrize("which", ["_pool", "_judging"])
async def test_the_wait_for_a_thread_is_charged_to_what_the_request_may_wait_in_all(
    passwords: PasswordHasher, clock: FakeClock, which: str
) -> None:
    occupied, go = threading.Event(), threading.Event()

    def occupy() -> None:
        occupied.set()
        go.wait()

    async def request() -> float:
        time_budget.begin()
        await kept(passwords)
        return time_budget.REQUEST - (time_budget.unspent() or 0.0)

    before: asyncio.Future[None] = getattr(passwords, which).hand_over(occupy)
    assert occupied.wait(10)
    asking = asyncio.create_task(request())
    while passwords.taken == 0 or getattr(passwords, which)._jobs.empty():
        await settle()
    clock.advance(seconds=0.25)
    go.set()
    assert await asking == pytest.approx(0.25)
    await before


async def test_closing_drops_what_has_not_begun_and_ends_the_threads(pool: WorkerThreads, busy: threading.Event) -> None:
    done: list[str] = []
    waiting = asyncio.create_task(pool.run(lambda: done.append("too late")))
    await settle()
    closing = asyncio.create_task(asyncio.to_thread(pool.close))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    busy.set()
    await closing
    assert done == []
    assert not any(thread.is_alive() for thread in pool.threads)


async def test_a_weak_password_is_not_hashed(passwords: PasswordHasher, work: list[tuple[int, ...]]) -> None:
    async with passwords.slot() as slot:
        for password, personal in [("password1", ()), ("adalovelace1815", PERSONAL), ("Brightmill2026", ())]:
            with pytest.raises(WeakPassword):
                await slot.new(password, personal)
    assert work == []


async def test_a_call_may_ask_for_a_higher_score(passwords: PasswordHasher) -> None:
    async with passwords.slot() as slot:
        await slot.judge("passwordqz", ())
        with pytest.raises(WeakPassword, match="guessable"):
            await slot.judge("passwordqz", (), min_score=3)


def test_every_listed_password_is_refused_in_any_case() -> None:
    listed = data.lines("common-passwords.txt")
    assert len(listed) >= 10_000
    assert {judged(password) for password in listed[::25]} == {"common"}
    assert {judged(password.upper()) for password in listed[::25] if password.isascii()} == {"common"}


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace",
        "AdaLovelace",
        "lovelace",
        "Lovelace1!",
        "lovelace18151210",
        "adaadaada",
        "ecalevol99",
        "l0v3l4c3!!",
        "a-d-a-l-o-v-e",
        "brightmill",
        "Brightmill2026",
        "lingpai2026!",
        "L1ngp@1!!2026",
        "iapgnil#1",
        "ada.lovelace@brightmill.com",
        "13800138000",
        "李小明李小明12",
        "ada.lovelace@brightmill.com1815",
        "1815ada.lovelace@brightmill.com",
        "18_Ada.Lovelace@BRIGHTMILL.COM-15",
        "ada.lovelace.brightmill.com2026",
        "co.brightmill.com2!",
        "moc.llimthgirb@ecalevol.ada!9z",
        "lace@brightmill.com15",
        "13800138000abcd",
        "a1380013800b",
        "ab李小明cd",
    ],
)
def test_little_more_than_the_accounts_own_names_is_refused(password: str) -> None:
    assert judged(password) == "personal"


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace@brightmill.com18ab9",
        "1q-13800138000-abc",
        "adaptations",
        "lovelace-Orbits-quietly",
        "xK9#mQ2$vL",
        "correct horse battery",
        "我家门前有一条小河",
        "........#K2",
    ],
)
def test_what_only_holds_a_name_among_much_else_is_taken(password: str) -> None:
    assert judged(password) is None


def test_without_names_nothing_is_personal() -> None:
    assert judged("lovelace18151210", ()) is None


@pytest.mark.parametrize("password", ["........", "zzzzzzzzzzzzzzzzzz"])
def test_what_zxcvbn_finds_at_once_is_guessable(password: str) -> None:
    assert judged(password) == "guessable"
    assert judged(password, min_score=0) is None


def test_a_long_password_is_strong_where_either_end_is() -> None:
    assert judged("z" * 30 + "xK9#mQ2$vL-orbit", min_score=3) is None
    assert judged("xK9#mQ2$vL-orbiting-now!" + "z" * 30, min_score=3) is None
    assert judged("z" * 128, min_score=1) == "guessable"


def test_zxcvbn_never_sees_what_it_would_brood_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = strength.zxcvbn

    def watched(password: str, words: list[str]) -> object:
        seen.append(password)
        return real(password, words)

    monkeypatch.setattr(strength, "zxcvbn", watched)
    judged("4@8({[<369!1|0$5+7%2" * 6, min_score=4)
    judged("@({[<!|$+%" * 12, min_score=4)
    assert seen
    assert max(map(len, seen)) <= 24
    assert max(len({sign for sign in one if sign in strength.LEET}) for one in seen) <= 4


@given(st.text(min_size=1, max_size=128), st.lists(st.text(max_size=64), max_size=3))
def test_any_password_is_judged(password: str, personal: list[str]) -> None:
    assert judged(password, tuple(personal)) in (None, "common", "personal", "guessable")

import asyncio
import sqlite3
from functools import partial
from pathlib import Path

import pytest

from fakes import FakeChance, FakeClock
from lingpai.core.errors import StoreDown, WeakPassword
from lingpai.ephemeral import UNLIMITED, Entry, Ephemeral
from lingpai.guard.crypto import SecretBox
from lingpai.guard.one_time.codes import RESET_LIFE, OneTimeSecrets
from lingpai.guard.one_time.restoring import restoring

MAIN = ("main", "ada@example.com")
pytestmark = pytest.mark.parametrize("ephemeral_url", ["sqlite"], indirect=True)


@pytest.fixture
def one_time(ephemeral: Ephemeral, chance: FakeChance) -> OneTimeSecrets:
    return OneTimeSecrets(ephemeral, SecretBox(b"s" * 32, chance), chance)


async def test_a_link_is_good_until_it_is_spent_and_tells_its_holder(one_time: OneTimeSecrets) -> None:
    token = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    for _ in range(2):
        entry = await one_time.peek_link("reset", *MAIN, token)
        assert entry
        assert one_time.holder(entry) == 7
    assert await one_time.take_link("reset", *MAIN, token) is not None
    assert await one_time.peek_link("reset", *MAIN, token) is None
    assert await one_time.take_link("reset", *MAIN, token) is None


async def test_a_token_has_256_bits_and_fits_into_a_url(one_time: OneTimeSecrets) -> None:
    token = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    assert len(token) == 52
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyz234567")


async def test_of_fifty_racing_uses_of_a_link_exactly_one_wins(one_time: OneTimeSecrets) -> None:
    token = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    taken = await asyncio.gather(*(one_time.take_link("reset", *MAIN, token) for _ in range(50)))
    assert sum(entry is not None for entry in taken) == 1


async def test_of_fifty_racing_uses_of_a_code_exactly_one_wins(one_time: OneTimeSecrets) -> None:
    code = await one_time.new_code("login", *MAIN, "7")
    taken = await asyncio.gather(*(one_time.take_code("login", *MAIN, code) for _ in range(50)))
    assert sum(entry is not None for entry in taken) == 1


async def test_a_newer_link_kills_the_older_one(one_time: OneTimeSecrets) -> None:
    older = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    newer = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    assert await one_time.take_link("reset", *MAIN, older) is None
    assert await one_time.take_link("reset", *MAIN, newer) is not None


async def test_a_link_is_bound_to_purpose_realm_and_address(one_time: OneTimeSecrets) -> None:
    token = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    assert await one_time.take_link("activate", *MAIN, token) is None
    assert await one_time.take_link("reset", "boss", "ada@example.com", token) is None
    assert await one_time.take_link("reset", "main", "bob@example.com", token) is None
    assert await one_time.take_link("reset", *MAIN, token) is not None


async def test_a_code_is_bound_to_purpose_realm_and_address(one_time: OneTimeSecrets, ephemeral: Ephemeral) -> None:
    code = await one_time.new_code("reset", *MAIN, "7")
    assert await one_time.take_code("login", *MAIN, code) is None
    assert await one_time.take_code("reset", "boss", "ada@example.com", code) is None
    assert await one_time.take_code("reset", "main", "bob@example.com", code) is None
    entry = await one_time.peek_code("reset", *MAIN, code)
    assert entry
    # Nor does its digest fit where somebody moves the row to.
    for purpose, realm, key in (("login", *MAIN), ("reset", "boss", "ada@example.com"), ("reset", "main", "bob@example.com")):
        await ephemeral.put(one_time._entry_key("code", purpose, realm, key), entry)
        assert await one_time.peek_code(purpose, realm, key, code) is None


async def test_a_code_has_six_digits_ten_minutes_and_five_tries(one_time: OneTimeSecrets, clock: FakeClock) -> None:
    code = await one_time.new_code("login", *MAIN, "7")
    assert len(code) == 6
    assert code.isdecimal()
    entry = await one_time.peek_code("login", *MAIN, code)
    assert entry
    assert (entry.life, entry.tries, entry.value) == (600, 5, b"7")
    clock.advance(minutes=10)
    assert await one_time.peek_code("login", *MAIN, code) is None


@pytest.mark.parametrize("check", ["peek_code", "take_code"])
async def test_five_wrong_tries_burn_the_code(one_time: OneTimeSecrets, check: str) -> None:
    code = await one_time.new_code("login", *MAIN, "7")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for _ in range(4):
        assert await getattr(one_time, check)("login", *MAIN, wrong) is None
        assert await one_time.peek_code("login", *MAIN, code) is not None
    assert await getattr(one_time, check)("login", *MAIN, wrong) is None
    assert await one_time.take_code("login", *MAIN, code) is None


async def test_a_hundred_parallel_guesses_burn_the_code(one_time: OneTimeSecrets) -> None:
    code = await one_time.new_code("login", *MAIN, "7")
    guesses = [f"{(int(code) + 1 + number) % 1_000_000:06}" for number in range(99)]
    assert await asyncio.gather(*(one_time.take_code("login", *MAIN, guess) for guess in [*guesses, code])) == [None] * 100


async def test_what_is_put_back_is_good_again_with_the_life_and_the_tries_it_had(one_time: OneTimeSecrets, clock: FakeClock) -> None:
    token = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    code = await one_time.new_code("reset", *MAIN, "7")
    await one_time.peek_code("reset", *MAIN, "")
    clock.advance(minutes=4)
    link_entry, code_entry = await one_time.take_link("reset", *MAIN, token), await one_time.take_code("reset", *MAIN, code)
    assert link_entry
    assert code_entry
    await one_time.put_back("reset", *MAIN, link_entry)
    await one_time.put_back("reset", *MAIN, code_entry)
    assert await one_time.peek_link("reset", *MAIN, token) == Entry(b"7", link_entry.proof, RESET_LIFE - 240, UNLIMITED)
    assert await one_time.peek_code("reset", *MAIN, code) == Entry(b"7", code_entry.proof, 360, 4)


async def test_what_is_put_back_does_not_replace_a_newer_one(one_time: OneTimeSecrets) -> None:
    older = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    entry = await one_time.take_link("reset", *MAIN, older)
    assert entry
    newer = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    await one_time.put_back("reset", *MAIN, entry)
    assert await one_time.peek_link("reset", *MAIN, older) is None
    assert await one_time.peek_link("reset", *MAIN, newer) is not None


async def test_killing_ends_every_link_and_code_of_the_addresses_and_no_other(one_time: OneTimeSecrets) -> None:
    phone = ("main", "+8613800138000")
    link = await one_time.new_link("activate", *MAIN, 0, RESET_LIFE)
    code = await one_time.new_code("bind", *phone, "7")
    others = await one_time.new_link("reset", "main", "bob@example.com", 8, RESET_LIFE)
    await one_time.kill("main", ["ada@example.com", "+8613800138000"])
    assert await one_time.peek_link("activate", *MAIN, link) is None
    assert await one_time.peek_code("bind", *phone, code) is None
    assert await one_time.peek_link("reset", "main", "bob@example.com", others) is not None


async def test_a_stolen_table_holds_nothing_usable(one_time: OneTimeSecrets, sqlite_path: Path) -> None:
    token = await one_time.new_link("reset", *MAIN, 7, RESET_LIFE)
    code = await one_time.new_code("reset", *MAIN, "7")
    # Another library on an open file: read only, from a copy, so that no lock of it is touched.
    copy = sqlite_path.with_name("stolen.db")
    for end in ("", "-wal"):
        copy.with_name(copy.name + end).write_bytes(sqlite_path.with_name(sqlite_path.name + end).read_bytes())
    stolen = sqlite3.connect(copy)
    rows = stolen.execute("SELECT key, value, proof FROM entries").fetchall()
    stolen.close()
    assert len(rows) == 3, "the link, whose it is, and the code"
    for word in (token, code, "ada", "example"):
        assert not any(word in key or word.encode() in value or word.encode() in proof for key, value, proof in rows)


class Down:
    """A place that does not answer."""

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        raise StoreDown

    async def replace(self, key: str, entry: Entry, companions: object = None) -> Entry | None:
        raise StoreDown


async def test_putting_back_hides_no_refusal_where_the_store_is_down(chance: FakeChance, ephemeral_url: str) -> None:
    one_time = OneTimeSecrets(Down(), SecretBox(b"s" * 32, chance), chance)
    with pytest.raises(WeakPassword):
        async with restoring(partial(one_time.put_back, "reset", *MAIN, Entry(b"7", b"", 60))):
            raise WeakPassword("common")
    with pytest.raises(StoreDown):
        await one_time.new_link("reset", *MAIN, 7, 60)

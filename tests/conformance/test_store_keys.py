"""What the store promises of signing keys and of other services, and the ring of what processes promise one another, on both databases."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from bearers import ring_on
from conftest import open_database
from fakes import START, FakeChance, FakeClock
from lingpai.core.chance import SECOND
from lingpai.guard.crypto import BadSeal, SecretBox
from lingpai.guard.sessions.signing_keys import ANNOUNCED, FRESH, PUBLISHED, Alg, KeyState, SigningKeyRing
from lingpai.store import clients, keys
from lingpai.store.clients import Client
from lingpai.store.database import Database, Query

RACERS = 64
_SEALED = Query(text("SELECT count(private) FROM signing_keys"))


async def added(database: Database, kid: str, follows: str = "", signs_at: int = START) -> bool:
    return await keys.add(
        database, kid=kid, follows=follows, alg="ES256", public="{}", private=b"sealed", created_at=START, signs_at=signs_at
    )


async def rotated(database: Database, ring: SigningKeyRing, *, at_once: bool = False) -> str:
    draft = await ring.draft()
    async with database.begin() as tx:
        assert await ring.add(tx, draft, await keys.listing(tx), at_once=at_once)
    return draft.kid


async def states(ring: SigningKeyRing) -> list[KeyState]:
    return [state for _, state in await ring.listing()]


@pytest.fixture
async def others(database_url: str, chance: FakeChance) -> AsyncIterator[list[Database]]:
    """The same database as other processes have it open. Who waits for a lock there waits in a time of its own, that passes."""
    opened = [await open_database(database_url, FakeClock(auto=True), chance) for _ in range(4)]
    yield opened
    for database in opened:
        await database.close()


async def test_keys_are_listed_oldest_first_as_they_were_added(database: Database) -> None:
    assert await added(database, "one")
    assert await added(database, "two", "one", START + 1)
    assert await keys.listing(database) == [
        keys.SigningKey(1, "one", "ES256", "{}", b"sealed", START, START, None),
        keys.SigningKey(2, "two", "ES256", "{}", b"sealed", START, START + 1, None),
    ]


async def test_of_64_racing_makers_one_makes_the_next_key(database: Database) -> None:
    assert sum(await asyncio.gather(*(added(database, f"key {number}") for number in range(RACERS)))) == 1
    first = (await keys.listing(database))[0].kid
    assert sum(await asyncio.gather(*(added(database, f"next {number}", first) for number in range(RACERS)))) == 1


async def test_a_revoked_key_has_no_private_part_any_more(database: Database) -> None:
    await added(database, "one")
    assert sum(await asyncio.gather(*(keys.revoke(database, kid="one", at=START + number) for number in range(RACERS)))) == 1
    assert not await keys.revoke(database, kid="two", at=START)
    assert await database.row(_SEALED) == (0,)
    assert (await keys.listing(database))[0].revoked_at is not None


async def test_a_service_has_one_name_and_its_secret_is_kept_as_a_digest(database: Database) -> None:
    assert sum(await asyncio.gather(*(clients.add(database, name="shop", digest=b"d", created_at=START) for _ in range(RACERS)))) == 1
    assert await clients.add(database, name="Shop", digest=b"e", created_at=START)
    assert [await clients.digest(database, name=name) for name in ("shop", "Shop", "SHOP")] == [b"d", b"e", None]
    assert {client.name for client in await clients.listing(database)} == {"shop", "Shop"}
    assert [await clients.remove(database, name="Shop") for _ in range(2)] == [True, False]
    assert await clients.listing(database) == [Client("shop", START)]


async def test_the_first_key_is_made_once_however_many_processes_need_it(others: list[Database], clock: FakeClock) -> None:
    rings = [ring_on(database, clock, str(number)) for number, database in enumerate(others)]
    signers = await asyncio.gather(*(ring.signer() for ring in rings for _ in range(8)))
    assert len({signer.kid for signer in signers}) == 1
    assert len(await keys.listing(others[0])) == 1


@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "RS256"])
async def test_a_published_key_names_its_use_and_shows_nothing_private(database: Database, clock: FakeClock, alg: Alg) -> None:
    ring = ring_on(database, clock, alg=alg)
    (jwk,) = await ring.published()
    assert (jwk["alg"], jwk["use"], jwk["kid"]) == (alg, "sig", (await ring.signer()).kid)
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & jwk.keys()


async def test_the_private_part_is_of_no_use_under_another_secret(database: Database, clock: FakeClock, chance: FakeChance) -> None:
    await ring_on(database, clock).signer()
    kept = (await keys.listing(database))[0].private
    assert kept
    assert b'"d"' not in kept
    with pytest.raises(BadSeal):
        await SigningKeyRing(database, SecretBox(b"t" * 32, chance), clock, chance, "ES256").signer()


async def test_a_new_key_is_published_ten_minutes_before_it_signs(database: Database, clock: FakeClock) -> None:
    ring = ring_on(database, clock)
    old = (await ring.signer()).kid
    new = await rotated(database, ring)
    clock.advance(seconds=FRESH)
    assert [jwk["kid"] for jwk in await ring.published()] == [old, new]
    assert (await states(ring), (await ring.signer()).kid) == (["current", "announced"], old)
    clock.advance(seconds=ANNOUNCED - FRESH - 1)
    assert (await ring.signer()).kid == old
    clock.advance(seconds=1)
    assert (await states(ring), (await ring.signer()).kid) == (["retired", "current"], new)


async def test_a_key_made_at_once_signs_at_once_and_one_that_waited_never_does(database: Database, clock: FakeClock) -> None:
    ring = ring_on(database, clock)
    await ring.signer()
    await rotated(database, ring)
    urgent = await rotated(database, ring, at_once=True)
    ring.forget()
    assert (await ring.signer()).kid == urgent
    clock.advance(seconds=ANNOUNCED)
    assert (await ring.signer()).kid == urgent
    assert await states(ring) == ["retired", "retired", "current"]


async def test_a_retired_key_is_published_until_its_last_jwt_is_over_and_forgotten_later(database: Database, clock: FakeClock) -> None:
    ring = ring_on(database, clock)
    old = (await ring.signer()).kid
    await rotated(database, ring, at_once=True)
    clock.advance(seconds=PUBLISHED - 1)
    assert await ring.find(old)
    clock.advance(seconds=1 + FRESH)
    assert await ring.find(old) is None
    assert await states(ring) == ["over", "current"]
    await rotated(database, ring)
    assert await states(ring) == ["current", "announced"]


async def test_where_the_current_key_is_revoked_the_one_before_it_signs_again(database: Database, clock: FakeClock) -> None:
    """It is still published everywhere, so that nobody has to wait for a new one."""
    ring = ring_on(database, clock)
    old = (await ring.signer()).kid
    new = await rotated(database, ring, at_once=True)
    await keys.revoke(database, kid=new, at=clock.now())
    ring.forget()
    assert ((await ring.signer()).kid, await states(ring)) == (old, ["current", "revoked"])
    assert await ring.find(new) is None


async def test_where_every_key_is_revoked_the_announced_one_signs_or_a_new_one_is_made(database: Database, clock: FakeClock) -> None:
    ring = ring_on(database, clock)
    first = (await ring.signer()).kid
    second = await rotated(database, ring)
    await keys.revoke(database, kid=first, at=clock.now())
    ring.forget()
    assert (await ring.signer()).kid == second
    await keys.revoke(database, kid=second, at=clock.now())
    ring.forget()
    third = (await ring.signer()).kid
    assert third not in (first, second)
    assert await states(ring) == ["revoked", "revoked", "current"]


async def test_a_key_of_another_process_is_known_at_once(database: Database, others: list[Database], clock: FakeClock) -> None:
    ours, theirs = ring_on(database, clock), ring_on(others[0], clock, "theirs")
    await asyncio.gather(ours.signer(), theirs.signer())
    made = await rotated(others[0], theirs, at_once=True)
    # Time stands still: nobody who asks together with the others has to wait for a second reading.
    async with asyncio.timeout(20):
        assert all(await asyncio.gather(*(ours.find(made) for _ in range(RACERS))))


async def test_a_key_that_another_process_revokes_is_dead_within_2_seconds(
    database: Database, others: list[Database], clock: FakeClock
) -> None:
    ours, theirs = ring_on(database, clock), ring_on(others[0], clock, "theirs")
    kid = (await theirs.signer()).kid
    assert await ours.find(kid)
    await keys.revoke(others[0], kid=kid, at=clock.now())
    clock.advance(seconds=FRESH - 0.1)
    assert await ours.find(kid), "a set that is read at every look would be read too often"
    clock.advance(seconds=0.1)
    assert await ours.find(kid) is None
    assert (await ours.signer()).kid != kid


async def test_of_two_rotations_at_the_same_moment_one_is_not_needed(others: list[Database], clock: FakeClock) -> None:
    """Each has read the same newest key before the other one wrote."""
    ring = ring_on(others[0], clock)
    newest = (await ring.signer()).kid
    assert [await added(database, f"next {number}", newest) for number, database in enumerate(others)] == [True, False, False, False]


async def test_a_new_algorithm_holds_for_keys_made_from_then_on(database: Database, clock: FakeClock) -> None:
    await ring_on(database, clock).signer()
    ring = ring_on(database, clock, "later", alg="EdDSA")
    assert (await ring.signer()).alg == "ES256"
    await rotated(database, ring, at_once=True)
    ring.forget()
    assert (await ring.signer()).alg == "EdDSA"
    assert [jwk["alg"] for jwk in await ring.published()] == ["ES256", "EdDSA"]


def test_the_spans_fit_one_another() -> None:
    assert ANNOUNCED * SECOND > 300 * SECOND + FRESH * SECOND, "longer than anybody keeps a set, here or elsewhere"
    assert FRESH <= 2

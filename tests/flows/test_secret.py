"""Which secrets a database is used with: whom it lets in at each step of a change, and how the change is ended."""

import asyncio
from typing import Any, cast

import pytest

from bearers import logged_in
from conftest import open_database
from fakes import START, FakeChance, FakeClock
from lingpai.core.chance import SECOND
from lingpai.flows import secret
from lingpai.flows.secret import STEP, CannotRotate, Keeper
from lingpai.guard.crypto import BadSeal, SecretBox
from lingpai.guard.sessions.jwt import JwtTokens
from lingpai.guard.sessions.signing_keys import SigningKeyRing
from lingpai.steps import sealed, secrets_in_use
from lingpai.steps.letters import LETTERS
from lingpai.steps.secrets_in_use import ForeignSecret, SecretsInUse
from lingpai.store import keys, outbox
from lingpai.store.audit import Query, audit, select
from lingpai.store.database import Database

OLD, NEW, THIRD = b"o" * 32, b"n" * 32, b"t" * 32
ADA = "ada@example.com"
DAY = 86_400 * SECOND


def box(first: bytes, other: bytes | None = None, seed: str = "box") -> SecretBox:
    return SecretBox(first, FakeChance(seed), beside=other)


def name(which: bytes) -> str:
    return box(which).fingerprint


FIRST, BOTH, TURNED, LAST = box(OLD), box(OLD, NEW), box(NEW, OLD), box(NEW)
NODES = {"first": FIRST, "both": BOTH, "turned": TURNED, "last": LAST, "another": box(THIRD), "another, old": box(THIRD, OLD)}


def quiet(_: int) -> None:
    """Hears how far it is."""


async def letter(database: Database, with_box: SecretBox, number: int = 0) -> int:
    async with database.begin() as tx:
        return await outbox.add(
            tx,
            channel="email",
            template="notice",
            recipient=ADA,
            locale="en",
            sealed=with_box.seal(f"letter {number}".encode(), LETTERS),
            account_id=None,
            created_at=START,
            expires_at=START + DAY,
        )


def ring(database: Database, clock: FakeClock, with_box: SecretBox, seed: str = "ring") -> SigningKeyRing:
    return SigningKeyRing(database, with_box, clock, FakeChance(seed), "ES256")


async def letters(database: Database) -> list[bytes]:
    return [contents for _, contents in await outbox.sealed(database, after=0, newest=10_000, limit=10_000)]


async def admitted(database: Database, node: SecretBox) -> str:
    """Empty where it is let in, else why not."""
    try:
        await secrets_in_use.admit(database, node)
    except ForeignSecret as error:
        return error.reason
    return ""


# Who is let in


async def test_the_first_node_says_which_secret_it_is_and_a_node_with_another_is_kept_out(database: Database) -> None:
    assert await admitted(database, FIRST) == ""
    assert await secrets_in_use.find(database) == SecretsInUse((name(OLD),))
    with pytest.raises(ForeignSecret) as kept_out:
        await secrets_in_use.admit(database, LAST)
    assert (kept_out.value.reason, kept_out.value.in_use) == ("none", (name(OLD),))
    assert await admitted(database, FIRST) == ""


async def test_of_nodes_that_start_at_once_with_secrets_of_their_own_those_with_one_are_let_in(
    database: Database, database_url: str, chance: FakeChance
) -> None:
    stores = [await open_database(database_url, FakeClock(auto=True), chance) for _ in range(4)]
    nodes = [box(bytes([65 + number % 4]) * 32) for number in range(16)]
    told = await asyncio.gather(*(admitted(stores[number % 4], node) for number, node in enumerate(nodes)))
    known = await secrets_in_use.find(database)
    assert known
    assert [said == "" for said in told] == [node.fingerprint in known.in_use for node in nodes]
    assert told.count("") == 4
    for store in stores:
        await store.close()


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        ("before", {"last": "none", "another": "none"}),
        ("under way", {"first": "half", "last": "half", "another": "none", "another, old": "half"}),
        ("after", {"first": "retired", "both": "retired", "another": "none", "another, old": "none"}),
    ],
)
async def test_at_each_step_those_are_let_in_who_know_all_that_is_in_use_and_seal_with_nothing_that_is_gone(
    database_url: str, clock: FakeClock, step: str, refused: dict[str, str]
) -> None:
    for which, node in NODES.items():
        database = await open_database(database_url, clock, FakeChance(which))
        await database.execute(Query(secrets_in_use.installation.installation.delete()))
        await secrets_in_use.admit(database, FIRST)
        if step != "before":
            await secrets_in_use.admit(database, TURNED)
        if step == "after":
            await secret.rotate(Keeper(database, clock, TURNED), quiet)
        assert await admitted(database, node) == refused.get(which, ""), which
        await database.close()


async def test_a_node_that_seals_with_the_new_one_makes_it_count_for_all_who_come_later(database: Database) -> None:
    await secrets_in_use.admit(database, BOTH)
    assert await secrets_in_use.find(database) == SecretsInUse((name(OLD),)), "who only knows another has sealed nothing with it"
    await asyncio.gather(*(secrets_in_use.admit(database, TURNED) for _ in range(8)))
    assert await secrets_in_use.find(database) == SecretsInUse((name(OLD), name(NEW)))


async def test_a_change_is_taken_back_as_it_was_begun(database: Database, clock: FakeClock) -> None:
    for node in (FIRST, TURNED, BOTH):
        await secrets_in_use.admit(database, node)
    await letter(database, TURNED)
    await secret.rotate(Keeper(database, clock, BOTH), quiet)
    assert await admitted(database, FIRST) == ""
    assert [FIRST.open(contents, LETTERS) for contents in await letters(database)] == [b"letter 0"]


async def test_a_database_of_an_older_version_is_settled_by_the_secret_that_opens_what_lies_in_it(
    database: Database, clock: FakeClock
) -> None:
    await ring(database, clock, FIRST).signer()
    await letter(database, FIRST)
    with pytest.raises(ForeignSecret) as kept_out:
        await secrets_in_use.admit(database, LAST)
    assert (kept_out.value.reason, kept_out.value.left) == ("unopened", {"signing keys": 1, "waiting letters": 1})
    assert await secrets_in_use.find(database) is None
    assert await admitted(database, FIRST) == ""


async def test_a_database_that_an_older_version_left_on_the_way_is_used_with_both(database: Database, clock: FakeClock) -> None:
    await letter(database, FIRST)
    await letter(database, LAST)
    assert await admitted(database, BOTH) == ""
    assert (await admitted(database, FIRST), await admitted(database, LAST)) == ("half", "half")
    await secret.rotate(Keeper(database, clock, TURNED), quiet)
    assert await admitted(database, LAST) == ""


# The end of a change


async def begun(database: Database, clock: FakeClock, number: int = 1) -> None:
    """A key and letters of the old secret, and a node that seals with the new one."""
    await secrets_in_use.admit(database, FIRST)
    await ring(database, clock, FIRST).signer()
    for each in range(number):
        await letter(database, FIRST, each)
    await secrets_in_use.admit(database, TURNED)


async def test_everything_is_sealed_anew_and_the_old_secret_is_in_use_no_more(database: Database, clock: FakeClock) -> None:
    await begun(database, clock, STEP + 1)
    heard: list[int] = []
    kid = (await ring(database, clock, FIRST).signer()).kid
    done = await secret.rotate(Keeper(database, clock, TURNED), heard.append)
    assert (done.resealed, heard, done.until) == (STEP + 2, [STEP], clock.now() + 7 * DAY)
    assert await secrets_in_use.find(database) == SecretsInUse((name(NEW),), name(OLD), clock.now())
    assert [LAST.open(contents, LETTERS) for contents in await letters(database)] == [b"letter %d" % each for each in range(STEP + 1)]
    assert (await ring(database, clock, LAST, "later").signer()).kid == kid
    trail = await database.rows(Query(select(audit.c.event, audit.c.detail)))
    assert trail == [("operator.secret-rotate", name(NEW))]


async def test_what_was_ended_may_be_ended_again_and_by_many_at_once(database: Database, clock: FakeClock) -> None:
    await begun(database, clock, 20)
    done = await asyncio.gather(*(secret.rotate(Keeper(database, clock, TURNED), quiet) for _ in range(4)))
    assert sum(each.resealed for each in done) == 21, "each was sealed anew once"
    clock.advance(days=1)
    assert (await secret.rotate(Keeper(database, clock, TURNED), quiet)).until == done[0].until


async def test_what_has_changed_since_it_was_read_is_left_as_it_is(database: Database, clock: FakeClock) -> None:
    await begun(database, clock, 2)
    rows = [row async for row in sealed.sealed_rows(database) if row.kind == "waiting letters"]
    async with database.begin() as tx:
        (sent, _) = await outbox.claim(tx, channel="email", now=clock.now(), owner="worker", lease_until=clock.now() + SECOND, limit=2)
    assert await outbox.delivered(database, id=sent.id, owner="worker", at=clock.now(), kept=None)
    assert [await row.reseal(LAST.resealed(NEW_LETTER, LETTERS)) for row in rows] == [False, True]
    assert [await row.abandon(clock.now()) for row in rows] == [False, False]


NEW_LETTER = LAST.seal(b"a letter", LETTERS)


@pytest.mark.parametrize(
    ("node", "came", "reason"),
    [(FIRST, [FIRST], "one"), (TURNED, [FIRST], "early"), (BOTH, [FIRST], "unused"), (TURNED, [LAST], "unused")],
)
async def test_a_change_is_ended_only_from_the_step_before(
    database: Database, clock: FakeClock, node: SecretBox, came: list[SecretBox], reason: str
) -> None:
    for each in came:
        await secrets_in_use.admit(database, each)
    await letter(database, came[0])
    before = await letters(database)
    with pytest.raises(CannotRotate) as no:
        await secret.rotate(Keeper(database, clock, node), quiet)
    assert (no.value.reason, await letters(database)) == (reason, before)
    assert await secrets_in_use.find(database) == SecretsInUse((came[0].fingerprint,))


class OldNode:
    """A store in which another node, which seals with the old secret, writes one more letter before each look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def rows(self, query: Query, **values: Any) -> list[Any]:
        await letter(self._database, BOTH)
        return list(await self._database.rows(query, **values))


async def test_while_a_node_still_seals_with_the_old_secret_it_stays_in_use(database: Database, clock: FakeClock) -> None:
    await begun(database, clock)
    with pytest.raises(CannotRotate) as no:
        await secret.rotate(Keeper(cast("Database", OldNode(database)), clock, TURNED), quiet)
    assert no.value.reason == "sealing"
    assert (await secret.rotate(Keeper(database, clock, TURNED), quiet)).resealed >= 0
    assert {LAST.sealer(contents, LETTERS) for contents in await letters(database)} == {name(NEW)}


async def test_what_opens_with_neither_secret_stops_a_change_before_it_begins(database: Database, clock: FakeClock) -> None:
    await begun(database, clock)
    await letter(database, box(THIRD))
    before = await letters(database)
    with pytest.raises(ForeignSecret) as no:
        await secret.rotate(Keeper(database, clock, TURNED), quiet)
    assert (no.value.reason, no.value.left) == ("unopened", {"waiting letters": 1})
    assert await letters(database) == before


# A secret that is lost


async def test_where_the_secret_is_lost_what_it_sealed_is_given_up_and_jwts_are_good_still(database: Database, clock: FakeClock) -> None:
    await begun(database, clock, 2)
    there = box(THIRD)
    old = JwtTokens(ring(database, clock, TURNED), database, "i", "a", clock, FakeChance("jwt"))
    account, jwt = await logged_in(database, old, clock)
    lost, _ = await secret.give_up(Keeper(database, clock, there), quiet)
    assert lost == 3
    assert await secrets_in_use.find(database) == SecretsInUse((name(THIRD),), "", clock.now())
    assert [letter.error for letter in await outbox.listing(database, state="failed", limit=9)] == [sealed.LOST] * 2
    ours = ring(database, clock, there, "there")
    tokens = JwtTokens(ours, database, "i", "a", clock, FakeChance("jwt"))
    assert (await tokens.holder("main", jwt)).account.id == account
    assert (await ours.signer()).kid not in {key.kid for key in await keys.listing(database) if key.private is None}
    assert [state for _, state in await ours.listing()] == ["retired", "current"]
    assert (await tokens.holder("main", jwt)).account.id == account


# Fingerprints


def test_a_fingerprint_tells_two_secrets_apart_and_is_neither_of_the_keys() -> None:
    assert len({name(OLD), name(NEW), name(THIRD)}) == 3
    assert name(OLD) == box(OLD, NEW, "another node").fingerprint
    assert len(bytes.fromhex(name(OLD))) == 16
    with pytest.raises(BadSeal):
        box(bytes.fromhex(name(OLD)) * 2).open(FIRST.seal(b"x", "c"), "c")


def test_it_is_told_who_has_sealed_something() -> None:
    contents = FIRST.seal(b"x", "c")
    told = [(node.sealer(contents, "c"), node.sealer(contents, "d")) for node in (FIRST, BOTH, TURNED, LAST)]
    assert told == [(name(OLD), None)] * 3 + [(None, None)]

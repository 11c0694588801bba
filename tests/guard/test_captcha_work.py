"""Work for the browser: what was not asked, or not by us, or not of this caller, is refused before anything is kept."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import altcha
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fakes import FakeChance, FakeClock
from lingpai.core.errors import BadCaptcha
from lingpai.ephemeral import Entry
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.guard.captcha import Challenge
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.captcha.work import LONGEST, Work
from lingpai.guard.crypto import SecretBox
from lingpai.store.sqlite import open_sqlite

CAPTCHA_SCOPE = "page"
Payload = dict[str, Any]


class Watched(SqlEphemeral):
    """Counts what is kept."""

    kept = 0

    async def put(self, key: str, entry: Entry, *, only_new: bool = False) -> bool:
        self.kept += 1
        return await super().put(key, entry, only_new=only_new)


@pytest.fixture
async def ephemeral(sqlite_path: Path, clock: FakeClock, chance: FakeChance, tmp_path: Path) -> AsyncIterator[Watched]:
    database = await open_sqlite(sqlite_path, clock, chance)
    opened = Watched(database, clock, tmp_path / "counters.db")
    yield opened
    await opened.close()
    await database.close()


@pytest.fixture
def render_queue(clock: FakeClock, chance: FakeChance) -> Iterator[RenderQueue]:
    made = RenderQueue(16, clock, chance)
    yield made
    made.close()


@pytest.fixture
def work(ephemeral: Watched, render_queue: RenderQueue, clock: FakeClock, chance: FakeChance) -> Work:
    return Work(ephemeral, SecretBox(b"s" * 32, chance), render_queue, clock, chance, cost=3)


def solved(challenge: Challenge) -> Payload:
    asked = altcha.Challenge.from_dict(msgspec.json.decode(challenge.content))
    found = altcha.solve_challenge(asked)
    assert found
    return altcha.Payload(asked, found).to_dict()


def spelled(payload: object) -> str:
    return base64.b64encode(json.dumps(payload).encode()).decode()


async def refused(work: Work, key: str, answer: str, scope: str = CAPTCHA_SCOPE) -> bool:
    try:
        await work.spend(scope, key, answer)
    except BadCaptcha:
        return True
    return False


async def test_the_challenge_is_altchas_and_names_no_shop(work: Work) -> None:
    challenge = await work.new("a browser's own secret")
    content = msgspec.json.decode(challenge.content)
    assert set(content) == {"parameters", "signature"}
    assert content["parameters"]["algorithm"] == "PBKDF2/SHA-256"
    assert content["parameters"]["cost"] == 3
    assert content["parameters"]["data"]["id"] == challenge.id
    assert b"secret" not in challenge.content
    assert challenge.media_type == "application/json"


async def test_the_number_lies_between_the_bounds(work: Work) -> None:
    numbers = [solved(await work.new(CAPTCHA_SCOPE))["solution"]["counter"] for _ in range(20)]
    assert all(500 <= number < 1_500 for number in numbers)
    assert len(set(numbers)) > 15


async def test_nothing_is_kept_of_what_is_only_asked_for(work: Work, ephemeral: Watched) -> None:
    for _ in range(50):
        await work.new(CAPTCHA_SCOPE)
    assert ephemeral.kept == 0


def easier(payload: Payload) -> None:
    payload["challenge"]["parameters"]["cost"] = 1


def any_key(payload: Payload) -> None:
    payload["challenge"]["parameters"]["keyPrefix"] = ""


def longer(payload: Payload) -> None:
    payload["challenge"]["parameters"]["data"]["expires"] += 1


def standard_expiry(payload: Payload) -> None:
    payload["challenge"]["parameters"]["expiresAt"] = 9_999_999_999


def other_algorithm(payload: Payload) -> None:
    payload["challenge"]["parameters"]["algorithm"] = "SHA-256"


def own_key(payload: Payload) -> None:
    payload["challenge"]["parameters"]["keySignature"] = "00" * 32


def unsigned(payload: Payload) -> None:
    del payload["challenge"]["signature"]


def empty_signature(payload: Payload) -> None:
    payload["challenge"]["signature"] = ""


def signed_by_another(payload: Payload) -> None:
    payload["challenge"] = altcha.create_challenge(
        "PBKDF2/SHA-256", 1, counter=1, data=payload["challenge"]["parameters"]["data"], hmac_secret=b"x" * 32, hmac_key_secret=b"x" * 32
    ).to_dict()


@pytest.mark.parametrize(
    "change", [easier, any_key, longer, standard_expiry, other_algorithm, own_key, unsigned, empty_signature, signed_by_another]
)
async def test_what_was_changed_is_refused_and_nothing_kept(work: Work, ephemeral: Watched, change: Callable[[Payload], None]) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    right, changed = solved(challenge), solved(challenge)
    change(changed)
    assert await refused(work, challenge.id, spelled(changed))
    assert ephemeral.kept == 0
    assert not await refused(work, challenge.id, spelled(right))


async def test_a_solution_made_without_work_is_refused(work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    payload = solved(challenge)
    prefix = payload["challenge"]["parameters"]["keyPrefix"]
    payload["solution"]["derivedKey"] = prefix + "00" * 16
    assert len(prefix) == 32
    assert await refused(work, challenge.id, spelled(payload))


async def test_it_serves_no_other_challenge(work: Work) -> None:
    one, other = await work.new(CAPTCHA_SCOPE), await work.new(CAPTCHA_SCOPE)
    mixed = solved(one)
    mixed["solution"] = solved(other)["solution"]
    assert await refused(work, other.id, spelled(solved(one)))
    assert await refused(work, one.id, spelled(mixed))


async def test_the_same_solution_in_another_spelling_is_the_same(work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    answer = spelled(solved(challenge))
    assert not await refused(work, challenge.id, answer)
    assert await refused(work, challenge.id, "\n".join(answer))
    payload = json.loads(base64.b64decode(answer))
    payload["solution"]["time"] = 5
    assert await refused(work, challenge.id, spelled(payload))


async def test_a_clock_that_was_set_back_revives_nothing(work: Work, clock: FakeClock) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    answer = spelled(solved(challenge))
    clock.set_back(seconds=3_600)
    assert await refused(work, challenge.id, answer)


async def test_a_solution_fits_well_into_the_longest(work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    answer = spelled(solved(challenge))
    assert len(answer) < LONGEST * 0.6
    assert await refused(work, challenge.id, spelled(solved(challenge) | {"more": "x" * LONGEST}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
PLACES = ("challenge", "solution", "parameters", "signature", "data", "derivedKey", "expires", "nonce", "cost", "keySignature")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.sampled_from(PLACES), value=JSON)
async def test_anything_else_in_any_place_is_refused(work: Work, place: str, value: object) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    payload = solved(challenge)
    before = json.dumps(payload)
    put(payload, place, value)
    assert await refused(work, challenge.id, spelled(payload)) or json.loads(json.dumps(payload)) == json.loads(before)


def put(within: Payload, place: str, value: object) -> None:
    if place in within:
        within[place] = value
    for inner in [inner for inner in within.values() if isinstance(inner, dict) and inner is not value]:
        put(inner, place, value)


@given(answer=st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()))
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_whatever_is_sent_is_refused(work: Work, answer: str) -> None:
    assert await refused(work, "work-" + "A" * 22, answer)


@pytest.mark.parametrize("text", ["[" * 1_500, '{"challenge":{"parameters":' * 50, "1" * 1_500, "null", "[]", '"challenge"', "NaN"])
async def test_odd_json_is_refused(work: Work, text: str) -> None:
    assert await refused(work, "work-" + "A" * 22, base64.b64encode(text.encode()).decode())

"""In a storm nine of ten are refused: before their body is looked at, for next to nothing; the coarse cap has counted them all the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from lingpai.core.few_lines import MOST
from lingpai.settings import Limits, Rate
from lingpai.web.dialects import dialects
from web.people import ADA, GOOD
from web.town import QUICK, Town

BODIES: dict[tuple[str, str], dict[str, str]] = {
    ("maillink", "/login"): {"email": ADA, "password": GOOD},
    ("maillink", "/register"): {"email": ADA, "password": GOOD},
    ("session", "/login"): {"account": "ada.x", "pass": "correcthorse1", "token": "x", "code": "abcd"},
    ("session", "/sign_up"): {"account": "ada.x", "pass": "correcthorse1"},
}
"""What each is asked with that says that it hashes."""
CALLS = list(BODIES)


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What is refused here asks no database."""
    return str(request.param)


def where(name: str, path: str, town: Town) -> str:
    """The path of a dialect's call."""
    return town.house.services.settings.dialects[name].prefix.rstrip("/") + path


def fill(town: Town) -> None:
    """Every place before the hashing threads is taken."""
    town.house.services.passwords._queue.taken = town.house.services.passwords.room
    town.clock.auto = True


def test_these_are_the_calls_that_say_so() -> None:
    assert {(name, call.path) for name, dialect in dialects().items() for call in dialect.calls if call.hashes} == set(BODIES)


@pytest.mark.parametrize(("name", "path"), CALLS)
async def test_each_of_them_takes_a_place_whatever_it_is_asked(name: str, path: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    @asynccontextmanager
    async def slot() -> AsyncIterator[Any]:
        taken.append(path)
        raise AssertionError("enough is known")
        yield

    monkeypatch.setattr(town.house.services.passwords, "slot", slot)
    async with town.browser() as browser:
        reply = await browser.post(where(name, path, town), json=BODIES[name, path])
    assert taken == [path], reply.text


@pytest.mark.parametrize(("name", "path"), CALLS)
@pytest.mark.parametrize("changes", [{"limits": Limits(client=Rate(3, 60))}])
async def test_while_there_is_none_it_is_refused_unread_after_half_a_second_and_still_counted_on_the_coarse_cap(
    name: str, path: str, town: Town
) -> None:
    fill(town)
    statuses, held = [], []
    async with town.browser() as browser:
        for _ in range(4):
            town.clock.slept.clear()
            reply = await browser.post(where(name, path, town), content=b'{"no": "JSON')
            statuses.append(reply.status_code)
            held.append(sum(town.clock.slept))
        too_large = await browser.post(where(name, path, town), content=b"x" * 20_000)
    assert statuses == [503, 503, 503, 429]
    assert all(0.4 <= span <= 0.6 for span in held[:3])
    assert too_large.status_code == 413


async def test_the_same_refusal_is_told_to_each_in_their_language(town: Town) -> None:
    """It is made once for many; a request id and the time to wait are each caller's own."""
    fill(town)
    async with town.browser() as browser:
        told = [await browser.post("/login", json={}, headers={"Accept-Language": tag}) for tag in ("en", "zh-Hans", "en")]
    first, chinese, again = told
    assert first.content == again.content != chinese.content
    assert "overload" in first.text.lower() or "busy" in first.text.lower()
    assert len({reply.headers["x-request-id"] for reply in told}) == 3


async def test_in_the_log_so_many_of_them_have_a_line_each_second_and_the_rest_are_one(town: Town) -> None:
    """A storm wrote a line for each, which took a fifth of what a refusal costs."""
    fill(town)
    async with town.browser() as browser:
        with capture_logs() as lines:
            for _ in range(MOST + 5):
                assert (await browser.post("/login", json={})).status_code == 503
            assert [line["event"] for line in lines] == ["request"] * MOST
            town.house.app.tick()
            town.house.app.tick()
        assert lines[MOST:] == [{"event": "request-overloaded-more", "times": 5, "log_level": "info"}]
        with capture_logs() as lines:
            assert (await browser.post("/login", json={})).status_code == 503
        assert [line["event"] for line in lines] == ["request"]


@pytest.mark.parametrize(("name", "path"), CALLS)
async def test_where_so_many_wait_for_the_database_that_one_more_would_wait_in_vain_it_is_refused_before_it_hashes(
    name: str, path: str, town: Town
) -> None:
    """In a storm of registrations all hashed and most then gave up behind the others: nine a second came through, now a hundred."""
    town.clock.auto = True
    store = town.house.services.store
    async with town.browser() as browser:
        store._waiting = QUICK.queue + 1
        reply = await browser.post(where(name, path, town), content=b'{"no": "JSON')
        assert reply.status_code == 503
        store._waiting = QUICK.queue
        reply = await browser.post(where(name, path, town), content=b'{"no": "JSON')
        assert reply.status_code != 503
        store._waiting = 0

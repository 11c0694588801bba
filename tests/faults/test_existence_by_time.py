"""No measurable time tells who has an account, wherever the counters are (contract, 8.2; A46): friends and strangers by turns, measured.

Two witnesses. The round trips that a request makes to its stores, which nobody sees but the relay, must be as many for a friend as for a
stranger, each time. And its time, as whoever asks sees it, where each round trip costs what it costs between machines: a guess by time
must not tell the two apart. Beside both stands a control, a stranger's request with one round trip more: the same rule must tell it apart,
or it sees nothing and the test fails.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, permutations
from math import sqrt
from pathlib import Path
from statistics import NormalDist, median
from typing import get_args

import httpx
import pytest

from faults import addresses
from faults.addresses import AskedCall
from faults.remote import Answered, RemoteHouse, State, Unserved, remote_houses
from faults.store_relay import CLOCK
from frontdoor import wired
from lingpai.core.errors import StoreDown

STORES = ("postgres", "valkey")
STATES: tuple[State, ...] = get_args(State)
P = 1e-3
"""How often a guess may tell friends apart by chance, in a whole run's first looks."""
DELAY = 0.02
"""Seconds of a round trip at the first look; each further one doubles them, until they are over what a busy machine's times vary by."""
LOOKS = 4
"""How often a call is looked at before what was seen each time is believed: a clock is measured, a machine pauses, and such things pass."""
LANES = 8
"""Houses that are asked at the same time: most of it they wait."""


def auc(these: Sequence[float], those: Sequence[float]) -> float:
    """How often one of these is above one of those; equal ones count a half. 0.5: nothing tells them apart."""
    return sum((a > b) + (a == b) / 2 for a in these for b in those) / (len(these) * len(those))


def beyond(these: int, those: int, tests: int) -> float:
    """How far from 0.5 the AUC lies by chance in at most P of all runs with so many tests: the normal law of Mann's and Whitney's U."""
    return NormalDist().inv_cdf(1 - P / tests / 2) * sqrt((these + those + 1) / (12 * these * those))


def test_the_rule_tells_apart_what_is_and_not_what_is_not() -> None:
    """The rule's own control: two halves of one row of numbers, and one of them moved."""
    numbers = [float(place * 7_919 % 1_009) for place in range(400)]
    one, other = numbers[::2], numbers[1::2]
    assert (auc([1, 2, 3], [0, 0]), auc([1, 2], [1, 2]), auc([0], [1])) == (1, 0.5, 0)
    assert abs(auc(one, other) - 0.5) < beyond(200, 200, 1) < 0.12
    assert auc([number + 250 for number in one], other) - 0.5 > beyond(200, 200, 100)


@dataclass
class Look:
    """What was seen at one call, round by round: about a friend, about a stranger, and in the control."""

    friend: list[Answered] = field(default_factory=list)
    stranger: list[Answered] = field(default_factory=list)
    control: list[Answered] = field(default_factory=list)

    def trips(self) -> Iterator[str]:
        """What is wrong with the round trips: friends, whatever is particular to them, make a stranger's, and the control one more."""
        usual = median(each.trips for each in self.stranger)
        for round_, (friend, stranger, control) in enumerate(zip(self.friend, self.stranger, self.control, strict=True)):
            if not friend.trips == stranger.trips == control.trips - 1 == usual:
                state = STATES[round_ % len(STATES)]
                yield f"{state}: friend {friend.trips}, stranger {stranger.trips}, control {control.trips}, usual {usual}"

    def times(self, tests: int) -> Iterator[str]:
        """What is wrong with the times: of a guess by them, between friends and strangers, and between the control and strangers."""
        bound = beyond(len(self.friend), len(self.stranger), tests)
        friend, control = (self._auc(these) for these in (self.friend, self.control))
        if not control - 0.5 > bound:
            yield f"one round trip more is not seen, so nothing is: AUC {control:.3f}"
        if abs(friend - 0.5) > bound:
            yield f"friends are told apart: AUC {friend:.3f}, of the control {control:.3f}"

    def _auc(self, these: Sequence[Answered]) -> float:
        return auc([each.seconds for each in these], [each.seconds for each in self.stranger])


async def looked(house: RemoteHouse, call: AskedCall, rounds: int, *, delay: float = 0, times: int = 1) -> Look:
    """Asks about each in an order that changes, so many times; the last is kept. Whatever may be particular to a friend has its turn."""
    look = Look()
    for state, kinds in islice(zip(cycle(STATES), cycle(permutations(("friend", "stranger", "control")))), rounds):
        for kind in kinds:
            whose = await house.people.friend(state) if kind == "friend" else house.people.stranger()
            for _ in range(times - 1):
                await house.ask(call, whose)
            getattr(look, kind).append(await house.ask(call, whose, delay=delay, more=int(kind == "control")))
    return look


async def warmed(house: RemoteHouse, call: AskedCall) -> None:
    """Drivers prepare a statement when a connection first meets it: that is nobody's in particular."""
    for times in (1, 2):
        await looked(house, call, 2, times=times)


async def differences(house: RemoteHouse, call: AskedCall, delay: float, tests: int) -> list[str]:
    """What is wrong with somebody's first request, with one that follows at once, and, where a round trip takes any, with its times.

    Trips are counted where they take no time: in a request of seconds the house's clock or a new connection may make some of their own.
    """
    lines = [*(await looked(house, call, len(STATES))).trips()]
    lines += [f"asked again: {line}" for line in (await looked(house, call, len(STATES), times=2)).trips()]
    if delay:
        lines += (await looked(house, call, 4 * len(STATES), delay=delay)).times(tests)
    return [f"{call}: {line}" for line in lines]


async def each_time(house: RemoteHouse, call: AskedCall, delay: float, tests: int) -> list[str]:
    """What was wrong at the last look, where something was at each."""
    wrong = []
    for look in range(LOOKS):
        try:
            await warmed(house, call)
            wrong = await differences(house, call, delay * 2**look, tests)
        except (Unserved, StoreDown, httpx.TransportError) as error:
            wrong = [f"{call}: {error!r}"]
            await CLOCK.sleep(1)  # by then it has looked for its stores again
        if not wrong:
            break
    return wrong


def tell(calls: Sequence[AskedCall], lanes: int, *where: Path | str, delay: float = 0) -> list[str]:
    """What tells friends from strangers at these calls; each house takes the next of them when it has done with one."""
    waiting, wrong = iter(calls), list[str]()

    async def lane(house: RemoteHouse) -> None:
        for call in waiting:
            wrong.extend(await each_time(house, call, delay, len(calls) * len(STORES)))

    @wired
    async def run() -> None:
        async with remote_houses(lanes, *where) as houses:
            await asyncio.gather(*map(lane, houses))

    run()
    return wrong


@pytest.fixture
def sockets(ground: Path) -> Path:
    """Where the relays of this test lie: a folder with a short name."""
    return Path(tempfile.mkdtemp(prefix="far", dir=ground))


@pytest.fixture(params=STORES)
def where(request: pytest.FixtureRequest, tmp_path: Path, sockets: Path, postgres_url: str) -> tuple[Path | str, ...]:
    """On PostgreSQL, which keeps the counters too, and on PostgreSQL with Valkey."""
    return tmp_path, sockets, postgres_url, request.getfixturevalue("valkey_url") if request.param == "valkey" else ""


@pytest.mark.parametrize("where", STORES[1:], indirect=True)
def test_a_friends_request_makes_as_many_round_trips_as_a_strangers(where: tuple[Path | str, ...]) -> None:
    assert tell([addresses.FIND_BY_PHONE, addresses.REGISTER_PAGE, addresses.REGISTER_WITH_ALL], 3, *where) == []


@pytest.mark.long
def test_no_call_or_page_that_takes_an_address_tells_by_time_who_has_an_account(where: tuple[Path | str, ...]) -> None:
    calls = addresses.every()
    assert len(calls) > 40
    assert tell(calls, LANES, *where, delay=DELAY) == []

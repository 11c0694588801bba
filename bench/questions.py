"""Whether time tells an account with security questions from a stranger with decoys (contract, session): the AUC of a guess by time.

`questions.py [SAMPLES] [ANSWERS]` prints it, with the band that chance alone stays in and with a control that leaves out the strangers'
work. In one process, on SQLite, the application without a socket; both kinds by turns, so that a noisy machine is noisy to both.
"""

import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import structlog
import uvloop

from lingpai.assembly import Service, build
from lingpai.assembly.configuration import defaults
from lingpai.core import rules
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.core.model import Address, Kind
from lingpai.flows.questions import joined
from lingpai.guard.passwords.hashing import HashingSlot, Verdict
from lingpai.settings import Limits, Rate
from lingpai.store import accounts, questions
from lingpai.store.database import Transaction
from lingpai.store.migrate import upgrade
from lingpai.store.questions import Questions

FRIEND, STRANGER = "ubu.x", "ubo.x"
"""As long as each other and of the same kind of letters: to read another name alone takes a microsecond more or less."""
TEXTS = ("父亲的名字", "母亲的名字", "大学学校")
ANSWERS = ("one", "two", "three")
MANY = Rate(100_000_000, 60)
SHUFFLES = 500
BAND = 0.99
"""The share of shuffled samples whose AUC lies within the band."""
WARM = 50

Call = Callable[[str], Awaitable[float]]
"""Asks about one of the two; seconds that it took."""


@dataclass(frozen=True)
class Guess:
    """How well time tells the two apart: 0.5 is not at all, 1 or 0 always."""

    name: str
    samples: int
    auc: float
    low: float
    high: float
    friend: float
    stranger: float
    """Medians, in milliseconds."""

    @property
    def told(self) -> bool:
        """Whether that is more than chance."""
        return not self.low <= self.auc <= self.high

    def __str__(self) -> str:
        said = "told apart" if self.told else "not told apart"
        return (
            f"  {self.name:<58} AUC {self.auc:.3f}, by chance {self.low:.3f} to {self.high:.3f}: {said} "
            f"({self.samples:,} a side, medians {self.friend:.2f} and {self.stranger:.2f} ms)"
        )


async def figures(samples: int, answers: int) -> list[Guess]:
    """Both calls, and the controls in which a stranger's work is left out."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with _house() as house:
        await _settle(house)
        asking, answering = _asking(house), _answering(house)
        found = [
            await _guess("Forget_pass_Question", samples, asking),
            await _guess("Forget_pass_answer", answers, answering),
        ]
        with _lazy():
            found += [
                await _guess("control: no look for a stranger's questions", samples, asking),
                await _guess("control: no Argon2 for a stranger's answers", answers, answering),
            ]
        return found
    raise AssertionError  # for mypy: the context could swallow an exception, and does not


@asynccontextmanager
async def _house() -> AsyncIterator[Service]:
    names = [name for name in Limits.__struct_fields__ if isinstance(getattr(Limits(), name), Rate)]
    roomy = msgspec.structs.replace(Limits(), **dict.fromkeys(names, MANY))
    with tempfile.TemporaryDirectory(prefix="lb-") as folder:
        upgrade(f"sqlite:///{folder}/lingpai.db")
        url = "https://id.example.com"
        chosen = defaults(dev=True, data=Path(folder), public_url=url, secret="b" * 32, limits=roomy)
        house = await build(chosen, SystemClock(), SystemChance())
        try:
            yield house
        finally:
            await house.close()


async def _settle(house: Service) -> None:
    """The friend, and neighbours: each has a name and three questions."""
    services = house.services
    async with services.passwords.slot() as slot:
        hashed = await slot.make(joined(ANSWERS))
    names = (FRIEND, *(f"{first}{second}.x" for first in "abcdefghijklmnopqrstuvwxyz" for second in "aeiou"))
    async with services.store.begin() as tx:
        for name in names:
            await _add(tx, rules.account_name(name), hashed, services.clock.now())
    assert services.decoy_questions.of("main", rules.account_name(FRIEND)) != TEXTS


async def _add(tx: Transaction, who: Address, hashed: str, now: int) -> None:
    made = await accounts.add(tx, realm="main", password=None, nickname="", locale="en", created_at=now, created_ip="192.0.2.7")
    await accounts.add_identifier(tx, account_id=made, realm="main", address=who, proved_at=now)
    await questions.put(tx, account_id=made, texts=TEXTS, answers=hashed, at=now)


@contextmanager
def _lazy() -> Iterator[None]:
    """The house as it would be if it did nothing for strangers."""
    verify = HashingSlot.verify

    async def lazy_whose(tx: Transaction, *, realm: str, kind: Kind, key: str) -> tuple[int, Questions | None]:
        found = await accounts.find(tx, realm, kind, key)
        return (found.id, await questions.of(tx, account_id=found.id)) if found else (0, None)

    async def lazy_verify(slot: HashingSlot, phc: str | None, password: str) -> Verdict:
        return await verify(slot, phc, password) if phc else Verdict(right=False)

    with patch.object(questions, "whose", lazy_whose), patch.object(HashingSlot, "verify", lazy_verify):
        yield


def _asking(house: Service) -> Call:
    async def call(who: str) -> float:
        start = time.perf_counter()
        await _post(house, "/session/Forget_pass_Question", "v" * 43, EmailAccount=who)
        return time.perf_counter() - start

    return call


def _answering(house: Service) -> Call:
    wrong = {"answer_one": "one", "answer_two": "two", "answer_three": "wrong"}

    async def call(who: str) -> float:
        await _post(house, "/session/Forget_pass_Question", "v" * 43, EmailAccount=who)
        start = time.perf_counter()
        await _post(house, "/session/Forget_pass_answer", "v" * 43, **wrong)
        return time.perf_counter() - start

    return call


async def _post(house: Service, path: str, prelogin_token: str, **fields: str) -> None:
    body = json.dumps(fields).encode()
    headers = [
        (b"host", b"id.example.com"),
        (b"cookie", f"__Host-lingpai_visit={prelogin_token}".encode()),
        (b"content-length", b"%d" % len(body)),
    ]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        said.append(message)

    await house.app({**scope, "client": ("192.0.2.7", 50_000)}, receive, send)
    assert said[0]["status"] == 200, said


async def _guess(name: str, samples: int, call: Call) -> Guess:
    for _ in range(min(WARM, samples)):
        await call(FRIEND)
        await call(STRANGER)
    friend: list[float] = []
    stranger: list[float] = []
    for _ in range(samples):
        # Who comes first is drawn, for whoever comes second finds warmer caches.
        for who in random.sample((FRIEND, STRANGER), 2):
            (friend if who == FRIEND else stranger).append(await call(who))
    low, high = _band(friend + stranger, samples)
    return Guess(name, samples, _auc(friend, stranger), low, high, _median(friend), _median(stranger))


def _median(times: list[float]) -> float:
    return sorted(times)[len(times) // 2] * 1_000


def _auc(friend: list[float], stranger: list[float]) -> float:
    """How often a friend's call took longer than a stranger's: the rank sum of Mann and Whitney; equal times count a half each."""
    return _area(_ranks(friend + stranger), len(friend))


def _ranks(times: list[float]) -> list[float]:
    order = sorted(range(len(times)), key=times.__getitem__)
    ranks = [0.0] * len(times)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or times[order[end]] != times[order[start]]:
            for place in order[start:end]:
                ranks[place] = (start + 1 + end) / 2
            start = end
    return ranks


def _area(ranks: list[float], first: int) -> float:
    return (sum(ranks[:first]) - first * (first + 1) / 2) / (first * (len(ranks) - first))


def _band(times: list[float], first: int) -> tuple[float, float]:
    """Between which AUCs those lie whose labels were dealt out by chance."""
    ranks = _ranks(times)
    dealt = []
    for _ in range(SHUFFLES):
        random.shuffle(ranks)
        dealt.append(_area(ranks, first))
    dealt.sort()
    cut = round(SHUFFLES * (1 - BAND) / 2)
    return dealt[cut], dealt[-1 - cut]


async def main(samples: int, answers: int) -> None:
    """Prints them."""
    for guess in await figures(samples, answers):
        print(guess, flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000, int(sys.argv[2]) if len(sys.argv) > 2 else 2_000))

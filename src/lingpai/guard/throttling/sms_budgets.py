"""How many text messages may leave, and to which countries (contract, rule 14). Each one costs, and there is a trade in having them sent.

Counters that do not answer let nothing through: what cannot be counted is not sent. A budget that was overrun stays shut until its
window ends even where the counters are lost meanwhile, for that is written down beside them.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from lingpai.core.chance import SECOND, Clock, moment
from lingpai.core.errors import BadInput, Limited, StoreDown
from lingpai.core.metrics import Metrics
from lingpai.core.model import Address
from lingpai.ephemeral import Count, Entry, Ephemeral
from lingpai.ephemeral.local import seconds
from lingpai.settings.outside import Sms

Name = Literal["sms_daily", "sms_prefix"]

DAY: Final = 86_400
HOUR: Final = 3_600
DIGITS: Final = 7
"""Digits after the + by which numbers are neighbours."""

KEPT: Final = 10
"""One part in so many is kept for what an owner must hear of, and for resets."""

_NAMES: Final[tuple[Name, Name]] = ("sms_daily", "sms_prefix")

log = structlog.get_logger("lingpai.budgets")


@dataclass(frozen=True, slots=True)
class _Budget:
    name: Name
    key: str
    count: int
    life: int
    """Seconds from the first message that counts until it starts again from nothing."""
    shut: str
    """Where it is written down that it lets nothing through."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """A budget that is overrun, and the instant until which it lets nothing through; of several prefixes the last."""

    name: Name
    until: int


@dataclass(frozen=True, slots=True)
class State:
    """What the operator is told: how many left within the day's window, how many may, and what is shut."""

    sent: int
    budget: int
    open: tuple[Breaker, ...]


_TAKES_NO_TEXT: Final = ("FIXED_LINE", "TOLL_FREE", "PREMIUM_RATE", "SHARED_COST", "UAN", "VOICEMAIL")
"""What a number may be that no text message reaches; where mobile and fixed cannot be told apart, it may be mobile."""


class SmsBudgets:
    """Counts text messages over all processes. Every method raises StoreDown where the counters do not answer."""

    def __init__(self, ephemeral: Ephemeral, rules: Sms, clock: Clock, metrics: Metrics | None = None) -> None:
        self._ephemeral = ephemeral
        self._rules = rules
        self._clock = clock
        self._metrics = metrics or Metrics()

    async def start(self, phone: Address, field: str = "phone", *, ordinary: bool = False) -> None:
        """Counts one message to this number; of racing callers exactly as many pass as the budget has left.

        An `ordinary` one leaves a tenth of each budget to the others: to resets, and to "your password was changed" (contract, 14.13).
        Raises what `allow` does, and Limited; then nothing is counted.
        The first refusal of a window is told to the operator, once over all processes.
        """
        self.allow(phone, field)
        spent: list[_Budget] = []
        try:
            for budget in self._sms_budgets(phone, ordinary=ordinary):
                await self._spend(budget)
                spent.append(budget)
        except BaseException:
            with suppress(StoreDown):
                for budget in spent:
                    await self._take_back(budget)
            raise

    async def check(self, phone: Address, field: str = "phone", *, ordinary: bool = False) -> None:
        """Raises what `start` would; counts nothing."""
        self.allow(phone, field)
        for budget in self._sms_budgets(phone, ordinary=ordinary):
            shut = await self._ephemeral.get(budget.shut)
            count = await self._ephemeral.hit(budget.key, budget.life, 0)
            if shut or count.total >= budget.count:
                raise self._limited(budget, shut.life if shut else count.life)

    async def give_back(self, phone: Address) -> None:
        """Undoes a start whose message could not be written down. A budget that is shut stays shut."""
        for budget in self._sms_budgets(phone):
            await self._take_back(budget)

    async def commit(self, phone: Address) -> None:
        """Changes nothing, with the work of `give_back`: so that no time tells whether a message went out (contract, 8.2)."""
        for budget in self._sms_budgets(phone):
            await self._ephemeral.hit(f"no-{budget.key}", budget.life, -1)

    async def state(self) -> State:
        """How it stands now; counts nothing."""
        count = await self._ephemeral.hit("sms:day", DAY, 0)
        found = [(name, await self._ephemeral.get(_shown(name))) for name in _NAMES]
        return State(count.total, self._rules.daily_budget, tuple(Breaker(name, int(entry.value)) for name, entry in found if entry))

    def allow(self, phone: Address, field: str = "phone") -> None:
        """Raises BadInput for a number that gets no message whatever has been sent: `sms-country` and `sms-number` (contract, 14.12).

        The region is the number's own: +1 is not one country, and +882 or +979 are none (they cost most).
        """
        import phonenumbers  # noqa: PLC0415 - as in `core/rules.py`

        number = phonenumbers.parse(phone.value)
        if phonenumbers.region_code_for_number(number) not in self._rules.countries:
            raise BadInput(field, "sms-country")
        if phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(number)) in _TAKES_NO_TEXT:
            raise BadInput(field, "sms-number")

    def _sms_budgets(self, phone: Address, *, ordinary: bool = False) -> tuple[_Budget, _Budget]:
        """The prefix first: what it refuses must not touch what all share, not even for a moment."""
        prefix = phone.value.removeprefix("+")[:DIGITS]
        return (
            _budget("sms_prefix", f"sms:prefix:{prefix}", self._rules.prefix_hourly, HOUR, ordinary=ordinary),
            _budget("sms_daily", "sms:day", self._rules.daily_budget, DAY, ordinary=ordinary),
        )

    async def _spend(self, budget: _Budget) -> None:
        shut = await self._ephemeral.get(budget.shut)
        if shut:
            raise self._limited(budget, shut.life)
        count = await self._ephemeral.hit(budget.key, budget.life)
        if count.total > budget.count:
            await self._take_back(budget)
            await self._trip(budget, count)
            raise self._limited(budget, count.life)

    def _limited(self, budget: _Budget, life: float) -> Limited:
        self._metrics.count("limited", budget.name)
        return Limited(budget.name, seconds(life))

    async def _take_back(self, budget: _Budget) -> None:
        await self._ephemeral.hit(budget.key, budget.life, -1)

    async def _trip(self, budget: _Budget, count: Count) -> None:
        """Shuts the budget for the rest of its window. Whoever is first says so; no number is named."""
        until = self._clock.now() + round(count.life * SECOND)
        entry = Entry(str(until).encode(), life=max(count.life, 1 / SECOND))
        if not await self._ephemeral.put(budget.shut, entry, only_new=True):
            return
        shown = await self._ephemeral.get(_shown(budget.name))
        if shown is None or int(shown.value) < until:
            await self._ephemeral.put(_shown(budget.name), entry)
        log.error("sms.breaker", budget=budget.name, count=budget.count, until=moment(until).isoformat(timespec="seconds"))


def _budget(name: Name, key: str, count: int, life: int, *, ordinary: bool) -> _Budget:
    """One counter for both; what is ordinary stops at nine tenths of it, and shuts only what is ordinary."""
    if ordinary:
        return _Budget(name, key, count - count // KEPT, life, f"breaker:{key}:ordinary")
    return _Budget(name, key, count, life, f"breaker:{key}")


def _shown(name: Name) -> str:
    """Where the operator's commands look: prefixes cannot be listed."""
    return f"breaker:{name}"

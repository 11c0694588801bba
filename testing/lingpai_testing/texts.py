"""What the emulators of text message gateways share: what was sent, and how often one number gets something."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lingpai_testing.server import Emulator

MAINLAND = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
ABROAD = re.compile(r"\+?([1-9][0-9]{6,14})")


class Refused(Exception):
    """The gateway says no, by a code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sent:
    """One message to one number, as its gateway has taken it."""

    to: str
    """E.164, however it was written."""
    sign_name: str
    template: str
    values: Mapping[str, str]
    """By name; where a gateway knows places only, by their numbers from "1"."""
    reference: str
    """What the sender has given to know it by again."""
    at: float


@dataclass(slots=True)
class Flow:
    """How many one number gets: (seconds, count, what it is called), the shortest span first."""

    limits: Sequence[tuple[float, int, str]]
    _sent: dict[str, list[float]] = field(default_factory=dict)

    def refusal(self, number: str, now: float) -> str:
        """The name of the limit that one more would cross, or nothing. Counts nothing."""
        times = self._sent.get(number, [])
        crossed = (name for span, count, name in self.limits if sum(at > now - span for at in times) >= count)
        return next(crossed, "")

    def count(self, number: str, now: float) -> None:
        """One more was sent."""
        self._sent.setdefault(number, []).append(now)


def e164(written: str) -> str:
    """A number in one spelling; empty for what is none."""
    found = MAINLAND.fullmatch(written)
    if found:
        return f"+86{found[1]}"
    abroad = ABROAD.fullmatch(written)
    return f"+{abroad[1]}" if abroad and not re.fullmatch(r"\+?86.*", written) else ""


class SmsGateway(Emulator):
    """What the suite of all senders asks of each gateway's emulator, which its module declares as `GATEWAY`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.messages: list[Any] = []
        """What it has taken, in its own words."""

    def settings(self, *, secret: str = "", base_url: str = "") -> dict[str, Any]:
        """The table that reaches it; with another secret or address than its own where one is given."""
        raise NotImplementedError

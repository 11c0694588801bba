"""Senders: how a rendered letter leaves the service. One Protocol, one conformance suite."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLError
from typing import Literal, Protocol, runtime_checkable

from lingpai.core.model import Letter


@dataclass(frozen=True, slots=True)
class Message:
    """A letter's words, ready to send. `html` is None for SMS."""

    subject: str
    text: str
    html: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    """What a gateway's own template of a text message is filled with: `code` and `minutes`, or nothing."""
    page: str = ""
    """The address of the hosted page that takes the code, for one that a client's own field may not take."""


class SendError(Exception):
    """The letter was not delivered. The reason goes to the letter's row: no secrets in it."""


class Temporary(SendError):
    """Try again later."""


class SenderDown(Temporary):
    """Where letters go there is nobody to take one, whichever it had been: try again once there is."""


class Permanent(SendError):
    """Trying again would not help."""


class Unsure(Permanent):
    """No answer: it may have been sent. Where sending costs and cannot be told from sending twice, it is not tried again."""


CheckStage = Literal["connection", "tls", "credentials", "sender", "clock"]
"""How far a check has come, and no further: reaching the other side, encryption, our credentials, who we say we are; or a wrong clock."""


class CheckFailed(Exception):
    """A letter would not have left. The reason is for people: no secrets in it."""

    def __init__(self, stage: CheckStage, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage
        self.reason = reason


@runtime_checkable
class Checkable(Protocol):
    """A sender that can be tried without a letter."""

    async def check(self) -> bool:
        """Goes as far as a letter does without sending any. False: our credentials would show only with one. Raises CheckFailed."""
        ...


def by_tls(error: BaseException | None) -> bool:
    """Whether it was encryption that failed, somewhere below what is raised."""
    while error and not isinstance(error, SSLError):
        error = error.__cause__ or error.__context__
    return error is not None


class Sender(Protocol):
    """Takes a letter to where it goes."""

    repeatable: bool
    """False: an attempt that got no answer is not tried again, for it may have been sent (text messages)."""

    keeps_text: bool
    """True: the row keeps the rendered text after delivery (the dev inbox); False: it is erased."""

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns once somebody else answers for the letter; raises Temporary (SenderDown where that is known) or Permanent."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...

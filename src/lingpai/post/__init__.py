"""Senders: how a rendered letter leaves the house. One Protocol, one conformance suite."""

from dataclasses import dataclass
from typing import Protocol

from lingpai.core.model import Letter


@dataclass(frozen=True, slots=True)
class Message:
    """A letter's words, ready to send. `html` is None for SMS."""

    subject: str
    text: str
    html: str | None = None


class SendError(Exception):
    """The letter was not delivered. The reason goes to the letter's row: no secrets in it."""


class Temporary(SendError):
    """Try again later."""


class Permanent(SendError):
    """Trying again would not help."""


class Sender(Protocol):
    """Takes a letter to where it goes."""

    keeps_text: bool
    """True: the row keeps the rendered text after delivery (the dev inbox); False: it is erased."""

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns once somebody else answers for the letter; raises Temporary or Permanent."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...

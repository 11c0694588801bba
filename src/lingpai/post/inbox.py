"""Dev mode's sender: nothing leaves the service; the letter's row keeps the rendered text, so that any process can show it."""

from lingpai.core.model import Letter
from lingpai.post import Message


class InboxSender:
    """Answers "delivered" to everything."""

    repeatable = True
    keeps_text = True

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns at once."""

    async def close(self) -> None:
        """Holds nothing."""

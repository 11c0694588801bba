"""What every sender promises, on every sender."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from fakes import START
from lingpai.core.model import Letter
from lingpai.post import Message, Sender
from lingpai.post.inbox import InboxSender
from lingpai.post.smtp import SmtpSender
from mailserver import mail_server

LETTER = Letter(
    id=1,
    channel="email",
    template="reset",
    recipient="ada@example.com",
    locale="en",
    sealed=b"",
    account_id=1,
    created_at=START,
    due_at=START,
    expires_at=START + 1,
    attempts=1,
    state="waiting",
    error="",
)
MESSAGE = Message("Reset your password", "text\n", "<p>text</p>")


@pytest.fixture(params=["inbox", "smtp"])
async def sender(request: pytest.FixtureRequest) -> AsyncIterator[Sender]:
    if request.param == "inbox":
        yield InboxSender()
        return
    async with mail_server() as server:
        made = SmtpSender(server.url(), "no-reply@example.com", "Lingpai")
        yield made
        await made.close()


async def test_a_good_letter_is_taken(sender: Sender) -> None:
    await sender.send(LETTER, MESSAGE)


async def test_a_letter_without_html_is_taken(sender: Sender) -> None:
    await sender.send(LETTER, replace(MESSAGE, html=None))


async def test_many_letters_at_a_time_are_taken(sender: Sender) -> None:
    await asyncio.gather(*(sender.send(replace(LETTER, id=number), MESSAGE) for number in range(20)))


async def test_the_same_letter_may_come_twice(sender: Sender) -> None:
    await sender.send(LETTER, MESSAGE)
    await sender.send(replace(LETTER, attempts=2), MESSAGE)


async def test_it_sends_again_after_it_was_closed(sender: Sender) -> None:
    await sender.send(LETTER, MESSAGE)
    await sender.close()
    await sender.close()
    await sender.send(LETTER, MESSAGE)


def test_only_dev_mode_keeps_what_a_letter_said() -> None:
    assert InboxSender.keeps_text
    assert not SmtpSender.keeps_text

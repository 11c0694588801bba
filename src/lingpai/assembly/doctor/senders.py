"""Whether mail and text messages would leave: as far as one comes without sending any."""

import asyncio
from typing import TYPE_CHECKING

from lingpai.assembly import senders
from lingpai.assembly.doctor.finding import Finding, not_asked, ok, wrong
from lingpai.assembly.doctor.subject import Subject
from lingpai.settings.load import SettingsError

if TYPE_CHECKING:
    from lingpai.post import Sender

SECONDS = 10
"""For the whole of one check."""


async def mail(subject: Subject) -> list[Finding]:
    """The mail server: connection, TLS, login, and the From address."""
    if subject.settings.mail.smtp_url is None:
        return [not_asked("mail", "settings")]
    try:
        sender = senders.mail_sender(subject.settings)
    except SettingsError as error:
        return [wrong("mail", "connection", reason=str(error))]
    return [await _checked("mail", sender)]


async def texts(subject: Subject) -> list[Finding]:
    """The gateway: connection, TLS, keys."""
    sender = senders.sms_sender(subject.settings, subject.clock, subject.chance)
    return [await _checked("sms", sender) if sender else not_asked("sms", "no_sms")]


async def _checked(check: str, sender: "Sender") -> Finding:
    from lingpai.post import Checkable, CheckFailed

    if not isinstance(sender, Checkable):
        await sender.close()
        return not_asked(check, "uncheckable")
    try:
        async with asyncio.timeout(SECONDS):
            return ok(check, "taken" if await sender.check() else "reached")
    except CheckFailed as error:
        return wrong(check, error.stage, reason=error.reason)
    except TimeoutError:
        return wrong(check, "connection", reason="time-out")
    finally:
        await sender.close()

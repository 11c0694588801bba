"""Who carries letters: settings become senders."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.core.chance import Chance, Clock
from lingpai.core.model import Channel
from lingpai.settings import Settings
from lingpai.settings.load import SettingsError

if TYPE_CHECKING:
    from lingpai.flows import Services
    from lingpai.post import Sender


def senders(services: "Services") -> "Mapping[Channel, Sender]":
    """One for each channel that there is. Raises SettingsError for what only the parts can judge."""
    settings = services.settings
    if settings.dev:
        from lingpai.post.inbox import InboxSender

        return {"email": InboxSender(), "sms": InboxSender()}
    mail = mail_sender(settings)
    texts = sms_sender(settings, services.clock, services.chance)
    return {"email": mail, "sms": texts} if texts else {"email": mail}


def mail_sender(settings: Settings) -> "Sender":
    """To the operator's mail server. Raises SettingsError."""
    from lingpai.post.smtp import SmtpSender

    sender = settings.mail.sender or f"no-reply@{urlsplit(settings.public_url).hostname}"
    try:
        return SmtpSender(settings.mail.smtp_url or "", sender, settings.product)
    except ValueError as error:
        raise SettingsError([f"mail.smtp_url, mail.sender: {error}"]) from None


def sms_sender(settings: Settings, clock: Clock, chance: Chance) -> "Sender | None":
    """To the chosen gateway; None where there is none."""
    from lingpai.post.sms import TIMEOUT, gateways

    provider = settings.sms.provider
    return None if provider == "none" else gateways()[provider].sender(settings.sms.gateways[provider], clock, chance, TIMEOUT)

"""Mail by SMTP (RFC 5321): a letter becomes a MIME message and goes to the operator's mail server.

Temporary is everything that the same letter may survive: 4yz replies, lost connections, time-outs, a certificate that does not
check, a login that fails (the operator mends it, the letter waits). What goes wrong before the server has heard of the letter is
SenderDown: it would go wrong with any. Permanent is a 5yz reply to the letter itself.
A connection lost after the final dot may have delivered the letter: it is sent again, at least once, with the same Message-ID.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cached_property

import aiosmtplib

from lingpai.core.model import Letter
from lingpai.core.outages import reason
from lingpai.post import CheckFailed, CheckStage, Message, Permanent, SenderDown, SendError, Temporary, by_tls
from lingpai.post.mime import MimeMail, compose
from lingpai.post.mime import sender as sender_mailbox
from lingpai.post.relay import Relay

COMMAND_SECONDS = 20.0
"""How long the server may take for one reply."""

KEPT_SECONDS = 5.0
"""How long a connection waits for a next letter; under what any server allows (RFC 5321, 4.5.3.2.7: five minutes)."""

ABOUT_US = range(530, 539)
"""Replies about our login or our encryption, not about the letter (RFC 4954, section 6; RFC 3207, section 4)."""

_REFUSED = (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError)
_SECRET = re.compile(r"https?://\S+|(?![A-Z_]+\b)[A-Za-z0-9_+/=-]{20,}")
"""What a server may quote from a letter or a login: addresses of pages, tokens, base64 (CERTIFICATE_VERIFY_FAILED is none)."""


class SmtpSender:
    """Sends through one mail server; any number of letters at a time, each on a connection of its own.

    A connection that carried its letter without trouble is kept for a few seconds and carries the next: providers count
    connections, and a TLS handshake costs more than a letter. It is asked (NOOP) before it is used again.
    """

    repeatable = True
    keeps_text = False

    def __init__(self, url: str, sender: str, product: str, *, timeout: float = COMMAND_SECONDS) -> None:
        """Raises ValueError, without the password, for a URL, sender or CA file that does not fit."""
        self._relay = Relay.parse(url)
        self._sender = sender_mailbox(sender, product)
        self._timeout = timeout
        self._kept: dict[aiosmtplib.SMTP, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        if self._relay.ca:
            _ = self._context  # a missing file is told at start

    async def send(self, letter: Letter, message: Message) -> None:
        """Returns once the server has taken the letter for its one recipient; raises Temporary, SenderDown or Permanent."""
        try:
            mail = compose(letter, message, self._sender)
        except ValueError as error:
            raise Permanent(self._clean(str(error))) from None
        try:
            async with self._connection() as client:
                await client.sendmail(mail.sender, [mail.recipient], mail.content, mail_options=_options(mail))
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._judge(error) from None

    async def check(self) -> bool:
        """Connects, encrypts, logs in, and says in whose name it would write. Raises CheckFailed."""
        client = self._client()
        try:
            await client.connect()
            await client.mail(self._sender.addr_spec)
            await client.rset()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise CheckFailed(_stage(error), self._reason(error)) from None
        finally:
            await _leave(client)
        return True

    async def close(self) -> None:
        """Says goodbye on the connections that wait."""
        for timer in self._kept.values():
            timer.cancel()
        clients, self._kept = list(self._kept), {}
        await asyncio.gather(*self._leaving, *(_leave(client) for client in clients))

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Checks certificate and host name, TLS 1.2 and up: Python's own defaults."""
        context = ssl.create_default_context()
        if self._relay.ca:
            try:
                context.load_verify_locations(self._relay.ca)
            except OSError as error:
                raise ValueError(f"the mail server's CA file {self._relay.ca} cannot be used: {error}") from None
        return context

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection for one letter; kept when all went well, dropped otherwise."""
        client = await self._reused() or await self._connect()
        try:
            yield client
        except BaseException:
            client.close()
            raise
        if client.is_connected:
            self._kept[client] = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._retire, client)

    async def _reused(self) -> aiosmtplib.SMTP | None:
        while self._kept:
            client, timer = self._kept.popitem()
            timer.cancel()
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.noop()
                return client
            client.close()
        return None

    async def _connect(self) -> aiosmtplib.SMTP:
        client = self._client()
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise SenderDown(self._reason(error)) from None
        return client

    def _client(self) -> aiosmtplib.SMTP:
        """One that has not connected yet."""
        relay = self._relay
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.user,
            password=relay.password,
            use_tls=relay.tls == "at-once",
            start_tls={"at-once": False, "off": False, "required": True, "offered": None}[relay.tls],
            tls_context=None if relay.tls == "off" else self._context,
            local_hostname=self._sender.domain,  # the machine's own name is nobody's business, and finding it may ask the DNS
            timeout=self._timeout,
        )

    def _retire(self, client: aiosmtplib.SMTP) -> None:
        del self._kept[client]
        task = asyncio.ensure_future(_leave(client))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _judge(self, error: Exception) -> SendError:
        """552 too is permanent: RFC 5321 has it tried again only where it means too many recipients (4.5.3.1.10); here is one."""
        if isinstance(error, aiosmtplib.SMTPNotSupported):
            return Permanent("the mail server does not offer SMTPUTF8 (RFC 6531), which this address needs")
        cause = error.recipients[0] if isinstance(error, aiosmtplib.SMTPRecipientsRefused) else error
        final = isinstance(cause, _REFUSED) and 500 <= cause.code <= 599 and cause.code not in ABOUT_US
        return (Permanent if final else Temporary)(self._reason(cause))

    def _reason(self, error: Exception) -> str:
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return self._clean(f"{error.code} {error.message}")
        return self._clean(reason(error))

    def _clean(self, text: str) -> str:
        """One printable line of at most 200 characters, without what a server may have quoted."""
        if self._relay.password:
            text = text.replace(self._relay.password, "…")
        text = "".join(character if character.isprintable() else " " for character in text)
        return _SECRET.sub("…", " ".join(text.split()))[:200]


def _options(mail: MimeMail) -> list[str]:
    return ["SMTPUTF8", "BODY=8BITMIME"] if mail.utf8 else []


def _stage(error: Exception) -> CheckStage:
    """Where it failed. Of an extension that the server does not offer the library has no class of its own, but says its name."""
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return "sender"
    if by_tls(error) or "STARTTLS" in str(error):
        return "tls"
    return "credentials" if isinstance(error, aiosmtplib.SMTPAuthenticationError) or "AUTH" in str(error) else "connection"


async def _leave(client: aiosmtplib.SMTP) -> None:
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=1)
    client.close()

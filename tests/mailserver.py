"""A real SMTP server (aiosmtpd) on loopback that answers as a test tells it to, and remembers every byte."""

import asyncio
import ssl
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DROP = "drop"
STALL = "stall"
HOLD = "hold"
"""It goes on once `go_on` is set."""


@dataclass(frozen=True)
class Arrived:
    """A letter that the server took."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    utf8: bool

    @property
    def mail(self) -> EmailMessage:
        parsed = message_from_string(self.content.decode(), policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class MailServer:
    """What it answers: `says["RCPT"]` holds the next answers to RCPT, a status line, DROP, STALL or HOLD; then all goes well.

    Its verbs are EHLO, MAIL, RCPT, DATA (before the content) and END (after the final dot; the letter has arrived).
    """

    port: int = 0
    says: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    arrived: list[Arrived] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    raw: bytearray = field(default_factory=bytearray)
    """Every byte that clients sent, after decryption where there was any."""
    connections: list["Line"] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    password: bytes = b"right"
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    held: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    extensions: list[str] = field(default_factory=list)
    """More lines for EHLO's answer: what it claims to offer."""

    def url(self, user: str = "", scheme: str = "smtp", query: str = "") -> str:
        return f"{scheme}://{user}127.0.0.1:{self.port}{query}"

    @property
    def recipients(self) -> Counter[str]:
        """To whom letters have arrived, and how many."""
        return Counter(to for arrived in self.arrived for to in arrived.recipients)

    async def arrival(self) -> None:
        """Returns when another letter has arrived, or is held."""
        self.news.clear()
        await self.news.wait()

    def commands(self) -> list[bytes]:
        """The verbs of the lines that clients sent, outside and inside of letters."""
        return [line.split(b" ")[0].split(b":")[0].upper() for line in bytes(self.raw).split(b"\r\n")]

    async def answer(self, verb: str, server: SMTP, usual: str) -> str:
        said = self.says[verb].pop(0) if self.says[verb] else usual
        if said == DROP:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        if said == STALL:
            self.stalled.set()
            await asyncio.Event().wait()
        if said == HOLD:
            self.held += 1
            self.news.set()
            await self.go_on.wait()
            return usual
        return said

    def log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        self.logins.append((given.login, given.password))
        return AuthResult(success=given.password == self.password, handled=False)


class Line(SMTP):
    """One connection."""

    def __init__(self, house: MailServer, **options: Any) -> None:
        super().__init__(Handler(house), hostname="mail.example.com", authenticator=house.log_in, **options)
        self._house = house

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._house.connections:
            self._house.connections.append(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._house.raw += data
        super().data_received(data)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd names its methods by the verb
        said = await self._house.answer("DATA", self, "")
        if said:
            await self.push(said)
        else:
            await super().smtp_DATA(arg)


class Handler:
    def __init__(self, house: MailServer) -> None:
        self._house = house

    async def handle_EHLO(  # noqa: N802 - aiosmtpd names its hooks by the verb
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        said = await self._house.answer("EHLO", server, "")
        return [said] if said else [responses[0], *self._house.extensions, *responses[1:]]

    async def handle_MAIL(  # noqa: N802 - as above
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await self._house.answer("MAIL", server, "250 OK")
        if said.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        said = await self._house.answer("RCPT", server, "250 OK")
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        assert envelope.mail_from is not None
        assert isinstance(envelope.content, bytes)
        arrived = Arrived(
            envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content, session.ssl is not None, "SMTPUTF8" in envelope.mail_options
        )
        said = await self._house.answer("END", server, "250 taken")
        if said.startswith("2") or said == DROP:
            self._house.arrived.append(arrived)
            self._house.news.set()
        return said


@asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, at_once: bool = False, port: int = 0, **options: Any
) -> AsyncIterator[MailServer]:
    """Serves until the block ends, on a free port where none is given.

    With `tls` it offers STARTTLS, or, `at_once`, speaks TLS from the first byte.
    """
    house = MailServer()
    loop = asyncio.get_running_loop()
    offered = None if at_once else tls
    listening = await loop.create_server(
        lambda: Line(house, loop=loop, tls_context=offered, **{"enable_SMTPUTF8": True, "auth_require_tls": False, **options}),
        "127.0.0.1",
        port,
        ssl=tls if at_once else None,
    )
    house.port = listening.sockets[0].getsockname()[1]
    yield house
    listening.close()
    for line in house.connections:
        if line._handler_coroutine and not line._handler_coroutine.done():
            line._handler_coroutine.cancel()
            await asyncio.gather(line._handler_coroutine, return_exceptions=True)
        if isinstance(line.transport, asyncio.Transport) and not line.transport.is_closing():
            line.transport.abort()
    await listening.wait_closed()


class Authority:
    """Issues certificates; its own lies in `file`."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = _builder(self._name, self._name, self._key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
        signing = x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(own.add_extension(signing, critical=True).sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def context(self, address: str) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate for that IP address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        public = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        leaf = _builder(x509.Name([]), self._name, key).add_extension(names, critical=True).add_extension(public, critical=False)
        file = self._folder / f"{address}.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + leaf.sign(self._key, SHA256()).public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=issuer,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(2099, 1, 1, tzinfo=UTC),
    )

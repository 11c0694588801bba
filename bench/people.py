"""Who calls: made-up accounts with live sessions, each with its own client address, and their requests as bytes."""

import base64
import hashlib
import json
from pathlib import Path

from argon2.low_level import Type, hash_secret

from lingpai.core.chance import SECOND, SystemChance, SystemClock
from lingpai.core.model import Address
from lingpai.guard.crypto import digest
from lingpai.store import accounts, sessions
from lingpai.store.database import Database, Transaction
from lingpai.store.postgres import open_postgres
from lingpai.store.sqlite import open_sqlite

ACCOUNTS = 1_000
PASSWORD = "quiet harbour 71 lamps"
SITE = "id.example.com"
MEMORY_KIB, TIME, LANES = 19_456, 2, 1
"""What the service hashes with by default: OWASP's Argon2id."""

_DAY = 86_400 * SECOND


def check(number: int) -> bytes:
    """GET /userinfo/get in a live session."""
    return f"GET /userinfo/get HTTP/1.1\r\n{_lines(number)}cookie: __Host-lingpai_session={token(number % ACCOUNTS)}\r\n\r\n".encode()


def login(number: int) -> bytes:
    """POST /login with the right password."""
    return _post("/login", number, email=f"caller{number % ACCOUNTS}@example.com", password=PASSWORD)


def registration(number: int) -> bytes:
    """POST /register for an address that nobody has."""
    return _post("/register", number, email=f"newcomer{number}@example.com", password=PASSWORD)


def captcha(number: int) -> bytes:
    """GET /public/captcha: a picture."""
    return f"GET /public/captcha HTTP/1.1\r\n{_lines(number)}\r\n".encode()


def page(number: int) -> bytes:
    """GET /login: a page."""
    return f"GET /login HTTP/1.1\r\n{_lines(number)}\r\n".replace("*/*", "text/html").encode()


def mail(number: int) -> bytes:
    """POST /reset_password/send_mail: a letter with a link."""
    return _post("/reset_password/send_mail", number, email=f"caller{number % ACCOUNTS}@example.com")


def introspection(number: int, secret: str) -> bytes:
    """POST /oauth2/introspect, by the client `bench`, of a token that is none."""
    body, known = f"token=e30.e30.{number}", base64.b64encode(f"bench:{secret}".encode()).decode()
    lines = f"{_lines(number)}authorization: Basic {known}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    return f"POST /oauth2/introspect HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n{body}".encode()


def huge(number: int) -> bytes:
    """The head of POST /login with a body of 20 MB."""
    return f"POST /login HTTP/1.1\r\n{_lines(number)}content-length: 20000000\r\n\r\n".encode()


def token(number: int) -> str:
    """An account's session token; made up, so that every process of the bench knows it."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"session %d" % number).digest()).rstrip(b"=").decode()


def password_hash() -> bytes:
    """One for all: to verify it costs each account the same."""
    return hash_secret(PASSWORD.encode(), b"a salt of 16 by.", TIME, MEMORY_KIB, LANES, 32, Type.ID)


async def settle(url: str) -> None:
    """Writes the accounts and their sessions into a migrated database."""
    store = await open_store(url)
    phc = password_hash().decode()
    async with store.begin() as tx:
        for number in range(ACCOUNTS):
            await _settle(tx, number, phc)
    await store.close()


async def _settle(tx: Transaction, number: int, phc: str) -> None:
    now = SystemClock().now()
    email = f"caller{number}@example.com"
    account = await accounts.add(tx, realm="main", password=phc, nickname="", locale="en", created_at=now, created_ip=_client(number))
    await accounts.add_identifier(tx, account_id=account, realm="main", address=Address("email", email, email), proved_at=now)
    opened = await sessions.add(
        tx,
        account_id=account,
        realm="main",
        digest=digest(token(number)),
        password=phc,
        at=now,
        expires_at=now + _DAY,
        ip=_client(number),
        agent="bench",
    )
    assert opened


async def open_store(url: str) -> Database:
    """What `database_url` names; whoever asks closes it."""
    if url.startswith("sqlite:///"):
        return await open_sqlite(Path(url.removeprefix("sqlite:///")), SystemClock(), SystemChance())
    return await open_postgres(url, SystemClock(), SystemChance())


def _post(path: str, number: int, **fields: str) -> bytes:
    body = json.dumps(fields)
    lines = f"{_lines(number)}content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n{body}".encode()


def _lines(number: int) -> str:
    return f"host: {SITE}\r\nuser-agent: bench\r\naccept: */*\r\nx-forwarded-for: {_client(number)}\r\n"


def _client(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

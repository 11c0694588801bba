"""What JWTs cost: issued and read a second, beside the signature alone; read with their session; and introspections.

`tokens.py [SECONDS]` prints it; `figures` is for other programs. In one process, on SQLite, one after another: a core's worth.
"""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import uvloop
from joserfc.jws import JWSRegistry

from lingpai.assembly import Service, build
from lingpai.assembly.configuration import defaults
from lingpai.core.chance import SystemChance, SystemClock
from lingpai.flows import Services
from lingpai.guard.crypto import sid_digest
from lingpai.guard.sessions.signing_keys import Alg
from lingpai.settings.logins import Jwt
from lingpai.store import accounts, sessions
from lingpai.store.migrate import upgrade

SID = "a token of a session"
LIFE = 3_600
BATCH = 50
"""Calls between two looks at the clock."""


@dataclass(frozen=True)
class Pace:
    """A second, of each; `sign` and `verify` are the library's signature alone."""

    alg: str
    issued: float
    sign: float
    read: float
    verify: float
    held: float
    introspected: float

    def __str__(self) -> str:
        rows = [
            (f"{self.alg}: JWTs issued/s", self.issued, f"signature alone {self.sign:,.0f}, share {self.issued / self.sign:.2f}"),
            (f"{self.alg}: JWTs read/s", self.read, f"signature alone {self.verify:,.0f}, share {self.read / self.verify:.2f}"),
            ("  with their session", self.held, ""),
            ("  introspections/s, the application without a socket", self.introspected, ""),
        ]
        return "\n".join(f"  {name:<58} {rate:<26,.0f} {beside}".rstrip() for name, rate, beside in rows)


async def figures(seconds: float, alg: Alg) -> Pace:
    """Measures each for so many seconds."""
    with _folder() as folder:
        settings = defaults(dev=True, data=folder, public_url="https://id.example.com", secret="b" * 32, jwt=Jwt(alg))
        house = await build(settings, SystemClock(), SystemChance())
        try:
            return await _paces(house, seconds, alg)
        finally:
            await house.close()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lb-") as folder:
        upgrade(f"sqlite:///{folder}/lingpai.db")
        yield Path(folder)


async def _paces(house: Service, seconds: float, alg: Alg) -> Pace:
    services = house.services
    account = await _account(services)
    tokens, signer = services.tokens, await services.tokens.keys.signer()

    async def issue() -> str:
        return tokens.issue(await tokens.keys.signer(), account_id=account, sid=SID, locale="en", lifetime=LIFE)

    token = await issue()
    signed = token.rpartition(".")[0].encode()
    library = JWSRegistry.algorithms[alg]
    signature = library.sign(signed, signer.key)

    async def sign() -> object:
        return library.sign(signed, signer.key)

    async def verify() -> object:
        return library.verify(signed, signature, signer.key)

    return Pace(
        alg,
        await _rate(seconds, issue),
        await _rate(seconds, sign),
        await _rate(seconds, lambda: tokens.read(token)),
        await _rate(seconds, verify),
        await _rate(seconds, lambda: tokens.holder("main", token)),
        await _rate(seconds, lambda: _introspect(house, token)),
    )


async def _account(services: Services) -> int:
    now = services.clock.now()
    async with services.store.begin() as tx:
        made = await accounts.add(tx, realm="main", password=None, nickname="", locale="en", created_at=now, created_ip="192.0.2.7")
        await sessions.add(
            tx,
            account_id=made,
            realm="main",
            digest=sid_digest(SID),
            password=None,
            at=now,
            expires_at=now + LIFE * 1_000,
            ip="192.0.2.7",
            agent="bench",
        )
    return made


async def _introspect(house: Service, token: str) -> None:
    body = f"token={token}".encode()
    path = "/oauth2/introspect"
    headers = [(b"host", b"id.example.com"), (b"authorization", b"Basic ZGV2OmRldg=="), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    said: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        said.append(message.get("body", b""))

    await house.app({**scope, "client": ("192.0.2.7", 50_000)}, receive, send)
    assert said[-1].startswith(b'{"active":true'), said


async def _rate(seconds: float, call: Callable[[], Awaitable[object]]) -> float:
    start = time.perf_counter()
    done = 0
    while (spent := time.perf_counter() - start) < seconds:
        for _ in range(BATCH):
            await call()
        done += BATCH
    return done / spent


async def main(seconds: float) -> None:
    """All algorithms."""
    for alg in get_args(Alg):
        print(await figures(seconds, alg), flush=True)


if __name__ == "__main__":
    uvloop.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))

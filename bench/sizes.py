"""What a database grows by: bytes on the disk for an account with its address, a login, and an entry of the trail.

`sizes.py [NUMBER]` writes so many of each into an empty SQLite and an empty PostgreSQL, and prints what each added, indexes and all.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import people
from places import folder, postgres
from sqlalchemy import text

from lingpai.core.model import Address, RequestContext
from lingpai.guard.crypto import digest
from lingpai.store import accounts, audit, sessions
from lingpai.store.database import Database, Query, Transaction
from lingpai.store.migrate import upgrade

NUMBER = 50_000
CLIENT = "203.0.113.77"
AGENT = "Mozilla/5.0 (Linux; Android 16; 24129PN74C) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Mobile Safari/537.36"
HASH = people.password_hash().decode()
MONTH = 30 * 86_400_000
SIZE = {
    "sqlite": Query(text("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")),
    "postgres": Query(text("SELECT pg_database_size(current_database())")),
}

Add = Callable[[Transaction, int], Awaitable[object]]


async def account(tx: Transaction, number: int) -> None:
    """As a registration by mail leaves it."""
    email = f"somebody{number}@example.com"
    added = await accounts.add(tx, realm="main", password=HASH, nickname="", locale="zh-Hans", created_at=number, created_ip=CLIENT)
    await accounts.add_identifier(tx, account_id=added, realm="main", address=Address("email", email, email), proved_at=number)


async def login(tx: Transaction, number: int) -> None:
    """One that lives, of an account that has been written before."""
    token = digest(people.token(number))
    opened = await sessions.add(
        tx, account_id=number + 1, realm="main", digest=token, password=HASH, at=number, expires_at=number + MONTH, ip=CLIENT, agent=AGENT
    )
    assert opened


async def entry(tx: Transaction, number: int) -> None:
    """A login, as the trail tells of it."""
    origin = RequestContext(client=CLIENT, ip=CLIENT, agent=AGENT, request_id=f"{number:08x}-Q8x_2bLk")
    await audit.add(tx, at=number, realm="main", account_id=number + 1, event="login", result="ok", origin=origin)


async def measure(url: str, number: int) -> None:
    """Prints what each kind adds."""
    store = await people.open_store(url)
    size = await _size(store)
    for what, add in {"an account with its address": account, "a login": login, "an entry of the trail": entry}.items():
        for start in range(0, number, 1_000):
            async with store.begin() as tx:
                for one in range(start, min(start + 1_000, number)):
                    await add(tx, one)
        grown = await _size(store)
        print(f"  {what:<30} {(grown - size) / number:8,.0f} bytes")
        size = grown
    await store.close()


async def _size(store: Database) -> int:
    row = await store.row(SIZE[store.name])
    assert row
    return int(row[0])


def main() -> None:
    """Both databases, each in a folder of its own that is gone afterwards."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else NUMBER
    with folder() as place, postgres(place) as url_of_postgres:
        for name, url in (("sqlite", f"sqlite:///{place}/lingpai.db"), ("postgresql", url_of_postgres)):
            print(f"{name}: what it grows by, of {number:,} each")
            upgrade(url)
            asyncio.run(measure(url, number))


if __name__ == "__main__":
    main()

"""Houses whose stores stand on other machines, as far as time can tell, and people with and without an account in them."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import httpx
import msgspec

from fakes import FakeClock
from faults.addresses import INVITE, AskedCall, Person
from faults.service import TRUST
from faults.store_relay import CLOCK, POSTGRES, VALKEY, Relay, relay
from lingpai.assembly import Service, build
from lingpai.core import rules
from lingpai.core.chance import SECOND, SystemChance
from lingpai.core.model import RequestContext
from lingpai.settings import Legal, Limits, Pages, Rate, Settings, Sms
from lingpai.store import accounts, invites, questions
from lingpai.store.database import Database, Transaction
from lingpai.store.postgres import open_postgres
from lingpai.web.dialects import dialects
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.listening import listen
from lingpai.web.server.serve import Server
from web.town import Browser, Town, settings_for
from web.walking import walker

MANY = Rate(100_000_000, 60)
ROOMY = msgspec.structs.replace(Limits(), **{name: MANY for name in Limits.__struct_fields__ if isinstance(getattr(Limits(), name), Rate)})
"""Limits that nobody meets. All are counted."""
DAY = 86_400 * SECOND
SOCKET = ".s.PGSQL.5432"
PATIENCE = 60
"""Seconds that whoever asks waits: forty round trips of the longest delay, on a machine that does other things too."""
State = Literal["proved", "unproved", "locked", "closing", "no password", "no questions"]
"""What may be particular to an account."""


class People:
    """Those with an account and those without, each of them somebody whom nobody has asked about yet."""

    def __init__(self, near: Database, password: str) -> None:
        """`near`: the houses' database, without a relay. `password`: everybody's, as a PHC string."""
        self.near = near
        self._password = password
        self._numbers = itertools.count(1)
        self._clients = itertools.count(198 << 24 | 18 << 16)

    def stranger(self) -> Person:
        return Person(next(self._numbers))

    def client(self) -> str:
        """An IP address that nobody had before."""
        return ".".join(str(part) for part in next(self._clients).to_bytes(4))

    async def friend(self, state: State = "proved") -> Person:
        person = self.stranger()
        async with self.near.begin() as tx:
            await self._settle(tx, person, state, CLOCK.now())
        return person

    async def _settle(self, tx: Transaction, person: Person, state: State, now: int) -> None:
        password = None if state == "no password" else self._password
        account = await accounts.add(tx, realm="main", password=password, nickname="", locale="en", created_at=now, created_ip="192.0.2.1")
        for address in (rules.email(person.mail), rules.phone(person.phone), rules.account_name(person.name)):
            proved = None if state == "unproved" else now
            await accounts.add_identifier(tx, account_id=account, realm="main", address=address, proved_at=proved)
        if state != "no questions":
            await questions.put(tx, account_id=account, texts=("one?", "two?", "three?"), answers=self._password, at=now)
        if state == "locked":
            await accounts.lock(tx, account_id=account, at=now)
        if state == "closing":
            await accounts.close(tx, account_id=account, at=now, deletes_at=now + DAY)


@dataclass(frozen=True)
class Answered:
    """What somebody sees who asks: the seconds to the answer's last byte; and what they cannot see, the round trips that it took."""

    seconds: float
    trips: int


class Unserved(Exception):
    """The house did not do what it was asked for: it may have taken a store that is slow for one that is lost."""


class Street(Town):
    """A town that is reached by the network."""

    def __init__(self, house: Service, people: People) -> None:
        super().__init__(house, FakeClock())  # it moves nothing here
        self.transport = httpx.AsyncHTTPTransport(verify=TRUST)
        self._people = people

    def browser(self, ip: str = "") -> Browser:
        """Of another client each time, against whom nothing was counted."""
        made = Browser(self.house, ip or self._people.client(), transport=self.transport)
        made.timeout = httpx.Timeout(PATIENCE)
        return made


@dataclass
class RemoteHouse:
    """One house, with relays of its own before its stores; the last of them is before its counters."""

    street: Street
    relays: list[Relay]
    people: People

    async def ask(self, asked: AskedCall, whose: Person, *, delay: float = 0, more: int = 0) -> Answered:
        """Somebody new asks about a person, while a round trip takes `delay` longer; with `more`, there are so many more of them.

        Raises Unserved.
        """
        asker = walker(self.street, asked.dialect)
        if asked.logged_in:
            asker.browser.cookies.set("lingpai_session", await self._session(), domain="127.0.0.1")
        try:
            fields = {name: whose.instead(await asker.read(value)) for name, value in asked.fields.items()}
        except KeyError:
            raise Unserved("it drew no captcha") from None
        with self._slowed(delay, more):
            before, start = self._trips, CLOCK.monotonic()
            await self._send(asker.browser, asked, fields)
            return Answered(CLOCK.monotonic() - start, self._trips - before)

    @contextmanager
    def _slowed(self, delay: float, more: int) -> Iterator[None]:
        self.relays[-1].more = more
        for each in self.relays:
            each.delay = delay
        try:
            yield
        finally:
            for each in self.relays:
                each.delay, each.more = 0, 0

    @property
    def _trips(self) -> int:
        return sum(each.trips for each in self.relays)

    @staticmethod
    async def _send(browser: Browser, asked: AskedCall, fields: dict[str, str]) -> None:
        headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"} if asked.is_page else {}
        if asked.method == "GET":
            reply = await browser.get(f"{asked.path}?{urlencode(fields)}", headers=headers)
        else:
            reply = await browser.request(asked.method, asked.path, data=fields, headers=headers)
        if reply.status_code not in (200, 303, 422):
            raise Unserved(f"{reply.status_code} {reply.text}")

    async def _session(self) -> str:
        """A cookie of an account that nobody asks about."""
        owner = await self.people.friend()
        account = await accounts.find(self.people.near, "main", "email", owner.mail)
        assert account
        issuer = self.street.house.services.session_issuer
        return (await issuer.cookie(account, RequestContext("192.0.2.1", "192.0.2.1"))).token


@asynccontextmanager
async def remote_houses(count: int, folder: Path, sockets: Path, postgres_url: str, valkey_url: str) -> AsyncIterator[list[RemoteHouse]]:
    """So many houses on one database, whose counters are there or, where its URL is given, on Valkey. Relays lie in folders of `sockets`.

    They serve as the command does, but their workers do not run: what a letter costs after its answer would only blur the answers' times.
    """
    async with AsyncExitStack() as stack:
        near = await open_postgres(postgres_url, CLOCK, SystemChance())
        stack.push_async_callback(near.close)
        await invites.add(near, realm="main", code=INVITE, owner_id=None, uses=1_000_000, created_at=CLOCK.now(), expires_at=None)
        built = [await _build(stack, folder, sockets / str(number), postgres_url, valkey_url) for number in range(count)]
        async with built[0][0].services.passwords.slot() as slot:
            people = People(near, await slot.make("a password of theirs"))
        houses = [RemoteHouse(Street(house, people), relays, people) for house, relays in built]
        for house in houses:
            stack.push_async_callback(house.street.transport.aclose)
        yield houses


async def _build(stack: AsyncExitStack, folder: Path, sockets: Path, postgres_url: str, valkey_url: str) -> tuple[Service, list[Relay]]:
    sockets.mkdir(parents=True)  # noqa: ASYNC240 - nobody else is served yet
    there, counters = Path(postgres_url.rpartition("host=")[2]), sockets / "v.sock"
    relays = [await stack.enter_async_context(relay(there / SOCKET, sockets / SOCKET, POSTGRES))]
    if valkey_url:
        relays.append(await stack.enter_async_context(relay(Path(valkey_url.removeprefix("unix://")), counters, VALKEY)))
    listening = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = _settings(folder, postgres_url.replace(str(there), str(sockets)), f"unix://{counters}" if valkey_url else None, url)
    house = await build(settings, CLOCK, SystemChance())
    stack.push_async_callback(house.close)
    server = Server(house.app, [listening], CLOCK, SystemChance(), Bounds())
    await server.start()
    stack.push_async_callback(partial(server.drain, 1))
    return house, relays


def _settings(folder: Path, database_url: str, valkey_url: str | None, public_url: str) -> Settings:
    """Dev mode, in which captchas can be read. No dialect tells who is here, and whatever can be asked of who registers is asked."""
    quiet = {name: dialect.settings(reveal_accounts=False) for name, dialect in dialects().items()}
    pages = Pages(
        register=("link", "code", "phone"), terms=Legal("https://example.com/terms"), privacy=Legal("https://example.com/privacy")
    )
    sms = Sms(daily_budget=10_000_000, prefix_hourly=10_000_000)
    made = settings_for(folder, database_url, valkey_url=valkey_url, limits=ROOMY, pages=pages, sms=sms, **quiet)
    return msgspec.structs.replace(made, public_url=public_url)

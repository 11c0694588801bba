"""A stage on which one call is played again and again from the same beginning: on a copy of the files, by a service of its own.

What is played are the walks of all dialects and the forms of the hosted pages, in an order in which they work.
"""

import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import httpx
from sqlalchemy import select

from fakes import START, FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.core import words
from lingpai.core.chance import SECOND
from lingpai.core.errors import StoreDown, Unavailable
from lingpai.settings import Limits, Pages, Rate
from lingpai.store import schema
from lingpai.store.database import Query
from lingpai.web.dialects import dialects
from lingpai.web.request.examples import values_of
from lingpai.web.request.walks import DrawnCaptcha, ExampleStep, ReadCaptcha
from postgresql import BLANK, Postgres
from web.reading import Form, Page, Reader
from web.town import PUBLIC_URL, Browser, Town, settings_for
from web.walking import Walker

UNMET = Limits(**{name: Rate(1_000_000, 60) for name in Limits.__struct_fields__ if name not in ("lock_after", "lock_minutes")})
"""Limits that nobody meets, even where a process counts alone and more strictly."""
PAUSE = 65
"""Seconds between two calls: more than between two messages."""
DRAWN = frozenset(
    (
        *("password", "public_id", "digest", "kid", "follows", "public", "private", "sealed", "text", "html", "subject", "code"),
        *("request_id", "lease_owner", "answers", "id", "account_id", "login_id"),
    )
)
"""Columns whose values are drawn, sealed or counted up: only whether there is one is compared."""
TABLES = {name: table for name, table in schema.metadata.tables.items() if name not in ("entries", "installation", "signing_keys")}
"""What lasts. Entries last minutes, and are judged by what the same call does with them; what nodes agree on, the keys that they sign with
among it, is nobody's, and stays."""
_ALL = {name: Query(select(table)) for name, table in TABLES.items()}
# An entry of a call that was refused is written after its answer; where it cannot be, the log has it.
_ALL["audit"] = Query(select(schema.audit).where(schema.audit.c.event != "refused"))

Rows = Mapping[str, "Counter[tuple[Any, ...]]"]


async def rows(town: Town) -> Rows:
    """All that lasts."""
    found = {}
    for name, table in TABLES.items():
        drawn = [column.name in DRAWN for column in table.columns]
        read = await town.house.services.store.rows(_ALL[name])
        told = (zip(map(_told, row), drawn, strict=True) for row in read)
        found[name] = Counter(tuple(value is not None if hide else value for value, hide in row) for row in told)
    return found


def _told(value: Any) -> Any:
    """The trail names a letter by its number, of which PostgreSQL never gives one twice, whatever became of the first."""
    return re.sub(r"\+letter:\d+", "+letter", value) if isinstance(value, str) else value


def differing(found: Rows, wanted: Rows) -> dict[str, Any]:
    """By table, what is there too much and what is missing."""
    return {name: (found[name] - wanted[name], wanted[name] - found[name]) for name in found if found[name] != wanted[name]}


class Ground(Protocol):
    """Databases to play on, each by a name. Each has a folder for what else a service keeps."""

    folder: Path

    def begin(self) -> str:
        """A migrated one with nothing in it."""
        ...

    def copy(self, source: str, name: str) -> str:
        """The copy's URL."""
        ...

    def drop(self, name: str) -> None:
        """It is not needed any more."""
        ...

    def clear(self) -> None:
        """None is."""
        ...


@dataclass
class SqliteGround:
    """Files."""

    folder: Path
    blank: Path

    def begin(self) -> str:
        (self.folder / "begin").mkdir()
        shutil.copy(self.blank, self.folder / "begin" / "lingpai.db")
        return "begin"

    def copy(self, source: str, name: str) -> str:
        shutil.copytree(self.folder / source, self.folder / name)
        return f"sqlite:///{self.folder / name / 'lingpai.db'}"

    def drop(self, name: str) -> None:
        shutil.rmtree(self.folder / name)

    def clear(self) -> None:
        """The test's folder goes with the test."""


@dataclass
class PostgresGround:
    """Databases of the run's server, reached by another socket than its own."""

    folder: Path
    server: Postgres
    socket: Path
    names: dict[str, str] = field(default_factory=dict)
    """What they are called on the server."""

    def begin(self) -> str:
        self.names["begin"] = self.server.create(BLANK)
        return "begin"

    def copy(self, source: str, name: str) -> str:
        (self.folder / name).mkdir()
        self.names[name] = self.server.create(self.names[source])
        return f"postgresql://postgres@/{self.names[name]}?host={self.socket}"

    def drop(self, name: str) -> None:
        self.server.drop(self.names.pop(name))
        shutil.rmtree(self.folder / name)

    def clear(self) -> None:
        for name in self.names.values():
            self.server.drop(name)


@dataclass
class Moment:
    """From where a call is played."""

    database: str
    at: int = START
    cookies: list[Any] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    where: str = "/"
    """The page that is open."""


class Deed(Protocol):
    """One call of somebody's."""

    leads_on: bool
    """Whether what it does is followed by a login, which may fail alone."""

    @property
    def name(self) -> str:
        """For the reader of a failure."""
        ...

    async def ready(self, player: "Player") -> None:
        """Reads what has to be known first: a mail, a captcha, a page."""
        ...

    async def again(self, player: "Player") -> None:
        """Before the same call once more: draws what is good for one call only, whatever becomes of it."""
        ...

    async def send(self, player: "Player") -> httpx.Response:
        """Does it."""
        ...

    def face(self, player: "Player", reply: httpx.Response) -> tuple[Any, ...]:
        """What an answer comes to."""
        ...


@dataclass
class Player:
    """Somebody on the stage."""

    town: Town
    walker: Walker
    reader: Reader
    deed: Deed
    fields: dict[str, str] = field(default_factory=dict)
    form: Form = field(default_factory=lambda: Form(""))

    def refused(self, reply: httpx.Response) -> bool:
        """Whether the service said, in the caller's own words, that it is not available now."""
        if reply.status_code != 503 or "retry-after" not in reply.headers:
            return False
        if reply.headers["content-type"].startswith("text/html"):
            return bool(Page(reply).heading)
        found: dict[str, Any] = reply.json()
        dialect = self.walker.dialect
        return any(found.items() >= dialect.envelope(Unavailable(), locale).items() for locale in words.LOCALES)

    @property
    def browser(self) -> Browser:
        return self.reader.browser if isinstance(self.deed, FormDeed) else self.walker.browser

    async def send(self) -> httpx.Response:
        return await self.deed.send(self)

    def face(self, reply: httpx.Response) -> tuple[Any, ...]:
        return self.deed.face(self, reply)

    async def until_the_store_is_back(self) -> None:
        """A lost server is looked for now and then, by this town's clock."""
        for _ in range(100):
            with suppress(StoreDown):
                return await self.town.house.services.store.ping()
            await self.town.clock.elapse(seconds=0.2)
            # Meanwhile the probe does the same.
            await (await asyncpg.connect(self.town.house.services.settings.database_url)).close()
        raise AssertionError("it does not come back")

    def leave(self, moment: Moment, database: str, reply: httpx.Response) -> Moment:
        """The moment after."""
        answers, keeps = {**self.walker.answers}, getattr(getattr(self.deed, "step", None), "keeps", "")
        answers |= {keeps: reply.text} if keeps else {}
        pause = self.deed.pause * SECOND if isinstance(self.deed, FormDeed) else 0
        where = reply.headers.get("location", moment.where)
        return Moment(database, moment.at + pause, list(self.browser.cookies.jar), answers, where)


@dataclass(frozen=True)
class StepDeed:
    """A step of a dialect's walk."""

    step: ExampleStep
    leads_on: bool = False

    @property
    def name(self) -> str:
        return self.step.path

    async def ready(self, player: Player) -> None:
        player.fields = {name: await player.walker.read(value) for name, value in self._values(player)}

    async def again(self, player: Player) -> None:
        for name, value in self._values(player):
            if isinstance(value, DrawnCaptcha | ReadCaptcha):
                player.fields[name] = await player.walker.read(value)

    async def send(self, player: Player) -> httpx.Response:
        return await player.walker.send(player.walker.call_of(self.step), self.step, player.fields)

    def face(self, player: Player, reply: httpx.Response) -> tuple[Any, ...]:
        if reply.headers.get("content-type", "").startswith("text/html"):
            return reply.status_code, Page(reply).heading
        accepted = player.walker.accepted(reply)
        return (reply.status_code, accepted) if accepted else (reply.status_code, reply.text)

    def _values(self, player: Player) -> list[tuple[str, Any]]:
        return list(values_of(player.walker.call_of(self.step), player.walker.dialect.walk, self.step))


Typed = str | Callable[[Reader], Any]


@dataclass(frozen=True)
class FormDeed:
    """A form of a page, filled in and sent; without an `action`, a page that is opened."""

    action: str = ""
    typed: Mapping[str, Typed] = field(default_factory=dict)
    path: str = ""
    """Where the form stands; empty: where the last answer has led."""
    mailed_to: str = ""
    """Instead: behind the newest link with this path that was mailed there."""
    stands: bool = False
    """The form stood on the last answer itself."""
    pause: int = PAUSE
    """Seconds until what comes next."""
    leads_on: bool = False

    @property
    def name(self) -> str:
        return self.action or self.path

    async def ready(self, player: Player) -> None:
        reader = player.reader
        path = self.path or reader.where
        if self.mailed_to:
            path = await _mailed(player.town, self.mailed_to, self.path)
        if not self.action or self.stands:
            reader.where, player.fields = path, dict(self.typed) if self.stands else {}
            return
        await reader.open(path)
        player.form = reader.page.form(self.action)
        player.fields = {**player.form.fields}
        for name, value in self.typed.items():
            player.fields[name] = value if isinstance(value, str) else await value(reader)

    async def again(self, player: Player) -> None:
        """The form as it was sent."""

    async def send(self, player: Player) -> httpx.Response:
        browser = player.reader.browser
        if not self.action:
            return await browser.get(player.reader.where)
        return await browser.post(self.action, data=player.fields, headers={"Sec-Fetch-Site": "same-origin"})

    def face(self, player: Player, reply: httpx.Response) -> tuple[Any, ...]:
        if reply.status_code == 303:
            return 303, reply.headers["location"].partition("?")[0]
        return reply.status_code, Page(reply).heading, Page(reply).errors


async def _mailed(town: Town, to: str, path: str) -> str:
    for mail in reversed(await town.mails(to)):
        for word in mail["text"].split():
            if word.startswith(f"{PUBLIC_URL}{path}?"):
                return str(word.removeprefix(PUBLIC_URL))
    raise AssertionError(f"no link to {path} was mailed to {to}")


def code_of(to: str) -> Callable[[Reader], Any]:
    """The newest code that was sent there."""
    return lambda reader: reader.code(to)


@dataclass(frozen=True)
class Stage:
    """Where the calls of one dialect, or the pages' forms, are played."""

    ground: Ground
    script: str
    watching: Callable[[], AbstractContextManager[None]]
    """What stands behind the database's connections while they are opened."""

    @asynccontextmanager
    async def playing(self, moment: Moment, deed: Deed, name: str) -> AsyncIterator[Player]:
        """A service at that moment, and somebody about to do the deed."""
        url = self.ground.copy(moment.database, name)
        settings = settings_for(self.ground.folder / name, url, limits=UNMET, pages=Pages(register=("link", "code", "phone")))
        clock = FakeClock(moment.at)
        with self.watching():
            house = await build(settings, clock, FakeChance(name))
        town = Town(house, clock)
        walker, reader = Walker(town, dialects().get(self.script, dialects()["maillink"])), Reader(town)
        player = Player(town, walker, reader, deed)
        reader.where = moment.where
        for cookie in moment.cookies:
            player.browser.cookies.jar.set_cookie(cookie)
        walker.answers.update(moment.answers)
        try:
            await deed.ready(player)
            yield player
            assert house.services.passwords.taken == 0, "no place before the hashing threads is held"
        finally:
            await house.close()

"""A front door for tests: the real application and server around a small dialect, and a client that sends bytes as they are."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import wraps
from types import SimpleNamespace
from typing import Annotated, Any, ParamSpec, cast

import msgspec

from fakes import FakeChance, FakeClock
from lingpai.assembly.configuration import defaults
from lingpai.assembly.front import application
from lingpai.core.chance import SystemClock
from lingpai.core.errors import Cause, Limited, NotLoggedIn, Overloaded, Refusal, StoreDown, choose
from lingpai.core.metrics import Metrics
from lingpai.core.model import Account, Links, Locale
from lingpai.ephemeral.readiness import Readiness
from lingpai.flows import Services
from lingpai.guard.crypto import SecretBox
from lingpai.guard.sessions.device_cookie import DeviceCookies
from lingpai.settings import DialectSettings
from lingpai.web.http.app import App
from lingpai.web.pages import page
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Request
from lingpai.web.server.bounds import Bounds
from lingpai.web.server.listening import listen
from lingpai.web.server.serve import Server, run

P = ParamSpec("P")
URL = "https://id.example.com"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    title: Annotated[str, Text(2, 10)]
    text: Annotated[str | None, Text(1, 20, optional=True)] = None


class Told(msgspec.Struct, frozen=True):
    code: int
    said: Any


class Refused(msgspec.Struct, frozen=True):
    code: int
    why: str
    field: str = ""


CODES: dict[type[Refusal], int] = {Refusal: 0, NotLoggedIn: -1}


def refuse(refusal: Refusal, locale: Locale) -> dict[str, Any]:
    found = {"code": choose(CODES, refusal), "why": str(refusal.details.get("reason", refusal.code))}
    return found | ({"field": refusal.details["field"]} if "field" in refusal.details else {})


def fail(locale: Locale) -> dict[str, Any]:
    return {"code": 2, "why": f"failed/{locale}"}


def missing(locale: Locale) -> dict[str, Any]:
    return {"code": 0, "why": f"missing/{locale}"}


def told(said: Any, **more: Any) -> Reply:
    return Reply(msgspec.json.encode(Told(200, said)), **more)


async def write(services: Services, mount: Mount, request: Request, note: Note) -> Reply:
    return told(f"{note.title}/{note.text}")


async def look(services: Services, mount: Mount, request: Request, note: Note) -> Reply:
    return told({"title": note.title, "spends": request.spends, "locale": request.locale, "html": request.wants_html})


async def who(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    if request.ctx.session != "known":
        raise NotLoggedIn
    return told([request.ctx.client, request.ctx.ip])


SEVEN = Account(7, "main", None, "", "en", 0, "", None, 8)
"""Who logs in here."""


async def enter(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    return told("in", session="token-1", device=services.device_cookies.write(request.ctx.device, request.ctx.known_to, SEVEN))


async def leave(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    return told(sorted(request.ctx.known_to), session="")


async def forgetful(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    return told("in", session="token-1")


async def bug(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    raise ZeroDivisionError("hunter2")


async def busy(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    raise Overloaded(3)


async def lost(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    raise StoreDown("slow")


async def limited(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    raise Limited("login_client", 42)


async def show(services: Services, mount: Mount, request: Request, note: Note) -> Reply:
    return page("problem.html", request, title="Note", text=note.title, again="")


async def wait(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    await cast(Any, services).gate.wait()
    return told("waited")


CALLS = (
    Call(("POST",), "/write", write, Note, Told),
    Call(("GET",), "/look", look, Note, Told, changes=False),
    Call(("GET",), "/who", who, gives=Told, changes=False, quiet=True, goes_first=True, refusals=(NotLoggedIn,)),
    Call(("POST",), "/enter", enter, gives=Told, sets_session=True),
    Call(("POST",), "/leave", leave, gives=Told),
    Call(("POST",), "/forgetful", forgetful, gives=Told),
    Call(("POST",), "/bug", bug, gives=Told),
    Call(("POST",), "/busy", busy, gives=Told),
    Call(("POST",), "/limited", limited, gives=Told),
    Call(("POST",), "/lost", lost, gives=Told),
    Call(("GET",), "/show", show, Note, changes=False),
    Call(("GET",), "/wait", wait, gives=Told, changes=False),
)
NOTES = Dialect("notes", CALLS, refuse, fail, missing, failed_as=Refused)
PAGES = (
    Call(("GET",), "/login", show, Note, changes=False),
    Call(("POST",), "/page/login", show, Note),
    Call(("GET",), "/enter", show, Note, changes=False),
)


def mount(dialect: Dialect = NOTES, **settings: Any) -> Mount:
    found = DialectSettings(**settings)
    return Mount(dialect, found, found.prefix.rstrip("/"), Links(activate="", reset="", forgot=""))


@dataclass
class Cap:
    """The coarse cap: so many for each, then refused."""

    count: int = 1_000
    spent: dict[tuple[str, str], int] = field(default_factory=dict)

    async def spend(self, name: str, who: str) -> None:
        self.spent[name, who] = self.spent.get((name, who), 0) + 1
        if self.spent[name, who] > self.count:
            raise Limited(name, 17)


@dataclass
class Pinged:
    """A store of which only the answer to a ping is asked."""

    lost: Cause | None = None
    stalls: bool = False
    pinged: int = 0

    async def ping(self) -> None:
        self.pinged += 1
        if self.stalls:
            await asyncio.Event().wait()
        if self.lost:
            raise StoreDown(self.lost)


class Noted:
    """A trail that keeps what is noted: event, result and detail."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, str]] = []

    async def note(self, _tx: Any, _ctx: Any, event: str, result: str = "ok", *, detail: str = "") -> None:
        self.entries.append((event, result, detail))


def services(cap: Cap | None = None, **settings: Any) -> Any:
    """What the door itself uses of a kit, and tests may change; `gate` holds back GET /wait."""
    chance, clock = FakeChance(), FakeClock()
    store, ephemeral = Pinged(), Pinged()
    return SimpleNamespace(
        settings=defaults(**{"public_url": URL, **settings}),
        clock=clock,
        chance=chance,
        limits=cap or Cap(),
        device_cookies=DeviceCookies(SecretBox(b"0123456789abcdef0123456789abcdef", chance), chance),
        store=store,
        audit=Noted(),
        ephemeral=ephemeral,
        readiness=Readiness(cast(Any, store), cast(Any, ephemeral), clock),
        draining=asyncio.Event(),
        gate=asyncio.Event(),
        metrics=Metrics(),
        traces=None,
    )


def app(cap: Cap | None = None, mounts: Sequence[Mount] = (), **settings: Any) -> App:
    mounts = mounts or (mount(),)
    return application(services(cap, **settings), mounts, mounts[0], PAGES)


@dataclass
class Answer:
    """A reply, read back from its bytes."""

    status: int
    lines: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.lines if key == name]

    def __getitem__(self, name: str) -> str:
        (only,) = self.all(name)
        return only

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    served: App, method: str, target: str, body: bytes = b"", *, peer: str = "192.0.2.1", announce: bool = True, **headers: str | list[str]
) -> Answer:
    """One request straight to the application, without a socket. `heads`: underscores stand for hyphens, a list for many lines."""
    path, _, query = target.partition("?")
    named = {"host": "id.example.com", **({"content_length": str(len(body))} if body and announce else {}), **headers}
    lines = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, values in named.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": lines,
        "client": (peer, 1),
    }
    sent: list[Any] = []
    parts = [body[at : at + 10_000] for at in range(0, len(body), 10_000)] or [b""]

    async def receive() -> Any:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    await served(scope, receive, send)
    start, end = sent
    return Answer(start["status"], [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]], end["body"])


def wired(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test on uvloop, the loop that serves."""

    @wraps(test)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return inner


@asynccontextmanager
async def serving(
    served: App | None = None, bounds: Bounds | None = None, listening: socket.socket | None = None
) -> AsyncIterator[tuple[Server, int]]:
    """The server on a port of the system's choice, or on the socket given."""
    listening = listening or listen("127.0.0.1", 0)
    server = Server(served or app(), [listening], FakeClock(auto=True), FakeChance(), bounds or Bounds())
    await server.start()
    try:
        yield server, listening.getsockname()[1]
    finally:
        await server.drain(1)


async def raw(port: int, *parts: bytes) -> bytes:
    """Sends bytes as they are and returns all that comes back until the other end closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


def answers(data: bytes) -> list[Answer]:
    """Every reply in a row of them."""
    found = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = int(dict(pairs).get("content-length", "0"))
        found.append(Answer(int(first.split()[1]), pairs, rest[:length]))
        data = rest[length:]
    return found


async def seen(true: Callable[[], object]) -> None:
    """Until it is so, by what a server does in a time of its own."""
    async with asyncio.timeout(20):
        while not true():
            await SystemClock().sleep(0.001)

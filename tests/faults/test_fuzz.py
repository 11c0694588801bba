"""Whatever is sent to a real service over a real socket, it answers as it has documented, and never by 5xx."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx
import msgspec
import pytest
import pytest_asyncio
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from faults.naughty import NAUGHTY
from faults.service import caller, install
from lingpai.core.errors import BadInput
from lingpai.web.dialects import dialects
from lingpai.web.request.calls import Call, Dialect
from lingpai.web.request.examples import values_of
from lingpai.web.request.fields import CodeField, Group, NumberField, Slot, Text, slots
from lingpai.web.request.walks import Walk
from mailserver import mail_server
from running import INHERITED, Running
from web.test_gate import REFUSED

ADA, BOB = "ada@example.com", "bob@example.com"
PASSWORD = "correct horse battery"
EXAMPLES = pytest.mark.parametrize("examples", [3, pytest.param(20, marks=pytest.mark.long)])
"""Cases that are drawn for each call, beside those that its bounds alone make."""
PART = 5
"""Each field meets each fifth naughty string, its neighbour the next ones; in the long form each meets all."""
NOT_CHECKED = ",".join(
    (
        "negative_data_rejection",  # a business refusal is 200 with the dialect's envelope (contract, rule 1)
        "positive_data_acceptance",  # no schema says which strings are addresses
    )
)
OPTIONS = ("--checks", "all", "--exclude-checks", NOT_CHECKED, "--generation-deterministic", "--no-color")
ENDING = {
    *("/login", "/logout", "/api/Login", "/api/Register", "/api/cancelLogin"),
    *("/session/login", "/session/sign_up", "/session/logout"),
    *("/page/login", "/page/logout", "/page/authorization", "/page/register/finish", "/page/me/delete", "/page/me/devices/end"),
}
"""What ends the session that it is called with."""
CONFUSED: list[Any] = [True, False, 1, 0, -1.5, 2**63 - 1, [], ["ada@example.com", "eve@example.com"], {}, {"$ne": ""}, None, ""]
LONGEST = 8_000
"""Characters of a query that a request line has room for, with some to spare."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
pytestmark = pytest.mark.asyncio(loop_scope="module")


def fuzzed(dialect: Dialect, call: Call) -> bool:
    """All but pages, and registrations that work: those would fill the database, and their fields are those of others."""
    return not call.rooted and call.gives is not None and (not call.sets_session or call.path == dialect.walk.log_in)


CALLS = [(dialect, call) for dialect in dialects().values() for call in dialect.calls if fuzzed(dialect, call)]
FIELDS = [(dialect, call, slot) for dialect, call in CALLS for slot in slots(call.takes)]
TYPED = [(dialect, call, slot) for dialect, call, slot in FIELDS if "POST" in call.methods]
"""Those that JSON brings: a query has no types."""


def named(cases: Sequence[tuple[Any, ...]]) -> list[str]:
    return ["-".join((dialect.name, call.path, *(slot.name for slot in rest))) for dialect, call, *rest in cases]


def naughty(test: Any) -> Any:
    """Each field with some of the strings, and in the long form with all."""
    short = [pytest.param(*case, NAUGHTY[number % PART :: PART], id=named([case])[0]) for number, case in enumerate(FIELDS)]
    long = [pytest.param(*case, NAUGHTY, id=f"{named([case])[0]}-all", marks=pytest.mark.long) for case in FIELDS]
    return pytest.mark.parametrize(("dialect", "call", "slot", "values"), short + long)(test)


@dataclass(frozen=True)
class Target:
    """A running service, with two accounts and a reset link of the second one."""

    running: Running
    link: dict[str, str]

    @property
    def bugs(self) -> list[str]:
        return [event["exception"] for event in self.running.events if event["event"] == "bug"]

    def asked(self, path: str) -> int:
        return sum(event.get("path") == path for event in self.running.events)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(tmp_path_factory: pytest.TempPathFactory, blank_sqlite: Path) -> AsyncIterator[Target]:
    folder = tmp_path_factory.mktemp("target")
    database = Path(shutil.copy(blank_sqlite, folder / "lingpai.db"))
    async with AsyncExitStack() as stack:
        installation = install(folder, f"sqlite:///{database}", await stack.enter_async_context(mail_server()))
        running = await stack.enter_async_context(installation.serve())
        client = await stack.enter_async_context(caller(running))
        for email in (ADA, BOB):
            await client.post("/register", json={"email": email, "password": PASSWORD})
            await client.get("/activate_account", params=await installation.link(email, "/activate_account"))
        await client.post("/reset_password/send_mail", json={"email": BOB})
        yield Target(running, await installation.link(BOB, "/reset_password/verify"))
        assert Target(running, {}).bugs == []


@pytest_asyncio.fixture(loop_scope="module")
async def ada(target: Target) -> AsyncIterator[httpx.AsyncClient]:
    """Logged in. The cookie is for https alone, so no client sends it over this connection by itself."""
    async with caller(target.running) as client:
        reply = await client.post("/login", json={"email": ADA, "password": PASSWORD})
        client.headers["Cookie"] = f"__Host-lingpai_session={reply.cookies['__Host-lingpai_session']}"
        yield client


async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get("/openapi.json")).json())


async def test_the_document_is_openapi_3_1_and_names_every_call(ada: httpx.AsyncClient) -> None:
    found = await document(ada)
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(found)] == []
    for dialect, call in [(each, call) for each in dialects().values() for call in each.calls]:
        assert {method.lower() for method in call.methods} <= found["paths"][at(dialect, call)].keys()
    for path, methods in found["paths"].items():
        for method in methods:
            # A third party without keys is a page that says so.
            assert path.startswith("/connect/") or (await ada.request(method, path)).status_code not in (404, 405), path


@EXAMPLES
@pytest.mark.parametrize("logged_in", [False, True])
async def test_schemathesis_finds_no_answer_that_is_not_documented(
    target: Target, ada: httpx.AsyncClient, tmp_path: Path, logged_in: bool, examples: int
) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(with_examples(await document(ada), target.link)))
    asked = {call.path: target.asked(call.path) for dialect, call, _ in TYPED if dialect.name == "maillink"}
    options = [*OPTIONS, "--max-examples", str(examples), *(session(ada) if logged_in else ())]
    code, said = await schemathesis(tmp_path, "run", str(file), "--url", target.running.url, *options)
    assert code == 0, said
    assert target.bugs == []
    assert {path for path, before in asked.items() if target.asked(path) < before + examples} == ({"/login"} if logged_in else set())
    assert (await ada.get("/userinfo/get")).json()["code"] == 200


def session(client: httpx.AsyncClient) -> list[str]:
    """Sends the session along, and leaves out what would end it."""
    left_out = [word for path in sorted(ENDING) for word in ("--exclude-path", path)]
    return ["-H", f"Cookie: {client.headers['Cookie']}", *left_out]


async def schemathesis(folder: Path, *words: str) -> tuple[int | None, str]:
    pipe = asyncio.subprocess.PIPE
    call = [sys.executable, "-m", "schemathesis.cli", *words]
    process = await asyncio.create_subprocess_exec(*call, cwd=folder, env=INHERITED, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


def with_examples(found: dict[str, Any], link: dict[str, str]) -> dict[str, Any]:
    """The document with values that lead somewhere, and without lengths that no request line has room for."""
    passwords = [PASSWORD, PASSWORD + "!"]
    known = {"email": [ADA, BOB], "password": passwords, "rp_password": passwords, "vcode": [link["vcode"]]}
    for operation in (operation for methods in found["paths"].values() for operation in methods.values()):
        for name, schema in shapes(operation):
            schema["examples"] = known.get(name, [])
            if schema.get("maxLength", 0) > 1_024:
                schema["maxLength"] = 1_024
    return found


def shapes(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema of each field."""
    for parameter in operation.get("parameters", []):
        yield parameter["name"], parameter["schema"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from content["schema"]["properties"].items()


# Every dialect, call by call.


def words_of(call: Call, walk: Walk) -> dict[str, Any]:
    """What the walk sends, with something of no meaning for what somebody would have to read first."""
    step = next(step for step in walk.steps if step.path == call.path and step.method in ("", *call.methods))
    found: dict[str, Any] = {}
    numbers = {slot.name for slot in slots(call.takes) if isinstance(slot.shape, NumberField)}
    for name, value in values_of(call, walk, step):
        outer, _, inner = name.partition(".")
        text = value if isinstance(value, str) else "000000"
        found[outer] = {**found.get(outer, {}), inner: text} if inner else int(text) if outer in numbers else text
    return found


def flat(fields: dict[str, Any]) -> str:
    """As a form writes them: a field inside another is `Captcha.Id`. With escapes, for a lone surrogate has no bytes."""
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        pairs += [(f"{name}.{inner}", text) for inner, text in value.items()] if isinstance(value, dict) else [(name, str(value))]
    return "&".join(f"{name}={quote_plus(text, errors='surrogatepass')}" for name, text in pairs)


def at(dialect: Dialect, call: Call) -> str:
    """Where the call stands unless it is moved."""
    return call.path if call.rooted else dialect.settings().prefix.rstrip("/") + call.path


async def say(client: httpx.AsyncClient, dialect: Dialect, call: Call, fields: dict[str, Any]) -> httpx.Response:
    if "POST" not in call.methods:
        return await client.get(f"{at(dialect, call)}?{flat(fields)}")
    return await client.post(at(dialect, call), content=json.dumps(fields).encode(), headers={"Content-Type": "application/json"})


def envelope(dialect: Dialect, call: Call, reply: httpx.Response) -> dict[str, Any]:
    """What was said, once it is sure that it is the dialect's own envelope and no failure."""
    assert reply.status_code in (200, 429), (reply.status_code, reply.text)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    said: dict[str, Any] = reply.json()
    if said.items() >= dialect.walk.yes.items():
        assert call.gives
        msgspec.convert(said, call.gives)
    else:
        msgspec.convert(said, dialect.failed_as)
        assert said.keys() >= dialect.envelope(BadInput("x", "missing"), "en").keys()
    return said


def is_data_error(dialect: Dialect, said: dict[str, Any]) -> bool:
    """Whether it has what every data error has, whatever the field."""
    one, other = (dialect.envelope(BadInput(name, "missing"), "en") for name in ("a", "b"))
    common = {name: value for name, value in one.items() if other[name] == value}
    assert common
    return said.items() >= common.items()


@asynccontextmanager
async def visitor(target: Target, dialect: Dialect) -> AsyncIterator[httpx.AsyncClient]:
    """Logged in where a cookie does that and nothing here changes the password, else a stranger."""
    async with caller(target.running) as client:
        if dialect.name == "maillink":
            reply = await client.post("/login", json={"email": ADA, "password": PASSWORD})
            client.headers["Cookie"] = f"__Host-lingpai_session={reply.cookies['__Host-lingpai_session']}"
        yield client


@pytest.mark.parametrize(("dialect", "call", "slot"), TYPED, ids=named(TYPED))
async def test_a_field_of_any_other_type_is_told_in_the_envelope(target: Target, dialect: Dialect, call: Call, slot: Slot) -> None:
    takes = (dict,) if isinstance(slot.shape, Group) else (int,) if isinstance(slot.shape, NumberField | CodeField) else ()
    takes = (int,) if isinstance(slot.shape, Text) and slot.shape.numbers else takes
    async with visitor(target, dialect) as client:
        for value in CONFUSED:
            reply = await say(client, dialect, call, {**words_of(call, dialect.walk), slot.name: value})
            said = envelope(dialect, call, reply)
            if type(value) in {bool, int, float, list, dict} - {*takes}:
                assert is_data_error(dialect, said), value
                assert slot.name in reply.text, value


@naughty
async def test_a_naughty_string_in_any_field_is_an_ordinary_request(
    target: Target, dialect: Dialect, call: Call, slot: Slot, values: list[str]
) -> None:
    async with visitor(target, dialect) as client:
        for value in values:
            fields = {**words_of(call, dialect.walk), slot.name: value}
            if "POST" in call.methods:
                envelope(dialect, call, await say(client, dialect, call, fields))
                envelope(dialect, call, await client.post(at(dialect, call), content=flat(fields).encode(), headers=FORM))
            if "GET" in call.methods:
                reply = await client.get(f"{at(dialect, call)}?{flat(fields)}")
                assert reply.status_code == 414 if len(flat(fields)) > LONGEST else envelope(dialect, call, reply)


@pytest.mark.parametrize(("dialect", "call"), CALLS, ids=named(CALLS))
async def test_no_document_and_no_query_gets_more_than_a_data_error(target: Target, dialect: Dialect, call: Call) -> None:
    async with visitor(target, dialect) as client:
        for whole in REFUSED if "POST" in call.methods else ():
            said = envelope(
                dialect, call, await client.post(at(dialect, call), content=whole, headers={"Content-Type": "application/json"})
            )
            assert is_data_error(dialect, said), whole
        for whole in (b"", b"{}", b'{"is_admin":true,"id":1,"verified":true,"proved_at":1}', b"&&&", b"=", b"a"):
            if "POST" in call.methods:
                envelope(dialect, call, await client.post(at(dialect, call), content=whole))
        for query in ("a=1&a=2", "email=ada%40example.com&email=eve%40example.com", "a=%00", "a=%ff", "%ed%a0%80=1"):
            said = envelope(dialect, call, await client.request(call.methods[0], f"{at(dialect, call)}?{query}"))
            assert is_data_error(dialect, said), query

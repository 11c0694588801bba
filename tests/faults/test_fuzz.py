"""Whatever is sent to a real service over a real socket, it answers as it has documented, and never by 5xx."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
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
from lingpai.web.dialects.hiyouth import HIYOUTH
from lingpai.web.dialects.hiyouth.shapes import Told
from lingpai.web.dialects.maillink import MAILLINK, MaillinkCard, MaillinkDone, MaillinkRefused
from lingpai.web.dialects.session import SESSION
from lingpai.web.request.fields import slots
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
GOOD: dict[str, Any] = {"email": ADA, "phone": "", "password": PASSWORD, "vcode": "x" * 43, "rp_password": PASSWORD, "nickname": "Ada"}
POSTS = [call for call in MAILLINK.calls if call.methods == ("POST",)]
pytestmark = pytest.mark.asyncio(loop_scope="module")
FIELDS = [(call.path, slot.name) for call in POSTS for slot in slots(call.takes)]


def naughty(fields: list[tuple[str, str]]) -> pytest.MarkDecorator:
    """Each field with some of the strings, and in the long form with all."""
    short = [pytest.param(*field, NAUGHTY[number % PART :: PART], id="-".join(field)) for number, field in enumerate(fields)]
    long = [pytest.param(*field, NAUGHTY, id="-".join((*field, "all")), marks=pytest.mark.long) for field in fields]
    return pytest.mark.parametrize(("path", "field", "values"), short + long)


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
        client.headers["Cookie"] = f"lingpai_session={reply.cookies['lingpai_session']}"
        yield client


async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get("/openapi.json")).json())


async def test_the_document_is_openapi_3_1_and_names_every_call(ada: httpx.AsyncClient) -> None:
    found = await document(ada)
    assert [str(error) for error in OPENAPI_31_VALIDATOR.iter_errors(found)] == []
    for call in MAILLINK.calls:
        assert {method.lower() for method in call.methods} <= found["paths"][call.path].keys()
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
    asked = {path: target.asked(path) for path, _ in FIELDS}
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


async def say(client: httpx.AsyncClient, path: str, fields: dict[str, Any]) -> httpx.Response:
    # With escapes, for a lone surrogate has no bytes.
    return await client.post(path, content=json.dumps(fields).encode(), headers={"Content-Type": "application/json"})


def envelope(reply: httpx.Response) -> MaillinkDone | MaillinkCard | MaillinkRefused:
    """What was said, once it is sure that it is the dialect's own envelope and no failure."""
    assert reply.status_code == 200, (reply.status_code, reply.text)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    said = reply.json()
    assert said.keys() == {"code", "msg", "data"}
    assert isinstance(said["msg"], str)
    assert said["code"] in (200, 0, -1)
    shape = MaillinkRefused if said["code"] != 200 else MaillinkCard if "id" in said["data"] else MaillinkDone
    return msgspec.convert(said, shape)


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_a_field_of_any_other_type_is_told_in_the_envelope(ada: httpx.AsyncClient, path: str, field: str) -> None:
    for value in CONFUSED:
        said = envelope(await say(ada, path, {**GOOD, field: value}))
        if isinstance(value, bool | int | float | list | dict):
            assert said.code == 0, value
            assert field in said.msg, value


@naughty(FIELDS)
async def test_a_naughty_string_in_any_field_is_an_ordinary_request(
    ada: httpx.AsyncClient, path: str, field: str, values: list[str]
) -> None:
    for value in values:
        envelope(await say(ada, path, {**GOOD, field: value}))
        form = "&".join(f"{name}={quote_plus(text, errors='surrogatepass')}" for name, text in {**GOOD, field: value}.items())
        envelope(await ada.post(path, content=form.encode(), headers={"Content-Type": "application/x-www-form-urlencoded"}))


@pytest.mark.parametrize("path", [call.path for call in POSTS])
async def test_no_json_document_gets_more_than_a_data_error(ada: httpx.AsyncClient, path: str) -> None:
    for whole in REFUSED:
        assert envelope(await ada.post(path, content=whole, headers={"Content-Type": "application/json"})).code == 0, whole
    for whole in (b"", b"{}", b'{"is_admin":true,"id":1,"verified":true,"proved_at":1}', b"&&&", b"=", b"a"):
        envelope(await ada.post(path, content=whole))


@pytest.mark.parametrize("call", MAILLINK.calls, ids=lambda call: call.path)
async def test_a_query_with_a_field_twice_is_a_data_error(ada: httpx.AsyncClient, call: Any) -> None:
    for query in ("a=1&a=2", "email=ada%40example.com&email=eve%40example.com", "a=%00", "a=%ff", "%ed%a0%80=1"):
        assert envelope(await ada.request(call.methods[0], f"{call.path}?{query}")).code == 0, query


# hiyouth: every call takes GET and POST, and nobody is logged in, so that no password is really changed.

CAROL = "carol@example.com"
ASKED: dict[str, Any] = {
    "type": "member",
    "option": "email",
    "account": CAROL,
    "pwd": PASSWORD,
    "verid": "000000",
    "emailname": CAROL,
    "oldpwd": PASSWORD,
    "newpwd": PASSWORD,
}
LONGEST = 8_000
"""Characters of a query that a request line has room for, with some to spare."""
TAKEN_BY = [(call.path, slot.name) for call in HIYOUTH.calls for slot in slots(call.takes)]


def told(reply: httpx.Response) -> Told:
    """As `envelope`."""
    assert reply.status_code == 200, (reply.status_code, reply.text)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    said = reply.json()
    assert said.keys() - {"data"} == {"code", "info"}
    assert said["code"] in (1, 0, -1)
    return msgspec.convert(said, Told)


def asked(path: str) -> dict[str, Any]:
    return {**ASKED, "option": "resend"} if path == "/api/EmailVer" else ASKED


@pytest.mark.parametrize(("path", "field"), TAKEN_BY)
async def test_hiyouth_tells_a_field_of_any_other_type(target: Target, path: str, field: str) -> None:
    async with caller(target.running) as client:
        for value in CONFUSED:
            said = told(await say(client, path, {**asked(path), field: value}))
            number = field == "verid" and isinstance(value, int) and not isinstance(value, bool)
            if isinstance(value, bool | int | float | list | dict) and not number:
                assert said.code == -1, value
                assert field in said.info, value


@naughty(TAKEN_BY)
async def test_hiyouth_takes_a_naughty_string_in_any_field(target: Target, path: str, field: str, values: list[str]) -> None:
    async with caller(target.running) as client:
        for value in values:
            fields = {**asked(path), field: value}
            told(await say(client, path, fields))
            query = "&".join(f"{name}={quote_plus(text, errors='surrogatepass')}" for name, text in fields.items())
            reply = await client.get(f"{path}?{query}")
            assert reply.status_code == 414 if len(query) > LONGEST else told(reply)


@pytest.mark.parametrize("path", [call.path for call in HIYOUTH.calls])
async def test_hiyouth_gives_no_json_document_more_than_a_data_error(target: Target, path: str) -> None:
    async with caller(target.running) as client:
        for whole in REFUSED:
            assert told(await client.post(path, content=whole, headers={"Content-Type": "application/json"})).code == -1, whole
        for query in ("type=member&type=boss", "a=%00", "a=%ff", "%ed%a0%80=1"):
            assert told(await client.get(f"{path}?{query}")).code == -1, query


# session: nobody is logged in.

SEED_003: dict[str, Any] = {
    "token": "t",
    "account": "carol.x",
    "pass": "horse+battery9",
    "code": "000000",
    "email": CAROL,
    "EmailAccount": CAROL,
    **{f"{word}_{number}": f"{word} {number}" for word in ("question", "answer") for number in ("one", "two", "three")},
}
CODES_003 = {"DTERROR", "FAILURE", "PSIGNERROR", "CODEERROR", "APLOGINERROR"}
SESSIONS = [call for call in SESSION.calls if "POST" in call.methods and call.path != "/session/sign_up"]
"""Registering works, and would fill the hour's registrations; its fields are those of the others."""
TAKEN_BY_003 = [(call.path, slot.name) for call in SESSIONS for slot in slots(call.takes)]


def stated(reply: httpx.Response) -> dict[str, Any]:
    """As `envelope`."""
    assert reply.status_code in (200, 429), (reply.status_code, reply.text)
    said = dict(reply.json())
    if said["statu_code"] != 200:
        assert said.keys() == {"statu_code", "msg", "data"}
        assert said["statu_code"] in CODES_003
    return said


@pytest.mark.parametrize(("path", "field"), TAKEN_BY_003)
async def test_session_tells_a_field_of_any_other_type(target: Target, path: str, field: str) -> None:
    async with caller(target.running) as client:
        for value in CONFUSED:
            said = stated(await say(client, path, {**SEED_003, field: value}))
            number = field == "code" and type(value) is int
            if isinstance(value, bool | int | float | list | dict) and not number:
                assert said["statu_code"] == "DTERROR", value
                assert field in said["msg"], value


@naughty(TAKEN_BY_003)
async def test_session_takes_a_naughty_string_in_any_field(target: Target, path: str, field: str, values: list[str]) -> None:
    async with caller(target.running) as client:
        for value in values:
            fields = {**SEED_003, field: value}
            stated(await say(client, path, fields))
            form = "&".join(f"{name}={quote_plus(text, errors='surrogatepass')}" for name, text in fields.items())
            stated(await client.post(path, content=form.encode(), headers={"Content-Type": "application/x-www-form-urlencoded"}))


@pytest.mark.parametrize("call", SESSION.calls, ids=lambda call: call.path)
async def test_session_gives_no_document_and_no_query_more_than_a_data_error(target: Target, call: Any) -> None:
    async with caller(target.running) as client:
        for whole in REFUSED if "POST" in call.methods else ():
            assert stated(await client.post(call.path, content=whole))["statu_code"] == "DTERROR", whole
        for query in ("a=1&a=2", "a=%00", "a=%ff", "%ed%a0%80=1"):
            assert stated(await client.request(call.methods[0], f"{call.path}?{query}"))["statu_code"] == "DTERROR", query

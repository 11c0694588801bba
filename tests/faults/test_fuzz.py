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
from lingpai.web.dialects.maillink import MAILLINK, Card, Done, Refused
from lingpai.web.fields import slots
from mailserver import mail_server
from running import INHERITED, Running
from web.test_gate import REFUSED

ADA, BOB = "ada@example.com", "bob@example.com"
PASSWORD = "correct horse battery"
EXAMPLES = 20
"""Cases that are drawn for each call, beside those that its bounds alone make."""
NOT_CHECKED = ",".join(
    (
        "negative_data_rejection",  # a business refusal is 200 with the dialect's envelope (contract, rule 1)
        "positive_data_acceptance",  # no schema says which strings are addresses
    )
)
OPTIONS = (
    *("--checks", "all", "--exclude-checks", NOT_CHECKED),
    *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--no-color"),
)
ENDING = {"/login", "/logout"}
"""What ends the session that it is called with."""
CONFUSED: list[Any] = [True, False, 1, 0, -1.5, 2**63 - 1, [], ["ada@example.com", "eve@example.com"], {}, {"$ne": ""}, None, ""]
GOOD: dict[str, Any] = {"email": ADA, "phone": "", "password": PASSWORD, "vcode": "x" * 43, "rp_password": PASSWORD, "nickname": "Ada"}
POSTS = [call for call in MAILLINK.calls if call.methods == ("POST",)]
pytestmark = pytest.mark.asyncio(loop_scope="module")
FIELDS = [(call.path, slot.name) for call in POSTS for slot in slots(call.takes)]


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
            assert (await ada.request(method, path)).status_code not in (404, 405), path


@pytest.mark.parametrize("logged_in", [False, True])
async def test_schemathesis_finds_no_answer_that_is_not_documented(
    target: Target, ada: httpx.AsyncClient, tmp_path: Path, logged_in: bool
) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(with_examples(await document(ada), target.link)))
    asked = {path: target.asked(path) for path, _ in FIELDS}
    code, said = await schemathesis(tmp_path, "run", str(file), "--url", target.running.url, *OPTIONS, *(session(ada) if logged_in else ()))
    assert code == 0, said
    assert target.bugs == []
    assert {path for path, before in asked.items() if target.asked(path) < before + EXAMPLES} == ({"/login"} if logged_in else set())
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


def envelope(reply: httpx.Response) -> Done | Card | Refused:
    """What was said, once it is sure that it is the dialect's own envelope and no failure."""
    assert reply.status_code == 200, (reply.status_code, reply.text)
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    said = reply.json()
    assert said.keys() == {"code", "msg", "data"}
    assert isinstance(said["msg"], str)
    assert said["code"] in (200, 0, -1)
    shape = Refused if said["code"] != 200 else Card if "id" in said["data"] else Done
    return msgspec.convert(said, shape)


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_a_field_of_any_other_type_is_told_in_the_envelope(ada: httpx.AsyncClient, path: str, field: str) -> None:
    for value in CONFUSED:
        said = envelope(await say(ada, path, {**GOOD, field: value}))
        if isinstance(value, bool | int | float | list | dict):
            assert said.code == 0, value
            assert field in said.msg, value


@pytest.mark.parametrize(("path", "field"), FIELDS)
async def test_a_naughty_string_in_any_field_is_an_ordinary_request(ada: httpx.AsyncClient, path: str, field: str) -> None:
    for value in NAUGHTY:
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

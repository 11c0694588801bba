"""`lingpai key` and `lingpai client`, as an operator meets them."""

import re
from pathlib import Path

import httpx
import pytest

from lingpai.assembly import open_services
from lingpai.assembly.configuration import defaults
from lingpai.store import audit, keys
from running import Ended, lingpai_here, serving

SECRET = "a secret of 32 bytes, or more of them"
QUICK = {"LINGPAI_HASHING__MEMORY_KIB": "8", "LINGPAI_HASHING__TIME": "1"}


class Desk:
    """An operator's place: a migrated database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.variables = {"LINGPAI_DATABASE_URL": url, "LINGPAI_SECRET": SECRET}
        self.settings = defaults(dev=True, data=folder, database_url=url, secret=SECRET)

    async def ask(self, *words: str, stdin: str = "", **more: str) -> Ended:
        return await lingpai_here(*words, "--data", self.folder, stdin=stdin, **self.variables, **more)

    async def rows(self) -> list[keys.SigningKey]:
        async with open_services(self.settings) as services:
            return await keys.listing(services.store)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(database_url, tmp_path)


async def test_a_key_is_made_and_says_when_it_signs(desk: Desk) -> None:
    first = (await desk.ask("key", "rotate", "--now")).out
    assert re.fullmatch(r"Made [a-z2-9]{12} \(ES256\)\. It signs from now on\.\n", first)
    second = (await desk.ask("key", "rotate", LINGPAI_JWT__ALG="EdDSA")).out
    assert re.fullmatch(r"Made [a-z2-9]{12} \(EdDSA\)\. It signs in 10 minutes\.\n", second)
    assert [row.kid for row in await desk.rows()] == [first.split()[1], second.split()[1]]


async def test_keys_are_listed_with_what_each_is(desk: Desk) -> None:
    await desk.ask("key", "rotate", "--now")
    await desk.ask("key", "rotate", "--now")
    await desk.ask("key", "rotate")
    lines = (await desk.ask("key", "list")).out.splitlines()
    found = [next((state for state in ("announced", "current", "retired") if state in line), "") for line in lines]
    assert [state for state in found if state] == ["retired", "current", "announced"]
    assert all(any(row.kid in line for line in lines) for row in await desk.rows())


async def test_a_key_is_revoked_only_after_a_yes_and_only_once(desk: Desk) -> None:
    await desk.ask("key", "rotate", "--now")
    (row,) = await desk.rows()
    assert (await desk.ask("key", "revoke", row.kid, stdin="n\n")).code == 1
    assert (await desk.rows())[0].revoked_at is None
    assert "Revoked." in (await desk.ask("key", "revoke", row.kid, stdin="y\n")).out
    assert (await desk.rows())[0].private is None
    again = await desk.ask("key", "revoke", row.kid, "--yes")
    assert (again.code, again.err) == (1, f"lingpai: there is no key {row.kid}, or it was revoked before\n")
    assert (await desk.ask("key", "revoke", "nonsense", "--yes")).code == 1


async def test_without_mailcode_there_are_no_keys(desk: Desk) -> None:
    for words in (("rotate",), ("list",), ("revoke", "abcdefghijkm", "--yes")):
        ended = await desk.ask("key", *words, LINGPAI_MAILCODE__ENABLED="false")
        assert (ended.code, ended.err) == (
            1,
            "lingpai: mailcode.enabled is false: no JWTs are given, and there are no keys to sign them\n",
        )


async def test_a_clients_secret_is_told_once_and_stands_nowhere(desk: Desk) -> None:
    secret = (await desk.ask("client", "add", "shop-1")).out.strip()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", secret)
    again = await desk.ask("client", "add", "shop-1")
    assert (again.code, again.out, again.err) == (1, "", "lingpai: there is a client shop-1 already\n")
    shown = (await desk.ask("client", "list")).out
    assert "shop-1" in shown
    assert secret not in shown
    assert (await desk.ask("client", "remove", "shop-1")).out == "Removed.\n"
    assert (await desk.ask("client", "remove", "shop-1")).err == "lingpai: there is no client shop-1\n"
    assert "shop-1" not in (await desk.ask("client", "list")).out


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "-a", ".a", "a" * 65, "a%20b", "a+b"])
async def test_a_clients_name_is_one_that_nothing_has_to_escape(desk: Desk, name: str) -> None:
    ended = await lingpai_here("client", "add", "--data", desk.folder, "--", name, **desk.variables)
    assert (ended.code, ended.out) == (1, "")


async def test_each_deed_stands_in_the_trail(desk: Desk) -> None:
    await desk.ask("key", "rotate", "--now")
    (row,) = await desk.rows()
    await desk.ask("key", "revoke", row.kid, "--yes")
    await desk.ask("client", "add", "shop")
    await desk.ask("client", "remove", "shop")
    async with open_services(desk.settings) as services:
        trail = await services.store.rows(audit.Query(audit.select(audit.audit.c.event, audit.audit.c.detail).order_by(audit.audit.c.id)))
    assert trail == [
        ("operator.key-rotate", row.kid),
        ("operator.key-revoke", row.kid),
        ("operator.client-add", "shop"),
        ("operator.client-remove", "shop"),
    ]


async def test_a_service_that_runs_knows_a_new_client_and_a_new_key(tmp_path: Path) -> None:
    async with serving("--dev", "--data", tmp_path, **QUICK) as running, httpx.AsyncClient(base_url=running.url) as client:
        first = (await client.get("/.well-known/jwks.json")).json()["keys"]
        secret = (await lingpai_here("client", "add", "shop", "--data", tmp_path)).out.strip()
        for auth in (("shop", secret), ("dev", "dev")):
            assert (await client.post("/oauth2/introspect", data={"token": "x"}, auth=auth)).json() == {"active": False}
        assert (await client.post("/oauth2/introspect", data={"token": "x"})).status_code == 401
        assert first[0]["kid"] in (await lingpai_here("key", "list", "--data", tmp_path)).out
        assert await running.end() == 0
        assert secret not in running.log

"""What other services call: the published keys, and introspection; and two processes that rotate and revoke on one database."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from bearers import HOUR, Forger, logged_in, token_of, told
from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.flows import signing_keys
from lingpai.guard.crypto import sid_digest
from lingpai.guard.sessions.signing_keys import ANNOUNCED, CACHED
from lingpai.settings.logins import Jwt
from lingpai.store import accounts, sessions
from web.town import PUBLIC_URL, Browser, Town, settings_for

DEV = ("dev", "dev")
JWKS = "/.well-known/jwks.json"
BASIC = 'Basic realm="lingpai", charset="UTF-8"'


@pytest.fixture
async def second(town: Town, tmp_path: Path, database_url: str, changes: dict[str, Any]) -> AsyncIterator[Town]:
    """Another process that serves the same database."""
    house = await build(settings_for(tmp_path, database_url, **changes), town.clock, FakeChance("second"))
    yield Town(house, town.clock)
    await house.close()


async def login(town: Town, email: str = "ada@example.com", life: int = HOUR) -> str:
    services = town.house.services
    return (await logged_in(services.store, services.tokens, town.clock, email, life))[1]


async def ask(browser: Browser, token: str, auth: Any = DEV) -> httpx.Response:
    return await browser.post("/oauth2/introspect", data={"token": token}, auth=auth)


async def active(town: Town, token: str) -> bool:
    async with town.browser() as browser:
        answer = await ask(browser, token)
    assert answer.status_code == 200
    return bool(answer.json()["active"])


async def test_the_keys_are_published_for_others_to_keep_for_a_while(town: Town) -> None:
    token = await login(town)
    async with town.browser() as browser:
        answer = await browser.get(JWKS)
        again = await browser.get(JWKS, headers={"If-None-Match": answer.headers["etag"]})
        head = await browser.head(JWKS)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, f"public, max-age={CACHED}")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", answer.headers["etag"])
    (key,) = answer.json()["keys"]
    assert (key["kid"], key["alg"], key["use"], key["kty"], key["crv"]) == (told(token, 0)["kid"], "ES256", "sig", "EC", "P-256")
    assert "d" not in key


@pytest.mark.parametrize("changes", [{"jwt": Jwt("ES256")}, {"jwt": Jwt("RS256")}])
async def test_another_library_verifies_a_jwt_with_the_published_keys(town: Town) -> None:
    token = await login(town)
    async with town.browser() as browser:
        published = KeySet.import_key_set((await browser.get(JWKS)).json())
    assert jwt.decode(token, published, algorithms=["ES256", "RS256"]).claims["iss"] == PUBLIC_URL


async def test_the_first_key_is_published_before_anybody_has_logged_in(town: Town) -> None:
    """A set without keys would be kept for five minutes, and the first logins refused."""
    async with town.browser() as browser:
        assert len((await browser.get(JWKS)).json()["keys"]) == 1


async def test_a_live_jwt_is_told_with_its_claims_but_not_with_its_sid(town: Town) -> None:
    token = await login(town)
    claims = told(token, 1)
    async with town.browser() as browser:
        answer = await ask(browser, token)
    assert answer.json() == {"active": True} | {name: claims[name] for name in ("iss", "sub", "aud", "iat", "exp", "jti", "locale")}
    assert claims["sid"] not in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "A" * 12_000, "\r\n"])
async def test_of_anything_else_only_that_it_is_not_live_is_told(town: Town, token: str) -> None:
    async with town.browser() as browser:
        answer = await ask(browser, token)
    assert (answer.status_code, answer.content) == (200, b'{"active":false}')


async def test_a_jwt_dies_with_its_session_and_its_account(town: Town) -> None:
    store, clock = town.house.services.store, town.clock
    account, first = await logged_in(store, town.house.services.tokens, clock)
    second, third = [await token_of(store, town.house.services.tokens, clock, account, sid=sid) for sid in ("two", "three")]
    await sessions.end(store, digest=sid_digest(told(first, 1)["sid"]))
    assert [await active(town, token) for token in (first, second, third)] == [False, True, True]
    await accounts.lock(store, account_id=account, at=clock.now())
    assert not await active(town, second)
    await accounts.unlock(store, account_id=account)
    assert await active(town, second)
    async with store.begin() as tx:
        await sessions.end_all(tx, account_id=account)
    assert [await active(town, token) for token in (second, third)] == [False, False]


async def test_a_jwt_dies_with_its_time(town: Town) -> None:
    token = await login(town, life=60)
    town.clock.advance(seconds=59)
    assert await active(town, token)
    town.clock.advance(seconds=1)
    assert not await active(town, token)


async def test_a_sid_is_no_cookie(town: Town) -> None:
    sid = told(await login(town), 1)["sid"]
    for value in (sid, f"jwt:{sid}"):
        async with town.browser() as browser:
            answer = await browser.get("/userinfo/get", headers={"Cookie": f"lingpai_session={value}"})
        assert answer.json()["code"] != 200


def basic(text: bytes) -> str:
    return f"Basic {base64.b64encode(text).decode()}"


WRONG = [
    None,
    "",
    "Basic",
    "Basic ",
    "Basic !!!!",
    "Bearer dev",
    basic(b"dev"),
    basic(b"\xff:dev"),
    basic(b"dev:"),
    basic(b":dev"),
    basic(b"dev:Dev"),
    basic(b"dev:dev "),
    basic(b"Dev:dev"),
    basic(b"dev:dev:dev"),
    basic(b"dev:dev") + ", " + basic(b"dev:dev"),
]


@pytest.mark.parametrize("value", WRONG)
async def test_without_its_credentials_a_service_is_told_nothing(town: Town, value: str | None) -> None:
    token = await login(town)
    async with town.browser() as browser:
        headers = {} if value is None else {"Authorization": value}
        answer = await browser.post("/oauth2/introspect", data={"token": token}, headers=headers)
        nothing = await browser.post("/oauth2/introspect", headers=headers)
    for one in (answer, nothing):
        assert (one.status_code, one.headers["www-authenticate"], one.json()["error"]) == (401, BASIC, "invalid_client")


@pytest.mark.parametrize("value", ["basic ZGV2OmRldg==", "BASIC ZGV2OmRldg==", "Basic  ZGV2OmRldg=="])
async def test_the_scheme_is_written_in_any_case(town: Town, value: str) -> None:
    async with town.browser() as browser:
        answer = await browser.post("/oauth2/introspect", data={"token": "x"}, headers={"Authorization": value})
    assert answer.status_code == 200


async def test_a_service_of_ones_own_is_known_by_its_secret_until_it_is_removed(town: Town) -> None:
    token = await login(town)
    secret = await signing_keys.add_client(town.house.services, "shop")
    assert secret
    assert await signing_keys.add_client(town.house.services, "shop") is None
    async with town.browser() as browser:
        assert (await ask(browser, token, ("shop", secret))).json()["active"]
        for wrong in (("shop", "shop"), ("shop", ""), ("Shop", secret), ("dev", secret), ("shop", secret[:-1])):
            assert (await ask(browser, token, wrong)).status_code == 401
        assert await signing_keys.remove_client(town.house.services, "shop")
        assert (await ask(browser, token, ("shop", secret))).status_code == 401


async def test_outside_dev_mode_there_is_no_client_that_nobody_added(tmp_path: Path, database_url: str, clock: FakeClock) -> None:
    import msgspec

    from lingpai.settings import MailSettings

    real = msgspec.structs.replace(settings_for(tmp_path, database_url), dev=False, mail=MailSettings(smtp_url="smtp://127.0.0.1:9"))
    house = await build(real, clock, FakeChance())
    async with Town(house, clock).browser() as browser:
        assert (await ask(browser, "x")).status_code == 401
    await house.close()


async def test_wrong_credentials_are_counted_by_client_and_never_keep_the_right_ones_out(town: Town) -> None:
    async with town.browser() as browser:
        statuses = [(await ask(browser, "x", ("dev", f"guess {number}"))).status_code for number in range(12)]
        assert statuses == [401] * 10 + [429] * 2
        assert (await ask(browser, "x", ("dev", "guess"))).headers["retry-after"]
        assert (await ask(browser, "x")).status_code == 200
    async with town.browser("203.0.113.9") as browser:
        assert (await ask(browser, "x", ("dev", "guess"))).status_code == 401


async def test_a_service_may_ask_as_often_as_it_likes(town: Town) -> None:
    async with town.browser() as browser:
        for _ in range(700):
            assert (await ask(browser, "x")).status_code == 200


async def test_a_question_asked_by_get_is_refused(town: Town) -> None:
    async with town.browser() as browser:
        assert (await browser.get("/oauth2/introspect", params={"token": "x"}, auth=DEV)).status_code == 405


@pytest.mark.parametrize("content", ["", "token=", "token_type_hint=x", "token=a&token=b", "token=%00", "token=a&x=1&x=2"])
async def test_a_question_without_a_token_or_with_two_is_an_invalid_request(town: Town, content: str) -> None:
    """RFC 6749, 3.1 and 5.2: a parameter without a value is none, and none may come twice."""
    async with town.browser() as browser:
        reply = await browser.post(
            "/oauth2/introspect", content=content, auth=DEV, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


async def test_both_calls_are_in_the_openapi_document(town: Town) -> None:
    async with town.browser() as browser:
        paths = (await browser.get("/openapi.json")).json()["paths"]
    assert paths[JWKS].keys() == {"get"}
    assert "401" in paths["/oauth2/introspect"]["post"]["responses"]


class Verifier:
    """Another service: it keeps the published keys as long as it may, and takes JWTs by them alone."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._kept: KeySet | None = None
        self._until = 0.0

    async def takes(self, token: str) -> bool:
        if self._kept is None or self._town.clock.monotonic() >= self._until:
            async with self._town.browser() as browser:
                self._kept = KeySet.import_key_set((await browser.get(JWKS)).json())
            self._until = self._town.clock.monotonic() + CACHED
        known = {key.kid for key in self._kept.keys}
        return told(token, 0)["kid"] in known and bool(jwt.decode(token, self._kept, algorithms=["ES256"]))


async def test_a_rotation_refuses_no_jwt_on_any_process_nor_at_another_service(town: Town, second: Town) -> None:
    store, ring = town.house.services.store, town.house.services.tokens
    # Two, for one account has a hundred logins at most.
    people = [(await logged_in(store, ring, town.clock, email))[0] for email in ("ada@example.com", "bob@example.com")]
    houses, elsewhere = (town, second), [Verifier(town), Verifier(second)]
    tokens: list[str] = []
    for step in range(2 * ANNOUNCED // 10):
        if step == 5:
            assert await signing_keys.rotate(town.house.services, at_once=False)
        maker = houses[step % 2].house.services
        tokens.append(await token_of(maker.store, maker.tokens, town.clock, people[step // 2 % 2], sid=f"sid {step}"))
        for token in (tokens[-1], tokens[0], tokens[len(tokens) // 2]):
            assert all(await asyncio.gather(*(house.house.services.tokens.holder("main", token) for house in houses)))
            assert [await one.takes(token) for one in elsewhere] == [True, True]
        town.clock.advance(seconds=10)
    assert len({told(token, 0)["kid"] for token in tokens}) == 2


async def test_a_rotation_at_once_under_load_refuses_no_jwt_on_another_process(town: Town, second: Town) -> None:
    account, old = await logged_in(town.house.services.store, town.house.services.tokens, town.clock)
    assert await active(second, old)
    assert await signing_keys.rotate(town.house.services, at_once=True)
    fresh = [await token_of(town.house.services.store, town.house.services.tokens, town.clock, account, sid=f"sid {n}") for n in range(20)]
    assert told(fresh[0], 0)["kid"] != told(old, 0)["kid"]
    assert all(await asyncio.gather(*(second.house.services.tokens.holder("main", token) for token in [*fresh * 10, old])))


async def test_a_revoked_key_is_dead_at_once_here_and_within_two_seconds_on_every_process(town: Town, second: Town) -> None:
    token = await login(town)
    assert await active(second, token)
    forger = Forger(await town.house.services.tokens.keys.signer(), token)
    assert await signing_keys.revoke(town.house.services, told(token, 0)["kid"])
    assert not await signing_keys.revoke(town.house.services, told(token, 0)["kid"])
    assert not await active(town, token)
    town.clock.advance(seconds=2)
    assert not await active(second, token)
    assert not await active(second, forger.with_claims())
    async with second.browser() as browser:
        assert told(token, 0)["kid"] not in {key["kid"] for key in (await browser.get(JWKS)).json()["keys"]}
    assert await active(second, await login(second, "bob@example.com"))

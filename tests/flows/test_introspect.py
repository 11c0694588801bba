"""What other services ask: what a live JWT says, and nothing of any other; only those who are known may ask."""

from dataclasses import replace

import msgspec
import pytest

from flows.made import ADA, again, born, here, logged_in, race
from lingpai.core.errors import BadClient, BadInput, Limited
from lingpai.core.model import Account
from lingpai.flows import Services, account_admin, bearer, introspect, signing_keys
from lingpai.flows.introspect import ClientCredentials
from web.town import Town

MAIN = ("main",)

LIFE = 1_000


@pytest.fixture
async def ada(services: Services) -> Account:
    return await born(services, ADA)


@pytest.fixture
async def shop(services: Services) -> ClientCredentials:
    """A service that the operator has let in."""
    secret = await signing_keys.add_client(services, "shop")
    assert secret
    return ClientCredentials("shop", secret)


async def issued(services: Services, account: Account) -> str:
    return await services.session_issuer.jwt(account, here(), LIFE)


async def test_a_live_jwt_says_whose_it_is_and_until_when(services: Services, ada: Account, shop: ClientCredentials) -> None:
    token = await issued(services, ada)
    claims = await introspect.ask(services, here(), shop, MAIN, token)
    assert claims == (await bearer.current(services, here(), token)).claims
    assert (claims.sub, claims.exp - claims.iat) == (str(ada.id), LIFE)


async def test_asking_keeps_no_login_alive_and_notes_no_use_of_it(town: Town, ada: Account, shop: ClientCredentials) -> None:
    services = town.house.services
    token = await issued(services, ada)
    town.clock.advance(seconds=LIFE - 1)
    assert await introspect.ask(services, here(), shop, MAIN, token)
    (session,) = (await account_admin.show(services, ada)).sessions
    assert session.seen_at == session.created_at
    town.clock.advance(seconds=1)
    assert await introspect.ask(services, here(), shop, MAIN, token) is None


@pytest.mark.parametrize("what", ["its logout", "logging out everywhere", "a lock", "a deletion"])
async def test_nothing_is_told_of_a_jwt_whose_login_has_ended(services: Services, ada: Account, shop: ClientCredentials, what: str) -> None:
    token = await issued(services, ada)
    if what == "its logout":
        await bearer.end(services, here(), await bearer.current(services, here(), token))
    elif what == "logging out everywhere":
        await account_admin.end_sessions(services, ada)
    elif what == "a lock":
        await account_admin.lock(services, ada)
    else:
        await account_admin.delete(services, ada)
    assert await introspect.ask(services, here(), shop, MAIN, token) is None


async def test_nothing_is_told_of_what_is_no_jwt_of_this_realm(services: Services, ada: Account, shop: ClientCredentials) -> None:
    token, mine = await issued(services, ada), await logged_in(services, ada)
    for wrong in ("a.b.c", mine.ctx.session, token + "A", token.rpartition(".")[0] + "."):
        assert await introspect.ask(services, here(), shop, MAIN, wrong) is None, wrong
    assert await introspect.ask(services, here(), shop, ("boss",), token) is None
    with pytest.raises(BadInput):
        await introspect.ask(services, here(), shop, MAIN, "")
    assert await introspect.ask(services, here(), shop, MAIN, token)


async def test_a_jwt_says_the_language_that_it_was_issued_with(services: Services, ada: Account, shop: ClientCredentials) -> None:
    token = await issued(services, ada)
    spoken = await bearer.speak(services, here(), await bearer.current(services, here(), token), "zh-Hans")
    found = [await introspect.ask(services, here(), shop, MAIN, each) for each in (token, spoken)]
    assert [claims and claims.locale for claims in found] == ["en", "zh-Hans"]
    assert (await again(services, ada.id)).locale == "zh-Hans"


# Who may ask


async def test_nobody_asks_without_a_name_and_its_own_secret(services: Services, ada: Account, shop: ClientCredentials) -> None:
    token, other = await issued(services, ada), await signing_keys.add_client(services, "desk")
    strangers = [ClientCredentials("shop", other or ""), ClientCredentials("shop", ""), ClientCredentials("SHOP", shop.secret)]
    for caller in (None, *strangers, ClientCredentials("", "")):
        with pytest.raises(BadClient):
            await introspect.ask(services, here(), caller, MAIN, token)
    assert await introspect.ask(services, here(), shop, MAIN, token)


async def test_a_service_that_was_removed_asks_no_more(services: Services, ada: Account, shop: ClientCredentials) -> None:
    token = await issued(services, ada)
    assert await signing_keys.remove_client(services, shop.name)
    with pytest.raises(BadClient):
        await introspect.ask(services, here(), shop, MAIN, token)


async def test_the_client_of_dev_mode_is_known_in_dev_mode_alone(services: Services, ada: Account) -> None:
    token, dev = await issued(services, ada), ClientCredentials("dev", "dev")
    assert await introspect.ask(services, here(), dev, MAIN, token)
    served = replace(services, settings=msgspec.structs.replace(services.settings, dev=False))
    with pytest.raises(BadClient):
        await introspect.ask(served, here(), dev, MAIN, token)


async def test_of_sixty_four_wrong_secrets_from_one_place_ten_are_judged_and_the_right_one_is_let_in_all_the_same(
    town: Town, ada: Account, shop: ClientCredentials
) -> None:
    services, token = town.house.services, await issued(town.house.services, ada)
    wrong = ClientCredentials("shop", "a guess")
    assert await race(lambda _: introspect.ask(services, here(), wrong, MAIN, token)) == {"invalid_client": 10, "limited": 54}
    with pytest.raises(Limited) as why:
        await introspect.ask(services, here(), wrong, MAIN, token)
    assert why.value.details == {"limit": "auth_client", "seconds": 60}
    assert await introspect.ask(services, here(), shop, MAIN, token)
    town.clock.advance(minutes=1)
    with pytest.raises(BadClient):
        await introspect.ask(services, here(), wrong, MAIN, token)


async def test_who_brings_no_credentials_at_all_is_told_so_any_number_of_times(services: Services) -> None:
    assert await race(lambda _: introspect.ask(services, here(), None, MAIN, "")) == {"invalid_client": 64}

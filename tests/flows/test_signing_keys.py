"""Whom to trust, without HTTP: keys that an operator makes and revokes, services that may ask, and the trail of both."""

import pytest
from sqlalchemy import select

from flows.births import ADA, HERE, OLD, born, race
from lingpai.core.errors import BadToken, Refusal
from lingpai.core.model import RequestContext
from lingpai.flows import Services, login, signing_keys
from lingpai.flows.login import Try
from lingpai.guard.crypto import digest
from lingpai.guard.sessions.jws import parts
from lingpai.guard.sessions.signing_keys import ANNOUNCED, LIFE, PUBLISHED, KeyState
from lingpai.store import clients
from lingpai.store.database import Query
from lingpai.store.schema import audit
from web.town import Town

DEEDS = Query(select(audit.c.event, audit.c.detail).where(audit.c.event.like("operator.%")).order_by(audit.c.id))


class Declined(Refusal):
    """A flow's quiet no, for a race to count."""

    code = "declined"


async def deeds(services: Services) -> list[tuple[str, str]]:
    return [(event.removeprefix("operator."), detail) for event, detail in await services.store.rows(DEEDS)]


async def states(services: Services) -> list[tuple[str, KeyState]]:
    return [(key.kid, state) for key, state in await signing_keys.listing(services)]


async def rotated(services: Services, *, at_once: bool = False) -> str:
    """The new key's name."""
    made = await signing_keys.rotate(services, at_once=at_once)
    assert made
    return made.kid


async def jwt(services: Services) -> str:
    """One that lives as long as a JWT may."""
    token = await login.for_jwt(services, HERE, Try(ADA, OLD), LIFE)
    assert isinstance(token, str)
    return token


async def signed_by(services: Services) -> str:
    """The key of a new JWT."""
    return str(parts(await jwt(services)).header["kid"])


# Keys


async def test_a_new_key_is_published_now_and_signs_ten_minutes_later(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    first = await signed_by(services)
    second = await rotated(services)
    assert {key["kid"] for key in await services.tokens.keys.published()} == {first, second}
    town.clock.advance(seconds=ANNOUNCED - 1)
    assert (await signed_by(services), await states(services)) == (first, [(first, "current"), (second, "announced")])
    town.clock.advance(seconds=1)
    assert (await signed_by(services), await states(services)) == (second, [(first, "retired"), (second, "current")])


async def test_a_key_that_is_wanted_at_once_signs_at_once_and_what_the_old_one_signed_is_good_still(services: Services) -> None:
    account = await born(services, ADA)
    before = await jwt(services)
    new = await rotated(services, at_once=True)
    assert await signed_by(services) == new
    assert (await services.tokens.holder("main", before)).account.id == account.id


async def test_a_retired_key_is_over_once_its_last_jwt_is_and_the_rotation_after_that_forgets_it(town: Town) -> None:
    services = town.house.services
    first = await rotated(services, at_once=True)
    second = await rotated(services, at_once=True)
    town.clock.advance(seconds=PUBLISHED)
    assert await states(services) == [(first, "over"), (second, "current")]
    third = await rotated(services, at_once=True)
    assert await states(services) == [(second, "retired"), (third, "current")]


async def test_a_revoked_key_ends_every_jwt_that_it_has_signed_and_the_others_stay(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    by_first = await jwt(services)
    first = str(parts(by_first).header["kid"])
    await rotated(services, at_once=True)
    by_second = await jwt(services)
    assert await signing_keys.revoke(services, first)
    with pytest.raises(BadToken) as no:
        await services.tokens.holder("main", by_first)
    assert no.value.reason == "kid"
    assert (await services.tokens.holder("main", by_second)).account.id == account.id
    assert [state for _, state in await states(services)] == ["revoked", "current"]
    assert [key.private for key, state in await signing_keys.listing(services) if state == "revoked"] == [None]


async def test_where_the_only_key_is_revoked_the_next_login_makes_one(services: Services) -> None:
    await born(services, ADA)
    first = await signed_by(services)
    assert await signing_keys.revoke(services, first)
    second = await signed_by(services)
    assert second != first
    assert await states(services) == [(first, "revoked"), (second, "current")]


async def test_an_unknown_key_and_one_that_was_revoked_before_are_not_revoked(services: Services) -> None:
    kid = await rotated(services, at_once=True)
    assert not await signing_keys.revoke(services, "no such key")
    assert await signing_keys.revoke(services, kid)
    assert not await signing_keys.revoke(services, kid)
    assert await deeds(services) == [("key-rotate", kid), ("key-revoke", kid)]


async def test_of_sixty_four_that_rotate_at_once_one_makes_the_next_key(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    first = await signed_by(services)

    async def rotate(_: RequestContext) -> None:
        if await signing_keys.rotate(services, at_once=False) is None:
            raise Declined

    assert await race(rotate) == {"won": 1, "declined": 63}
    found = await states(services)
    assert (found[0], [state for _, state in found]) == ((first, "current"), ["current", "announced"])
    assert [deed for deed, _ in await deeds(services)] == ["key-rotate"], "what was not needed left no trace"


async def test_a_key_that_is_wanted_at_once_is_not_needed_where_another_came_since_the_keys_were_read(services: Services) -> None:
    ring = services.tokens.keys
    await rotated(services, at_once=True)
    read = [key for key, _ in await signing_keys.listing(services)]
    await rotated(services, at_once=True)
    async with services.store.begin() as tx:
        assert not await ring.add(tx, await ring.draft(), read, at_once=True)
    assert [state for _, state in await states(services)] == ["retired", "current"]


async def test_while_a_key_is_announced_no_other_is_made_but_at_once_or_when_it_is_revoked(town: Town) -> None:
    services = town.house.services
    await rotated(services, at_once=True)
    announced = await rotated(services)
    town.clock.advance(seconds=ANNOUNCED - 1)
    assert await signing_keys.rotate(services, at_once=False) is None
    assert await signing_keys.revoke(services, announced)
    await rotated(services)
    urgent = await rotated(services, at_once=True)
    await born(services, ADA)
    assert await signed_by(services) == urgent
    town.clock.advance(seconds=ANNOUNCED)
    assert await signed_by(services) == urgent
    await rotated(services)


async def test_of_sixty_four_that_revoke_a_key_at_once_one_has_done_it(services: Services) -> None:
    kid = await rotated(services, at_once=True)

    async def revoke(_: RequestContext) -> None:
        if not await signing_keys.revoke(services, kid):
            raise Declined

    assert await race(revoke) == {"won": 1, "declined": 63}
    assert await deeds(services) == [("key-rotate", kid), ("key-revoke", kid)]


# Services that may ask


async def test_a_services_secret_is_told_once_and_kept_as_a_digest(services: Services) -> None:
    secret = await signing_keys.add_client(services, "shop")
    assert secret
    assert await clients.digest(services.store, name="shop") == digest(secret)
    assert [(each.name, each.created_at) for each in await signing_keys.client_listing(services)] == [("shop", services.clock.now())]


async def test_a_name_that_is_taken_gets_no_secret_and_the_first_ones_stays(services: Services) -> None:
    secret = await signing_keys.add_client(services, "shop")
    assert secret
    assert await signing_keys.add_client(services, "shop") is None
    assert await clients.digest(services.store, name="shop") == digest(secret)
    assert await deeds(services) == [("client-add", "shop")]


async def test_a_service_that_is_removed_has_no_secret_and_its_name_is_free(services: Services) -> None:
    old = await signing_keys.add_client(services, "shop")
    assert await signing_keys.remove_client(services, "shop")
    assert not await signing_keys.remove_client(services, "shop")
    assert await clients.digest(services.store, name="shop") is None
    new = await signing_keys.add_client(services, "shop")
    assert new
    assert new != old
    assert await deeds(services) == [("client-add", "shop"), ("client-remove", "shop"), ("client-add", "shop")]


async def test_services_are_listed_by_name(services: Services) -> None:
    for name in ("shop", "chat", "mail"):
        await signing_keys.add_client(services, name)
    assert [each.name for each in await signing_keys.client_listing(services)] == ["chat", "mail", "shop"]


async def test_of_sixty_four_that_add_one_name_at_once_one_gets_a_secret_and_of_as_many_that_remove_it_one_has(services: Services) -> None:
    secrets: list[str] = []

    async def add(_: RequestContext) -> None:
        secret = await signing_keys.add_client(services, "shop")
        if secret is None:
            raise Declined
        secrets.append(secret)

    async def remove(_: RequestContext) -> None:
        if not await signing_keys.remove_client(services, "shop"):
            raise Declined

    assert await race(add) == {"won": 1, "declined": 63}
    assert await clients.digest(services.store, name="shop") == digest(secrets[0])
    assert await race(remove) == {"won": 1, "declined": 63}
    assert await deeds(services) == [("client-add", "shop"), ("client-remove", "shop")]

"""What an account says of itself: its nickname and its language."""

import asyncio

import pytest

from flows.made import ADA, BOB, Person, again, born, here, logged_in, trail
from lingpai.core.errors import NotLoggedIn, StoreDown
from lingpai.flows import Services, bearer, profile, sessions
from lingpai.store import accounts


@pytest.fixture
async def ada(services: Services) -> Person:
    return await logged_in(services, await born(services, ADA))


async def test_name_and_language_are_changed_together_or_not_at_all(
    services: Services, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object, **__: object) -> None:
        raise StoreDown

    with monkeypatch.context() as patch:
        patch.setattr(accounts, "speak", lost)
        with pytest.raises(StoreDown):
            await profile.edit(services, ada.ctx, ada.login, "Ada", "zh-Hans")
    now = await again(services, ada.account)
    assert (now.nickname, now.locale) == ("", "en")
    await profile.edit(services, ada.ctx, ada.login, "Ada", "zh-Hans")
    now = await again(services, ada.account)
    assert (now.nickname, now.locale) == ("Ada", "zh-Hans")


async def test_a_nickname_is_taken_noted_and_taken_away_again(services: Services, ada: Person) -> None:
    await profile.rename(services, ada.ctx, ada.login, "Ada 阿达")
    renamed = await sessions.current(services, ada.ctx)
    assert renamed.account.nickname == "Ada 阿达"
    await profile.rename(services, ada.ctx, renamed, "")
    assert (await again(services, ada.account.id)).nickname == ""
    assert await trail(services, ada.account) == ["profile.rename", "profile.rename", "login"]


async def test_the_same_nickname_again_changes_and_notes_nothing(services: Services, ada: Person) -> None:
    await profile.rename(services, ada.ctx, ada.login, "Ada")
    renamed = await sessions.current(services, ada.ctx)
    await profile.rename(services, ada.ctx, renamed, "Ada")
    assert (await again(services, ada.account.id)).nickname == "Ada"
    assert (await trail(services, ada.account)).count("profile.rename") == 1


async def test_a_language_is_the_accounts_own_from_now_on_and_stands_in_its_next_jwt(services: Services, ada: Person) -> None:
    assert ada.account.locale == "en"
    await profile.edit(services, ada.ctx, ada.login, ada.account.nickname, "zh-Hans")
    now = await again(services, ada.account.id)
    assert now.locale == "zh-Hans"
    found = await bearer.current(services, here(), await services.session_issuer.jwt(now, here(), 60))
    assert found.claims.locale == "zh-Hans"
    assert await trail(services, ada.account) == ["login", "profile.speak", "login"]


async def test_what_one_says_of_oneself_is_said_of_nobody_else_and_ends_no_login(services: Services, ada: Person) -> None:
    bob, other = await born(services, BOB), await logged_in(services, ada.account, place=8)
    await profile.rename(services, ada.ctx, ada.login, "Ada")
    await profile.edit(services, ada.ctx, ada.login, ada.account.nickname, "zh-Hans")
    assert await again(services, bob.id) == bob
    assert await trail(services, bob) == []
    for person in (ada, other):
        assert (await sessions.current(services, person.ctx)).account.nickname == "Ada"


async def test_a_login_that_has_ended_since_it_was_looked_at_says_nothing_any_more(services: Services, ada: Person) -> None:
    thief = await logged_in(services, ada.account, place=8)
    await sessions.end_others(services, ada.ctx, ada.login)
    for write in (
        profile.rename(services, thief.ctx, thief.login, "Eve"),
        profile.edit(services, thief.ctx, thief.login, thief.account.nickname, "zh-Hans"),
    ):
        with pytest.raises(NotLoggedIn):
            await write
    now = await again(services, ada.account.id)
    assert (now.nickname, now.locale) == (ada.account.nickname, ada.account.locale)
    assert await trail(services, ada.account) == ["session.end-others", "login", "login"]


async def test_two_accounts_may_have_one_nickname(services: Services, ada: Person) -> None:
    bob = await logged_in(services, await born(services, BOB))
    for person in (ada, bob):
        await profile.rename(services, person.ctx, person.login, "Ada")
    assert {(await again(services, person.account.id)).nickname for person in (ada, bob)} == {"Ada"}


async def test_of_sixty_four_changes_at_once_none_undoes_one_of_another_kind(services: Services, ada: Person) -> None:
    names = [f"Ada {number}" for number in range(32)]
    await asyncio.gather(
        *(profile.rename(services, ada.ctx, ada.login, name) for name in names),
        *(profile.edit(services, ada.ctx, ada.login, ada.account.nickname, "zh-Hans") for _ in range(32)),
    )
    now = await again(services, ada.account.id)
    assert now.nickname in names
    assert now.locale == "zh-Hans"
    noted = await trail(services, ada.account)
    assert (noted.count("profile.rename"), noted.count("profile.speak")) == (32, 32)

"""Who resets a password at the hosted pages is logged in there, in the browser that had asked for it and in no other (contract, 10.13)."""

import pytest

from lingpai.core import words
from lingpai.guard.one_time.codes import bound_to
from lingpai.store import accounts
from web.owners import Owner, Seen, owner
from web.people import ADA
from web.town import Town

NEW = "a staple of another kind"
THERE = "203.0.113.77"


def stranger(town: Town) -> Owner:
    return Owner(town, town.browser(THERE))


async def ask(reader: Owner, by: str, *, next_page: str = "", account: str = ADA) -> Seen:
    page = await reader.see(f"/forgot?next={next_page}")
    return await reader.submit(page, "/page/forgot", account=account, **({"by": "link"} if by == "link" else {}))


async def finish(reader: Owner, asked: Seen, by: str, password: str = NEW) -> Seen:
    if by == "code":
        return await sets(reader, await reader.submit(asked, "/page/forgot/code", code=await reader.code(ADA)), password)
    link = await reader.town.link(ADA, "/page/reset")
    form = await reader.see(f"/page/reset?vcode={link['vcode']}&next={link.get('next', '')}")
    return await reader.submit(form, "/page/reset", password=password)


async def sets(reader: Owner, page: Seen, password: str = NEW) -> Seen:
    return await reader.submit(page, "/page/forgot/password", password=password)


async def is_inside(reader: Owner) -> bool:
    return (await reader.see("/me")).heading != words.text("pages.login.title", "en")


@pytest.mark.parametrize("by", ["code", "link"])
async def test_the_browser_that_asked_is_logged_in_and_everybody_else_is_out(town: Town, by: str) -> None:
    ada = await owner(town)
    reader = stranger(town)
    page = await finish(reader, await ask(reader, by, next_page="/me/security"), by)
    assert words.text("pages.reset_done.inside", "en", who=ADA) in page.text
    assert ("/me/security" if by == "code" else "/me") in page.links, "where the person was going, as far as the page knows it"
    assert await is_inside(reader)
    assert not await is_inside(ada)


@pytest.mark.parametrize("by", ["code", "link"])
async def test_a_browser_that_has_not_asked_is_led_to_the_login(town: Town, by: str) -> None:
    """A mail that is opened elsewhere, or that somebody else has asked for, logs nobody in."""
    ada = await owner(town)
    asked = await ask(ada, by)
    reader = stranger(town)
    page = await finish(reader, asked, by)
    assert page.heading == words.text("pages.reset_done.title", "en")
    assert any(link.startswith("/login") for link in page.links)
    assert not await is_inside(reader)


async def test_who_has_asked_for_another_account_is_not_logged_in_by_this_one_s_link(town: Town) -> None:
    await owner(town)
    reader = stranger(town)
    await ask(reader, "link", account="bob@example.com")
    await ask(Owner(town, town.browser("203.0.113.78")), "link")
    await finish(reader, await reader.see("/forgot"), "link")
    assert not await is_inside(reader)


async def test_a_code_of_under_six_characters_logs_nobody_in(town: Town) -> None:
    """One of four, as hiyouth's code field may want it, sets a password here too."""
    await owner(town)
    reader, services = stranger(town), town.house.services
    asked = await ask(reader, "code")
    account = await accounts.find(services.store, "main", "email", ADA)
    code = await services.one_time.new_code("reset", "main", ADA, bound_to(account), length=4)
    page = await sets(reader, await reader.submit(asked, "/page/forgot/code", code=code))
    assert page.heading == words.text("pages.reset_done.title", "en")
    assert not await is_inside(reader)


async def test_a_lock_that_comes_in_between_is_the_last_word(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    await owner(town)
    reader, services = stranger(town), town.house.services
    asked = await ask(reader, "code")
    account = await accounts.find(services.store, "main", "email", ADA)
    assert account
    cleared = services.lockout.cleared

    async def locked(realm: str, account_id: int) -> None:
        await cleared(realm, account_id)
        await accounts.lock(services.store, account_id=account_id, at=services.clock.now())

    monkeypatch.setattr(services.lockout, "cleared", locked)
    page = await finish(reader, asked, "code")
    assert page.heading == words.text("pages.reset_done.title", "en")
    assert not await is_inside(reader)

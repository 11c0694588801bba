"""The pages of a login by a code, where somebody is logged in already, or somebody else has made the link that leads there."""

import pytest

from lingpai.core import rules
from lingpai.store import accounts
from web.people import ADA, GOOD, member
from web.reading import Reader
from web.town import Town

EVE = "eve@example.com"
PHONE, E164 = "138 0013 8000", "+8613800138000"


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


async def test_whoever_is_logged_in_and_wants_to_be_somebody_else_comes_as_far_as_that(town: Town) -> None:
    await member(town)
    ada = Reader(town)
    await ada.open("/login")
    await ada.send("/page/login", account=ADA, password=GOOD)
    page = await ada.open("/login?next=/me/data")
    assert page.heading == "You're logged in"
    await ada.open(page.link("switch"))
    await ada.send("/page/login/code", account=EVE)
    await ada.send("/page/login/enter", code=await ada.code(EVE))
    assert ada.page.heading == "Create your account"
    await ada.send("/page/login/create")
    assert ada.where == "/me/data"
    assert EVE in (await ada.open("/login")).text
    await ada.open(ada.page.link("switch"))
    await ada.send("/page/login", account=ADA, password=GOOD)
    assert ADA in (await ada.open("/login")).text


@pytest.mark.parametrize("words", ["Your+account+is+blocked.+Call+13800138000", "ada", "+", "a%40b"])
async def test_no_link_makes_a_page_say_what_its_writer_wants(town: Town, words: str) -> None:
    page = await Reader(town).open(f"/login?way=code&again=1&account={words}")
    assert page.form("/page/login/code")
    assert "We sent a code" not in page.text


async def test_who_has_a_phone_and_no_password_reads_how_to_keep_an_account_that_is_to_be_deleted(town: Town) -> None:
    eve = Reader(town)
    await eve.open("/login")
    await eve.send("/page/login/code", account=PHONE)
    await eve.send("/page/login/code", captcha=await eve.solve())
    await eve.send("/page/login/enter", code=await eve.code(E164))
    await eve.send("/page/login/create")
    page = await eve.open("/me/delete")
    assert "no way back" not in page.text
    assert "password" not in page.text
    assert "log in on the login page" in page.text
    await eve.send("/page/me/delete", sure="yes")
    await eve.open("/login")
    town.clock.advance(minutes=1)
    await eve.send("/page/login/code", account=PHONE)
    await eve.send("/page/login/code", captcha=await eve.solve())
    await eve.send("/page/login/enter", code=await eve.code(E164))
    assert "won't be deleted" in (await eve.send("/page/keep")).text
    account = await accounts.find(town.house.services.store, "main", "phone", rules.phone(PHONE).key)
    assert account
    assert account.locked_at is None

"""What people type and paste is taken as they mean it, on pages and by calls; passwords as they are."""

import unicodedata

import pytest

from lingpai.store import accounts
from web.people import ADA, GOOD, member
from web.reading import Reader
from web.speakers import Maillink
from web.town import Town

LONGEST = ("quả chuối xanh dưới mặt trời đỏ và chiếc xe đạp cũ của mình " * 3)[:128]
PASSWORD_PAGES = ("/login", "/register", "/me/password", "/me/confirm")


@pytest.fixture
def database_kind() -> str:
    """What is typed does not depend on the database."""
    return "sqlite"


async def reset_page(town: Town) -> Reader:
    """Somebody before the page that a mailed link opens."""
    await (await member(town)).forget(ADA)
    reader = Reader(town)
    link = await town.link(ADA, "/reset_password/verify")
    await reader.open(f"/reset_password/verify?email={ADA}&vcode={link['vcode']}")
    return reader


@pytest.mark.parametrize("path", PASSWORD_PAGES)
async def test_no_browser_cuts_a_password_that_is_pasted(town: Town, path: str) -> None:
    reader = Reader(town)
    if path.startswith("/me"):
        await member(town)
        await reader.open("/login")
        await reader.send("/page/login", account=ADA, password=GOOD)
        town.clock.advance(minutes=11)
    await reader.open(path)
    assert uncut(reader)


def uncut(reader: Reader) -> bool:
    """Whether the page asks for a password, and its browser takes one of any length."""
    kinds = [kind for form in reader.page.forms for kind in form.kinds.values() if kind.get("type") == "password"]
    assert kinds, reader.page.text
    return all("maxlength" not in kind for kind in kinds)


async def test_the_page_of_a_reset_link_has_the_pages_own_rule_and_one_field(town: Town) -> None:
    reader = await reset_page(town)
    assert uncut(reader)
    assert [name for name, kind in reader.page.form("/page/reset").kinds.items() if kind.get("type") == "password"] == ["password"]
    assert "8 to 128 characters" in reader.page.text
    page = await reader.send("/page/reset", password=unicodedata.normalize("NFD", LONGEST + "x"))
    assert "128" in page.errors["password"]
    page = await reader.send("/page/reset", password=unicodedata.normalize("NFD", LONGEST))
    assert page.heading == "Password reset"
    await reader.open("/login")
    await reader.send("/page/login", account=ADA, password=LONGEST)
    assert reader.where == "/me"


async def test_maillink_judges_a_short_password_at_login_for_an_imported_one_may_be_short(town: Town) -> None:
    ada = await member(town)
    assert (await ada.log_in(ADA, "short")).text == "账号或密码不正确"
    services = town.house.services
    account = await accounts.find(services.store, "main", "email", ADA)
    assert account
    async with services.passwords.slot() as slot:
        hashed = await slot.make("short")
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password=hashed, at=town.clock.now())
    assert (await Maillink(town).log_in(ADA, "short")).yes
    assert "password" in (await Maillink(town).log_in(ADA, "x" * 41)).text

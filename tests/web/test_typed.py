"""What people type and paste is taken as they mean it, on pages and by calls; passwords as they are."""

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from lingpai.core import pasted
from lingpai.store import accounts
from web.people import ADA, GOOD, member
from web.reading import Reader
from web.speakers import Hiyouth, Mailcode, Maillink, Session
from web.town import Town

LONGEST = ("quả chuối xanh dưới mặt trời đỏ và chiếc xe đạp cũ của mình " * 3)[:128]
WIDE = {ord("!") + place: 0xFF01 + place for place in range(94)}
BETTER = "another staple entirely"
PHONE, E164 = "（+86）139\u00a09526\u20115229。", "+8613995265229"
PASSWORD_PAGES = ("/login?way=password", "/register", "/me/password", "/me/confirm")


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


# Codes, captchas, phones and addresses, as they are pasted

PASTES: dict[str, Callable[[str], str]] = {
    "in wide forms": lambda text: text.translate(WIDE),
    "with blanks between": " ".join,
    "in brackets with a full stop": lambda text: f"【{text}】。",
    "between marks that turn the order": lambda text: f"\u202d\ufeff{text}\u00a0\u200e\u202c",
}


@pytest.fixture(params=PASTES)
def paste(request: pytest.FixtureRequest) -> Any:
    return PASTES[request.param]


class PastingMailcode(Mailcode):
    """Somebody who pastes what was mailed and seen."""

    paste: Any

    async def captcha(self) -> dict[str, str]:
        seen = await super().captcha()
        return {**seen, "Value": self.paste(seen["Value"])}

    async def code(self, email: str, pattern: str = r"^[0-9]{6}$") -> str:
        return str(self.paste(await super().code(email, pattern)))


class PastingSession(Session):
    """The same at session's door."""

    paste: Any

    async def token(self) -> dict[str, str]:
        seen = await super().token()
        return {**seen, "code": self.paste(seen["code"])}

    async def code(self, email: str) -> str:
        return str(self.paste(await super().code(email)))


class PastingHiyouth(Hiyouth):
    """The same at hiyouth's."""

    paste: Any

    async def code(self, to: str, length: int = 6) -> str:
        return str(self.paste(await super().code(to, length)))


@pytest.mark.parametrize("kind", [PastingMailcode, PastingSession, PastingHiyouth])
async def test_every_dialect_takes_codes_and_captchas_as_they_are_pasted(town: Town, paste: Any, kind: type[Any]) -> None:
    ada = kind(town)
    ada.paste = paste
    assert (await ada.register(ADA, GOOD)).yes
    await ada.prove(ADA)
    assert (await ada.log_in(ADA, GOOD)).yes
    await ada.log_out()
    town.clock.advance(hours=1)
    assert (await ada.forget(ADA)).yes
    assert (await ada.reset(ADA, BETTER)).yes
    assert (await ada.log_in(ADA, BETTER)).yes


async def test_hiyouth_and_maillink_take_a_phone_as_it_is_pasted(town: Town) -> None:
    ada = Hiyouth(town)
    assert (await ada.say("Register", type="member", option="mobile", account=PHONE, pwd=GOOD)).yes
    code = PASTES["in wide forms"](await ada.code(E164))
    assert (await ada.say("Register", type="member", option="mobile", account=PHONE, verid=code)).yes
    bob = Maillink(town)
    assert (await bob.register(ADA, GOOD, PHONE)).yes
    await bob.prove(ADA)
    await bob.log_in(ADA, GOOD)
    assert (await bob.who() or {})["phone"] == "13995265229"


async def test_the_pages_take_a_code_and_an_address_as_they_are_pasted(town: Town, paste: Any) -> None:
    await member(town)
    town.clock.advance(hours=1)
    reader = Reader(town)
    await reader.open("/forgot")
    await reader.send("/page/forgot", account=f"\u202d{ADA.replace('@', '＠')}\u202c ")
    await reader.send("/page/forgot/code", code=paste(await reader.code(ADA)))
    await reader.send("/page/forgot/password", password=BETTER)
    assert (await Maillink(town).log_in(ADA, BETTER)).yes


@pytest.mark.parametrize(("path", "action"), [("/register", "/page/register"), ("/reset_password/verify?email=x&vcode=y", "/page/forgot")])
async def test_a_wide_at_sign_is_one_wherever_a_page_asks_for_an_address(town: Town, path: str, action: str) -> None:
    reader = Reader(town)
    await reader.open(path)
    more = {"password": GOOD} if "register" in action else {}
    await reader.send(action, email=ADA.replace("@", "＠"), **more)
    assert reader.page.errors == {}
    assert bool(await town.mails(ADA)) is ("register" in action)


def test_nothing_inside_an_address_goes() -> None:
    assert pasted.address("\ufeffa\u200eda＠example.com\u202c ") == "a\u200eda@example.com"
    assert pasted.address(" \u200b") == ""

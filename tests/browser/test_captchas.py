"""The captcha as a person meets it: mostly not at all. Nothing that was typed is lost, and nobody without a browser gets by."""

from typing import Any

import pytest
from playwright.async_api import Route, expect

from browser.looking import judged
from browser.person import STRAIGHT, Person
from browser.test_errors import posts
from lingpai.settings import CaptchaSettings, Pages
from web.people import ADA, GOOD, member
from web.town import Town

pytestmark = pytest.mark.browser

WRONG = "not the password"
PHONE, E164 = "138 0013 8000", "+8613800138000"
OTHER, OTHERS = "139 0013 9000", "+8613900139000"
PLAIN = pytest.mark.parametrize("reached_at", ["plain.example"])
"""Over plain http a browser has no WebCrypto."""


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"pages": Pages(register=("link", "code", "phone"))}


async def fails(town: Town, times: int = 2) -> None:
    """Somebody elsewhere, at the same address."""
    async with town.browser() as eve:
        for _ in range(times):
            await eve.post("/page/login", data={"account": ADA, "password": WRONG})


async def registers(person: Person) -> None:
    await person.go("/register?way=link")
    await person.fill("pages.email", ADA)
    await person.fill("pages.password", GOOD)


@pytest.mark.parametrize("locale", ["zh-Hans", "en"])
async def test_who_registers_sees_that_it_verifies_and_no_picture(ada: Person) -> None:
    held: list[Route] = []

    async def hold(route: Route) -> None:
        held.append(route)

    await ada.page.route("**/page/captcha?kind=work", hold)
    await registers(ada)
    sent = posts(ada)
    await ada.press("pages.register.button")
    await expect(ada.page.locator("main fieldset.captcha")).to_contain_text(ada.word("pages.proof.doing"))
    assert await judged(ada.page) == []
    assert sent == []
    async with ada.page.expect_navigation(timeout=20_000):
        for route in held:
            await route.continue_()
    await ada.sees("pages.sent.title")
    assert len(sent) == 1
    assert len(await ada.town.mails(ADA)) == 1
    assert not any("kind=picture" in url for url in ada.asked)


async def test_a_login_that_failed_twice_elsewhere_takes_one_try_and_one_password(ada: Person) -> None:
    await member(ada.town)
    await fails(ada.town)
    sent = posts(ada)
    await ada.log_in(ADA, GOOD)
    await ada.is_home(ADA)
    assert len([url for url in sent if url.endswith("/page/login")]) == 1
    assert any(url.endswith("kind=work") for url in ada.asked), "it was paid for"


@PLAIN
@pytest.mark.parametrize("locale", ["zh-Hans", "en"])
async def test_where_a_browser_cannot_work_a_picture_comes_in_place_and_everything_stays(plain: Person) -> None:
    await member(plain.town)
    await fails(plain.town)
    await plain.log_in(ADA, GOOD, asked=True)
    await expect(plain.page.locator("[data-picture]")).to_be_visible()
    await expect(plain.field("pages.captcha.label")).to_be_focused()
    await expect(plain.field("pages.password")).to_have_value(GOOD)
    assert await judged(plain.page) == []
    await plain.press("pages.login.button")
    await plain.is_told("beside.captcha-missing")
    await plain.fill("pages.captcha.label", await plain.looks())
    await plain.press("pages.login.button")
    await plain.is_home(ADA)


@pytest.fixture
def plain(ada: Person) -> Person:
    """As everywhere; that one header means nothing over plain http is not our pages' fault."""
    ada.overlooked = "Cross-Origin-Opener-Policy header has been ignored"
    return ada


async def test_when_the_work_fails_a_picture_comes_in_its_place(ada: Person) -> None:
    await ada.page.route("**/page/captcha?kind=work", lambda route: route.fulfill(status=503))
    ada.overlooked = "responded with a status of 503"
    await registers(ada)
    await ada.press("pages.register.button")
    await expect(ada.page.locator("[data-picture]")).to_be_visible()
    await ada.fill("pages.captcha.label", await ada.looks())
    await ada.press("pages.register.button")
    await ada.sees("pages.sent.title")


@pytest.mark.parametrize("changes", [{"captcha": CaptchaSettings(pow=False)}], ids=["pictures"])
async def test_where_the_operator_wants_pictures_one_comes_in_place(ada: Person) -> None:
    await registers(ada)
    await ada.press("pages.register.button")
    await ada.fill("pages.captcha.label", await ada.looks())
    await expect(ada.field("pages.password")).to_have_value(GOOD)
    await ada.press("pages.register.button")
    await ada.sees("pages.sent.title")


@pytest.mark.parametrize("scripts", [False], ids=["plain"])
@pytest.mark.parametrize("locale", ["zh-Hans", "en"])
async def test_without_scripts_the_form_comes_back_with_all_that_was_typed_and_says_what_is_missing(ada: Person) -> None:
    await registers(ada)
    await ada.fill("pages.register.invite", "")
    await ada.press("pages.register.button")
    await ada.reads("pages.proof.asked")
    await expect(ada.page.locator("#failed")).to_have_count(0)
    await expect(ada.field("pages.email")).to_have_value(ADA)
    await expect(ada.field("pages.password")).to_have_value(GOOD)
    assert GOOD not in ada.page.url
    await ada.fill("pages.captcha.label", await ada.looks())
    await ada.press("pages.register.button")
    await ada.sees("pages.sent.title")


@STRAIGHT
async def test_a_text_message_costs_no_page_and_the_second_of_the_day_takes_a_picture(ada: Person) -> None:
    for number, to in ((PHONE, E164), (OTHER, OTHERS)):
        await ada.go("/login")
        await ada.fill("pages.by_code.account", number)
        if to == E164 or not ada.scripts:
            await ada.sends("pages.by_code.send")
        else:
            async with ada.page.expect_navigation(timeout=20_000):
                await ada.press("pages.by_code.send")
            await ada.reads("pages.proof.person")
            await expect(ada.field("pages.by_code.account")).to_have_value(number)
            await ada.fill("pages.captcha.label", await ada.looks())
            await ada.press("pages.by_code.send")
        await ada.sees("pages.by_code.code_title")
        assert len(await ada.town.mails(to)) == 1


async def test_one_more_code_is_sent_from_the_page_of_the_code(ada: Person) -> None:
    await member(ada.town)
    await ada.go("/login")
    await ada.fill("pages.by_code.account", ADA)
    await ada.sends("pages.by_code.send")
    await ada.sees("pages.by_code.code_title")
    before = len(await ada.town.mails(ADA))
    ada.town.clock.advance(seconds=61)
    await ada.page.reload()
    async with ada.page.expect_navigation(timeout=20_000):
        await ada.press("pages.form.resend")
    await ada.sees("pages.by_code.code_title")
    await expect(ada.page.locator("[data-wait]")).to_be_disabled()
    assert len(await ada.town.mails(ADA)) == before + 1


async def test_the_keyboard_alone_asks_for_a_code_by_phone(ada: Person) -> None:
    await ada.go("/login")
    await ada.field("pages.by_code.account").focus()
    await ada.page.keyboard.type(PHONE)
    await ada.enters()
    await ada.sees("pages.by_code.code_title")

"""Without a mouse, and without patience: keys alone, a form that says where it went wrong, codes that are pasted, buttons pressed twice."""

import pytest
from playwright.async_api import Locator, Route, expect

from browser.person import STRAIGHT, Person, Visits
from lingpai.settings import Pages
from web.people import ADA, GOOD, member

pytestmark = pytest.mark.browser

STEPS = 24
"""Keys at most to anything on a page."""


async def tab_to(person: Person, there: Locator) -> None:
    """Tab, as often as it takes."""
    for _ in range(STEPS):
        await person.page.keyboard.press("Tab")
        if await there.evaluate("one => one === document.activeElement"):
            outline = await there.evaluate("one => getComputedStyle(one).outlineStyle")
            assert outline != "none", "who cannot see the focus is lost"
            return
    raise AssertionError(f"the keyboard does not get to {there}")


async def type_into(person: Person, key: str, text: str) -> None:
    await tab_to(person, person.field(key))
    await person.page.keyboard.type(text)


@STRAIGHT
async def test_the_keyboard_alone_registers_logs_in_and_out(ada: Person) -> None:
    keys = ada.page.keyboard
    await ada.go("/register")
    await type_into(ada, "pages.email", ADA)
    await type_into(ada, "pages.password", GOOD)
    await ada.enters()
    await ada.sees("pages.sent.title")
    await ada.town.mails()
    await ada.go(f"/dev/inbox?to={ADA}")
    await tab_to(ada, ada.page.locator("article a").filter(has_text="/page/activate"))
    await keys.press("Enter")
    await ada.sees("pages.active.fresh.title")
    await tab_to(ada, ada.page.locator("main").get_by_role("link", name=ada.word("pages.to_me")))
    await keys.press("Enter")
    await ada.is_home(ADA)
    await leaves_by_keys(ada)
    await tab_to(ada, ada.page.get_by_role("link", name=ada.word("pages.to_login")))
    await keys.press("Enter")
    await ada.sees("pages.login.title")
    await tab_to(ada, ada.page.get_by_role("button", name=ada.word("pages.by_code.way.password")))
    await keys.press("Enter")
    await type_into(ada, "pages.login.account", ADA)
    await type_into(ada, "pages.password", GOOD)
    await keys.press("Enter")
    await ada.is_home(ADA)
    await leaves_by_keys(ada)


async def leaves_by_keys(person: Person) -> None:
    await tab_to(person, person.page.get_by_role("button", name=person.word("pages.me.home.leave")))
    await person.page.keyboard.press("Enter")
    await person.sees("pages.logout.done_title")


async def test_the_summary_has_the_focus_and_leads_to_each_field(ada: Person) -> None:
    await ada.go("/register")
    await ada.fill("pages.email", "ada@nowhere")
    await ada.fill("pages.password", "password1")
    await ada.press("pages.register.button")
    await expect(ada.page.locator("#failed")).to_be_focused()
    await ada.page.keyboard.press("Tab")
    await ada.page.keyboard.press("Enter")
    await expect(ada.field("pages.email")).to_be_focused()
    await expect(ada.field("pages.email")).to_have_value("ada@nowhere")
    assert await ada.page.title() == f"{ada.word('pages.form.title_failed')}{ada.word('pages.register.title')} · Lingpai"


async def test_caps_lock_is_told_while_it_is_on(ada: Person) -> None:
    await ada.go("/login?way=password")
    field, told = ada.field("pages.password"), ada.page.locator("#password-caps")
    press = "(one, on) => one.dispatchEvent(new KeyboardEvent('keydown', {key: 'A', bubbles: true, modifierCapsLock: on}))"
    for on, text in ((True, ada.word("pages.form.caps")), (False, "")):
        await field.evaluate(f"one => ({press})(one, {str(on).lower()})")
        await expect(told).to_have_text(text)


@pytest.mark.parametrize("changes", [{"pages": Pages(register=("code",))}], ids=["code"])
async def test_a_double_click_sends_one_code_and_the_button_counts_down(ada: Person) -> None:
    await ada.page.clock.install()
    await ada.go("/register")
    await ada.fill("pages.email", ADA)
    await ada.page.get_by_role("button", name=ada.word("pages.by_code.send")).dblclick()
    await ada.sees("pages.by_code.code_title")
    assert len([url for url in ada.asked if url.endswith("/page/register/code")]) == 1
    assert len(await ada.town.mails(ADA)) == 1
    again = ada.page.locator("[data-wait]")
    await expect(again).to_be_disabled()
    await expect(again).to_have_text(ada.word("pages.form.resend_in", seconds="60"))
    await ada.page.clock.run_for(61_000)
    await expect(again).to_be_enabled()
    ada.town.clock.advance(seconds=60)
    async with ada.page.expect_navigation(timeout=20_000):
        await again.click()
    await expect(again).to_be_disabled()
    assert len(await ada.town.mails(ADA)) == 2


@pytest.mark.parametrize("changes", [{"pages": Pages(register=("code",))}], ids=["code"])
async def test_a_code_is_pasted_with_its_spaces(another: Visits) -> None:
    async with another(permissions=["clipboard-read", "clipboard-write"]) as ada:
        await ada.go("/register")
        await ada.fill("pages.email", ADA)
        await ada.sends("pages.by_code.send")
        await ada.sees("pages.by_code.code_title")
        code = await ada.code(ADA)
        await ada.page.evaluate("text => navigator.clipboard.writeText(text)", f" {code[:3]} {code[3:]}\u00a0")
        await ada.field("pages.code.label").focus()
        await ada.page.keyboard.press("Control+V")
        await ada.sees("pages.phone_first.new_title")
        await ada.fill("pages.password", GOOD)
        await ada.page.keyboard.press("Enter")
        await ada.is_home(ADA)


async def test_who_comes_back_by_the_back_button_can_send_again(ada: Person) -> None:
    await member(ada.town)
    await ada.log_in(ADA, "not the password")
    await ada.is_told("refusal.bad-credentials")
    await ada.page.go_back()
    await ada.enter(ADA, GOOD)
    await ada.is_home(ADA)


async def test_a_refusal_on_the_way_loses_nothing_typed(ada: Person) -> None:
    await ada.go("/register")
    await ada.fill("pages.email", ADA)

    async def refuse(route: Route) -> None:
        await route.fulfill(status=429, content_type="text/html", body="<h1>busy</h1>")

    await ada.page.route("**/page/register", refuse)
    await ada.fill("pages.password", GOOD)
    await ada.press("pages.register.button")
    await expect(ada.page.get_by_role("heading")).to_have_text("busy")
    await ada.page.unroute("**/page/register")
    await ada.page.go_back()
    await expect(ada.field("pages.email")).to_have_value(ADA)
    await ada.fill("pages.password", GOOD)
    await ada.press("pages.register.button")
    await ada.sees("pages.sent.title")

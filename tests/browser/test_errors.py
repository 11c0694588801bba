"""What people are told when something is not so: all at once, at its place, with the way on; and pages for what is no page."""

import pytest
from playwright.async_api import Request, expect

from browser.looking import judged
from browser.person import CROSSED, STRAIGHT, Person
from web.people import ADA, GOOD, member

pytestmark = pytest.mark.browser

WRONG = "not the password"


def posts(person: Person) -> list[str]:
    """Forms that are sent from here on."""
    sent: list[str] = []

    def noted(request: Request) -> None:
        if request.method == "POST" and request.is_navigation_request():
            sent.append(request.url)

    person.page.on("request", noted)
    return sent


@pytest.mark.parametrize("locale", ["zh-Hans", "en"])
async def test_what_is_missing_is_told_all_at_once_in_our_words_before_anything_is_sent(ada: Person) -> None:
    await ada.go("/register")
    sent, summary = posts(ada), ada.page.locator("#failed")
    await ada.press("pages.register.button")
    await expect(summary.get_by_role("link")).to_have_count(2)
    await expect(summary).to_be_focused()
    for name in ("email", "password"):
        text = ada.word("beside.missing", field=ada.word(f"field.{name}"))
        await expect(ada.page.locator(f"#{name}-error")).to_have_text(text)
        await expect(ada.page.locator(f"#{name}")).to_have_attribute("aria-invalid", "true")
    assert (await ada.page.title()).startswith(ada.word("pages.form.title_failed"))
    assert await judged(ada.page) == []
    await ada.fill("pages.email", "ada@nowhere")
    await ada.fill("pages.password", "short")
    await ada.press("pages.register.button")
    await expect(ada.page.locator("#email-error")).to_have_text(ada.word("beside.email"))
    await expect(ada.page.locator("#password-error")).to_contain_text("8")
    await expect(ada.field("pages.password")).to_have_value("short")
    assert sent == []
    await ada.fill("pages.email", ADA)
    await ada.fill("pages.password", GOOD)
    await ada.sends("pages.register.button")
    await ada.sees("pages.sent.title")


@pytest.mark.parametrize("scripts", [False], ids=["plain"])
async def test_without_scripts_the_browser_says_it_and_the_server_says_the_rest_at_once(ada: Person) -> None:
    await ada.go("/register")
    sent = posts(ada)
    await ada.press("pages.register.button")
    assert await ada.page.evaluate("document.activeElement.id") == "email"
    assert sent == []
    await ada.fill("pages.email", "ada@nowhere")
    await ada.fill("pages.password", "eight888")
    await ada.page.locator("#password").evaluate("one => one.removeAttribute('minlength')")
    await ada.fill("pages.password", "short")
    await ada.press("pages.register.button")
    await expect(ada.page.locator("#failed a[href^='#']")).to_have_count(2)
    await expect(ada.page.locator("p.error")).to_have_count(2)


async def test_the_keyboard_goes_from_the_summary_to_each_field(ada: Person) -> None:
    await ada.go("/register")
    await ada.field("pages.email").focus()
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.locator("#failed")).to_be_focused()
    for tabs, name in ((1, "email"), (2, "password")):
        await ada.page.locator("#failed").focus()
        for _ in range(tabs):
            await ada.page.keyboard.press("Tab")
        await ada.page.keyboard.press("Enter")
        await expect(ada.page.locator(f"#{name}")).to_be_focused()


@CROSSED
async def test_a_refusal_has_the_next_step_in_its_message(ada: Person) -> None:
    await member(ada.town)
    for step, heading in (("pages.login.forgot", "pages.forgot.title"), ("pages.by_code.way.code", "pages.login.title")):
        await ada.log_in(ADA, WRONG)
        await ada.is_told("refusal.bad-credentials")
        await ada.page.locator("#failed").get_by_role("link", name=ada.word(step)).click()
        await ada.sees(heading)
        await expect(ada.page.locator("#account")).to_have_value(ADA)


@STRAIGHT
async def test_who_types_a_name_for_a_code_is_led_to_the_password(ada: Person) -> None:
    await ada.go("/login")
    await ada.fill("pages.by_code.account", "ada")
    await ada.press("pages.by_code.send")
    await ada.is_told("beside.contact")
    await ada.page.locator("#account-error").get_by_role("link", name=ada.word("pages.by_code.way.password")).click()
    await expect(ada.field("pages.login.account")).to_have_value("ada")


@STRAIGHT
async def test_a_failed_forms_address_is_opened_again_and_leads_to_its_page(ada: Person) -> None:
    await member(ada.town)
    await ada.log_in(ADA, WRONG, "/login?next=/me/data")
    await ada.is_told("refusal.bad-credentials")
    there = ada.page.url
    page = "/login?next=%2Fme%2Fdata&way=password&account=ada%40example.com" if ada.scripts else "/page/login?next=%2Fme%2Fdata"
    assert there == f"{ada.town.url}{page}", "where there are scripts it stands at its page's own address"
    await ada.go(there)
    await ada.sees("pages.login.title")
    await ada.enter(ADA, GOOD)
    await ada.page.wait_for_url(f"{ada.town.url}/me/data")


async def test_a_wrong_code_is_tried_once_however_often_its_page_is_reloaded(ada: Person) -> None:
    await ada.go("/login")
    await ada.fill("pages.by_code.account", ADA)
    await ada.sends("pages.by_code.send")
    await ada.fill("pages.code.label", "000000")
    await ada.is_told("beside.bad-code")
    sent = posts(ada)
    await ada.page.reload()
    await ada.sees("pages.by_code.code_title")
    assert sent == []


@pytest.mark.parametrize("locale", ["zh-Hans", "en"])
async def test_what_is_no_page_is_one_and_leads_on(ada: Person) -> None:
    await ada.go("/nowhere")
    await ada.sees("pages.problem.missing_title")
    assert await judged(ada.page) == []
    await ada.follow("pages.to_start")
    await ada.page.get_by_role("heading", level=1).wait_for()
    await ada.go("/page/strength")
    await ada.sees("pages.trouble.title.405")
    await ada.go("/login")
    await ada.page.locator("#account").evaluate("one => { one.maxLength = 30000; one.value = 'x'.repeat(20000) }")
    await ada.press("pages.by_code.send")
    await ada.sees("pages.trouble.title.413")
    await ada.page.reload()
    await ada.sees("pages.login.title")
    await ada.page.locator("#account").evaluate("one => { one.maxLength = 30000; one.value = 'x'.repeat(20000) }")
    await ada.press("pages.by_code.send")
    await ada.sees("pages.trouble.title.413")
    assert await judged(ada.page) == []
    await ada.follow("pages.trouble.again")
    await ada.sees("pages.login.title")


@pytest.mark.parametrize("scripts", [True], ids=["scripts"])
async def test_a_reload_and_the_way_back_after_a_refused_form_send_nothing_again(ada: Person) -> None:
    await member(ada.town)
    await ada.log_in(ADA, WRONG)
    await expect(ada.page.locator("#failed")).to_be_visible()
    sent = posts(ada)
    await ada.page.reload()
    await expect(ada.page.locator("#failed")).to_have_count(0)
    await ada.enter(ADA, WRONG)
    await expect(ada.page.locator("#failed")).to_be_visible()
    assert len(sent) == 1
    await ada.go("/register")
    await ada.page.go_back()
    await expect(ada.page.locator("form[action^='/page/login']").first).to_be_visible()
    assert len(sent) == 1


@pytest.mark.parametrize("scripts", [True], ids=["scripts"])
async def test_what_is_done_is_not_done_again_nor_denied_by_a_reload(ada: Person) -> None:
    await member(ada.town)
    await ada.log_in(ADA, GOOD)
    await ada.is_home(ADA)
    await ada.go("/me/delete")
    await ada.page.locator("#sure").check()
    await ada.press("pages.me.delete.button")
    await ada.sees("pages.me.closed.title")
    sent = posts(ada)
    await ada.page.reload()
    await ada.sees("pages.me.closed.title")
    await expect(ada.page.get_by_text(ada.word("pages.proofs.ended"))).to_have_count(0)
    assert sent == []

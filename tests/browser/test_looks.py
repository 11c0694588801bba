"""How the pages look and move: both languages, light and dark, a phone and a desk.

Judged by axe-core, and by whoever opens the pictures; see `looking`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from browser.looking import DATA, Eye, look, read_large
from frontdoor import serving
from lingpai.settings import Legal, Pages
from web import sample
from web.people import ADA, GOOD, member
from web.speakers import Maillink
from web.town import Town

pytestmark = pytest.mark.browser

EVE = "eve@example.com"
PAPERS = Pages(
    logo=str(DATA / "logo.svg"),
    terms=Legal("https://example.com/terms"),
    privacy=Legal("https://example.com/privacy"),
)
PRESSED = """() => {
    const button = document.querySelector("main button.primary"), before = button.offsetWidth;
    for (let time = 0; time < 3; time++) button.click();
    button.form.requestSubmit();
    return {text: button.textContent, disabled: button.ariaDisabled, grown: button.offsetWidth - before};
}"""


@dataclass(frozen=True)
class Street:
    """Where each page is, and the house behind it."""

    url: str
    pages: dict[str, str]
    town: Town


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"pages": PAPERS}


@pytest_asyncio.fixture(loop_scope="session")
async def street(town: Town) -> AsyncIterator[Street]:
    eve, ada = Maillink(town), await member(town)
    await eve.register(EVE, GOOD)
    await ada.forget(ADA)
    fresh = urlencode(await town.link(EVE, "/activate_account"))
    reset = urlencode(await town.link(ADA, "/reset_password/verify"))
    pages = {
        "sample": "/sample?email=ada@example.com",
        "error": "/sample?why=email&email=ada%20at%20home",
        "soon": "/sample?why=soon",
        "limited": "/sample?why=limited",
        "bad-activation": "/activate_account?email=ada@example.com&vcode=x",
        "bad-reset": "/reset_password/verify?email=ada@example.com&vcode=x",
        "reset": f"/reset_password/verify?{reset}",
        "active": f"/activate_account?{fresh}",
        "inbox": "/dev/inbox",
    }
    async with serving(sample.app(town)) as (_, port):
        yield Street(f"http://127.0.0.1:{port}", pages, town)


@asynccontextmanager
async def window(browser: Browser, street: Street, **options: Any) -> AsyncIterator[Page]:
    """A window of its own; its context's `base_url` is the street."""
    context = await browser.new_context(base_url=street.url, **{"locale": "en-US", **options})
    yield await context.new_page()
    await context.close()


@pytest.mark.parametrize("locale", ["zh-CN", "en-US", pytest.param("zh-TW", marks=pytest.mark.long)])
async def test_every_page_is_fit_for_everybody(browser: Browser, street: Street, eye: Eye, locale: str) -> None:
    async with window(browser, street, locale=locale) as page:
        for name, path in street.pages.items():
            await page.goto(path)
            await look(page, eye, name, locale)
            await read_large(page, name)


async def test_chinese_stands_on_wider_lines(browser: Browser, street: Street) -> None:
    heights = {}
    for locale in ("zh-CN", "zh-TW", "en-US"):
        async with window(browser, street, locale=locale) as page:
            await page.goto("/sample")
            heights[locale] = await page.evaluate("getComputedStyle(document.querySelector('label')).lineHeight")
    assert heights == {"zh-CN": "27.2px", "zh-TW": "27.2px", "en-US": "24px"}


async def test_a_page_is_drawn_in_the_fonts_of_its_language_and_so_is_each_name_in_the_switch(browser: Browser, street: Street) -> None:
    fonts = (
        "[...document.querySelectorAll('label, .languages button')].map((one) => getComputedStyle(one).fontFamily.includes('PingFang TC'))"
    )
    drawn = {}
    for locale in ("zh-CN", "zh-TW"):
        async with window(browser, street, locale=locale) as page:
            await page.goto("/sample")
            drawn[locale] = (await page.evaluate(fonts))[:4]
    assert drawn == {"zh-CN": [False, True, False, False], "zh-TW": [True, True, True, True]}


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_person_chooses_a_language_and_stays_on_the_page(browser: Browser, street: Street, scripts: bool) -> None:
    async with window(browser, street, java_script_enabled=scripts) as page:
        await page.goto("/sample?next=%2Fme")
        await page.get_by_role("button", name="简体中文").click()
        await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        assert page.url == f"{street.url}/sample?next=%2Fme"
        await page.goto("/activate_account")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")


async def test_a_link_page_keeps_its_link_when_the_language_changes(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        await page.goto(street.pages["reset"])
        await page.get_by_role("button", name="简体中文").click()
        await expect(page.get_by_role("heading", level=1).last).to_have_text("设置新密码")


async def test_the_summary_takes_the_focus_and_leads_to_the_field(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        await page.goto(street.pages["error"])
        await expect(page.locator("#failed")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#email")).to_be_focused()
        assert "error" in (await page.get_attribute("#email", "aria-describedby") or "")


async def test_who_uses_the_keyboard_may_skip_to_the_content(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        await page.goto("/sample")
        await page.keyboard.press("Tab")
        await expect(page.locator(".skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("name", ["reset", "active", "bad-reset"])
async def test_no_secret_stays_in_the_address(browser: Browser, street: Street, name: str) -> None:
    async with window(browser, street) as page:
        await page.goto(street.pages[name])
        await expect(page.locator("h1:visible")).to_be_visible()
        kept = parse_qs(urlsplit(await page.evaluate("location.href")).query)
        assert list(kept) == ["email"]


async def test_a_form_is_sent_once_and_says_that_it_works(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        sent: list[str] = []

        async def refuse(route: Route) -> None:
            sent.append(route.request.url)
            await route.fulfill(status=204)

        await page.route("**/page/activate/again", refuse)
        await page.goto(street.pages["bad-activation"])
        async with page.expect_request("**/page/activate/again"):
            assert await page.evaluate(PRESSED) == {"text": "One moment…", "disabled": "true", "grown": 0}
        await page.evaluate(PRESSED)
        await page.evaluate("fetch('/healthz').then((reply) => reply.text())")
        assert len(sent) == 1


async def test_a_password_can_be_shown_and_is_hidden_before_it_is_sent(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        await page.goto("/sample")
        field = page.locator("#password")
        await field.fill("correct horse battery")
        await page.get_by_role("button", name="Show: New password").click()
        await expect(field).to_have_attribute("type", "text")
        await page.evaluate("const form = document.querySelector('main form'); form.onsubmit = () => false; form.noValidate = true")
        await page.get_by_role("button", name="Save new password").click()
        await expect(field).to_have_attribute("type", "password")


async def test_the_server_judges_a_password_while_it_is_typed(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        await page.goto("/sample?email=ada@example.com")
        meter = page.locator("#password-meter")
        await page.locator("#password").fill("password1")
        await expect(meter).to_contain_text("too common")
        await page.locator("#password").fill("correct horse battery")
        await expect(meter).to_have_text("Good password.")


async def test_sending_again_counts_down(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        await page.clock.install()
        await page.goto("/sample")
        button = page.locator("[data-wait]")
        await expect(button).to_be_disabled()
        await expect(button).to_have_text("Resend in 42 s")
        await page.clock.run_for(2_000)
        await expect(button).to_have_text("Resend in 40 s")
        await page.clock.run_for(41_000)
        await expect(button).to_have_text("Resend")
        await expect(button).to_be_enabled()


async def test_a_new_password_is_set_with_scripts_and_a_weak_one_is_told_at_its_field(browser: Browser, street: Street) -> None:
    async with window(browser, street) as page:
        await page.goto(street.pages["reset"])
        for password in ("password1", "quite another one"):
            await page.locator("#password").fill(password)
            await page.get_by_role("button", name="Save new password").click()
            if password == "password1":
                await expect(page.locator("#password-error")).to_contain_text("too common")
                await expect(page.locator("#failed")).to_be_focused()
        await expect(page.locator("h1:visible")).to_have_text("Password reset")
        await expect(page).to_have_title("Password reset · Lingpai")


async def test_without_scripts_nothing_is_missing(browser: Browser, street: Street) -> None:
    async with window(browser, street, java_script_enabled=False) as page:
        await page.goto(street.pages["reset"])
        await expect(page.get_by_role("button", name="Show: New password")).to_be_hidden()
        await page.fill("#password", "quite another one")
        await page.click("main form button.primary")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Password reset")
        await page.goto("/sample")
        await expect(page.locator("[data-wait]")).to_be_enabled()
        await expect(page.get_by_text("You can resend in 42 seconds.")).to_be_visible()


async def test_a_text_is_copied(browser: Browser, street: Street) -> None:
    async with window(browser, street, permissions=["clipboard-read", "clipboard-write"]) as page:
        await page.goto("/sample")
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == await page.input_value("#link")

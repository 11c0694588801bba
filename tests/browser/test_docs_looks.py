"""How the reference and the start page look and read; the pictures lie beside the others, see `looking`."""

import pytest
from playwright.async_api import Browser, expect

from browser.looking import Eye, look

pytestmark = pytest.mark.browser

PATHS = ("/", "/docs", "/docs/maillink", "/docs/mailcode", "/docs/session", "/docs/hiyouth", "/docs/house")


@pytest.mark.parametrize("locale", ["zh-CN", "en-US"])
async def test_every_page_of_the_reference_is_fit_for_everybody(browser: Browser, url: str, eye: Eye, locale: str) -> None:
    context = await browser.new_context(base_url=url, locale=locale)
    page = await context.new_page()
    for path in PATHS:
        await page.goto(path)
        await look(page, eye, path.strip("/").replace("/", "-") or "start", locale)
    await context.close()


async def test_a_line_is_copied_whole(browser: Browser, url: str) -> None:
    context = await browser.new_context(base_url=url, locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    await page.goto("/docs/mailcode")
    shown = await page.locator("#post-account-login-1").text_content()
    await page.locator('[data-copy="post-account-login-1"]').click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == shown
    assert shown
    assert len(shown.splitlines()) == 3
    await context.close()


async def test_without_scripts_there_is_no_button_that_does_nothing(browser: Browser, url: str) -> None:
    context = await browser.new_context(base_url=url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/docs/maillink")
    assert await page.locator("[data-copy]:visible").count() == 0
    assert await page.locator(".command pre").count() > 0
    await context.close()

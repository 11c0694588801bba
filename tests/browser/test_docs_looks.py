"""How the reference, the start page and the inbox look and read; the pictures lie beside the others, see `looking`."""

import pytest
from playwright.async_api import Browser, expect

from browser.looking import Eye, look
from web.people import ADA, member
from web.speakers import Maillink
from web.town import Town

pytestmark = pytest.mark.browser

PATHS = ("/", "/docs", "/docs/maillink", "/docs/mailcode", "/docs/session", "/docs/hiyouth", "/docs/house")


@pytest.mark.parametrize("locale", ["zh-CN", "en-US", pytest.param("zh-TW", marks=pytest.mark.long)])
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


async def test_a_call_is_found_by_its_words_among_all_chapters_without_asking_anybody(browser: Browser, url: str) -> None:
    context = await browser.new_context(base_url=url, locale="en-US")
    page = await context.new_page()
    await page.goto("/docs/maillink", wait_until="networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.keyboard.press("/")
    field = page.get_by_label("Search")
    await expect(field).to_be_focused()
    await field.fill("AUTHORIZATION link")
    entries = page.locator("nav li a")
    await expect(entries.filter(visible=True)).to_have_count(1)
    await expect(page.get_by_role("status").filter(has_text="Calls found: 1")).to_be_visible()
    await field.fill("nothing of the kind")
    await expect(entries.filter(visible=True)).to_have_count(0)
    await field.fill("")
    assert await entries.filter(visible=True).count() == await page.locator("main .part h2 a").count(), "this chapter's own again"
    await field.fill("authorization link")
    assert asked == []
    await entries.filter(visible=True).click()
    await page.wait_for_url(f"{url}/docs/mailcode#post-user-authorization-new")
    await context.close()


async def test_without_scripts_the_list_at_the_side_leads_to_each_call(browser: Browser, url: str) -> None:
    context = await browser.new_context(base_url=url, locale="en-US", java_script_enabled=False)
    page = await context.new_page()
    await page.goto("/docs/maillink")
    await expect(page.locator("[data-search]")).to_be_hidden()
    await page.locator("nav").get_by_role("link", name="POST /logout").click()
    assert page.url == f"{url}/docs/maillink#post-logout"
    assert await page.locator("section:target h2").text_content()
    await context.close()


async def test_the_inbox_shows_a_mail_in_its_own_colours_and_its_links_open_outside(browser: Browser, url: str, town: Town) -> None:
    await Maillink(town).register("eve@example.com", "correct horse battery staple")
    await town.mails()
    context = await browser.new_context(base_url=url, locale="zh-CN")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto("/dev/inbox")
    button = page.frame_locator("iframe").locator(".button")
    await expect(button).to_have_css("background-color", "rgb(11, 87, 208)")
    async with context.expect_page() as opened:
        await button.click()
    other = await opened.value
    await expect(other.get_by_role("heading", level=1)).to_have_text("账号已激活")
    assert complaints == []
    await context.close()


async def test_the_inbox_is_narrowed_by_who_types_an_address_and_its_code_is_copied(browser: Browser, url: str, town: Town) -> None:
    await (await member(town)).browser.post("/page/forgot", data={"account": ADA, "by": "code"})
    await Maillink(town).register("eve@example.com", "correct horse battery staple")
    mails = [mail["to"] for mail in await town.mails()]
    context = await browser.new_context(base_url=url, locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    await page.goto("/dev/inbox")
    await page.get_by_label("Email or phone number").fill(ADA)
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator("article")).to_have_count(mails.count(ADA))
    assert 0 < mails.count(ADA) < len(mails)
    await page.locator("article").get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied in (await town.mails(ADA))[-1]["text"].split()
    assert len(copied) == 6
    await context.close()

"""One's own space in a browser: how it looks in both languages, light and dark, narrow and wide (`looking`); and the little that its
scripts do.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from browser.looking import Eye, look, read_large
from lingpai.settings import Invites, Social
from lingpai.settings.outside import Keys
from web.owners import Owner, elsewhere, owner
from web.people import ADA, GOOD
from web.speakers import Mailcode
from web.town import Town

pytestmark = pytest.mark.browser

PAGES = {
    "home": "/me",
    "profile": "/me/profile?done=saved",
    "security": "/me/security",
    "safety": "/me/safety",
    "password": "/me/password",
    "email": "/me/email",
    "email-code": "/me/email?to=ada@a-rather-long-name-of-a-host.example.com",
    "revealed": "/me/security?reveal=yes",
    "name": "/me/name",
    "questions": "/me/questions",
    "history": "/me/history",
    "devices": "/me/devices",
    "link": "/me/link",
    "invites": "/me/invites",
    "data": "/me/data",
    "delete": "/me/delete",
    "unlink": "/me/unlink?provider=qq",
}


@pytest.fixture
def changes() -> dict[str, Any]:
    keys = Keys(app_id="1", app_secret="made-up")
    return {"invites": Invites(initial=3), "social": Social(qq=keys, weibo=keys)}


@pytest_asyncio.fixture(loop_scope="session")
async def ada(town: Town) -> Owner:
    person = await owner(town)
    phone = await elsewhere(town)
    phone.browser.headers["User-Agent"] = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.50 Language/zh_CN"
    await phone.browser.post("/login", json={"email": ADA, "password": GOOD}, headers={"Accept": "*/*"})
    client = Mailcode(town, town.browser("203.0.113.78"))
    client.browser.headers["User-Agent"] = "okhttp/4.12.0"
    await client.log_in(ADA, GOOD)
    town.clock.advance(minutes=2)
    for _ in range(2):
        await person.send("/page/me/invites")
    return person


@asynccontextmanager
async def window(browser: Browser, url: str, ada: Owner, **options: Any) -> AsyncIterator[Page]:
    """A window in which ada is logged in."""
    context = await browser.new_context(base_url=url, **{"locale": "en-US", **options})
    token = ada.browser.cookies["lingpai_session"]
    await context.add_cookies([{"name": "lingpai_session", "value": token, "url": url}])
    yield await context.new_page()
    await context.close()


@pytest.mark.parametrize("locale", ["zh-CN", "en-US", pytest.param("zh-TW", marks=pytest.mark.long)])
async def test_every_page_of_one_s_own_is_fit_for_everybody(browser: Browser, url: str, ada: Owner, eye: Eye, locale: str) -> None:
    async with window(browser, url, ada, locale=locale) as page:
        for name, path in PAGES.items():
            await page.goto(path)
            await look(page, eye, f"me-{name}", locale)
            await read_large(page, name)
        await page.goto("/me/link")
        await page.click("main form button.primary")
        await expect(page.locator(".qr svg")).to_be_visible()
        await look(page, eye, "me-link-made", locale)
        await page.goto("/me/password")
        await page.fill("#old_password", "another one")
        await page.fill("#password", "correct horse battery staple")
        await page.click("main form button.primary")
        await expect(page.locator("#failed")).to_be_focused()
        await look(page, eye, "me-password-wrong", locale)


@pytest.mark.parametrize("locale", ["zh-CN", "en-US", pytest.param("zh-TW", marks=pytest.mark.long)])
async def test_who_leaves_proves_it_first_and_reads_until_when(browser: Browser, url: str, ada: Owner, eye: Eye, locale: str) -> None:
    ada.town.clock.advance(minutes=10)
    async with window(browser, url, ada, locale=locale) as page:
        await page.goto("/me/delete")
        await look(page, eye, "me-confirm", locale)
        await page.fill("#password", GOOD)
        await page.click("main form button.primary")
        await page.check("#sure")
        await page.click("main form button.danger")
        await expect(page.get_by_role("heading", level=1)).to_have_text(
            {"zh-CN": "账号已停用", "zh-TW": "帳號已停用", "en-US": "Your account is deactivated"}[locale]
        )
        await look(page, eye, "me-closed", locale)


async def test_a_link_is_copied_and_seen_to_expire(browser: Browser, url: str, ada: Owner) -> None:
    async with window(browser, url, ada, permissions=["clipboard-read", "clipboard-write"]) as page:
        await page.clock.install()
        await page.goto("/me/link")
        await page.click("main form button.primary")
        left = page.locator("[data-left]")
        await expect(left).to_have_text("5:00 left")
        link = await page.input_value("#link")
        await page.get_by_role("button", name="Copy").click()
        assert await page.evaluate("navigator.clipboard.readText()") == link
        await page.clock.run_for(61_000)
        await expect(left).to_have_text("3:59 left")
        await page.clock.run_for(240_000)
        await expect(page.get_by_text("The link has expired.")).to_be_visible()
        assert link not in await page.content()


async def test_the_qr_code_leads_to_the_link(browser: Browser, url: str, ada: Owner) -> None:
    """The shapes are those of the link on the same page, whole and dark upon light in a dark room too."""
    import segno

    async with window(browser, url, ada, color_scheme="dark") as page:
        await page.goto("/me/link")
        await page.click("main form button.primary")
        code = segno.make(await page.input_value("#link"), error="m", micro=False)
        assert code.svg_inline(omitsize=True).split(' d="')[1].split('"')[0] in await page.inner_html(".qr")
        assert await page.evaluate("getComputedStyle(document.querySelector('.qr path')).fill") == "rgb(255, 255, 255)"


async def test_what_was_done_is_said_once(browser: Browser, url: str, ada: Owner) -> None:
    async with window(browser, url, ada) as page:
        await page.goto("/me/profile")
        await page.fill("#nickname", "Ada")
        await page.click("main form button.primary")
        await expect(page.get_by_text("Profile saved.")).to_be_visible()
        assert page.url == f"{url}/me/profile"
        await page.reload()
        await expect(page.get_by_text("Profile saved.")).to_be_hidden()


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_person_proves_it_is_still_them_and_goes_on(browser: Browser, url: str, ada: Owner, scripts: bool) -> None:
    ada.town.clock.advance(minutes=10)
    async with window(browser, url, ada, java_script_enabled=scripts) as page:
        await page.goto("/me/security")
        await page.get_by_role("link", name=re.compile("^Email .* Change$")).click()
        await page.fill("#password", GOOD)
        await page.get_by_role("button", name="Confirm").click()
        await page.fill("#email", "ada@new.example.com")
        async with page.expect_navigation():
            await page.get_by_role("button", name="Send code").click()
        if not scripts:
            drawn = await page.locator("[data-id]").input_value()
            await page.fill("#captcha", await ada.services.captchas.peek(drawn))
            await page.get_by_role("button", name="Send code").click()
        await page.fill("#code", await ada.code("ada@new.example.com"))
        if not scripts:
            await page.get_by_role("button", name="Verify email").click()
        await expect(page.get_by_text("Email address verified.")).to_be_visible()


async def test_who_has_still_to_prove_the_address_is_told_so(browser: Browser, url: str, town: Town, eye: Eye) -> None:
    eve = Owner(town, town.browser())
    for call in ("Register", "Login"):
        await eve.browser.post(f"/api/{call}", data={"type": "member", "option": "email", "account": "eve@example.com", "pwd": GOOD})
    async with window(browser, url, eve) as page:
        await page.goto("/me")
        await look(page, eye, "me-unproved", "en-US")
        await page.get_by_role("button", name="Resend email").click()
        await expect(page.locator(".notice")).to_be_visible()
        await expect(page.locator("[data-wait]")).to_be_disabled()

"""The frame around every page: how much it weighs, how it stands, and what it is without colours of its own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Response, expect

from browser.looking import DATA, MISFITS, judged
from lingpai.settings import Legal, Pages, Social
from lingpai.settings.outside import Keys, WechatKeys
from web.owners import Owner, owner
from web.town import Town

pytestmark = pytest.mark.browser

KB = 1_000
OWN = ("/me", "/me/security", "/me/safety", "/me/data", "/me/devices", "/me/password", "/me/link", "/me/invites", "/me/questions")
BEFORE = ("/register", "/forgot", "/logout", "/connect/nobody", "/nowhere")


@pytest.fixture
def changes() -> dict[str, Any]:
    keys = Keys(app_id="1", app_secret="made-up")
    papers = Pages(logo=str(DATA / "logo.svg"), terms=Legal("https://example.com/terms"), register=("link", "code", "phone"))
    return {"social": Social(qq=keys, weibo=keys, wechat=WechatKeys(app_id="1", app_secret="made-up")), "pages": papers}


@asynccontextmanager
async def window(browser: Browser, url: str, ada: Owner | None = None, **options: Any) -> AsyncIterator[Page]:
    """A window of its own, where ada is logged in or nobody is."""
    context = await browser.new_context(base_url=url, **{"locale": "zh-CN", **options})
    if ada:
        await context.add_cookies([{"name": "lingpai_session", "value": ada.browser.cookies["lingpai_session"], "url": url}])
    yield await context.new_page()
    await context.close()


async def weight(there: httpx.AsyncClient, path: str, known: dict[str, int]) -> int:
    """Bytes on the way, of a page and of every file that it names; `known` holds those that were weighed before."""
    page = await there.get(path)
    named = set(re.findall(r'(?:src|href|data-solver)="(/static/[^"]+)"', page.text))
    for file in named - known.keys():
        known[file] = int((await there.get(file)).headers["content-length"])
    return len(page.content) + sum(known[file] for file in named)


async def test_a_login_loads_under_30_kb_and_every_page_under_60(browser: Browser, url: str, town: Town) -> None:
    async with window(browser, url) as page:
        loaded: list[Response] = []
        page.on("response", lambda answer: loaded.append(answer))  # noqa: PLW0108 - a list's own method cannot listen
        await page.goto("/login")
        assert len(loaded) >= 4
        await page.focus("#account")
        await page.wait_for_load_state("networkidle")
        assert any("pow.js" in answer.url for answer in loaded), "what the captcha loads is among it"
        assert sum([(await answer.request.sizes())["responseBodySize"] for answer in loaded]) < 30 * KB
    ada, known = await owner(town), dict[str, int]()
    weights = {path: await weight(ada.browser, path, known) for path in (*OWN, "/page/activate/done")}
    async with town.browser() as stranger:
        stranger.headers["Accept"] = "text/html"
        weights |= {path: await weight(stranger, path, known) for path in BEFORE}
    assert min(weights.values()) > 5 * KB, "they came with their style and their script"
    assert {path: size for path, size in weights.items() if size >= 60 * KB} == {}


async def test_a_page_is_a_card_from_640_px_and_the_card_is_the_page_below(browser: Browser, url: str) -> None:
    async with window(browser, url) as page:
        for width, border in ((640, "1px"), (639, "0px")):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto("/login")
            card = await page.locator(".sheet").bounding_box()
            assert card
            assert card["width"] == (400 if border == "1px" else width - 32)
            assert card["y"] == (96 if border == "1px" else 0), "at 12 % of the height"
            assert await page.eval_on_selector(".sheet", "sheet => getComputedStyle(sheet).borderTopWidth") == border
            chosen = await page.get_by_role("button", name="English").bounding_box()
            assert chosen
            assert width - chosen["x"] - chosen["width"] < 32, "the language is at the right"
            assert chosen["y"] < 32, "and at the top"


async def test_the_side_list_stands_from_960_px_beside_640_px(browser: Browser, url: str, town: Town) -> None:
    ada = await owner(town)
    async with window(browser, url, ada) as page:
        side = page.get_by_role("navigation")
        for width, stands in ((960, True), (959, False)):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto("/me/password")
            assert await side.is_visible() is stands
            assert await page.eval_on_selector("main", "main => main.offsetWidth") == 640
        await page.set_viewport_size({"width": 1280, "height": 800})
        await expect(side.locator("[aria-current]")).to_have_text("登录方式")
        await side.get_by_role("link", name="安全").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("安全")
        await expect(side.locator("[aria-current=page]")).to_have_text("安全")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_where_colours_are_forced_buttons_keep_an_edge_and_marks_a_shape(browser: Browser, url: str, scheme: Any) -> None:
    async with window(browser, url, forced_colors="active", color_scheme=scheme) as page:
        await page.goto("/login")
        ground = await page.eval_on_selector("body", "body => getComputedStyle(body).backgroundColor")
        for selector in (".primary", ".others .mark"):
            await expect(page.locator(selector).first).to_have_css("border-top-width", "1px")
            await expect(page.locator(selector).first).not_to_have_css("border-top-color", ground)
        assert await page.evaluate(MISFITS) == []
        assert await judged(page) == []


async def test_nothing_moves_for_who_asked_for_less_motion(browser: Browser, url: str) -> None:
    for motion, name in (("no-preference", "turn"), ("reduce", "none")):
        async with window(browser, url, reduced_motion=motion) as page:
            await page.goto("/login")
            await page.eval_on_selector("main .primary", "button => button.setAttribute('aria-disabled', 'true')")
            moving = "button => getComputedStyle(button, '::after').animationName"
            assert await page.eval_on_selector("main .primary", moving) == name


async def test_on_paper_there_is_what_is_read_and_nothing_to_press(browser: Browser, url: str, town: Town) -> None:
    ada = await owner(town)
    async with window(browser, url, ada) as page:
        await page.goto("/me/devices")
        await page.emulate_media(media="print")
        await expect(page.locator("h1")).to_be_visible()
        await expect(page.locator(".row").first).to_be_visible()
        assert await page.locator("button:visible, nav:visible, footer:visible").count() == 0

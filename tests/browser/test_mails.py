"""The mails themselves: readable on a phone and on a desk, light and dark, with a long address, asking nobody for anything."""

from typing import Any

import pytest
from playwright.async_api import Browser, Request

from browser.looking import SIZES, Eye
from browser.person import EACH, LOCALES
from lingpai.core.model import Locale
from web.people import GOOD
from web.town import Town

pytestmark = pytest.mark.browser

LONG = "a.rather.long.name.of.somebody.with.much.to.say@a-rather-long-name-of-a-host.example.com"
OTHER = "a staple of another kind"
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
"""What holds for a letter too; landmarks and headings are for pages."""
SIDEWAYS = "document.documentElement.scrollWidth > document.documentElement.clientWidth ? ['scrolls sideways'] : []"


async def letters(town: Town, locale: Locale) -> list[dict[str, Any]]:
    """A link, a code, a link, a notice, and another notice."""
    async with town.browser() as ada:
        ada.headers["Accept-Language"] = LOCALES[locale]
        registers = {"email": LONG, "password": GOOD, "way": "link"}
        await ada.post("/page/register", data=registers)
        await ada.get("/page/activate", params=await town.link(LONG, "/page/activate"))
        await ada.post("/page/forgot", data={"account": LONG, "by": "code"})
        town.clock.advance(minutes=5)
        await ada.post("/page/forgot", data={"account": LONG, "by": "link"})
        link = await town.link(LONG, "/page/reset")
        await ada.post("/page/reset", data={**link, "password": OTHER, "rp_password": OTHER})
        await ada.post("/page/register", data=registers)
    return await town.mails(LONG)


@EACH
async def test_a_mail_reads_well_everywhere(browser: Browser, town: Town, eye: Eye, locale: Locale) -> None:
    asked: list[Request] = []
    page = await browser.new_page()
    page.on("request", lambda request: asked.append(request))  # noqa: PLW0108 - a list's own method cannot listen
    found = await letters(town, locale)
    assert len(found) == 5
    for number, mail in enumerate(found):
        await page.set_content(mail["html"])
        assert await page.get_attribute("html", "lang") == locale
        for size in SIZES[LOCALES[locale]]:
            assert await eye.see(page, f"mail-{number}-{LOCALES[locale]}", size, SIDEWAYS, *WCAG) == [], mail["subject"]
    await page.close()
    assert asked == []

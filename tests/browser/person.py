"""Somebody before a browser: finds what to press by the words on the page, as people and screen readers do."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from lingpai.core import rules, words
from lingpai.core.masked import half_shown
from lingpai.core.model import Locale
from web.town import Town

LOCALES: dict[Locale, str] = {"zh-Hans": "zh-CN", "zh-Hant": "zh-TW", "en": "en-US"}
"""What a browser calls the languages of the pages."""
EACH = pytest.mark.parametrize("locale", ["zh-Hans", "en", pytest.param("zh-Hant", marks=pytest.mark.long)])
"""Chinese and English, and in the long form what is written much as the one of them."""
STRAIGHT = pytest.mark.parametrize(("locale", "scripts"), [("zh-Hans", True), ("en", False)], ids=["zh-scripts", "en-plain"])
CROSSED = pytest.mark.parametrize(("locale", "scripts"), [("zh-Hans", False), ("en", True)], ids=["zh-plain", "en-scripts"])
"""Each has both languages, and both with scripts and without; neighbouring stories take turns."""
BOTH = pytest.mark.parametrize(
    ("locale", "scripts"),
    [
        ("zh-Hans", True),
        ("en", False),
        pytest.param("zh-Hans", False, marks=pytest.mark.long),
        pytest.param("en", True, marks=pytest.mark.long),
        pytest.param("zh-Hant", True, marks=pytest.mark.long),
    ],
    ids=["zh-scripts", "en-plain", "zh-plain", "en-scripts", "hant-scripts"],
)
"""The same, and in the long form whatever is missing."""


class Visits(Protocol):
    """Opens one more browser, of somebody who reads the same language and runs scripts or does not."""

    def __call__(self, **options: Any) -> "AbstractAsyncContextManager[Person]": ...


class Person:
    """One browser of one person, who reads one language. Keys are those of the locale files."""

    def __init__(self, town: Town, page: Page, locale: Locale, *, scripts: bool) -> None:
        self.town = town
        self.page = page
        self.locale = locale
        self.scripts = scripts
        self.asked: list[str] = []
        """Every address that the browser asked for."""
        self.expected = {urlsplit(town.url).netloc}
        """Hosts that the story leads to."""
        self.complaints: list[str] = []
        """What its console says: a blocked load, a broken script."""
        self.overlooked = ""
        """What it may say in this story."""

    def word(self, key: str, **values: str | int) -> str:
        return words.text(key, self.locale, **values)

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.town.url}{path}" if path.startswith("/") else path)

    def field(self, key: str, **values: str | int) -> Locator:
        """The field under this label."""
        label = re.escape(self.word(key, **values))
        optional = re.escape(self.word("pages.form.optional"))
        return self.page.get_by_label(re.compile(f"^{label}( {optional})?$"))

    async def fill(self, key: str, text: str, **values: str | int) -> None:
        await self.field(key, **values).fill(text)

    async def choose(self, key: str) -> None:
        await self.page.get_by_role("radio", name=self.word(key), exact=True).check()

    async def press(self, key: str, **values: str | int) -> None:
        await self.page.get_by_role("button", name=self.word(key, **values), exact=True).click()

    async def sends(self, key: str) -> None:
        """Presses what a captcha stands before: browsers with scripts work for it; what others meet, `passes` says."""
        async with self.page.expect_navigation(timeout=20_000):
            await self.press(key)
        await self.passes()

    async def passes(self) -> None:
        """Where a form has come back with a picture: reads it. Everything else has stayed."""
        if self.scripts or not await self.page.locator("[data-picture][src]").count():
            return
        await self.fill("pages.captcha.label", await self.looks())
        await self.field("pages.captcha.label").press("Enter")

    async def enters(self) -> None:
        """The Enter key, where it sends a form: and on to the next page, as `sends`."""
        async with self.page.expect_navigation(timeout=20_000):
            await self.page.keyboard.press("Enter")
        await self.passes()

    async def looks(self) -> str:
        """What the picture shows: whoever reads the house's own notes sees it."""
        drawn = self.page.locator("[data-id]")
        await expect(drawn).not_to_have_value("")
        answer = await self.town.house.services.captchas.peek(await drawn.input_value())
        assert answer
        return answer

    async def follow(self, key: str, **values: str | int) -> None:
        await self.page.get_by_role("link", name=self.word(key, **values), exact=True).first.click()

    async def act(self, action: str, thing: str) -> None:
        """Presses a row by the thing that it begins with and the action that it ends with: "Password, changed 3 days ago, Change"."""
        await self._row(f"{re.escape(self.word(thing))} .* {re.escape(self.word(action))}").click()

    async def turn_to(self, thing: str) -> None:
        """Presses a row that is an action itself: "Delete account"."""
        await self._row(f"{re.escape(self.word(thing))} .*").click()

    def _row(self, called: str) -> Locator:
        found = re.compile(f"^{called}$")
        rows = self.page.locator("main .rows")
        return rows.get_by_role("link", name=found).or_(rows.get_by_role("button", name=found))

    async def sees(self, key: str, **values: str | int) -> None:
        """The page's one heading."""
        heading = self.page.get_by_role("heading", level=1)
        await expect(heading).to_have_text(self.word(key, **values))

    async def reads(self, key: str, **values: str | int) -> None:
        """A text somewhere on the page."""
        await expect(self.page.get_by_text(self.word(key, **values)).first).to_be_visible()

    async def reads_exactly(self, text: str) -> None:
        await expect(self.page.get_by_text(text, exact=True)).to_be_visible()

    async def is_told(self, reason: str, **values: str | int) -> None:
        """The summary says so; with scripts it has the focus."""
        summary = self.page.locator("#failed")
        await expect(summary).to_contain_text(self.word(reason, **values))
        if self.scripts:
            await expect(summary).to_be_focused()

    async def is_home(self, known_by: str) -> None:
        """In one's own space, which names the name that one has, or the address or number so far that its owner knows it."""
        await self.page.wait_for_url(f"{self.town.url}/me")
        shown = half_shown(rules.phone(known_by).value if known_by.startswith("+") else known_by)
        await expect(self.page.locator(".row").get_by_text(shown, exact=True)).to_be_visible()

    async def log_in(self, account: str, password: str, path: str = "/login", *, asked: bool = False) -> None:
        await self.go(path)
        await self.enter(account, password, asked=asked)

    async def enter(self, account: str, password: str, *, asked: bool = False) -> None:
        """The form of a login page that is open; where that first offers a code, whoever has a password goes on to the other way.

        `asked`: a picture comes in its place, and nothing is sent yet.
        """
        await expect(self.page.locator("form[action^='/page/login']").first).to_be_visible()
        if await self.field("pages.by_code.account").count():
            await self.press("pages.by_code.way.password")
        await self.fill("pages.login.account", account)
        await self.fill("pages.password", password)
        if asked:
            return await self.press("pages.login.button")
        async with self.page.expect_navigation(timeout=20_000):
            await self.press("pages.login.button")
        return None

    async def log_out(self) -> None:
        await self.go("/me")
        await self.press("pages.me.home.leave")
        await self.sees("pages.logout.done_title")

    async def open_mail(self, to: str, part: str) -> None:
        """Finds the newest message in the inbox, and clicks its link."""
        await self.town.mails()
        await self.go(f"/dev/inbox?to={to}")
        await self.page.locator("article").first.get_by_role("link").filter(has_text=part).first.click()

    async def code(self, to: str) -> str:
        """The newest code that was sent, as the message shows it."""
        for message in reversed(await self.town.mails(to)):
            if found := re.search(r"(?<![0-9a-z])[0-9]{6}(?![0-9a-z])", message["text"]):
                return found[0]
        raise AssertionError(f"no code was sent to {to}")

    def strangers(self) -> set[str]:
        """Whoever else the browser asked."""
        return {urlsplit(url).netloc for url in self.asked if not url.startswith(("data:", "blob:"))} - self.expected


@asynccontextmanager
async def arrives(browser: Browser, town: Town, locale: Locale = "en", *, scripts: bool = True, **options: Any) -> AsyncIterator[Person]:
    """Somebody with a browser of their own. At the end its console must have had nothing to say of our pages but that one refused."""
    context = await browser.new_context(locale=LOCALES[locale], java_script_enabled=scripts, **options)
    context.set_default_timeout(10_000)
    person = Person(town, await context.new_page(), locale, scripts=scripts)

    def heard(request: Request) -> None:
        person.asked.append(request.url)

    def complained(message: ConsoleMessage) -> None:
        ours, refused = message.location["url"].startswith(f"{town.url}/"), "responded with a status of 4" in message.text
        overlooked = person.overlooked and person.overlooked in message.text
        if message.type in ("error", "warning") and ours and not refused and not overlooked:
            person.complaints.append(message.text)

    context.on("request", heard)
    context.on("console", complained)
    context.on("weberror", lambda error: person.complaints.append(str(error.error)))
    yield person
    await context.close()
    assert person.complaints == []

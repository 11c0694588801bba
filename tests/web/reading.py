"""Reads hosted pages as a person without JavaScript does: forms that are filled in and sent, links that are followed."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

from web.town import PUBLIC_URL, Browser, Town

HTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
LANGUAGES = {"zh-Hans": "zh-CN,zh;q=0.9", "en": "en-GB,en;q=0.9"}


@dataclass
class Form:
    """A form as it was drawn."""

    action: str
    id: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    """What it would send as it stands."""
    boxes: set[str] = field(default_factory=set)
    """Fields that are sent once they are ticked."""
    kinds: dict[str, dict[str, str]] = field(default_factory=dict)
    """The attributes of each input."""
    buttons: set[str] = field(default_factory=set)
    """Fields that a button sends which is pressed."""
    actions: set[str] = field(default_factory=set)
    """Where such a button sends the form, beside its action."""


class Page(HTMLParser):
    """One page."""

    def __init__(self, reply: httpx.Response) -> None:
        super().__init__()
        self.reply = reply
        self.status = reply.status_code
        self.language = ""
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.errors: dict[str, str] = {}
        self.sources: dict[str, str] = {}
        self._spoken: list[str] = []
        self._open: Form | None = None
        self._chosen = ""
        self._error = ""
        self.heading = ""
        self._heading = False
        self.feed(reply.text)

    @property
    def text(self) -> str:
        """All that is written on it."""
        return " ".join("".join(self._spoken).split())

    def form(self, action: str) -> Form:
        """The form that posts there, or whose button does, and that a person can see."""
        found = [form for form in self.forms if action in (form.action, *form.actions) and form.id != "redraw"]
        assert found, (action, self.status, self.text)
        return found[0]

    def link(self, part: str) -> str:
        """The first link whose address holds `part`."""
        found = [link for link in self.links if part in link]
        assert found, (part, self.links)
        return found[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = said["lang"]
        elif tag == "h1":
            self._heading = True
        elif tag == "form":
            self._open = Form(said["action"], said.get("id", ""))
            self.forms.append(self._open)
        elif tag == "a":
            self.links.append(said["href"])
        elif tag in ("img", "audio") and "src" in said:
            self.sources[tag] = said["src"]
        elif tag == "p" and said.get("class") == "error":
            self._error = said["id"].removesuffix("-error")
        elif self._open:
            self._field(self._open, tag, said)

    def _field(self, form: Form, tag: str, said: dict[str, str]) -> None:
        if tag == "input" and "name" in said:
            self._input(form, said)
        elif tag == "button":
            form.buttons |= {said["name"]} if "name" in said else set()
            form.actions |= {said["formaction"]} if "formaction" in said else set()
        elif tag == "select":
            self._chosen = said["name"]
        elif tag == "option" and ("selected" in said or self._chosen not in form.fields):
            form.fields[self._chosen] = said["value"]

    def _input(self, form: Form, said: dict[str, str]) -> None:
        form.kinds[said["name"]] = said
        if said.get("type") in ("checkbox", "radio") and "checked" not in said:
            form.boxes.add(said["name"])
        else:
            form.fields[said["name"]] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "p":
            self._error = ""
        elif tag == "h1":
            self._heading = False

    def handle_data(self, data: str) -> None:
        self._spoken.append(data)
        if self._error:
            self.errors[self._error] = data
        if self._heading:
            self.heading += data


class Reader:
    """A person in front of a browser without JavaScript."""

    def __init__(self, town: Town, language: str = "en", ip: str = "198.51.100.7") -> None:
        self.town = town
        self.browser: Browser = town.browser(ip)
        self.browser.headers.update({"Accept": HTML, "Accept-Language": LANGUAGES[language]})
        self.page: Page
        self.where = ""
        """The path and query of the page that is open."""

    async def open(self, path: str) -> Page:
        """Types an address, or follows a link; and goes on where it leads."""
        return await self._on(await self.browser.get(path))

    async def send(self, action: str, **typed: str) -> Page:
        """Fills in the form that posts to `action` and sends it. What is typed must be there to type into.

        Whoever has a password, before a login page that first offers a code, goes to the one with a password.
        """
        if action == "/page/login" and (first := next((form for form in self.page.forms if form.action == "/page/login/code"), None)):
            await self.post("/page/login/way", **first.fields, way="password")
        form = self.page.form(action)
        assert set(typed) <= set(form.fields) | form.boxes | form.buttons | {"show"}, (typed, form)
        return await self.post(action, **{**form.fields, **typed})

    async def post(self, action: str, **fields: str) -> Page:
        """Sends what no page offers."""
        return await self._on(await self.browser.post(action, data=fields, headers={"Sec-Fetch-Site": "same-origin"}))

    async def _on(self, reply: httpx.Response) -> Page:
        self.where = str(reply.url).removeprefix(PUBLIC_URL)
        if reply.status_code == 303:
            there = urljoin(str(reply.url), reply.headers["location"])
            if not there.startswith(f"{PUBLIC_URL}/me") and there.startswith(PUBLIC_URL):
                return await self.open(there)
            self.where = there.removeprefix(PUBLIC_URL)
        self.page = Page(reply)
        return self.page

    async def code(self, to: str) -> str:
        """The newest code that was sent there."""
        for mail in reversed(await self.town.mails(to)):
            if found := re.search(r"(?<![0-9])[0-9]{4,6}(?![0-9])", mail["text"]):
                return found[0]
        raise AssertionError(f"no code was sent to {to}")

    async def follow(self, to: str) -> Page:
        """Opens the newest link of ours that was mailed."""
        for mail in reversed(await self.town.mails(to)):
            for word in mail["text"].split():
                if word.startswith(PUBLIC_URL):
                    parts = urlsplit(word)
                    return await self.open(f"{parts.path}?{parts.query}")
        raise AssertionError(f"no link was mailed to {to}")

    async def solve(self) -> str:
        """The answer to the captcha that the page shows."""
        drawn = next(form.fields["captcha_id"] for form in self.page.forms if "captcha_id" in form.fields)
        answer = await self.town.house.services.captchas.peek(drawn)
        assert answer
        return answer

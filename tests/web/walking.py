"""Goes the walk that a dialect declares, in the town's own process: what people read in mails and pictures is read there."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from lingpai.core.errors import NotLoggedIn
from lingpai.web.dialects import dialects
from lingpai.web.request.calls import Call, Dialect
from lingpai.web.request.examples import values_of
from lingpai.web.request.walks import (
    CodeInMail,
    CodeInText,
    DrawnCaptcha,
    ExampleStep,
    Kept,
    LinkInMail,
    ReadCaptcha,
    Seen,
)
from web.town import Browser, Town


@dataclass
class Walker:
    """Somebody who tries a dialect. `email` is theirs; by default the walk's own."""

    town: Town
    dialect: Dialect
    email: str = ""
    browser: Browser = field(init=False)
    answers: dict[str, str] = field(default_factory=dict)
    """Those that were kept, by file."""
    drawn: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.browser = self.town.browser()
        self.email = self.email or self.dialect.walk.email

    @property
    def base(self) -> str:
        """What stands before the dialect's paths."""
        return self.town.house.services.settings.dialects[self.dialect.name].prefix.rstrip("/")

    def call_of(self, step: ExampleStep) -> Call:
        """The call that a step tries."""
        return next(call for call in self.dialect.calls if call.path == step.path and step.method in ("", *call.methods))

    def step_to(self, path: str) -> ExampleStep:
        """The first step that tries a path."""
        return next(step for step in self.dialect.walk.steps if step.path == path)

    async def go(self, *, until: str = "") -> list[tuple[ExampleStep, httpx.Response]]:
        """All steps in their order, or those up to the first one that tries `until`, with their answers."""
        said = []
        for step in self.dialect.walk.steps:
            said.append((step, await self.take(step)))
            if step.path == until:
                break
        return said

    async def take(self, step: ExampleStep, **instead: str) -> httpx.Response:
        """One step. `instead` replaces texts wherever they stand in what is sent: `old="new"` by value."""
        call = self.call_of(step)
        fields = {name: await self.read(value) for name, value in values_of(call, self.dialect.walk, step)}
        fields = {name: instead.get(value, value) for name, value in fields.items()}
        reply = await self.send(call, step, fields)
        self.answers[step.keeps] = reply.text
        return reply

    async def send(self, call: Call, step: ExampleStep, fields: dict[str, str]) -> httpx.Response:
        """As the line of curl in the reference does it."""
        method, path = step.method or call.methods[0], call.path if call.rooted else self.base + call.path
        headers = {"Accept": "text/html"} if step.page else {}
        if self.dialect.walk.bearer and NotLoggedIn in call.refusals:
            headers["Authorization"] = f"Bearer {await self.read(self.dialect.walk.bearer)}"
        if method == "GET":
            return await self.browser.get(f"{path}?{urlencode(fields)}" if fields else path, headers=headers)
        return await self.browser.request(method, path, data=fields, headers=headers)

    async def read(self, value: str | Seen) -> str:
        """What somebody sees; the walk's address is this person's."""
        match value:
            case str():
                return value.replace(self.dialect.walk.email, self.email) if self.dialect.walk.email else value
            case LinkInMail(to=to, starts=starts):
                return await self._newest(to, rf"{starts}([a-z2-7]*)")
            case CodeInMail(to=to, pattern=pattern):
                return await self._newest(to, rf"\n({pattern})\n")
            case CodeInText(to=to, pattern=pattern):
                return await self._newest(to, f"({pattern})")
            case Kept(file=file, before=before, pattern=pattern):
                return re.findall(f"{before}({pattern})", self.answers[file])[-1]
            case DrawnCaptcha() | ReadCaptcha():
                return await self._captcha(value)
        raise AssertionError(value)

    async def _captcha(self, value: DrawnCaptcha | ReadCaptcha) -> str:
        if isinstance(value, ReadCaptcha):
            answer: dict[str, str] = (await self.browser.get(f"/dev/captcha/{self.drawn[value.of.name]}")).json()
            return next(iter(answer.values()))
        said: dict[str, Any] = (await self.browser.get(self.base + value.call)).json()
        self.drawn[value.name] = str(said[value.field] if value.field in said else said["data"][value.field])
        return self.drawn[value.name]

    async def _newest(self, to: str, pattern: str) -> str:
        mails = await self.town.mails(to.replace(self.dialect.walk.email, self.email) if self.dialect.walk.email else to)
        found = [text for mail in mails for text in re.findall(pattern, mail["text"])]
        assert found, (to, pattern, mails)
        return str(found[-1])

    def accepted(self, reply: httpx.Response) -> bool:
        """Whether an answer is a yes of this dialect's."""
        return reply.status_code == 200 and dict(reply.json()).items() >= self.dialect.walk.yes.items()


def walker(town: Town, name: str, email: str = "") -> Walker:
    """Somebody who tries the dialect of this name."""
    return Walker(town, dialects()[name], email)

"""How a person's wishes are said to each dialect, so that a story can be told once and run through every door."""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from web.town import Browser, Town


@dataclass(frozen=True)
class Answer:
    """What a door said, in words that every dialect shares."""

    yes: bool
    text: str
    reply: httpx.Response


class Maillink:
    """Seed 001."""

    def __init__(self, town: Town, browser: Browser | None = None) -> None:
        self.town = town
        self.browser = browser or town.browser()

    def another(self, ip: str = "203.0.113.9") -> "Maillink":
        """Somebody else, in a browser of their own."""
        return Maillink(self.town, self.town.browser(ip))

    async def say(self, path: str, **fields: Any) -> Answer:
        reply = await self.browser.post(path, json=fields)
        said = reply.json()
        return Answer(said["code"] == 200, said["data"].get("msg") or said["msg"], reply)

    async def register(self, email: str, password: str, phone: str = "") -> Answer:
        return await self.say("/register", email=email, phone=phone, password=password)

    async def prove(self, email: str) -> httpx.Response:
        """Opens the newest activation link that was mailed."""
        return await self.browser.get("/activate_account", params=await self.town.link(email, "/activate_account"))

    async def log_in(self, email: str, password: str) -> Answer:
        return await self.say("/login", email=email, password=password)

    async def who(self) -> dict[str, Any] | None:
        said = (await self.browser.get("/userinfo/get")).json()
        return dict(said["data"]) if said["code"] == 200 else None

    async def log_out(self) -> Answer:
        return await self.say("/logout")

    async def forget(self, email: str) -> Answer:
        return await self.say("/reset_password/send_mail", email=email)

    async def reset(self, email: str, password: str) -> Answer:
        """Follows the newest reset link that was mailed."""
        link = await self.town.link(email, "/reset_password/verify")
        return await self.say("/reset_password/reset", **link, password=password, rp_password=password)


class Mailcode:
    """Seed 000."""

    def __init__(self, town: Town, browser: Browser | None = None) -> None:
        self.town = town
        self.browser = browser or town.browser()
        self.jwt = ""

    def another(self, ip: str = "203.0.113.9") -> "Mailcode":
        """Somebody else, in a client of their own."""
        return Mailcode(self.town, self.town.browser(ip))

    async def say(self, path: str, **fields: Any) -> Answer:
        reply = await self.browser.post(path, json={"Language": "zh-Hans", **fields}, headers=self.bearer)
        said = reply.json()
        return Answer(said["Result"] == 1, said.get("Message", ""), reply)

    async def ask(self, path: str, **query: Any) -> Answer:
        reply = await self.browser.get(path, params=query, headers=self.bearer)
        said = reply.json()
        return Answer(said["Result"] == 1, said.get("Message", ""), reply)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.jwt}"} if self.jwt else {}

    async def captcha(self) -> dict[str, str]:
        """A captcha, read by somebody who sees well."""
        drawn = (await self.browser.get("/public/captcha")).json()
        answer = (await self.browser.get(f"/dev/captcha/{drawn['Id']}")).json()["answer"]
        return {"Id": drawn["Id"], "Value": answer}

    async def code(self, email: str, pattern: str = r"^[0-9]{6}$") -> str:
        """The newest code that was mailed."""
        for mail in reversed(await self.town.mails(email)):
            if found := re.search(pattern, mail["text"], re.MULTILINE):
                return found[0]
        raise AssertionError(f"no code was mailed to {email}")

    async def register(self, email: str, password: str, **more: Any) -> Answer:
        asked = await self.say("/account/mail-register", Email=email, Captcha=await self.captcha())
        if not asked.yes:
            return asked
        return await self.say("/account/register", Email=email, Password=password, Verification=await self.code(email), **more)

    async def prove(self, email: str) -> None:
        """Registering has proved it."""

    async def log_in(self, email: str, password: str, expiry: int = 86_400) -> Answer:
        answer = await self.say("/account/login", Email=email, Password=password, Expiry=expiry, Captcha=await self.captcha())
        self.jwt = answer.reply.json().get("Jwt", self.jwt)
        return answer

    async def who(self) -> dict[str, Any] | None:
        said = (await self.ask("/user/my")).reply.json()
        return {"id": said["Id"], "email": said["Email"]} if said["Result"] == 1 else None

    async def log_out(self) -> Answer:
        return await self.say("/user/logout")

    async def forget(self, email: str) -> Answer:
        return await self.say("/account/mail-password", Email=email, Captcha=await self.captcha())

    async def reset(self, email: str, password: str) -> Answer:
        code = await self.code(email, r"^[2-9a-z]{8}$")
        return await self.say("/account/password-new", Email=email, Password=password, Verification=code)

"""How a person's wishes are said to each dialect, so that a story can be told once and run through every door."""

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

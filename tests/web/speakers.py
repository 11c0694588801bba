"""How a person's wishes are said to each dialect, so that a story can be told once and run through every door."""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any

import httpx

from lingpai.store import accounts
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


class Session:
    """Seed 003. An account has a name and, bound to it, an address; a password has 16 characters at most and no space."""

    def __init__(self, town: Town, browser: Browser | None = None) -> None:
        self.town = town
        self.browser = browser or town.browser()

    def another(self, ip: str = "203.0.113.9") -> "Session":
        """Somebody else, in a browser of their own."""
        return Session(self.town, self.town.browser(ip))

    async def say(self, call: str, **fields: Any) -> Answer:
        return self._heard(await self.browser.post(f"/session/{call}", json=fields))

    async def ask(self, call: str, **query: Any) -> Answer:
        return self._heard(await self.browser.get(f"/session/{call}", params=query))

    def _heard(self, reply: httpx.Response) -> Answer:
        said = reply.json()
        return Answer(said["statu_code"] == 200, said.get("msg", ""), reply)

    async def token(self) -> dict[str, str]:
        """A login token, its picture read by somebody who sees well."""
        drawn = (await self.browser.get("/session/login_token")).json()["data"]
        answer = (await self.browser.get(f"/dev/captcha/{drawn['token']}")).json()["answer"]
        return {"token": drawn["token"], "code": answer}

    async def code(self, email: str) -> str:
        """The newest code that was mailed."""
        for mail in reversed(await self.town.mails(email)):
            if found := re.search(r"^[0-9]{6}$", mail["text"], re.MULTILINE):
                return found[0]
        raise AssertionError(f"no code was mailed to {email}")

    async def sign_up(self, account: str, password: str, **more: Any) -> Answer:
        return await self.say("sign_up", account=account, **{"pass": password}, **more)

    async def bind(self, email: str) -> Answer:
        """Both steps."""
        asked = await self.say("SignUp_email_send", email=email)
        return await self.say("SignUp_email", email=email, code=await self.code(email)) if asked.yes else asked

    async def enter(self, account: str, password: str) -> Answer:
        """Logs in with the password as it is."""
        return await self.say("login", account=account, **{"pass": password}, **await self.token())

    async def register(self, email: str, password: str) -> Answer:
        """By a name like the address's own, then bound; and out again, as the other doors leave it."""
        made = await self.sign_up(re.sub("[^a-z]", "", email.partition("@")[0])[:8] + ".x", fitting(password))
        if made.yes:
            made = await self.bind(email)
            await self.log_out()
        return made

    async def prove(self, email: str) -> None:
        """Binding has proved it."""

    async def log_in(self, email: str, password: str) -> Answer:
        return await self.enter(email, fitting(password))

    async def who(self) -> dict[str, Any] | None:
        said = (await self.ask("user_info")).reply.json()
        return dict(said["data"]) if said["statu_code"] == 200 else None

    async def log_out(self) -> Answer:
        return await self.say("logout")

    async def forget(self, email: str) -> Answer:
        return await self.say("Forget_pass_send", EmailAccount=email)

    async def reset(self, email: str, password: str) -> Answer:
        earned = await self.say("Forget_pass_EmailAccount", EmailAccount=email, code=await self.code(email))
        return await self.say("Forget_pass_reset", **{"pass": fitting(password)}) if earned.yes else earned


class Hiyouth:
    """Seed 002. The real web client sends everything in a query; `role` is the realm that it means."""

    def __init__(self, town: Town, browser: Browser | None = None, role: str = "member") -> None:
        self.town = town
        self.browser = browser or town.browser()
        self.role = role

    def another(self, ip: str = "203.0.113.9") -> "Hiyouth":
        """Somebody else, in a browser of their own."""
        return Hiyouth(self.town, self.town.browser(ip), self.role)

    async def say(self, call: str, **fields: Any) -> Answer:
        return self._heard(await self.browser.get(f"/api/{call}", params=fields))

    async def post(self, call: str, **fields: Any) -> Answer:
        return self._heard(await self.browser.post(f"/api/{call}", json=fields))

    def _heard(self, reply: httpx.Response) -> Answer:
        said = reply.json()
        return Answer(said["code"] == 1, said["info"], reply)

    async def code(self, to: str, length: int = 6) -> str:
        """The newest code that was sent, by mail or SMS."""
        for message in reversed(await self.town.mails(to)):
            if found := re.search(rf"(?<![0-9]){'[0-9]' * length}(?![0-9])", message["text"]):
                return found[0]
        raise AssertionError(f"no code was sent to {to}")

    async def register(self, email: str, password: str) -> Answer:
        return await self.say("Register", type=self.role, option="email", account=email, pwd=password)

    async def prove(self, email: str) -> httpx.Response:
        """Opens the newest link that was mailed."""
        return await self.browser.get("/api/EmailVer", params=await self.town.link(email, "/api/EmailVer"))

    async def log_in(self, email: str, password: str) -> Answer:
        return await self.say("Login", type=self.role, option="email", account=email, pwd=password)

    async def who(self) -> dict[str, Any] | None:
        """The door tells a number; whose that is stands in the store."""
        said = (await self.browser.get("/api/getUserInfo")).json()
        if said["code"] != 1:
            return None
        account = await accounts.by_id(self.town.house.services.store, said["data"]["id"])
        return {**said["data"], "email": account.email if account else None}

    async def log_out(self) -> Answer:
        return await self.say("cancelLogin")

    async def forget(self, email: str) -> Answer:
        return await self.say("findpwd", type=self.role, option="email", account=email)

    async def reset(self, email: str, password: str) -> Answer:
        return await self.say("findpwd", option="email", verid=await self.code(email), newpwd=password)


def fitting(password: str) -> str:
    """What somebody takes instead where 16 characters are the most there may be, and a space is none of them."""
    return base64.urlsafe_b64encode(hashlib.sha256(password.encode()).digest())[:16].decode()

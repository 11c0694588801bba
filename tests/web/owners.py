"""Somebody in their own space: a browser that reads pages and sends the forms that stand on them."""

import re
from typing import Any

import httpx

from lingpai.core.model import Account, RequestContext, Session
from lingpai.flows import sessions
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.store import accounts
from web.people import ADA, GOOD, member
from web.reading import Page
from web.speakers import Maillink
from web.town import Browser, Town

HTML = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
SIDE = ("#main", "/me", "/me/security", "/me/safety", "/me/data")
"""What every page of one's own leads to."""
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


class Seen(Page):
    """One page; `in` asks for words on it."""

    def __contains__(self, words: str) -> bool:
        return " ".join(words.split()) in self.text


class Owner:
    """Who is logged in here, or is not."""

    def __init__(self, town: Town, browser: Browser) -> None:
        self.town = town
        self.browser = browser
        browser.headers.update(HTML | {"User-Agent": CHROME})

    @property
    def services(self) -> Any:
        return self.town.house.services

    async def get(self, path: str) -> httpx.Response:
        return await self.browser.get(path)

    async def see(self, path: str) -> Seen:
        """The page at the end of all redirects."""
        return Seen(await self.browser.get(path, follow_redirects=True))

    async def send(self, path: str, **fields: Any) -> httpx.Response:
        return await self.browser.post(path, data=fields)

    async def submit(self, page: Seen, action: str, **typed: Any) -> Seen:
        """Sends the form as it stands with what is typed into it, and follows."""
        fields = {**page.form(action).fields, **typed}
        return Seen(await self.browser.post(action, data=fields, follow_redirects=True))

    async def who(self, realm: str = "main") -> tuple[Session, Account]:
        origin = RequestContext("198.51.100.7", "198.51.100.7", session=self.browser.cookies.get("lingpai_session", ""))
        login = await sessions.current(self.services, origin.within(realm))
        return login.session, login.account

    async def code(self, to: str) -> str:
        for mail in reversed(await self.town.mails(to)):
            if found := re.search(r"(?<![0-9])[0-9]{6}(?![0-9])", mail["text"]):
                return found[0]
        raise AssertionError(f"no code was sent to {to}")


async def owner(town: Town, email: str = ADA) -> Owner:
    """Registered, active, and logged in a moment ago."""
    person = await member(town, email)
    await person.log_in(email, GOOD)
    return Owner(town, person.browser)


async def elsewhere(town: Town, email: str = ADA, ip: str = "203.0.113.9") -> Owner:
    """The same one, logged in at another place."""
    person = Maillink(town, town.browser(ip))
    assert (await person.log_in(email, GOOD)).yes
    return Owner(town, person.browser)


async def born(town: Town, *, email: str = "", phone: str = "", kind: str = "qq", realm: str = "main") -> Owner:
    """Without a password, as a third party's login leaves an account; with an address where one is given."""
    from lingpai.core import rules
    from lingpai.core.model import Address

    services = town.house.services
    now = services.clock.now()
    async with services.store.begin() as tx:
        number = await accounts.add(tx, realm=realm, password=None, nickname="", locale="en", created_at=now, created_ip="198.51.100.7")
        found = [Address(kind, "open", "union:open")]  # type: ignore[arg-type]  # a third party's name
        found += [rules.email(email)] if email else []
        found += [rules.phone(phone)] if phone else []
        for address in found:
            await accounts.add_identifier(tx, account_id=number, realm=realm, address=address, proved_at=now)
    account = await accounts.by_id(services.store, number)
    assert account is not None
    opened: IssuedSession = await services.session_issuer.cookie(account, RequestContext("198.51.100.7", "198.51.100.7"))
    browser = town.browser()
    browser.cookies.set("lingpai_session", opened.token, domain="127.0.0.1")
    return Owner(town, browser)

"""Somebody comes by a third party for the first time, where there is something to agree to; QQ is an emulator on loopback."""

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import pytest

from flows.births import born
from lingpai.core import words
from lingpai.core.model import Account, Address
from lingpai.core.words import TEXTS
from lingpai.guard.crypto import digest
from lingpai.settings import Invites, Legal, Pages
from lingpai.settings.outside import Keys, Sms, Social
from lingpai.store import accounts, consents, sessions
from lingpai_testing import QQ
from web.owners import HTML, Seen
from web.people import ADA, GOOD, member
from web.town import PUBLIC_URL, Browser, Town

EN = TEXTS["en"]
NICK = "艾达"
PAPERS = Pages(
    terms=Legal(url="https://example.com/terms", version="2026-11"), privacy=Legal(url="https://example.com/privacy", version="3")
)


@pytest.fixture
def database_kind() -> str:
    """What is kept is kept as all grants are."""
    return "sqlite"


@pytest.fixture
def papers() -> Any:
    return PAPERS


@pytest.fixture
def policy() -> Any:
    return "open"


@pytest.fixture
def abroad() -> Any:
    return ("CN",)


@pytest.fixture
def changes(qq: QQ, papers: Any, policy: Any, abroad: Any) -> dict[str, Any]:
    qq.person("ada", NICK)
    qq.person("bob")
    keys = Keys(app_id=qq.app_id, app_secret=qq.app_secret, base_url=qq.base_url)
    return {"social": Social(qq=keys, timeout=1), "pages": papers, "invites": Invites(policy=policy), "sms": Sms(countries=abroad)}


@dataclass
class Guest:
    """One browser, which has come back from QQ."""

    town: Town
    browser: Browser

    async def come(self, who: str = "ada", **query: str) -> httpx.Response:
        there = (await self.browser.get("/connect/qq", params=query)).headers["location"]
        async with httpx.AsyncClient() as outside:
            back = (await outside.post(there, data={"person": who})).headers["location"]
        return await self.browser.get(back.removeprefix(PUBLIC_URL))

    async def see(self, path: str = "/connect/new") -> Seen:
        return Seen(await self.browser.get(path, follow_redirects=True))

    async def send(self, path: str, **fields: str) -> httpx.Response:
        return await self.browser.post(path, data=fields)

    async def who(self) -> Account | None:
        services = self.town.house.services
        token = self.browser.cookies.get("lingpai_session")
        found = await sessions.alive(services.store, digest=digest(token), realm="main", now=services.clock.now()) if token else None
        return found[1] if found else None

    async def count(self) -> int:
        """Accounts that QQ leads to."""
        services = self.town.house.services
        return len([number for number in range(1, 20) if (one := await accounts.by_id(services.store, number)) and "qq" in one.linked])


@pytest.fixture
def guest(town: Town) -> Guest:
    browser = town.browser()
    browser.headers.update(HTML)
    return Guest(town, browser)


async def test_who_is_new_agrees_before_there_is_an_account(guest: Guest) -> None:
    arrived = await guest.come()
    assert arrived.headers["location"] == "/connect/new"
    assert (await guest.count(), await guest.who()) == (0, None)
    page = await guest.see()
    assert f"QQ account: {NICK}" in page
    refused = await guest.send("/page/connect/new")
    assert (refused.status_code, await guest.count()) == (422, 0)
    done = await guest.send("/page/connect/new", agree="yes")
    assert (done.status_code, done.headers["location"]) == (303, "/me")
    account = await guest.who()
    assert account
    assert account.nickname == NICK
    kept = await consents.of(guest.town.house.services.store, account_id=account.id)
    assert [(one.document, one.version) for one in kept] == [("terms", "2026-11"), ("privacy", "3")]


async def test_who_is_known_is_asked_nothing(guest: Guest) -> None:
    await guest.come()
    await guest.send("/page/connect/new", agree="yes")
    guest.browser.cookies.clear()
    assert (await guest.come()).headers["location"] == "/me"
    assert await guest.who()


@pytest.mark.parametrize("papers", [Pages()])
async def test_where_there_is_nothing_to_agree_to_one_still_chooses_between_a_new_account_and_one_s_own(guest: Guest) -> None:
    """Else owners would get a second account without a word."""
    assert (await guest.come()).headers["location"] == "/connect/new"
    page = await guest.see()
    assert (page.link("bind=yes"), page.form("/page/connect/new").boxes) == ("/connect/new?bind=yes", set())
    assert await guest.count() == 0
    assert (await guest.send("/page/connect/new")).headers["location"] == "/me"
    assert await guest.who()


@pytest.mark.parametrize("papers", [PAPERS, Pages()], ids=["papers", "none"])
@pytest.mark.parametrize("policy", ["closed", "required"])
async def test_where_nobody_may_register_an_owner_links_their_account_all_the_same(town: Town, guest: Guest, policy: str) -> None:
    ada = await born(town.house.services, Address("email", ADA, ADA), password=GOOD)
    await guest.come()
    page = await guest.see()
    assert EN[f"pages.newcomer.{'closed' if policy == 'closed' else 'invited'}"].format(product="Lingpai", provider="QQ") in page.text
    assert not any(form.path == "/page/connect/new" for form in page.forms)
    refused = await guest.send("/page/connect/new", agree="yes")
    assert (refused.status_code, await guest.who(), await guest.count()) == (422, None, 0)
    own = await guest.see("/connect/new?bind=yes")
    assert EN["pages.newcomer.back"] not in own.text, "there is no account to go back for"
    await guest.send("/page/connect/new/bind", account=ADA, password=GOOD)
    account = await guest.who()
    assert account
    assert (account.id, account.linked) == (ada.id, ("qq",))


async def test_it_is_good_once_and_for_ten_minutes(guest: Guest) -> None:
    await guest.come()
    guest.town.clock.advance(minutes=11)
    late = await guest.send("/page/connect/new", agree="yes")
    assert (late.headers["location"], await guest.count()) == ("/login", 0)
    await guest.come()
    replies = await asyncio.gather(*(guest.send("/page/connect/new", agree="yes") for _ in range(8)))
    assert Counter(reply.headers["location"] for reply in replies)["/me"] == 1
    assert await guest.count() == 1


async def test_another_browser_finds_nothing(town: Town, guest: Guest) -> None:
    await guest.come()
    other = Guest(town, town.browser("203.0.113.9"))
    for fields in ({"agree": "yes"}, {}):
        assert (await other.send("/page/connect/new", **fields)).headers["location"] == "/login"
    bound = await other.send("/page/connect/new/bind", account=ADA, password=GOOD)
    assert bound.headers["location"] == "/login"
    assert await guest.count() == 0


async def test_where_one_wanted_to_go_is_where_one_comes_out(guest: Guest) -> None:
    await guest.come(next="/me/data")
    done = await guest.send("/page/connect/new", agree="yes")
    assert urlsplit(done.headers["location"]).path == "/me/data"


# One's own account


async def test_whoever_has_an_account_links_it_by_its_password_and_its_owner_is_told(town: Town, guest: Guest) -> None:
    await member(town)
    await guest.come()
    page = await guest.see("/connect/new?bind=yes")
    assert f"QQ account: {NICK}" in page
    done = await guest.send("/page/connect/new/bind", account=ADA, password=GOOD)
    assert done.headers["location"] == "/me?done=linked"
    account = await guest.who()
    assert account
    assert (account.email, account.linked) == (ADA, ("qq",))
    assert words.text("pages.me.done.linked", "en", third='the QQ account "艾达"') in await guest.see("/me?done=linked")
    letters = [mail["subject"] for mail in await town.mails(ADA)]
    assert TEXTS["zh-Hans"]["letter.linked.subject"].format(product="Lingpai") in letters


@pytest.mark.parametrize("wanted", ["/me/data", "/me/security?reveal=yes"])
async def test_a_page_of_ones_own_that_one_wanted_says_it_too(town: Town, guest: Guest, wanted: str) -> None:
    await member(town)
    await guest.come(next=wanted)
    done = await guest.send("/page/connect/new/bind", account=ADA, password=GOOD)
    assert done.headers["location"].startswith(wanted)
    assert "is linked to the QQ account" in await guest.see(done.headers["location"])


@pytest.mark.parametrize("papers", [Pages(next=("https://shop.example.com=Shop",))])
async def test_on_the_way_to_an_application_a_page_says_it_and_leads_on(town: Town, guest: Guest) -> None:
    await member(town)
    await guest.come(next="https://shop.example.com/cart")
    done = Seen(await guest.send("/page/connect/new/bind", account=ADA, password=GOOD))
    assert words.text("pages.me.done.linked", "en", third=f'the QQ account "{NICK}"') in done
    assert done.link("shop") == "https://shop.example.com/cart"
    assert EN["pages.proofs.onward"].format(app="Shop") in done
    assert await guest.who()


async def test_the_letter_s_link_undoes_it(town: Town, guest: Guest) -> None:
    await member(town)
    await guest.come()
    await guest.send("/page/connect/new/bind", account=ADA, password=GOOD)
    subject = TEXTS["zh-Hans"]["letter.linked.subject"].format(product="Lingpai")
    letter = next(mail for mail in await town.mails(ADA) if mail["subject"] == subject)
    token = re.search(r"/page/not-me\?token=([a-z2-7]+)", letter["text"])
    assert token
    assert words.third("qq", NICK, "zh-Hans") in letter["text"]
    assert f'the QQ account "{NICK}"' in await guest.see(f"/page/not-me?token={token[1]}")
    await guest.send("/page/not-me", token=token[1])
    assert (await guest.who(), await guest.count()) == (None, 0)


async def test_whoever_has_an_account_links_it_by_a_code(town: Town, guest: Guest) -> None:
    await member(town)
    await guest.come()
    asked = await guest.send("/page/connect/new/code", account=ADA)
    assert asked.headers["location"].startswith("/connect/new?bind=yes&account=ada%40example.com&again=")
    page = await guest.see(asked.headers["location"])
    assert f"QQ account: {NICK}" in page.text
    assert EN["pages.by_code.nothing_email"] in page.text
    wrong = Seen(await guest.send("/page/connect/new/enter", **{**page.form("/page/connect/new/enter").fields, "code": "000000"}))
    assert (wrong.status, list(wrong.errors), await guest.count()) == (422, ["code"], 0)
    code = re.search(r"(?m)^[0-9]{6}$", (await town.mails(ADA))[-1]["text"])
    assert code
    done = await guest.send("/page/connect/new/enter", account=ADA, code=code[0])
    assert done.headers["location"] == "/me?done=linked"
    account = await guest.who()
    assert account
    assert account.linked == ("qq",)


async def test_a_wrong_password_links_nothing_and_says_so_at_its_field(town: Town, guest: Guest) -> None:
    await member(town)
    await guest.come()
    for _ in range(2):
        refused = Seen(await guest.send("/page/connect/new/bind", account=ADA, password="wrong horse battery"))
        assert (refused.status, await guest.who(), await guest.count()) == (422, None, 0)
    assert 'name="captcha"' in refused.reply.text, "from the third on a captcha is asked for"
    missing = Seen(await guest.send("/page/connect/new/bind", account=ADA))
    assert list(missing.errors) == ["password"]


async def test_who_asks_again_at_once_is_told_and_may_after_a_minute(town: Town, guest: Guest) -> None:
    await member(town)
    await guest.come()
    for _ in range(2):
        asked = await guest.send("/page/connect/new/code", account=ADA)
        guest.town.clock.advance(seconds=20)
    page = await guest.see(asked.headers["location"])
    assert words.text("pages.by_code.too_soon", "en", seconds=20) in page.text
    assert "code" in page.form("/page/connect/new/enter").fields, "the earlier one lives on"
    guest.town.clock.advance(seconds=61)
    before = len(await town.mails(ADA))
    form = (await guest.see(asked.headers["location"])).form("/page/connect/new/code")
    assert "early" not in (await guest.send("/page/connect/new/code", **form.fields)).headers["location"]
    assert len(await town.mails(ADA)) == before + 1


@pytest.mark.parametrize("abroad", [("CN", "HK")])
async def test_a_number_has_the_country_that_was_chosen_before_it(guest: Guest, abroad: tuple[str, ...]) -> None:
    await guest.come()
    form = (await guest.see("/connect/new?bind=yes")).form("/page/connect/new/bind")
    assert form.fields["country"] == "CN"
    asked = await guest.send("/page/connect/new/code", account="5123 4567", country="HK")
    assert "account=%2B85251234567" in asked.headers["location"]
    assert "+852 5123 4567" in await guest.see(asked.headers["location"])
    kept = Seen(await guest.send("/page/connect/new/bind", account="5123 4567", country="HK")).form("/page/connect/new/bind").fields
    assert (kept["account"], kept["country"]) == ("5123 4567", "HK")


@pytest.mark.parametrize("path", ["bind", "code", "enter"])
async def test_the_address_of_a_form_leads_back_to_the_choice(guest: Guest, path: str) -> None:
    await guest.come()
    assert (await guest.see(f"/page/connect/new/{path}")).reply.url.path == "/connect/new"


async def test_a_code_for_an_address_without_an_account_links_nothing(town: Town, guest: Guest) -> None:
    await guest.come()
    await guest.send("/page/connect/new/code", account="nobody@example.com")
    code = re.search(r"(?m)^[0-9]{6}$", (await town.mails("nobody@example.com"))[-1]["text"])
    assert code
    refused = Seen(await guest.send("/page/connect/new/enter", account="nobody@example.com", code=code[0]))
    assert list(refused.errors) == ["account"]
    assert await guest.count() == 0


async def test_a_text_message_takes_a_captcha_and_a_name_gets_none(town: Town, guest: Guest) -> None:
    await guest.come()
    guest.browser.answers = False
    asked = Seen(await guest.send("/page/connect/new/code", account="13995265229"))
    assert 'name="captcha"' in asked.reply.text
    assert await town.mails("+8613995265229") == []
    named = Seen(await guest.send("/page/connect/new/code", account="paula"))
    assert list(named.errors) == ["account"]


async def test_whose_third_party_is_another_account_s_by_now_is_told_and_not_let_in(town: Town, guest: Guest) -> None:
    """Two tabs: in one an account is made for them, in the other they say which is theirs."""
    await member(town)
    await guest.come()
    other = Guest(town, town.browser("203.0.113.9"))
    other.browser.headers.update(HTML)
    await other.come()
    await other.send("/page/connect/new", agree="yes")
    refused = await guest.send("/page/connect/new/bind", account=ADA, password=GOOD)
    assert (refused.status_code, await guest.who()) == (422, None)
    assert await guest.count() == 1
    services = town.house.services
    found = await accounts.find(services.store, "main", "email", ADA)
    assert found
    assert found.linked == ()
    assert await sessions.of(services.store, account_id=found.id, now=services.clock.now()) == []


async def test_another_site_agrees_and_links_nothing(guest: Guest) -> None:
    await guest.come()
    for path in ("/page/connect/new", "/page/connect/new/bind", "/page/connect/new/code", "/page/connect/new/enter"):
        reply = await guest.browser.post(path, data={"agree": "yes"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert reply.status_code == 403
    assert cast("int", await guest.count()) == 0

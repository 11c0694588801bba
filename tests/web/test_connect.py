"""The browser's way to QQ, Weibo and WeChat and back, by the hosted pages and against emulators on loopback."""

import asyncio
import html
import re
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import select

from lingpai.core import words
from lingpai.core.errors import ProviderSaysNo
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import social
from lingpai.flows.social import Credential
from lingpai.guard.crypto import digest
from lingpai.settings import Invites, Pages
from lingpai.settings.outside import Keys, Social, WechatKeys
from lingpai.social import ProviderName, Surface
from lingpai.steps.social_entry import SocialEntry
from lingpai.store import accounts, audit, schema, sessions
from lingpai.store.database import Query
from lingpai_testing import QQ, LoginProvider, Wechat, Weibo
from web.people import ADA, GOOD, member
from web.town import PUBLIC_URL, Browser, Town

EVERYBODY = Query(select(schema.accounts.c.id))
NAMES = ("qq", "weibo", "wechat")
SECURITY = "/me/security"
HERE = RequestContext("198.51.100.7", "198.51.100.7")


@pytest.fixture
def emulators(qq: QQ, weibo: Weibo, wechat: Wechat) -> dict[str, LoginProvider]:
    """Each with ada and bob, and an app of another owner."""
    found: dict[str, LoginProvider] = {"qq": qq, "weibo": weibo, "wechat": wechat}
    wechat.app("wx-inapp", "secret-of-wx-inapp")
    for emulator in found.values():
        emulator.person("ada", "艾达")
        emulator.person("bob")
        emulator.app("2000000002", "another-secret", owner="another")
    return found


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """What differs between the databases is tested below the pages."""
    return str(request.param)


@pytest.fixture
def policy() -> Any:
    """Who may register."""
    return "open"


@pytest.fixture
def changes(emulators: dict[str, LoginProvider], policy: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {
        name: (WechatKeys if name == "wechat" else Keys)(app_id=one.app_id, app_secret=one.app_secret, base_url=one.base_url)
        for name, one in emulators.items()
    }
    keys["wechat"] = WechatKeys(
        app_id=emulators["wechat"].app_id,
        app_secret=emulators["wechat"].app_secret,
        inapp_id="wx-inapp",
        inapp_secret="secret-of-wx-inapp",
        base_url=emulators["wechat"].base_url,
    )
    return {"social": Social(**keys, timeout=1), "pages": Pages(next=("https://app.example.com",)), "invites": Invites(policy=policy)}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass
class Trip:
    """One browser, and one provider that it goes to."""

    town: Town
    browser: Browser
    name: str
    emulator: LoginProvider

    async def start(self, **query: str) -> str:
        """The provider's page."""
        reply = await self.browser.get(f"/connect/{self.name}", params=query)
        assert reply.status_code == 303
        return reply.headers["location"]

    async def agree(self, url: str, who: str = "ada", **answer: str) -> str:
        """Where the provider sends the browser, once this person has agreed there."""
        async with httpx.AsyncClient() as outside:
            form = await outside.get(url)
            assert form.status_code == 200
            assert "<form" in form.text, form.text
            reply = await outside.post(url, data=answer or {"person": who})
        assert reply.status_code == 302
        assert reply.headers["location"].startswith(f"{PUBLIC_URL}/connect/{self.name}/callback?")
        return reply.headers["location"]

    async def log_in(self, who: str = "ada", **query: str) -> httpx.Response:
        """In; somebody new has an account made for them."""
        return await self.create(await self.browser.get(await self.agree(await self.start(**query), who)))

    async def create(self, arrived: httpx.Response) -> httpx.Response:
        """Where one is led who is new, presses the first button of the page."""
        new = arrived.headers.get("location") == "/connect/new"
        return await self.browser.post("/page/connect/new") if new else arrived

    async def who(self, realm: str = "main") -> Account | None:
        """Whose session the browser holds."""
        token = self.browser.cookies.get("lingpai_session")
        services = self.town.house.services
        found = await sessions.alive(services.store, digest=digest(token), realm=realm, now=services.clock.now()) if token else None
        return found[1] if found else None

    async def mine(self, realm: str = "main") -> Account:
        """The same, of a browser that is logged in."""
        found = await self.who(realm)
        assert found, "nobody is logged in"
        return found

    async def link(self) -> str:
        """The provider's page, by the security page's button."""
        reply = await self.browser.post("/page/me/link", data={"provider": self.name})
        assert reply.status_code == 200, reply.text
        found = re.search(r'href="(http://127[^"]+)"', reply.text)
        assert found
        return html.unescape(found[1])


@pytest.fixture
def trip(town: Town, name: str, emulators: dict[str, LoginProvider]) -> Trip:
    return Trip(town, town.browser(), name, emulators[name])


@pytest.fixture
def only_qq(town: Town, emulators: dict[str, LoginProvider]) -> Trip:
    """What does not depend on the provider is told of one."""
    return Trip(town, town.browser(), "qq", emulators["qq"])


def another(trip: Trip, ip: str = "203.0.113.5") -> Trip:
    """Another browser."""
    return Trip(trip.town, trip.town.browser(ip), trip.name, trip.emulator)


def says(reply: httpx.Response, key: str, **values: str) -> bool:
    return html.escape(words.text(key, "zh-Hans", **values), quote=False) in html.unescape(reply.text)


async def linked(trip: Trip) -> tuple[str, ...]:
    services = trip.town.house.services
    found = await accounts.find(services.store, "main", "email", ADA)
    assert found
    return found.linked


async def owner(trip: Trip) -> Trip:
    """Ada, registered by mail and logged in with her password."""
    ada = await member(trip.town)
    await ada.log_in(ADA, GOOD)
    return Trip(trip.town, ada.browser, trip.name, trip.emulator)


# Logging in


async def test_a_first_login_makes_an_account_and_a_later_one_finds_it(trip: Trip) -> None:
    done = await trip.log_in()
    assert (done.status_code, done.headers["location"]) == (303, "/me")
    first = await trip.mine()
    assert (first.linked, first.nickname, first.password) == ((trip.name,), "艾达", None)
    later = another(trip)
    await later.log_in()
    assert (await later.mine()).id == first.id
    stranger = another(trip)
    await stranger.log_in("bob")
    bob = await stranger.mine()
    assert bob.id != first.id


async def test_a_callback_logs_in_as_a_browser_that_is_known_again(only_qq: Trip) -> None:
    done = await only_qq.log_in()
    assert {"lingpai_session", "lingpai_device"} <= set(done.cookies)
    old = only_qq.browser.cookies["lingpai_session"]
    known = (await only_qq.log_in("bob")).cookies["lingpai_device"]
    mine = only_qq.town.house.services.device_cookies.read(known)[1]
    assert len(mine) == 2, "the browser's own device cookie is read, not replaced"
    thief = another(only_qq)
    thief.browser.cookies.set("lingpai_session", old)
    assert await thief.who() is None, "a new login in a browser ends its old session"


async def test_boss_is_another_realm(only_qq: Trip) -> None:
    await only_qq.log_in(type="boss")
    assert await only_qq.who() is None
    assert (await only_qq.who("boss")) is not None


async def test_inside_wechat_its_own_app_is_asked(town: Town, emulators: dict[str, LoginProvider]) -> None:
    phone = Trip(town, town.browser(), "wechat", emulators["wechat"])
    phone.browser.headers["User-Agent"] = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.40"
    url = await phone.start()
    assert urlsplit(url).path == "/connect/oauth2/authorize"
    await phone.create(await phone.browser.get(await phone.agree(url)))
    inside = await phone.mine()
    desk = another(phone)
    assert urlsplit(await desk.start()).path == "/connect/qrconnect"
    await desk.log_in()
    outside = await desk.mine()
    assert inside.id == outside.id, "the unionid says that both are ada"


async def test_what_was_begun_before_the_login_ends_with_it(only_qq: Trip) -> None:
    await only_qq.start()
    assert "lingpai_visit" in only_qq.browser.cookies
    await only_qq.log_in()
    assert "lingpai_visit" not in only_qq.browser.cookies


@pytest.mark.parametrize("path", ["/connect/facebook", "/connect/x"])
async def test_an_unknown_provider_is_a_page_that_says_so(town: Town, path: str) -> None:
    reply = await town.browser().get(path)
    assert reply.status_code == 404
    assert says(reply, "pages.connect.unknown")


@pytest.mark.parametrize("changes", [{}])
async def test_a_provider_without_keys_is_a_page_that_says_so(town: Town, name: str, changes: dict[str, Any]) -> None:
    for path in (f"/connect/{name}", f"/connect/{name}/callback?code=x&state=y"):
        reply = await town.browser().get(path)
        assert reply.status_code in {400, 404}
        assert "lingpai_session" not in reply.cookies
    reply = await town.browser().get(f"/connect/{name}")
    assert says(reply, "pages.connect.missing", provider=words.text(f"provider.{name}", "zh-Hans"))


# Next


@pytest.mark.parametrize("next_", ["/me/security", "/docs?x=1", "https://app.example.com/back"])
async def test_the_browser_ends_where_it_wanted(only_qq: Trip, next_: str) -> None:
    assert (await only_qq.log_in(next=next_)).headers["location"] == next_


@pytest.mark.parametrize(
    "next_", ["//evil.example", "/\\evil.example", "https://evil.example", "https:evil.example", "javascript:alert(1)", "/\t/evil.example"]
)
async def test_the_browser_never_ends_at_somebody_else_s(only_qq: Trip, next_: str) -> None:
    assert (await only_qq.log_in(next=next_)).headers["location"] == "/me"


# The state (A24, A27)


async def test_another_browser_comes_back_with_nothing(trip: Trip) -> None:
    back = await trip.agree(await trip.start())
    thief = another(trip)
    await thief.start()
    assert (await thief.browser.get(back)).status_code == 400
    naked = another(trip)
    assert (await naked.browser.get(back)).status_code == 400
    assert await thief.who() is None
    assert await naked.who() is None
    assert (await trip.browser.get(back)).status_code == 303, "and has not stopped the one whose way it is"


async def test_a_callback_works_once(trip: Trip) -> None:
    back = await trip.agree(await trip.start())
    first = await trip.browser.get(back)
    assert first.headers["location"] == "/connect/new"
    assert (await trip.browser.get(back)).headers["location"] == "/connect/new", "a reload goes on to where one was"
    await trip.create(first)
    cookies = dict(trip.browser.cookies)
    again = await trip.browser.get(back)
    assert (again.status_code, again.headers["location"]) == (303, "/me"), "whoever is logged in goes on"
    assert not again.headers.get("set-cookie")
    assert dict(trip.browser.cookies) == cookies
    trip.browser.cookies.delete("lingpai_session")
    again = await trip.browser.get(back)
    assert again.status_code == 400
    assert "lingpai_session" not in again.cookies
    assert says(again, "pages.connect.bad")


async def test_who_is_logged_in_goes_on_from_a_way_that_is_dead(only_qq: Trip) -> None:
    """Spent, too old, or none at all; a session that has ended goes nowhere, and nobody becomes somebody else."""
    back = await only_qq.agree(await only_qq.start(), "bob")
    ada = await owner(only_qq)
    ada.browser.cookies.set("lingpai_visit", only_qq.browser.cookies["lingpai_visit"], domain="127.0.0.1", path="/")
    ada.town.clock.advance(minutes=10, seconds=1)
    nowhere = f"/connect/qq/callback?code=x&state={'A' * 43}"
    for dead in (back, nowhere, "/connect/qq/callback?code=x"):
        reply = await ada.browser.get(dead)
        assert (reply.status_code, reply.headers.get("location")) == (303, "/me")
        assert not reply.headers.get("set-cookie")
    assert (await ada.mine()).email == ADA
    ada.town.clock.advance(hours=24)
    assert (await ada.browser.get(nowhere)).status_code == 400


async def test_a_state_works_once_though_the_code_is_a_fresh_one(trip: Trip) -> None:
    url = await trip.start()
    one, two = await trip.agree(url), await trip.agree(url, "bob")
    prelogin_token = trip.browser.cookies["lingpai_visit"]
    await trip.create(await trip.browser.get(one))
    was = await trip.who()
    trip.browser.cookies.set("lingpai_visit", prelogin_token, domain="127.0.0.1", path="/")
    assert (await trip.browser.get(two)).headers["location"] == "/me"
    assert await trip.who() == was, "and not as the other one"
    trip.browser.cookies.delete("lingpai_session")
    assert (await trip.browser.get(two)).status_code == 400


@pytest.mark.parametrize("database_kind", ["sqlite", "postgres"], indirect=True)
async def test_of_many_that_race_with_one_state_exactly_one_comes_in(only_qq: Trip) -> None:

    url = await only_qq.start()
    prelogin_token = only_qq.browser.cookies["lingpai_visit"]
    backs = [await only_qq.agree(url) for _ in range(16)]
    browsers = [only_qq.town.browser() for _ in backs]
    for browser in browsers:
        browser.cookies.set("lingpai_visit", prelogin_token, domain="127.0.0.1", path="/")
    replies = await asyncio.gather(*(browser.get(back) for browser, back in zip(browsers, backs, strict=True)))
    assert sorted(reply.status_code for reply in replies) == [303, *[400] * 15]


@pytest.mark.parametrize("part", ["code", "state"])
async def test_a_callback_that_lacks_a_part_logs_nobody_in(trip: Trip, part: str) -> None:
    back = await trip.agree(await trip.start())
    kept = urlencode([pair for pair in parse_qsl(urlsplit(back).query) if pair[0] != part])
    reply = await trip.browser.get(f"/connect/{trip.name}/callback?{kept}")
    assert reply.status_code == (200 if part == "code" else 400)
    assert await trip.who() is None


async def test_a_state_of_one_provider_is_none_at_another(town: Town, emulators: dict[str, LoginProvider]) -> None:
    """Mix-up: the code of one provider never reaches another."""
    trip = Trip(town, town.browser(), "qq", emulators["qq"])
    back = urlsplit(await trip.agree(await trip.start()))
    reply = await trip.browser.get(f"/connect/weibo/callback?{back.query}")
    assert reply.status_code == 400
    assert emulators["weibo"].calls == []
    assert await trip.who() is None


async def test_a_state_ends_after_ten_minutes(only_qq: Trip) -> None:
    back = await only_qq.agree(await only_qq.start())
    only_qq.town.clock.advance(minutes=10, seconds=1)
    assert (await only_qq.browser.get(back)).status_code == 400


@pytest.mark.parametrize("head", [{"Sec-Purpose": "prefetch"}, {"Purpose": "preview"}, {"X-Moz": "prefetch"}])
async def test_looking_ahead_spends_nothing(only_qq: Trip, head: dict[str, str]) -> None:
    back = await only_qq.agree(await only_qq.start())
    ahead = await only_qq.browser.get(back, headers=head)
    assert "lingpai_session" not in ahead.cookies
    assert "lingpai_session" not in (await only_qq.browser.head(back)).cookies
    assert (await only_qq.browser.get(back)).status_code == 303


async def test_the_way_back_comes_from_another_site(trip: Trip) -> None:
    """It stands on its state (contract, rule 11), with whatever cookies the browser has."""
    await trip.log_in()
    url = await trip.browser.get(f"/connect/{trip.name}", headers={"Sec-Fetch-Site": "cross-site"})
    back = await trip.agree(url.headers["location"], "bob")
    done = await trip.browser.get(back, headers={"Sec-Fetch-Site": "cross-site"})
    assert done.status_code == 303


async def test_the_state_is_long_and_fits_every_provider(trip: Trip) -> None:
    states = {parse_qs(urlsplit(await trip.start()).query)["state"][0] for _ in range(3)}
    assert len(states) == 3
    assert all(re.fullmatch("[A-Za-z0-9]{43}", state) for state in states)


async def test_no_page_of_the_way_back_shows_what_it_brought(only_qq: Trip) -> None:
    back = await only_qq.agree(await only_qq.start())
    await only_qq.create(await only_qq.browser.get(back))
    query = parse_qs(urlsplit(back).query)
    only_qq.browser.cookies.delete("lingpai_session")
    again = await only_qq.browser.get(back)
    assert again.status_code == 400
    assert query["code"][0] not in again.text
    assert query["state"][0] not in again.text


# What goes wrong at the provider


@pytest.mark.parametrize("name", ["weibo", "wechat"])
async def test_who_refuses_there_is_led_back_to_the_login(trip: Trip) -> None:
    """QQ closes its window, and nothing comes back."""
    reply = await trip.browser.get(await trip.agree(await trip.start(), refuse="1"))
    assert reply.status_code == 200
    assert says(reply, "pages.connect.cancelled", provider=words.text(f"provider.{trip.name}", "zh-Hans"))
    assert 'href="/login"' in reply.text
    assert await trip.who() is None


async def test_a_refusal_without_its_state_is_told_of_too(town: Town) -> None:
    """As Weibo's documents show it."""
    query = {"error_uri": "/oauth2/authorize", "error": "access_denied", "error_description": "user denied", "error_code": "21330"}
    reply = await town.browser().get("/connect/weibo/callback", params=query)
    assert reply.status_code == 200
    assert says(reply, "pages.connect.cancelled", provider="微博")


async def test_a_refusal_spends_the_state(only_qq: Trip) -> None:
    back = await only_qq.agree(await only_qq.start())
    assert (await only_qq.browser.get(f"{back}&error=access_denied")).status_code == 200
    assert (await only_qq.browser.get(back)).status_code == 400


async def test_a_provider_that_is_down_is_told_of_with_another_try(trip: Trip) -> None:
    back = await trip.agree(await trip.start(next="/me/security"))
    trip.emulator.faults.status = 500
    reply = await trip.browser.get(back)
    assert reply.status_code == 503
    assert says(reply, "refusal.provider-silent", provider=words.text(f"provider.{trip.name}", "zh-Hans"))
    assert f'href="/connect/{trip.name}?next=%2Fme%2Fsecurity"' in reply.text
    trip.emulator.faults.clear()
    assert (await trip.log_in()).status_code == 303


async def test_a_code_that_the_provider_does_not_know_logs_nobody_in(trip: Trip) -> None:
    state = parse_qs(urlsplit(await trip.start()).query)["state"][0]
    reply = await trip.browser.get(f"/connect/{trip.name}/callback", params={"code": "0" * 32, "state": state})
    assert reply.status_code == 403
    assert says(reply, "refusal.provider-says-no", provider=words.text(f"provider.{trip.name}", "zh-Hans"))
    assert await trip.who() is None


async def test_a_code_of_another_app_logs_nobody_in(trip: Trip) -> None:
    state = parse_qs(urlsplit(await trip.start()).query)["state"][0]
    code = trip.emulator.code("ada", f"{PUBLIC_URL}/connect/{trip.name}/callback", "2000000002")
    reply = await trip.browser.get(f"/connect/{trip.name}/callback", params={"code": code, "state": state})
    assert reply.status_code == 403
    assert await trip.who() is None


async def test_a_provider_that_takes_one_for_another_logs_in_neither(trip: Trip) -> None:
    """The second answer names somebody else than the first."""
    back = await trip.agree(await trip.start())
    profile = {"qq": "/user/get_user_info", "weibo": "/2/users/show.json", "wechat": "/sns/userinfo"}[trip.name]
    trip.emulator.faults.next(path=profile, swapped="bob")
    reply = await trip.create(await trip.browser.get(back))
    found = await trip.who()
    if trip.name == "qq":
        assert found, "QQ's profile names nobody: who it is has been told before"
    else:
        assert reply.status_code == 403
        assert found is None


@pytest.mark.parametrize("policy", ["closed", "required"])
async def test_a_realm_that_is_not_open_makes_no_account(only_qq: Trip) -> None:
    reply = await only_qq.log_in()
    assert (reply.status_code, await only_qq.who()) == (422, None)


# What a client brings by itself


async def by_client(trip: Trip, told: str, way: Any = "", who: str = "ada", app: str = "") -> SocialEntry:
    form = Credential(told, way, trip.emulator.openid(who, app))
    return await social.by_client(trip.town.house.services, HERE, cast("ProviderName", trip.name), form)


@pytest.mark.parametrize("way", ["", "code"])
async def test_a_code_and_a_token_that_a_client_brings_lead_to_the_browser_s_account(trip: Trip, way: Any) -> None:
    await trip.log_in()
    mine = await trip.mine()
    code = trip.emulator.code("ada", f"{PUBLIC_URL}/connect/{trip.name}/callback")
    by_code = await by_client(trip, code, way)
    by_token = await by_client(trip, trip.emulator.token("ada"), way and "token")
    assert (by_code.opened.account.id, by_code.fresh) == (mine.id, False)
    assert (by_token.opened.account.id, by_token.fresh) == (mine.id, False)


async def test_a_token_of_another_app_opens_nobody_s_account(trip: Trip) -> None:
    await trip.log_in()
    mine = await trip.mine()
    token = trip.emulator.token("ada", "2000000002")
    before = await everybody(trip)
    # WeChat does not say whose app it is: but it knows the two as a pair.
    for app in ("", "2000000002"):
        with pytest.raises(ProviderSaysNo):
            await by_client(trip, token, "token", app=app)
    assert await everybody(trip) == before == [mine.id]


async def everybody(trip: Trip) -> list[int]:
    return [row[0] for row in await trip.town.house.services.store.rows(EVERYBODY)]


@pytest.fixture
def at_wechat(town: Town, emulators: dict[str, LoginProvider]) -> Trip:
    return Trip(town, town.browser(), "wechat", emulators["wechat"])


async def test_a_wechat_token_makes_no_account_until_a_code_has_shown_whose_app_it_is(at_wechat: Trip) -> None:
    """The provider does not say whose app a token is for (issue 12): new people come by a code."""
    token = at_wechat.emulator.token("ada")
    with pytest.raises(ProviderSaysNo):
        await by_client(at_wechat, token, "token")
    assert await everybody(at_wechat) == []
    await at_wechat.log_in()
    entered = await by_client(at_wechat, token, "token")
    assert (entered.opened.account.id, entered.fresh) == ((await at_wechat.mine()).id, False)


@pytest.mark.parametrize("owner", ["owner", "another"])
async def test_a_wechat_token_of_a_sibling_app_is_for_whoever_has_the_same_unionid(at_wechat: Trip, owner: str) -> None:
    at_wechat.emulator.app("wx-sibling", "s", owner=owner)
    await at_wechat.log_in()
    mine = await at_wechat.mine()
    services = at_wechat.town.house.services
    before = await accounts.identifiers_of(services.store, account_id=mine.id)
    token = at_wechat.emulator.token("ada", "wx-sibling")
    if owner == "another":
        with pytest.raises(ProviderSaysNo):
            await by_client(at_wechat, token, "token", app="wx-sibling")
    else:
        assert (await by_client(at_wechat, token, "token", app="wx-sibling")).opened.account.id == mine.id
    assert await accounts.identifiers_of(services.store, account_id=mine.id) == before, "the sibling's openid is not one of ours"


@pytest.mark.parametrize("surface", ["web", "inapp"])
async def test_a_wechat_token_leads_to_the_account_that_knows_its_openid_in_whichever_app_of_ours(
    at_wechat: Trip, surface: Surface
) -> None:
    """Without a unionid, and with one that is granted later, which the account is known by from then on."""
    app = {"web": at_wechat.emulator.app_id, "inapp": "wx-inapp"}[surface]
    at_wechat.emulator.app(app, {"web": at_wechat.emulator.app_secret, "inapp": "secret-of-wx-inapp"}[surface], unionid=False)
    form = Credential(at_wechat.emulator.code("ada", app_id=app, surface=surface), "code", surface=surface)
    services = at_wechat.town.house.services
    first = await social.by_client(services, HERE, "wechat", form)
    token = at_wechat.emulator.token("ada", app)
    assert (await by_client(at_wechat, token, "token", app=app)).opened.account.id == first.opened.account.id
    at_wechat.emulator.apps[app].unionid = True
    assert (await by_client(at_wechat, token, "token", app=app)).opened.account.id == first.opened.account.id
    known_by = {each.key.partition(":")[0] for each in await accounts.identifiers_of(services.store, account_id=first.opened.account.id)}
    assert known_by == {"app", "union"}


async def test_a_token_of_one_with_the_openid_of_another_opens_neither(trip: Trip) -> None:
    with pytest.raises(ProviderSaysNo):
        await by_client(trip, trip.emulator.token("bob"), "token", "ada")


# Linking (A9 to A14, A25)


async def test_an_owner_links_a_provider_and_logs_in_by_it(trip: Trip) -> None:
    ada = await owner(trip)
    done = await ada.browser.get(await ada.agree(await ada.link()))
    assert (done.status_code, done.headers["location"]) == (303, f"{SECURITY}?done=linked")
    assert "lingpai_session" not in done.cookies, "linking is no login"
    assert await linked(trip) == (trip.name,)
    last = (await trip.town.mails(ADA))[-1]
    named = words.third(trip.name, "艾达", "zh-Hans")
    assert words.text(f"provider.{trip.name}", "zh-Hans") in named
    assert "艾达" in named
    assert named in last["text"]
    assert named in html.unescape((await ada.browser.get(f"{SECURITY}?done=linked")).text)
    token = (await trip.town.link(ADA, "/page/not-me"))["token"]
    assert named in html.unescape((await trip.browser.get("/page/not-me", params={"token": token})).text)
    later = another(trip)
    await later.log_in()
    assert (await later.mine()).email == ADA
    await trip.town.browser("203.0.113.8").post("/page/not-me", data={"token": token})
    assert await linked(trip) == (), "and who says that it was not they is rid of it again (contract, 10.15)"


async def test_the_form_leads_on_by_a_page(only_qq: Trip) -> None:
    """`form-action 'self'` would stop a redirect to the provider."""
    ada = await owner(only_qq)
    reply = await ada.browser.post("/page/me/link", data={"provider": "qq"})
    assert reply.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=http' in reply.text
    assert "form-action 'self'" in reply.headers["content-security-policy"]


async def test_nobody_links_without_a_login_of_the_last_ten_minutes(only_qq: Trip) -> None:
    stranger = await only_qq.browser.post("/page/me/link", data={"provider": "qq"})
    assert stranger.status_code == 401
    ada = await owner(only_qq)
    only_qq.town.clock.advance(minutes=11)
    for path in ("/page/me/link", "/page/me/unlink"):
        reply = await ada.browser.post(path, data={"provider": "qq"})
        assert (reply.status_code, reply.headers["location"]) == (303, "/me/confirm?next=/me/security%3Fdone%3Dproved")
    assert "刚才的操作" in (await ada.browser.get("/me/security?done=proved", headers={"Accept": "text/html"})).text


async def test_another_site_starts_no_link(only_qq: Trip) -> None:
    ada = await owner(only_qq)
    for path in ("/page/me/link", "/page/me/unlink"):
        reply = await ada.browser.post(path, data={"provider": "qq"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert reply.status_code == 403
    assert only_qq.emulator.calls == []


async def test_a_stranger_s_way_back_links_nothing_to_the_one_who_opens_it(trip: Trip) -> None:
    """Forced linking (A25): the attacker's callback, opened in the victim's browser."""
    mallory = another(trip)
    await mallory.log_in("bob")
    forced = await mallory.agree(await mallory.link(), "bob")
    logged = await mallory.agree(await mallory.start(), "bob")
    ada = await owner(trip)
    for back in (forced, logged):
        assert (await ada.browser.get(back)).status_code == 400
    assert await linked(trip) == ()
    found = await ada.mine()
    assert found.email == ADA, "nor is she logged in as somebody else"


@pytest.mark.parametrize("meanwhile", ["logged out", "another login", "password"])
async def test_a_link_ends_with_the_session_that_began_it(only_qq: Trip, meanwhile: str) -> None:
    ada = await owner(only_qq)
    back = await ada.agree(await ada.link())
    services = only_qq.town.house.services
    found = await ada.mine()
    if meanwhile == "logged out":
        async with services.store.begin() as tx:
            await sessions.end_all(tx, account_id=found.id)
    elif meanwhile == "another login":
        prelogin_token = ada.browser.cookies["lingpai_visit"]
        await ada.browser.post("/login", json={"email": ADA, "password": GOOD})
        ada.browser.cookies.set("lingpai_visit", prelogin_token, domain="127.0.0.1", path="/")
        assert await ada.who()
    else:
        async with services.store.begin() as tx:
            await accounts.set_password(tx, account_id=found.id, password=found.password, at=services.clock.now() + 1)
    assert (await ada.browser.get(back)).status_code == 400
    assert await linked(only_qq) == ()


async def test_a_person_with_an_account_is_not_linked_to_another(trip: Trip) -> None:
    bob = another(trip)
    await bob.log_in("bob")
    his = await bob.mine()
    ada = await owner(trip)
    reply = await ada.browser.get(await ada.agree(await ada.link(), "bob"))
    assert reply.status_code == 409
    assert says(reply, "pages.connect.taken", provider=words.text(f"provider.{trip.name}", "zh-Hans"))
    assert await linked(trip) == ()
    again = another(trip)
    await again.log_in("bob")
    assert (await again.mine()).id == his.id


async def test_linking_what_is_linked_changes_nothing(only_qq: Trip) -> None:
    ada = await owner(only_qq)
    for _ in range(2):
        assert (await ada.browser.get(await ada.agree(await ada.link()))).status_code == 303
    subjects = [mail["subject"] for mail in await only_qq.town.mails(ADA)]
    assert sum("关联" in subject for subject in subjects) == 1


async def test_an_account_whose_mail_is_not_proved_links_nothing(only_qq: Trip) -> None:
    """Pre-hijacking (A11): a provider that a stranger linked would outlive the owner's proof."""
    ada = await owner(only_qq)
    back = await ada.agree(await ada.link())
    found = await ada.mine()
    services = only_qq.town.house.services
    async with services.store.begin() as tx:
        await accounts.remove_identifier(tx, account_id=found.id, kind="email", key=ADA)
        await accounts.add_identifier(tx, account_id=found.id, realm="main", address=Address("email", ADA, ADA), proved_at=None)
    assert (await ada.browser.post("/page/me/link", data={"provider": "qq"})).headers["location"] == "/me"
    assert (await ada.browser.get(back)).status_code == 409
    assert await linked(only_qq) == ()


# Unlinking


async def test_an_owner_unlinks_a_provider(trip: Trip) -> None:
    ada = await owner(trip)
    await ada.browser.get(await ada.agree(await ada.link()))
    done = await ada.browser.post("/page/me/unlink", data={"provider": trip.name})
    assert (done.status_code, done.headers["location"]) == (303, f"{SECURITY}?done=unlinked")
    assert await linked(trip) == ()
    last, named = (await trip.town.mails(ADA))[-1], words.third(trip.name, "", "zh-Hans")
    assert "解除" in last["subject"]
    assert words.text("letter.unlinked.why", "zh-Hans", product="Lingpai", third=named) in last["text"]
    assert says(await ada.browser.get(f"{SECURITY}?done=unlinked"), "pages.me.done.unlinked", third=named)
    token = (await trip.town.link(ADA, "/page/not-me"))["token"]
    assert named in (await trip.browser.get("/page/not-me", params={"token": token})).text
    later = another(trip)
    await later.log_in()
    assert (await later.mine()).email is None, "that is somebody new"


async def test_the_last_way_in_stays(trip: Trip) -> None:
    await trip.log_in()
    reply = await trip.browser.post("/page/me/unlink", data={"provider": trip.name})
    assert reply.status_code == 409
    assert says(reply, "refusal.last-way-in")
    found = await trip.mine()
    assert found.linked == (trip.name,)


async def test_a_second_provider_is_another_way_in(town: Town, emulators: dict[str, LoginProvider]) -> None:
    ada = Trip(town, town.browser(), "qq", emulators["qq"])
    await ada.log_in()
    too = Trip(town, ada.browser, "weibo", emulators["weibo"])
    assert (await too.browser.get(await too.agree(await too.link()))).status_code == 303
    assert (await ada.browser.post("/page/me/unlink", data={"provider": "qq"})).status_code == 303
    assert (await ada.browser.post("/page/me/unlink", data={"provider": "weibo"})).status_code == 409


# Traces


async def test_the_trail_tells_of_what_happened_and_of_no_secret(only_qq: Trip) -> None:
    back = await only_qq.agree(await only_qq.start())
    await only_qq.create(await only_qq.browser.get(back))
    found = await only_qq.mine()
    told = await audit.of(only_qq.town.house.services.store, account_id=found.id, limit=9)
    assert [(event.event, event.detail) for event in reversed(told)] == [("register", "qq"), ("login", "fed")]
    secrets = parse_qs(urlsplit(back).query)
    assert not any(secret[0] in str(told) for secret in secrets.values())

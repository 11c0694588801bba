"""Every state of the pages before a login is fit for everybody; see `looking`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from browser.looking import DATA, Eye, look, read_large
from browser.person import EACH, LOCALES, Person, arrives
from browser.test_walls import login_link
from lingpai.core import rules
from lingpai.core.model import Locale
from lingpai.settings import Legal, Pages, Social
from lingpai.settings.outside import Keys, WechatKeys
from lingpai.store import accounts
from lingpai.web.dialects.maillink import MaillinkSettings
from web import seed003
from web.owners import Owner
from web.people import ADA, GOOD
from web.speakers import Hiyouth, Maillink
from web.town import Town

pytestmark = pytest.mark.browser

LONG = "a.rather.long.name.of.somebody.with.much.to.say@a-rather-long-name-of-a-host.example.com"
EVE = "eve@example.com"
WRONG = "not the password"


@dataclass
class Gallery:
    """Takes the pictures of one language."""

    person: Person
    eye: Eye

    async def take(self, name: str) -> None:
        """The page as it is now."""
        await look(self.person.page, self.eye, name, LOCALES[self.person.locale])
        await read_large(self.person.page, name)

    async def show(self, name: str, path: str) -> None:
        await self.person.go(path)
        await self.take(name)


@pytest.fixture
def changes() -> dict[str, Any]:
    keys = Keys(app_id="1", app_secret="made-up", base_url="http://127.0.0.1:9")
    return {
        "pages": Pages(
            logo=str(DATA / "logo.svg"),
            terms=Legal("https://example.com/terms"),
            privacy=Legal("https://example.com/privacy"),
            register=("link", "code", "phone"),
            home="https://www.example.com",
            next=("https://shop.example.com=Shop",),
        ),
        "social": Social(qq=keys, weibo=keys, wechat=WechatKeys(app_id="1", app_secret="made-up", base_url="http://127.0.0.1:9")),
        "maillink": MaillinkSettings(activation="confirm"),
    }


async def entering(gallery: Gallery) -> None:
    """The login page, and where it leads."""
    ada = gallery.person
    await registered(ada.town, LONG)
    await gallery.show("login", "/login?way=password")
    await ada.enter(LONG, GOOD)
    await ada.sees("pages.not_activated.title")
    await gallery.take("not-activated")
    await ada.sends("pages.not_activated.button")
    await gallery.take("not-activated-again")
    await gallery.show("login-link-bad", "/login?authorization=nonsense")
    await gallery.show("keep-bad", "/page/keep?token=nonsense")
    await gallery.show("logout-done", "/logout")


async def guessing(gallery: Gallery) -> None:
    """A captcha before the login, and the picture where it cannot be worked for."""
    ada = gallery.person
    await proved(ada.town, ADA)
    await ada.go("/login")
    for _ in range(2):
        await ada.enter(ADA, WRONG)
        await ada.is_told("refusal.bad-credentials")
    await gallery.take("login-captcha")
    await looking_at_pictures(gallery)
    await gallery.show("login-link-bad", "/login?authorization=nonsense")
    await gallery.show("keep-bad", "/page/keep?token=nonsense")
    await gallery.show("logout-done", "/logout")


async def looking_at_pictures(gallery: Gallery) -> None:
    """Where a browser cannot work, the third try of a login."""
    ada = gallery.person
    await ada.page.route("**/page/captcha?kind=work", lambda route: route.abort())
    await ada.go("/login")
    await ada.enter(ADA, WRONG, asked=True)
    await ada.page.locator("[data-picture]").wait_for()
    await gallery.take("login-picture")
    await ada.press("pages.captcha.speak")
    await ada.page.locator("audio").wait_for()
    await gallery.take("login-spoken")
    await ada.page.unroute("**/page/captcha?kind=work")
    ada.complaints.clear()


async def inside(gallery: Gallery) -> None:
    """Who is logged in already, and who goes."""
    ada, town = gallery.person, gallery.person.town
    there = await proved(town, ADA)
    await gallery.show("login-link", await login_link(there))
    await ada.press("pages.authorization.button")
    await ada.is_home(ADA)
    await gallery.show("signed-in", "/login")
    await gallery.show("logout", "/logout")
    await gallery.show("connect-missing", "/connect/nobody")
    await gallery.show("connect-bad", "/connect/qq/callback?code=x&state=y")
    await gallery.show("connect-cancelled", "/connect/weibo/callback?error=access_denied")
    await there.send("/page/me/delete", sure="yes")
    await ada.go("/login")
    await ada.enter(ADA, GOOD)
    await gallery.take("closing")
    await ada.press("pages.closing.button")
    await gallery.take("kept")


async def coming_by_code(gallery: Gallery) -> None:
    """By a code: the address, and what may stand in its way."""
    ada = gallery.person
    await gallery.show("by-code", "/login")
    await ada.fill("pages.by_code.account", "ada")
    await ada.sends("pages.by_code.send")
    await gallery.take("by-code-error")
    await ada.fill("pages.by_code.account", "138 0013 8000")
    await ada.sends("pages.by_code.send")
    await gallery.take("by-code-phone")


async def typing_a_code(gallery: Gallery) -> None:
    """The code, alone on its page."""
    ada = gallery.person
    await ada.go("/login")
    await asks(ada, LONG)
    await gallery.take("by-code-code")
    await ada.page.locator("summary").click()
    await gallery.take("by-code-nothing")
    await ada.fill("pages.code.label", "000000")
    if not ada.scripts:
        await ada.press("pages.login.button")
    await ada.page.locator("#failed").wait_for()
    await gallery.take("by-code-code-error")
    await ada.go("/login")
    await asks(ada, LONG)
    await gallery.take("by-code-early")


async def coming_anew(gallery: Gallery) -> None:
    """What is asked behind a right code."""
    ada, town = gallery.person, gallery.person.town
    await ada.go("/login")
    await asks(ada, LONG)
    await enters(ada, LONG)
    await gallery.take("by-code-new")
    await ada.page.locator("summary").click()
    await ada.press("pages.by_code.free.button")
    await gallery.take("by-code-new-error")
    await registered(town, EVE)
    await ada.go("/login")
    await asks(ada, EVE)
    await enters(ada, EVE)
    await gallery.take("by-code-waiting")
    town.clock.advance(minutes=11)
    await gallery.show("by-code-over", "/login?step=new")


async def recognising(gallery: Gallery) -> None:
    """A number that may have changed hands."""
    ada, town = gallery.person, gallery.person.town
    await left_behind(town)
    await comes_by_phone(ada)
    await gallery.take("recognise")
    await ada.follow("pages.recognise.no")
    await gallery.take("by-code-moved")
    await left_behind(town, "+8613900139000", ADA)
    await comes_by_phone(ada, "139 0013 9000")
    await gallery.take("recognise-prove")


async def asks(person: Person, address: str) -> None:
    await person.fill("pages.by_code.account", address)
    await person.sends("pages.by_code.send")
    await person.sees("pages.by_code.code_title")


async def enters(person: Person, address: str) -> None:
    """The code; where scripts run its last digit sends it."""
    await person.type("pages.code.label", await person.code(address))
    if not person.scripts:
        await person.press("pages.login.button")
    await expect(person.page.get_by_role("heading", level=1)).not_to_have_text(person.word("pages.by_code.code_title"))


async def comes_by_phone(person: Person, number: str = "138 0013 8000") -> None:
    """A text message takes a captcha: the browser works for the first of a day, and the person reads a picture for another."""
    await person.go("/login")
    await person.fill("pages.by_code.account", number)
    await person.sends("pages.by_code.send")
    if await person.page.locator("[data-picture][src]").is_visible():
        await person.fill("pages.captcha.label", await person.looks())
        await person.press("pages.by_code.send")
    await person.sees("pages.by_code.code_title")
    await enters(person, f"+86{number.replace(' ', '')}")


async def left_behind(town: Town, number: str = "+8613800138000", *mails: str) -> None:
    """An account that nobody has used for half a year."""
    store, at = town.house.services.store, town.clock.now()
    async with store.begin() as tx:
        new = await accounts.add(tx, realm="main", password=None, nickname="张小明", locale="en", created_at=at, created_ip="")
        for address in (rules.phone(number), *map(rules.email, mails)):
            assert await accounts.add_identifier(tx, account_id=new, realm="main", address=address, proved_at=at)
    town.clock.advance(days=180)


async def registering(gallery: Gallery) -> None:
    """By a link."""
    ada = gallery.person
    await gallery.show("register", "/register?way=link")
    await ada.press("pages.register.button")
    await gallery.take("register-missing")
    await ada.fill("pages.email", "ada@nowhere.test")
    await ada.fill("pages.password", "password1")
    await ada.page.locator("#agree").check()
    await ada.sends("pages.register.button")
    await gallery.take("register-error")
    await ada.fill("pages.email", LONG)
    await ada.fill("pages.password", GOOD)
    await ada.sends("pages.register.button")
    await gallery.take("register-sent")


async def registering_by_code(gallery: Gallery) -> None:
    """By mail and by text message."""
    ada = gallery.person
    await gallery.show("register-by-code", "/register?way=code")
    await ada.fill("pages.by_code.account", "12345")
    await ada.sends("pages.by_code.send")
    await gallery.take("register-by-code-error")
    await ada.fill("pages.by_code.account", LONG)
    await ada.sends("pages.by_code.send")
    await gallery.take("register-code")
    await ada.page.locator("summary").click()
    await gallery.take("register-code-nothing")
    await ada.fill("pages.code.label", "000000")
    await ada.is_told("beside.bad-code")
    await gallery.take("register-code-error")


async def choosing_a_password(gallery: Gallery) -> None:
    """Once a code has proved the address; and the captcha before a text message."""
    ada = gallery.person
    await ada.go("/register?way=code")
    await ada.fill("pages.by_code.account", LONG)
    await ada.sends("pages.by_code.send")
    await ada.fill("pages.code.label", await ada.code(LONG))
    await ada.sees("pages.phone_first.new_title")
    await gallery.take("register-new")
    await ada.fill("pages.password", "password1")
    await ada.page.locator("#agree").check()
    await ada.press("pages.register.button")
    await gallery.take("register-new-error")
    await ada.go("/register?way=code")
    await ada.fill("pages.by_code.account", "138 0013 8000")
    await gallery.take("register-by-phone")


async def opening(gallery: Gallery) -> None:
    """What a mail opens."""
    ada = gallery.person
    await registered(ada.town, LONG)
    await gallery.show("activate-bad", "/page/activate?email=ada@example.com&vcode=x")
    await ada.open_mail(LONG, "/page/activate")
    await gallery.take("activate")
    await ada.press("pages.activate.button")
    await gallery.take("active")
    await ada.open_mail(LONG, "/page/activate")
    await gallery.take("active-already")
    await Hiyouth(ada.town, role="boss").register(EVE, GOOD)
    await gallery.show("verify-bad", "/api/EmailVer?option=ver&emailname=nonsense")
    await ada.page.get_by_role("textbox").fill(EVE)
    await ada.sends("pages.bad_link.button")
    await gallery.take("verify-sent")
    await ada.open_mail(EVE, "/api/EmailVer")
    await gallery.take("verified")


async def after_proofs(gallery: Gallery) -> None:
    """Logged in by one's own link, a link that was used, and a session that has ended."""
    ada = gallery.person
    await ada.go("/register?way=link&next=https://shop.example.com/cart")
    await ada.fill("pages.email", LONG)
    await ada.fill("pages.password", GOOD)
    await ada.page.locator("#agree").check()
    await ada.sends("pages.register.button")
    await ada.open_mail(LONG, "/page/activate")
    await ada.press("pages.activate.button")
    await gallery.take("activated")
    await gallery.show("signed-in-app", "/register?next=https://shop.example.com/cart")
    await gallery.show("reset-bad-inside", "/page/reset?vcode=x")
    other = await proved(ada.town, EVE)
    link = await ada.town.link(LONG, "/page/activate")
    await ada.page.context.add_cookies(
        [{"name": "lingpai_session", "value": other.browser.cookies["lingpai_session"], "url": ada.town.url}]
    )
    await gallery.show("active-other", f"/page/activate?vcode={link['vcode']}")
    await ada.page.context.clear_cookies(name="lingpai_session")
    await gallery.show("login-ended", "/me/profile")


async def forgetting(gallery: Gallery) -> None:
    """All ways back."""
    ada, town = gallery.person, gallery.person.town
    await seed003.member(town, questions=True)
    await gallery.show("forgot", "/forgot")
    await ada.fill("pages.login.account", "?")
    await ada.sends("pages.forgot.button")
    await gallery.take("forgot-error")
    await ada.fill("pages.login.account", LONG)
    await ada.sends("pages.forgot.button")
    await gallery.take("forgot-code")
    await ada.page.locator("summary").click()
    await gallery.take("forgot-code-nothing")
    await ada.fill("pages.code.label", "000000")
    await ada.is_told("beside.bad-code")
    await gallery.take("forgot-code-error")
    await gallery.show("forgot-over", f"/forgot?step=new&account={ADA}")
    await ada.go("/page/reset?email=ada@example.com&vcode=x")
    await ada.page.get_by_role("textbox").fill(EVE)
    await ada.sends("pages.bad_link.button")
    await gallery.take("forgot-link")


async def answering(gallery: Gallery) -> None:
    """Back by questions, and by a mailed link."""
    ada, town = gallery.person, gallery.person.town
    await seed003.member(town, questions=True)
    await ada.go("/forgot")
    await ada.fill("pages.login.account", seed003.ADA)
    await ada.sends("pages.forgot.button")
    await ada.page.locator("summary").click()
    await ada.press("pages.phone_first.by_questions")
    await ada.sees("pages.questions.title")
    await gallery.take("forgot-questions")
    for number in ("one", "two", "three"):
        await ada.page.get_by_label(seed003.QUESTIONS[f"question_{number}"], exact=True).fill(seed003.ANSWERS[f"answer_{number}"])
    await ada.press("pages.questions.button")
    await gallery.take("forgot-password")
    await ada.fill("pages.reset.password", GOOD)
    await ada.press("pages.reset.button")
    await gallery.take("reset-done")
    await following_a_link(gallery)


async def following_a_link(gallery: Gallery) -> None:
    """One that is worth nothing, and then one that is."""
    ada, town = gallery.person, gallery.person.town
    await gallery.show("reset-bad", "/page/reset?email=ada@example.com&vcode=x")
    town.clock.advance(minutes=3)
    await Maillink(town).forget(seed003.ADA_MAIL)
    await ada.open_mail(seed003.ADA_MAIL, "/reset_password/verify")
    await gallery.take("reset")
    await ada.fill("pages.reset.password", "password1")
    await ada.press("pages.reset.button")
    await gallery.take("reset-error")


async def disowning(gallery: Gallery) -> None:
    """What a notice's "not me" opens."""
    ada = gallery.person
    there = await proved(ada.town, ADA)
    await there.send("/page/me/password", old_password=GOOD, password="a staple of another kind")
    await ada.open_mail(ADA, "/page/not-me")
    await gallery.take("not-me")
    await ada.press("pages.not_me.button")
    await gallery.take("not-me-reset")
    await gallery.show("not-me-bad", "/page/not-me?token=nonsense")


async def registered(town: Town, email: str) -> None:
    """By the page, which takes longer addresses than the dialect does."""
    async with town.browser() as there:
        await there.post("/page/register", data={"email": email, "password": GOOD, "way": "link", "agree": "yes"})


async def proved(town: Town, email: str) -> Owner:
    """Somebody with an account, logged in elsewhere."""
    person = Maillink(town)
    await person.register(email, GOOD)
    link = await town.link(email, "/activate_account")
    await person.browser.post("/page/activate", data=link)
    await person.log_in(email, GOOD)
    return Owner(town, person.browser)


ROOMS = [
    *(entering, guessing, coming_by_code, typing_a_code, coming_anew, recognising, inside),
    *(registering, registering_by_code, choosing_a_password, opening, after_proofs, forgetting, answering, disowning),
]


@EACH
@pytest.mark.parametrize("room", ROOMS)
async def test_every_state_of_every_page_is_fit_for_everybody(
    browser: Browser, town: Town, eye: Eye, locale: Locale, room: Callable[[Gallery], Awaitable[None]]
) -> None:
    async with arrives(browser, town, locale) as person:
        await room(Gallery(person, eye))

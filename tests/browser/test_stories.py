"""The stories of the four seeds as a person lives them: both languages, with and without scripts, asking nobody but us."""

from typing import Any

import pytest
from playwright.async_api import expect

from browser.person import BOTH, CROSSED, STRAIGHT, Person, Visits
from lingpai.flows import invites
from lingpai.settings import Invites, Pages
from web import seed003
from web.people import ADA, GOOD
from web.seed003 import ADA as NAME
from web.seed003 import ANSWERS, QUESTIONS
from web.speakers import Hiyouth

pytestmark = pytest.mark.browser

BOB = "bob@example.com"
OTHER = "a staple of another kind"
THIRD = "yet another good one"
WRONG = "not the password"
PHONE, E164, SHOWN = "138 0013 8000", "+8613800138000", "+86 138 0013 8000"
"""As it is typed, as it is kept and sent to, and as pages show it."""
WAYS = {"pages": Pages(register=("link", "code", "phone"))}


@pytest.fixture
def changes() -> dict[str, Any]:
    return WAYS


# Seed 001


@BOTH
async def test_a_link_registers_and_a_code_helps_who_forgot(ada: Person) -> None:
    await ada.go("/register")
    await ada.fill("pages.by_code.account", ADA)
    await ada.sends("pages.phone_first.next")
    await expect(ada.field("pages.email")).to_have_value(ADA)
    await ada.fill("pages.password", GOOD)
    await ada.sends("pages.register.button")
    await ada.sees("pages.sent.title")
    await ada.open_mail(ADA, "/page/activate")
    await ada.sees("pages.active.fresh.title")
    await ada.follow("pages.to_me")
    await ada.is_home(ADA)
    await ada.press("pages.me.home.leave")
    await ada.sees("pages.logout.done_title")
    await ada.follow("pages.to_login")
    await forgets(ada)
    await ada.go("/me")
    await ada.is_home(ADA)
    await ada.log_out()
    await ada.go("/login")
    await ada.enter(ADA, GOOD)
    await ada.is_told("refusal.bad-credentials")
    await ada.enter(ADA, OTHER)
    await ada.is_home(ADA)


async def forgets(person: Person) -> None:
    """From the login page to a new password, by a mailed code."""
    await person.press("pages.by_code.way.password")
    await person.follow("pages.login.forgot")
    await person.fill("pages.login.account", ADA)
    await person.sends("pages.forgot.button")
    await person.fill("pages.code.label", await person.code(ADA))
    if not person.scripts:
        await person.press("pages.phone_first.next")
    await person.sees("pages.reset.title")
    await person.fill("pages.reset.password", OTHER)
    await person.press("pages.reset.button")
    await person.sees("pages.reset_done.title")


# Seed 000


@CROSSED
async def test_a_code_registers_and_a_captcha_slows_who_guesses(ada: Person) -> None:
    await registered_by_code(ada)
    await ada.log_out()
    await ada.go("/login")
    for _ in range(2):
        await ada.enter(ADA, WRONG)
        await ada.is_told("refusal.bad-credentials")
    await solve(ada)
    await ada.enter(ADA, WRONG)
    await ada.is_told("refusal.bad-credentials")
    await solve(ada)
    await ada.enter(ADA, GOOD)
    await ada.is_home(ADA)


async def registered_by_code(person: Person) -> None:
    await person.go("/register?way=code")
    await person.fill("pages.by_code.account", ADA)
    await person.sends("pages.by_code.send")
    await person.sees("pages.by_code.code_title")
    code = await person.code(ADA)
    await person.fill("pages.code.label", f" {code[:3]} {code[3:]} ")
    if not person.scripts:
        await person.press("pages.phone_first.next")
    await person.sees("pages.phone_first.new_title")
    await person.fill("pages.password", GOOD)
    await person.press("pages.register.button")
    await person.is_home(ADA)


async def solve(person: Person) -> None:
    """The browser works once the form is sent; where it may not, the person looks at the picture, or has it read out."""
    if person.scripts:
        await expect(person.page.locator("[data-picture]")).to_be_hidden()
        return
    await person.press("pages.captcha.another")
    await expect(person.page.locator("[data-picture]")).to_be_visible()
    await person.press("pages.captcha.speak")
    await expect(person.page.get_by_label(person.word("pages.captcha.sound"))).to_be_visible()
    await person.fill("pages.captcha.label", await person.looks())


@STRAIGHT
async def test_a_one_time_link_logs_another_browser_in_once_it_is_asked(ada: Person, another: Visits) -> None:
    await registered_by_code(ada)
    await ada.act("pages.me.home.make", "pages.me.link.title")
    await ada.press("pages.me.link.button")
    link = await ada.field("pages.me.link.title").input_value()
    async with another() as elsewhere:
        await elsewhere.go(link)
        await elsewhere.sees("pages.authorization.title")
        await elsewhere.reads("pages.authorization.ask", email=ADA)
        await elsewhere.press("pages.authorization.button")
        await elsewhere.is_home(ADA)
    async with another() as late:
        await late.go(link)
        await late.sees("pages.authorization.bad_title")


@CROSSED
@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required", initial=1)}])
async def test_an_invite_brings_a_friend_in(ada: Person, another: Visits) -> None:
    first = await invites.issue(ada.town.house.services, "main", 1, None)
    await ada.go("/register")
    await ada.fill("pages.email", ADA)
    await ada.fill("pages.password", GOOD)
    await ada.fill("pages.register.invite", first)
    await ada.sends("pages.register.button")
    await ada.open_mail(ADA, "/page/activate")
    await ada.follow("pages.to_me")
    await ada.act("pages.me.home.look", "pages.me.invites.title")
    await ada.press("pages.me.invites.button")
    await ada.reads("pages.me.done.invited")
    link = await ada.field("pages.me.invites.link").input_value()
    async with another() as bob:
        await bob.go(link)
        await bob.fill("pages.email", BOB)
        await bob.fill("pages.password", GOOD)
        await bob.sends("pages.register.button")
        await bob.open_mail(BOB, "/page/activate")
        await bob.follow("pages.to_me")
        await bob.is_home(BOB)
    await ada.page.reload()
    await ada.reads("pages.me.invites.state.used")


# Seed 003


@CROSSED
async def test_who_signed_up_by_name_adds_an_address_and_questions_and_gets_back_in_by_either(ada: Person) -> None:
    await seed003.member(ada.town, mail=None)
    await ada.log_in(NAME, seed003.GOOD)
    await ada.is_home(NAME)
    await ada.act("pages.me.add", "pages.email")
    await ada.fill("pages.me.email.new", ADA)
    await ada.sends("pages.me.send_code")
    await ada.fill("pages.code.label", await ada.code(ADA))
    if not ada.scripts:
        await ada.press("pages.me.email.bind")
    await ada.reads("pages.me.done.email")
    await ada.follow("pages.me.safety.title")
    await ada.act("pages.me.set", "pages.me.questions.title")
    for number, name in enumerate(("one", "two", "three"), 1):
        await ada.field("pages.me.questions.question", number=number).select_option("own")
        await ada.fill("pages.me.preset.text", QUESTIONS[f"question_{name}"], number=number)
        await ada.fill("pages.me.questions.answer", QUESTIONS[f"answer_{name}"], number=number)
    await ada.press("pages.me.save")
    await ada.reads("pages.me.done.questions")
    await ada.log_out()
    await back_by_answers(ada)
    ada.town.clock.advance(minutes=1)
    await back_by_code(ada)


async def back_by_answers(person: Person) -> None:
    await person.go("/forgot")
    await person.fill("pages.login.account", NAME)
    await person.sends("pages.forgot.button")
    await person.page.locator("summary").click()
    await person.press("pages.phone_first.by_questions")
    await person.sees("pages.questions.title")
    for name in ("one", "two", "three"):
        await person.page.get_by_label(QUESTIONS[f"question_{name}"], exact=True).fill(ANSWERS[f"answer_{name}"])
    await person.press("pages.questions.button")
    await person.sees("pages.reset.title")
    await person.fill("pages.reset.password", OTHER)
    await person.press("pages.reset.button")
    await person.sees("pages.reset_done.title")
    await person.follow("pages.to_login")
    await person.enter(NAME, OTHER)
    await person.page.wait_for_url(f"{person.town.url}/me")
    await person.log_out()


async def back_by_code(person: Person) -> None:
    await person.go("/forgot")
    await person.fill("pages.login.account", NAME)
    await person.sends("pages.forgot.button")
    await person.sees("pages.by_code.code_title")
    await person.fill("pages.code.label", await person.code(ADA))
    if not person.scripts:
        await person.press("pages.phone_first.next")
    await person.sees("pages.reset.title")
    await person.fill("pages.reset.password", THIRD)
    await person.press("pages.reset.button")
    await person.sees("pages.reset_done.title")
    await person.go("/me")
    assert person.page.url == f"{person.town.url}/me"


# Seed 002


@pytest.mark.parametrize(
    ("role", "locale", "scripts"),
    [("member", "zh-Hans", True), ("boss", "zh-Hans", False), ("member", "en", False), ("boss", "en", True)],
)
async def test_a_mailed_link_verifies_a_volunteer_and_an_employer(ada: Person, role: str) -> None:
    assert (await Hiyouth(ada.town, role=role).register(ADA, GOOD)).yes
    await ada.open_mail(ADA, "/api/EmailVer")
    await ada.sees(f"pages.verified.{role}")
    await ada.follow("pages.to_login")
    await ada.enter(ADA, GOOD)
    await ada.is_home(ADA)
    await ada.log_out()
    await ada.log_in(ADA, GOOD, "/login?type=boss" if role == "member" else "/login")
    await ada.is_told("refusal.bad-credentials")


@STRAIGHT
async def test_a_texted_code_registers(ada: Person) -> None:
    await ada.go("/register")
    await ada.fill("pages.by_code.account", PHONE)
    await ada.sends("pages.phone_first.next")
    await ada.sees("pages.by_code.code_title")
    await ada.reads("pages.by_code.sent", to=SHOWN)
    await ada.fill("pages.code.label", await ada.code(E164))
    if not ada.scripts:
        await ada.press("pages.phone_first.next")
    await ada.sees("pages.phone_first.new_title")
    await ada.fill("pages.password", GOOD)
    await ada.press("pages.register.button")
    await ada.is_home(SHOWN)
    await ada.log_out()
    await ada.log_in(PHONE, GOOD)
    await ada.is_home(SHOWN)

"""After a proof, in a real browser: reload, back and a second tab say what is so and lead on; so does a session that has ended."""

from typing import Any

import pytest
from playwright.async_api import expect

from browser.person import CROSSED, STRAIGHT, Person, Visits
from browser.test_keyboard import tab_to
from lingpai.core.masked import half_shown
from lingpai.settings import Pages
from web.owners import Owner
from web.people import ADA, GOOD, member
from web.town import Town

pytestmark = pytest.mark.browser

OTHER = "a staple of another kind"
HOME = "/logout"
"""A page of ours that stands for the product's home: browsers here ask nobody else."""


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"pages": Pages(home=HOME)}


async def registers(person: Person) -> None:
    await person.go("/register")
    await person.fill("pages.email", ADA)
    await person.fill("pages.password", GOOD)
    await person.sends("pages.register.button")
    await person.sees("pages.sent.title")


async def logged_in_elsewhere(town: Town) -> Owner:
    there = await member(town)
    await there.log_in(ADA, GOOD)
    return Owner(town, there.browser)


@STRAIGHT
async def test_who_registers_is_in_by_the_link_and_every_tab_knows(ada: Person) -> None:
    await registers(ada)
    waiting = ada.page
    ada.page = await waiting.context.new_page()
    await ada.open_mail(ADA, "/page/activate")
    for _ in range(2):
        await ada.sees("pages.active.fresh.title")
        await ada.reads("pages.proofs.inside", email=half_shown(ADA))
        await ada.page.reload()
    await ada.follow("pages.to_me")
    await ada.is_home(ADA)
    await ada.page.go_back()
    await ada.sees("pages.active.fresh.title")
    await ada.open_mail(ADA, "/page/activate")
    await ada.sees("pages.active.fresh.title")
    ada.page = waiting
    await ada.page.reload()
    await ada.sees("pages.signed_in.title")
    await ada.follow("pages.signed_in.button", who=half_shown(ADA))
    await ada.is_home(ADA)


@CROSSED
async def test_the_link_in_another_browser_leads_to_the_login_and_nobody_is_in(ada: Person, another: Visits) -> None:
    await registers(ada)
    async with another() as phone:
        await phone.open_mail(ADA, "/page/activate")
        await phone.sees("pages.active.fresh.title")
        await phone.follow("pages.to_login")
        await expect(phone.field("pages.by_code.account")).to_have_value(ADA)
        await phone.enter(ADA, GOOD)
        await phone.is_home(ADA)
    await ada.open_mail(ADA, "/page/activate")
    await ada.follow("pages.to_me")
    await ada.is_home(ADA)


@STRAIGHT
async def test_after_a_reset_reload_back_and_the_link_once_more_lead_on(ada: Person) -> None:
    await member(ada.town)
    await ada.go("/page/reset?vcode=nonsense")
    await ada.fill("pages.email", ADA)
    await ada.sends("pages.bad_link.button")
    await ada.open_mail(ADA, "/page/reset")
    await ada.fill("pages.reset.password", OTHER)
    await ada.press("pages.reset.button")
    for _ in range(2):
        await ada.sees("pages.reset_done.title")
        await ada.reads("pages.reset_done.inside", who=ADA)
        await ada.page.reload()
    await ada.go(f"/page/reset?vcode={(await ada.town.link(ADA, '/page/reset'))['vcode']}")
    await ada.sees("pages.bad_link.title")
    await ada.follow("pages.signed_in.button", who=half_shown(ADA))
    await ada.is_home(ADA)


@CROSSED
async def test_who_was_put_out_elsewhere_is_told_and_comes_back_to_where_they_were(ada: Person) -> None:
    there = await logged_in_elsewhere(ada.town)
    await ada.log_in(ADA, GOOD)
    await ada.is_home(ADA)
    await ada.go("/me/profile")
    await there.send("/page/me/devices")
    await ada.page.reload()
    await ada.sees("pages.login.title")
    for _ in range(2):
        await ada.reads("pages.proofs.ended")
        await ada.page.reload()
    await ada.enter(ADA, GOOD)
    await ada.sees("pages.me.profile.title")


@STRAIGHT
async def test_after_leaving_back_shows_nothing_and_leads_to_the_login(ada: Person) -> None:
    await member(ada.town)
    await ada.log_in(ADA, GOOD)
    await ada.is_home(ADA)
    await ada.log_out()
    await ada.page.go_back()
    await ada.sees("pages.login.title")


@CROSSED
async def test_the_keyboard_gets_home_by_the_logo(ada: Person) -> None:
    await ada.go("/login")
    await tab_to(ada, ada.page.locator("header").get_by_role("link", name="Lingpai"))
    await ada.page.keyboard.press("Enter")
    await ada.sees("pages.logout.done_title")
    await expect(ada.page.get_by_role("link", name=ada.word("pages.proofs.home", product="Lingpai"))).to_be_visible()

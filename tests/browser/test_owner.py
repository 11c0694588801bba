"""What an owner does in their own space: another address, another password, other devices, their data, the end and the way back."""

import json
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from browser.person import CROSSED, STRAIGHT, Person, Visits
from lingpai.core import words
from web.people import ADA, GOOD, member

pytestmark = pytest.mark.browser

NEW = "ada@new.example.com"
OTHER = "a staple of another kind"


@pytest_asyncio.fixture(loop_scope="session")
async def home(ada: Person) -> Person:
    """Logged in a moment ago."""
    await member(ada.town)
    await ada.log_in(ADA, GOOD)
    await ada.is_home(ADA)
    return ada


@STRAIGHT
async def test_another_address_is_proved_and_the_old_one_told(home: Person) -> None:
    await home.act("pages.me.change", "pages.email")
    await home.reads("pages.me.email.replaces", held=ADA)
    await home.fill("pages.me.email.new", NEW)
    await home.sends("pages.me.send_code")
    for code in ("000000", await home.code(NEW)):
        await home.fill("pages.code.label", code)
        if not home.scripts:
            await home.press("pages.me.email.bind")
        if code == "000000":
            await home.is_told("beside.bad-code")
    await home.reads("pages.me.done.email")
    await home.reads_exactly("a***@new.example.com")
    newest = (await home.town.mails(ADA))[-1]
    assert newest["subject"] == words.text("letter.email_changed.subject", "zh-Hans", product="Lingpai"), "in the account's own language"
    await home.log_out()
    await home.log_in(ADA, GOOD)
    await home.is_told("refusal.bad-credentials")
    await home.enter(NEW, GOOD)
    await home.is_home(NEW)


@CROSSED
async def test_another_password_ends_the_other_browser(home: Person, another: Visits) -> None:
    async with another() as elsewhere:
        await elsewhere.log_in(ADA, GOOD)
        await elsewhere.is_home(ADA)
        await home.go("/me/security")
        await home.act("pages.me.change", "pages.password")
        await home.fill("pages.me.password.old", GOOD)
        await home.fill("pages.me.password.new", OTHER)
        await home.press("pages.me.password.button")
        await home.reads("pages.me.done.password")
        await elsewhere.page.reload()
        await elsewhere.sees("pages.login.title")
        await elsewhere.enter(ADA, OTHER)
        await elsewhere.is_home(ADA)


@STRAIGHT
async def test_one_device_logs_another_out(home: Person, another: Visits) -> None:
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) MicroMessenger/8.0.50"
    async with another(user_agent=phone) as elsewhere:
        await elsewhere.log_in(ADA, GOOD)
        await elsewhere.is_home(ADA)
        await home.go("/me/devices")
        rows = home.page.locator(".row")
        await expect(rows).to_have_count(2)
        await expect(rows.first.get_by_role("button")).to_have_count(0)
        await rows.filter(has_text=home.word("program.wechat")).get_by_role("button").click()
        await home.reads("pages.me.done.ended")
        await expect(rows).to_have_count(1)
        await elsewhere.page.reload()
        await elsewhere.sees("pages.login.title")


@STRAIGHT
async def test_all_that_is_kept_can_be_taken_along(home: Person) -> None:
    async with home.page.expect_download() as started:
        await home.turn_to("pages.me.data.export")
    download = await started.value
    assert download.suggested_filename.endswith(".json")
    told = json.loads(Path(await download.path()).read_text("utf-8"))  # noqa: ASYNC240 - a small file on the own disk
    assert ADA in json.dumps(told)
    assert GOOD not in json.dumps(told)


@CROSSED
async def test_who_deletes_the_account_may_come_back(home: Person) -> None:
    await home.go("/me/data")
    await home.turn_to("pages.me.delete.title")
    await home.page.get_by_label(home.word("pages.me.delete.sure")).check()
    await home.press("pages.me.delete.button")
    await home.sees("pages.me.closed.title")
    await home.log_in(ADA, GOOD)
    await home.sees("pages.closing.title")
    await home.press("pages.closing.button")
    await home.sees("pages.kept.title")
    await home.follow("pages.to_login")
    await home.enter(ADA, GOOD)
    await home.is_home(ADA)


@STRAIGHT
async def test_the_mailed_link_is_a_way_back_too(home: Person) -> None:
    await home.go("/me/delete")
    await home.page.get_by_label(home.word("pages.me.delete.sure")).check()
    await home.press("pages.me.delete.button")
    await home.open_mail(ADA, "/page/keep")
    await home.sees("pages.closing.title")
    await home.press("pages.closing.button")
    await home.sees("pages.kept.title")
    await home.log_in(ADA, GOOD)
    await home.is_home(ADA)


@CROSSED
async def test_a_sensitive_step_asks_again_after_eleven_minutes(home: Person) -> None:
    home.town.clock.advance(minutes=11)
    await home.go("/me/security")
    await home.act("pages.me.change", "pages.email")
    await home.sees("pages.me.confirm.title")
    await home.fill("pages.password", OTHER)
    await home.press("pages.me.confirm.button")
    await home.is_told("refusal.wrong-password")
    await home.fill("pages.password", GOOD)
    await home.press("pages.me.confirm.button")
    await home.sees("pages.me.email.change")

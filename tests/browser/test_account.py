"""An owner and their account: a name, who logged in, addresses in full; and how one comes by a third party."""

import re
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from browser.looking import Eye, look, read_large
from browser.person import BOTH, CROSSED, LOCALES, STRAIGHT, Person, Visits, arrives
from flows.births import born
from lingpai.core import words
from lingpai.core.model import Address, Locale
from lingpai.settings import Invites, Legal, Pages
from lingpai.settings.outside import Keys, Social
from lingpai_testing import QQ
from web.people import ADA, GOOD, member
from web.town import Town

pytestmark = pytest.mark.browser

NICKNAME = "Ada of the elsewhere"
MASKED = "a***@example.com"


@pytest.fixture
def policy() -> Any:
    return "open"


@pytest.fixture
def changes(qq: QQ, policy: Any) -> dict[str, Any]:
    qq.person("ada", NICKNAME)
    papers = Pages(terms=Legal("https://example.com/terms", "2026-11"), privacy=Legal("https://example.com/privacy", "3"))
    return {
        "social": Social(qq=Keys(app_id=qq.app_id, app_secret=qq.app_secret, base_url=qq.base_url)),
        "pages": papers,
        "invites": Invites(policy=policy),
    }


@pytest.fixture
def providers(qq: QQ) -> set[str]:
    return {qq.base_url.removeprefix("http://")}


@pytest_asyncio.fixture(loop_scope="session")
async def home(ada: Person) -> Person:
    """Logged in a moment ago."""
    await member(ada.town)
    await ada.log_in(ADA, GOOD)
    await ada.is_home(ADA)
    return ada


@BOTH
async def test_a_name_is_chosen_and_one_logs_in_by_it(home: Person) -> None:
    await home.act("pages.me.set", "pages.me.account")
    await home.sees("pages.me.name.choose")
    await home.fill("pages.me.account", "13995265229")
    await home.press("pages.me.save")
    await home.is_told("beside.name-digits")
    await home.fill("pages.me.account", "paula")
    await home.press("pages.me.save")
    await home.reads("pages.me.done.name")
    await home.reads_exactly("paula")
    await home.log_out()
    await home.log_in("paula", GOOD)
    await home.is_home("paula")
    await home.act("pages.me.change", "pages.me.account")
    await expect(home.page.locator("main form[action='/page/me/name']")).to_have_count(0)


@STRAIGHT
async def test_an_address_is_shown_in_full_after_a_proof(home: Person) -> None:
    home.town.clock.advance(minutes=11)
    await home.go("/me/security")
    await home.reads_exactly(MASKED)
    await home.follow("pages.me.shown.reveal")
    await home.sees("pages.me.confirm.title")
    await home.fill("pages.password", GOOD)
    await home.press("pages.me.confirm.button")
    await home.reads_exactly(ADA)


@CROSSED
async def test_an_unknown_browser_is_told_of_stands_in_the_history_and_is_put_out(home: Person, another: Visits) -> None:
    async with another(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0") as elsewhere:
        await elsewhere.log_in(ADA, GOOD)
        await elsewhere.is_home(ADA)
        await home.go("/me/safety")
        await home.act("pages.me.home.look", "pages.me.history.title")
        newest = home.page.locator(".row").first
        await expect(newest).to_contain_text("Firefox")
        await expect(newest).to_contain_text(home.word("pages.me.history.by.password", what=home.word("pages.me.history.done")))
        await home.open_mail(ADA, "/page/not-me")
        await home.press("pages.not_me.button")
        await elsewhere.page.reload()
        await elsewhere.sees("pages.login.title")


@STRAIGHT
async def test_questions_are_chosen_from_a_list_and_what_was_typed_stays(home: Person) -> None:
    await home.go("/me/questions")
    preset = home.word("pages.me.preset.teacher")
    for number, (question, answer) in enumerate(((preset, "Elm"), (preset, "Oak"), ("My own?", "Rex")), 1):
        await home.fill("pages.me.questions.question", question, number=number)
        await home.fill("pages.me.questions.answer", answer, number=number)
    assert preset in await home.page.locator("#presets option").evaluate_all("all => all.map((one) => one.value)")
    await home.press("pages.me.save")
    await expect(home.page.locator("#failed")).to_be_visible()
    await expect(home.field("pages.me.questions.answer", number=3)).to_have_value("Rex")
    await home.fill("pages.me.questions.question", home.word("pages.me.preset.boss"), number=2)
    await home.press("pages.me.save")
    await home.reads("pages.me.done.questions")


@BOTH
async def test_who_is_new_by_a_third_party_agrees_and_is_in(ada: Person) -> None:
    await ada.go("/login")
    await ada.follow("provider.qq")
    await ada.page.get_by_role("button", name=NICKNAME).click()
    await ada.sees("pages.newcomer.title")
    await expect(ada.page.get_by_text(NICKNAME)).to_be_visible()
    await ada.page.get_by_role("checkbox").check()
    await ada.press("pages.by_code.free.button")
    await ada.page.wait_for_url(f"{ada.town.url}/me")
    await ada.go("/me/data")
    await ada.reads("pages.me.consents.title")
    await expect(ada.page.get_by_text("2026-11")).to_be_visible()


@CROSSED
async def test_whoever_has_an_account_links_it_by_a_code_and_undoes_it_by_the_letter(ada: Person) -> None:
    await member(ada.town)
    await ada.go("/connect/qq")
    await ada.page.get_by_role("button", name=NICKNAME).click()
    await ada.follow("pages.newcomer.bind")
    await ada.fill("pages.login.account", ADA)
    await ada.fill("pages.password", "not the password")
    await ada.press("pages.newcomer.button")
    await ada.is_told("refusal.bad-credentials")
    await ada.sends("pages.by_code.send")
    await ada.sees("pages.by_code.code_title")
    await expect(ada.page.get_by_text(NICKNAME)).to_be_visible()
    if ada.scripts:
        await expect(ada.page.locator("[data-wait]")).to_be_disabled()
    code = ada.page.get_by_label(re.compile(f"^{re.escape(ada.word('pages.code.label'))}"))
    await code.fill(await ada.code(ADA))
    if not ada.scripts:
        await ada.press("pages.newcomer.button")
    await ada.page.wait_for_url(re.compile(f"{ada.town.url}/me"))
    third = words.third("qq", NICKNAME, ada.locale)
    await ada.reads("pages.me.done.linked", third=third)
    await ada.open_mail(ADA, "/page/not-me")
    await expect(ada.page.get_by_text(third)).to_be_visible()
    await ada.press("pages.not_me.button")
    await ada.go("/me")
    await ada.sees("pages.login.title")


@STRAIGHT
@pytest.mark.parametrize("policy", ["closed"])
async def test_where_registration_is_closed_an_owner_is_told_and_links_by_their_password(ada: Person) -> None:
    await born(ada.town.house.services, Address("email", ADA, ADA), password=GOOD)
    await ada.go("/connect/qq")
    await ada.page.get_by_role("button", name=NICKNAME).click()
    await ada.reads("pages.newcomer.closed", product="Lingpai", provider="QQ")
    await expect(ada.page.locator("main form")).to_have_count(0)
    await ada.follow("pages.newcomer.bind")
    await ada.fill("pages.login.account", ADA)
    await ada.fill("pages.password", GOOD)
    await ada.press("pages.newcomer.button")
    await ada.page.wait_for_url(re.compile(f"{ada.town.url}/me"))


async def test_by_keyboard_alone_one_agrees_and_is_in(browser: Browser, town: Town, qq: QQ) -> None:
    async with arrives(browser, town, "zh-Hans") as ada:
        ada.expected |= {qq.base_url.removeprefix("http://")}
        await ada.go("/connect/qq")
        await ada.page.get_by_role("button", name=NICKNAME).press("Enter")
        await ada.sees("pages.newcomer.title")
        box = ada.page.get_by_role("checkbox")
        for _ in range(12):
            await ada.page.keyboard.press("Tab")
            if await box.evaluate("box => box === document.activeElement"):
                break
        await ada.page.keyboard.press("Space")
        await expect(box).to_be_checked()
        await ada.page.keyboard.press("Enter")
        await ada.page.wait_for_url(f"{town.url}/me")


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_newcomer_s_pages_are_fit_for_everybody(browser: Browser, town: Town, qq: QQ, eye: Eye, locale: Locale) -> None:
    async with arrives(browser, town, locale) as ada:
        ada.expected |= {qq.base_url.removeprefix("http://")}
        await ada.go("/connect/qq")
        await ada.page.get_by_role("button", name=NICKNAME).click()
        for name, press in (
            ("new", ""),
            ("new-unticked", "pages.by_code.free.button"),
            ("bind", "bind"),
            ("bind-wrong", "pages.newcomer.button"),
            ("code", "code"),
        ):
            if press == "bind":
                await ada.follow("pages.newcomer.bind")
            elif press == "code":
                await ada.fill("pages.login.account", ADA)
                await ada.sends("pages.by_code.send")
            elif press:
                await ada.page.locator("form[novalidate], main form").first.evaluate("form => form.noValidate = true")
                await ada.press(press)
            await look(ada.page, eye, f"connect-{name}", LOCALES[locale])
            await read_large(ada.page, name)


async def test_the_browser_tells_where_its_clock_is_and_mails_keep_to_it(browser: Browser, town: Town) -> None:
    await member(town)
    async with arrives(browser, town, "en", timezone_id="America/New_York") as ada:
        await ada.log_in(ADA, GOOD)
        await ada.is_home(ADA)
        await ada.go("/me/history")
        shown = await ada.page.locator("main time").first.text_content()
    async with arrives(browser, town, "en", timezone_id="America/New_York", scripts=False) as plain:
        await plain.page.context.add_cookies([{"name": "lingpai_zone", "value": "America/New_York", "url": town.url}])
        await plain.log_in(ADA, GOOD)
        await plain.go("/me/history")
        assert "UTC−4" in (await plain.page.locator("main time").first.text_content() or "")
    assert shown
    assert "UTC" not in shown, "as the browser writes it"
    assert "（UTC−4）" in (await town.mails(ADA))[-1]["text"]

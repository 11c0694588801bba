"""Phone first, as a person lives it: the country beside the number, digits in groups, whatever is pasted; and a code alone on its page."""

from typing import Any

import pytest
from playwright.async_api import expect

from browser.looking import MISFITS, judged
from browser.person import BOTH, CROSSED, STRAIGHT, Person
from browser.test_keyboard import tab_to, type_into
from lingpai.settings import Pages
from lingpai.settings.outside import Sms
from web import seed003
from web.people import ADA, GOOD, member

pytestmark = pytest.mark.browser

NEW = "a staple of another kind"
HONG_KONG, SHOWN = "+85251234567", "+852 5123 4567"
ABROAD = {"sms": Sms(countries=("CN", "HK", "US", "CA"))}
SEVERAL = pytest.mark.parametrize("changes", [{**ABROAD, "pages": Pages(register=("code", "phone"))}], ids=["several"])

TYPED = (
    ("1380013", "138 0013", "+86"),
    ("13800138000", "138 0013 8000", "+86"),
    ("１３８００１３８０００", "138 0013 8000", "+86"),
    ("138-0013-8000", "138 0013 8000", "+86"),
    ("+86 138 0013 8000", "138 0013 8000", "+86"),
    ("0086 (138) 0013-8000", "138 0013 8000", "+86"),
    ("【+86】13800138000", "138 0013 8000", "+86"),
    ("+852 5123 4567", "+852 5123 4567", ""),
    ("ada@example.com", "ada@example.com", ""),
    ("8@example.com", "8@example.com", ""),
    ("张三", "张三", ""),
    ("138001380001", "138001380001", "+86"),
    ("", "", "+86"),
)
"""What is typed or pasted, what the field makes of it, and the prefix before it."""
FROM_ABROAD = (
    ("+852 5123-4567", "5123 4567", "+852"),
    ("0085251234567", "5123 4567", "+852"),
    ("+1 201 555 0123", "201 555 0123", "+1"),
    ("+86 138 0013 8000", "138 0013 8000", "+86"),
    ("+44 7400 123456", "+44 7400 123456", ""),
)


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"pages": Pages(register=("code", "phone"))}


async def number_is(person: Person, value: str, prefix: str) -> None:
    """What stands in the field, and before it; an empty prefix: nothing does."""
    await expect(person.page.locator("#account")).to_have_value(value)
    before = person.page.locator("#account-prefix")
    await expect(before).to_be_visible(visible=bool(prefix))
    shown = await before.evaluate("one => one.options ? one.selectedOptions[0].textContent : one.textContent")
    assert not prefix or shown.replace("\u2007", " ").split()[0] == prefix


async def code_is_taken(person: Person, to: str) -> None:
    """With scripts its last digit sends it."""
    await person.sees("pages.by_code.code_title")
    await person.field("pages.code.label").press_sequentially(await person.code(to))
    if not person.scripts:
        await person.press("pages.phone_first.next")


async def test_a_number_is_grouped_however_it_comes_and_anything_else_is_left_as_it_is(ada: Person) -> None:
    await ada.go("/login")
    for typed, value, prefix in TYPED:
        await ada.fill("pages.by_code.account", typed)
        await number_is(ada, value, prefix)


async def test_the_caret_stays_where_one_types_and_deletes(ada: Person) -> None:
    await ada.go("/login")
    field, keys = ada.field("pages.by_code.account"), ada.page.keyboard
    await field.press_sequentially("13800138000")
    for _ in range(5):
        await keys.press("ArrowLeft")
    await keys.press("Backspace")
    await keys.press("Backspace")
    await number_is(ada, "138 0080 00", "+86")
    await keys.type("13")
    await number_is(ada, "138 0013 8000", "+86")
    for _ in range(20):
        await keys.press("Backspace")
    await expect(field).not_to_have_value("138 0013 8000")
    await keys.press("Home")
    for _ in range(20):
        await keys.press("Delete")
    await number_is(ada, "", "+86")


async def test_a_name_of_few_digits_is_no_number(ada: Person) -> None:
    await ada.go("/login?way=password")
    for typed, value in (("123456", "123456"), ("12-34", "12-34"), ("ada.7", "ada.7"), ("13800138000", "138 0013 8000")):
        await ada.fill("pages.login.account", typed)
        await expect(ada.field("pages.login.account")).to_have_value(value)


@SEVERAL
async def test_a_prefix_that_is_pasted_chooses_the_country(ada: Person) -> None:
    await ada.go("/login")
    for typed, value, prefix in FROM_ABROAD:
        await ada.fill("pages.by_code.account", typed)
        await number_is(ada, value, prefix)


@SEVERAL
@BOTH
async def test_somebody_from_elsewhere_chooses_the_country_registers_and_comes_back(ada: Person) -> None:
    await ada.go("/register")
    await ada.page.locator("#account-prefix").select_option("HK")
    await ada.fill("pages.by_code.account", "51234567")
    await ada.sends("pages.by_code.send")
    await ada.reads("pages.by_code.sent", to=SHOWN)
    await code_is_taken(ada, HONG_KONG)
    await ada.reads("pages.phone_first.new_text", to=SHOWN)
    await ada.fill("pages.password", GOOD)
    await ada.press("pages.register.button")
    await ada.is_home(SHOWN)
    await ada.log_out()
    await ada.go("/login?way=password")
    if ada.scripts:
        await expect(ada.page.locator("#account-prefix")).to_be_hidden()
        await ada.fill("pages.login.account", "5123 4567")
    await ada.page.locator("#account-prefix").select_option("HK")
    await ada.fill("pages.login.account", "5123 4567")
    await ada.fill("pages.password", GOOD)
    await ada.press("pages.login.button")
    await ada.is_home(SHOWN)


@SEVERAL
async def test_another_language_keeps_the_number_and_its_country(ada: Person) -> None:
    await ada.go("/login")
    await ada.fill("pages.by_code.account", "5123")
    await ada.page.locator("#account-prefix").select_option("HK")
    await ada.page.get_by_role("button", name="简体中文").click()
    await expect(ada.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await number_is(ada, "5123", "+852")


@SEVERAL
@pytest.mark.parametrize("locale", ["zh-Hans", "en"])
async def test_the_choice_of_a_country_is_fit_for_everybody(ada: Person) -> None:
    for path in ("/login", "/login?way=password&account=13800138000", "/register", "/forgot?account=%2B85251234567"):
        for width in (1280, 320):
            await ada.page.set_viewport_size({"width": width, "height": 720})
            await ada.go(path)
            assert await ada.page.evaluate(MISFITS) == [], path
            assert await judged(ada.page) == [], path


@BOTH
async def test_the_keyboard_alone_registers_and_a_wrong_code_costs_nothing_else(ada: Person) -> None:
    keys = ada.page.keyboard
    await ada.go("/register")
    await type_into(ada, "pages.by_code.account", ADA)
    await ada.enters()
    await ada.sees("pages.by_code.code_title")
    for code in ("000000", await ada.code(ADA)):
        if not ada.scripts or code == "000000":
            await ada.field("pages.code.label").focus()
        else:
            await tab_to(ada, ada.field("pages.code.label"))
        await keys.type(code)
        if not ada.scripts:
            await keys.press("Enter")
        if code == "000000":
            await ada.is_told("beside.bad-code")
    await ada.sees("pages.phone_first.new_title")
    await ada.page.reload()
    await ada.reads("pages.phone_first.new_text", to=ADA)
    await type_into(ada, "pages.password", GOOD)
    await keys.press("Enter")
    await ada.is_home(ADA)


@CROSSED
async def test_the_keyboard_alone_sets_a_new_password(ada: Person) -> None:
    await member(ada.town)
    ada.town.clock.advance(minutes=2)
    keys = ada.page.keyboard
    await ada.go("/forgot")
    await type_into(ada, "pages.login.account", ADA)
    await ada.enters()
    await ada.sees("pages.by_code.code_title")
    await ada.field("pages.code.label").focus()
    await keys.type(await ada.code(ADA))
    if not ada.scripts:
        await keys.press("Enter")
    await ada.sees("pages.reset.title")
    await ada.page.reload()
    await type_into(ada, "pages.reset.password", NEW)
    await keys.press("Enter")
    await ada.sees("pages.reset_done.title")
    await ada.go("/me")
    await ada.is_home(ADA)


@STRAIGHT
async def test_the_questions_stand_behind_a_code_that_does_not_come(ada: Person) -> None:
    await seed003.member(ada.town, questions=True)
    ada.town.clock.advance(minutes=2)
    await ada.go("/forgot")
    await expect(ada.page.locator("main input:visible")).to_have_count(1)
    await ada.fill("pages.login.account", seed003.ADA)
    await ada.sends("pages.forgot.button")
    await ada.page.get_by_text(ada.word("pages.by_code.nothing")).click()
    await ada.press("pages.phone_first.by_questions")
    await ada.sees("pages.questions.title")


@STRAIGHT
async def test_one_s_own_number_is_bound_by_a_code_alone_on_its_page(ada: Person) -> None:
    await seed003.member(ada.town, mail=None)
    await ada.log_in(seed003.ADA, seed003.GOOD)
    await ada.go("/me/phone")
    await ada.fill("pages.me.phone.new", "+86 138-0013-8000")
    await ada.sends("pages.me.send_code")
    await ada.field("pages.code.label").press_sequentially(await ada.code("+8613800138000"))
    if not ada.scripts:
        await ada.press("pages.me.phone.bind")
    await ada.reads("pages.me.done.phone")
    await ada.reads_exactly("+86 138 **** 8000")
    await ada.follow("pages.me.shown.reveal")
    await ada.reads_exactly("+86 138 0013 8000")

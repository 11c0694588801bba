"""In by a code, as a person lives it: both languages, with and without scripts, by keyboard alone; and how little there is to do."""

from typing import Any

import pytest
from playwright.async_api import Request, expect

from browser.person import BOTH, CROSSED, STRAIGHT, Person, Visits
from browser.test_gallery import asks, comes_by_phone, enters, left_behind
from browser.test_keyboard import tab_to, type_into
from lingpai.settings import Legal, Pages
from web.people import ADA, member

pytestmark = pytest.mark.browser

EVE, BOB = "eve@example.com", "bob@example.com"
SHOWN, OTHER = "+86 138 0013 8000", "139 0013 9000"
TEXTS = "main input:is([type=text], [type=email], [type=tel], [type=password])"


@pytest.fixture
def changes() -> dict[str, Any]:
    return {"pages": Pages(terms=Legal("https://example.com/terms"))}


@BOTH
async def test_three_pages_and_two_fields_for_whoever_has_an_account_and_one_page_and_one_box_more_for_whoever_has_none(
    ada: Person, another: Visits
) -> None:
    await member(ada.town)
    assert await counted(ada, ADA) == (3, 2, 0)
    async with another() as eve:
        assert await counted(eve, EVE) == (4, 2, 1)


async def counted(person: Person, address: str) -> tuple[int, int, int]:
    """From an empty browser to one's own space: pages that were seen, texts that were typed, boxes that were ticked."""
    pages: list[str] = []

    def seen(request: Request) -> None:
        if request.is_navigation_request() and request.method == "GET":
            pages.append(request.url)

    person.page.on("request", seen)
    await person.go("/login")
    texts = await person.page.locator(f"{TEXTS}:visible").count()
    await asks(person, address)
    texts += await person.page.locator(f"{TEXTS}:visible").count()
    await enters(person, address)
    boxes = 0
    if address == EVE:
        await person.sees("pages.by_code.free.title")
        texts += await person.page.locator(f"{TEXTS}:visible").count()
        await person.page.get_by_role("checkbox").check()
        boxes = 1
        await person.press("pages.by_code.free.button")
    await person.is_home(address)
    return len(pages), texts, boxes


@STRAIGHT
async def test_another_address_and_a_code_that_is_pasted_or_wrong(ada: Person) -> None:
    await member(ada.town)
    await ada.go("/login")
    await asks(ada, BOB)
    await ada.follow("pages.by_code.change")
    await expect(ada.field("pages.by_code.account")).to_have_value(BOB)
    await asks(ada, ADA)
    await ada.fill("pages.code.label", "000 000")
    if not ada.scripts:
        await ada.press("pages.login.button")
    await ada.is_told("beside.bad-code")
    code = await ada.code(ADA)
    await ada.fill("pages.code.label", f"【{code[:3]} {code[3:]}】")
    if not ada.scripts:
        await ada.press("pages.login.button")
    await ada.is_home(ADA)


@CROSSED
async def test_a_stranger_changes_their_mind_and_comes_with_another_address(ada: Person) -> None:
    await member(ada.town)
    await ada.go("/login")
    await asks(ada, EVE)
    await enters(ada, EVE)
    await ada.sees("pages.by_code.free.title")
    await ada.page.reload()
    await ada.reads("pages.by_code.free.text", to=EVE, product="Lingpai")
    await ada.follow("pages.by_code.other")
    await asks(ada, ADA)
    await enters(ada, ADA)
    await ada.is_home(ADA)
    await ada.page.go_back()
    await ada.sees("pages.signed_in.title")
    # Without scripts the form that came back with a picture lies between, which a browser would send again.
    if ada.scripts:
        await ada.page.go_back()
        await ada.sees("pages.signed_in.title")


@STRAIGHT
async def test_a_number_with_a_new_owner_leaves_the_account_that_it_named(ada: Person, another: Visits) -> None:
    await left_behind(ada.town, "+8613800138000", BOB)
    await comes_by_phone(ada)
    await ada.sees("pages.recognise.title")
    await ada.follow("pages.recognise.no")
    await ada.sees("pages.by_code.moved.title")
    await ada.page.get_by_role("checkbox").check()
    await ada.press("pages.by_code.moved.button")
    await ada.is_home(SHOWN)
    assert len(await ada.town.mails(BOB)) == 1
    async with another() as bob:
        await bob.go("/login")
        await asks(bob, BOB)
        await enters(bob, BOB)
        await bob.is_home(BOB)


@CROSSED
async def test_an_owner_who_was_long_away_says_that_it_is_them(ada: Person) -> None:
    await left_behind(ada.town)
    await comes_by_phone(ada)
    await ada.reads_exactly("张***")
    await ada.press("pages.recognise.yes")
    await ada.is_home(SHOWN)


@STRAIGHT
async def test_the_keyboard_alone_logs_in_by_a_code(ada: Person) -> None:
    await member(ada.town)
    await ada.go("/login")
    await type_into(ada, "pages.by_code.account", ADA)
    await ada.enters()
    await ada.sees("pages.by_code.code_title")
    if ada.scripts:
        await expect(ada.field("pages.code.label")).to_be_focused()
    else:
        await tab_to(ada, ada.field("pages.code.label"))
    await ada.page.keyboard.type(await ada.code(ADA))
    if not ada.scripts:
        await ada.page.keyboard.press("Enter")
    await ada.is_home(ADA)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_what_was_typed_goes_along_to_the_other_way_and_back(ada: Person) -> None:
    await ada.go("/login")
    await ada.fill("pages.by_code.account", ADA)
    await ada.press("pages.by_code.way.password")
    await expect(ada.field("pages.login.account")).to_have_value(ADA)
    await ada.fill("pages.login.account", BOB)
    await ada.fill("pages.password", "not for any address")
    await ada.press("pages.by_code.way.code")
    await expect(ada.field("pages.by_code.account")).to_have_value(BOB)
    assert not any("not+for" in url or "not%20for" in url for url in ada.asked)

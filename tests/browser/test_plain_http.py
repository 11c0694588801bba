"""The hosted pages over plain http at a name that is not this machine's own: there a browser says nothing but `Origin`."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Request, expect

from browser.person import STRAIGHT, Person
from browser.test_walls import posted
from web.people import ADA, GOOD, member

pytestmark = pytest.mark.browser


@pytest.fixture
def reached_at() -> str:
    return "plain.example"


@pytest_asyncio.fixture(loop_scope="session")
async def ada(ada: Person) -> AsyncIterator[Person]:
    """As everywhere; that one header means nothing there is not our pages' fault."""
    yield ada
    ada.complaints = [said for said in ada.complaints if "Cross-Origin-Opener-Policy header has been ignored" not in said]


@STRAIGHT
async def test_one_logs_in_and_out_at_the_pages_over_plain_http(ada: Person) -> None:
    sent: list[Request] = []
    ada.page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    await member(ada.town)
    await ada.log_in(ADA, GOOD)
    await ada.is_home(ADA)
    await ada.log_out()
    for request in sent:
        headers = await request.all_headers()
        assert ("sec-fetch-site" in headers, headers["origin"]) == (False, ada.town.url)
    assert len(sent) >= 2


async def test_a_form_from_elsewhere_is_refused_by_its_origin_alone(ada: Person) -> None:
    await member(ada.town)
    fields = f'<input name="account" value="{ADA}"><input name="password" value="{GOOD}">'
    assert await posted(ada, "elsewhere.example", "/page/login", fields) == (403, "")
    assert {cookie.get("name") for cookie in await ada.page.context.cookies()} <= {"lingpai_zone"}
    await expect(ada.page.locator("h1")).to_be_visible()

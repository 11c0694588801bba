"""A form's own address, opened as a page: it leads to the page that the form stands on, and nowhere else."""

import pytest

from lingpai.web.pages.reload import page_of
from web.people import ADA, member
from web.reading import Reader
from web.town import Town


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


LEADS = {
    "/page/login": "/login",
    "/page/login/code": "/login",
    "/page/login/enter": "/login",
    "/page/register/finish": "/register",
    "/page/forgot/answers": "/forgot",
    "/page/activate/again": "/page/activate",
    "/page/me/password": "/me/password",
    "/page/me/way": "/me",
    "/page/me": "/me",
    "/page/logout": "/logout",
    "/page/verify/again": "/login",
    "/page/authorization": "/login",
    "/page/language": "/login",
}


@pytest.mark.parametrize(("form", "page"), LEADS.items())
async def test_a_forms_address_leads_to_its_page(town: Town, form: str, page: str) -> None:
    reply = await Reader(town).browser.get(form)
    assert (reply.status_code, reply.headers["location"]) == (303, page)


async def test_every_form_has_one(town: Town) -> None:
    """Whatever posts to an address of the pages, whichever part of the service declares it."""
    table = town.house.app._routes._tables[""]
    forms = [path.decode() for path, entry in table.items() if path.startswith(b"/page/") and "POST" in entry.routes]
    assert len(forms) > 30
    programs = {"/page/strength", "/page/login/asks"}
    for form in set(forms) - programs:
        assert (await Reader(town).browser.get(form)).status_code in (200, 303), form


async def test_what_is_harmless_goes_along(town: Town) -> None:
    reply = await Reader(town).browser.get("/page/login?next=/me/data&type=boss&account=ada&password=hush")
    assert reply.headers["location"] in ("/login?next=%2Fme%2Fdata", "/login?type=boss&next=%2Fme%2Fdata")


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example", "/%5Cevil.example", "javascript:alert(1)"])
async def test_nobody_is_led_elsewhere(town: Town, evil: str) -> None:
    reply = await Reader(town).browser.get("/page/login", params={"next": evil})
    assert (reply.status_code, reply.headers["location"]) == (303, "/login")


async def test_it_changes_nothing(town: Town) -> None:
    await member(town)
    before = len(await town.mails())
    reader = Reader(town)
    await reader.browser.get("/page/login/code", params={"account": ADA})
    await reader.browser.get("/page/forgot", params={"account": ADA, "by": "link"})
    assert len(await town.mails()) == before


def test_the_longest_page_that_it_begins_with() -> None:
    assert page_of("/page/me/email", ["/me", "/me/email"]) == "/me/email"
    assert page_of("/page/me/way", ["/me", "/me/email"]) == "/me"

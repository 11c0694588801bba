"""The page that a notice's "not me" opens (contract, 10.15)."""

import pytest

from lingpai.core import words
from lingpai.core.languages import LANGUAGES
from web.owners import Owner, Seen, elsewhere, owner
from web.people import ADA, GOOD
from web.speakers import Maillink
from web.town import Town

PATH = "/page/not-me"
NEW, NEWER = "a staple of another kind", "nine yellow umbrellas"
EVE = "eve@example.com"
ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Origin": "https://mail.example.com"}


def said(key: str) -> str:
    return words.text(f"pages.not_me.{key}", "en")


@pytest.fixture
async def ada(town: Town) -> Owner:
    return await owner(town)


async def changed(ada: Owner) -> str:
    """Somebody at her browser sets another password; the token that the notice carries."""
    await ada.submit(await ada.see("/me/password"), "/page/me/password", old_password=GOOD, password=NEW)
    return (await ada.town.link(ADA, PATH))["token"]


async def mailbox(town: Town) -> Owner:
    """A browser that nobody is logged in at, with the session of none."""
    return Owner(town, town.browser("203.0.113.77"))


async def test_one_button_logs_everybody_out_and_leads_to_a_new_password(ada: Owner) -> None:
    town, token = ada.town, await changed(ada)
    reader = await mailbox(town)
    asked = await reader.see(f"{PATH}?token={token}")
    assert (asked.heading, len([form for form in asked.forms if form.action == PATH])) == (said("title"), 1)
    assert (await ada.get("/me")).status_code == 200, "looking changes nothing"
    form = await reader.submit(asked, PATH)
    assert said("ended") in form
    assert (await ada.get("/me")).headers["location"].startswith("/login")
    done = await reader.submit(form, "/page/forgot/password", password=NEWER)
    assert done.heading == words.text("pages.reset_done.title", "en")
    assert (await Maillink(town).log_in(ADA, NEWER)).yes
    assert not (await Maillink(town).log_in(ADA, NEW)).yes
    again = await reader.see(f"{PATH}?token={token}")
    assert (again.heading, again.forms[0].action) == (said("bad_title"), "/page/language"), "it is good once"


@pytest.mark.parametrize("headers", [{"Sec-Purpose": "prefetch"}, {"Purpose": "preview"}, {"X-Moz": "prefetch"}])
async def test_neither_a_look_ahead_nor_a_scanner_does_anything(ada: Owner, headers: dict[str, str]) -> None:
    token = await changed(ada)
    async with ada.town.browser("203.0.113.77") as browser:
        await browser.head(f"{PATH}?token={token}")
        await browser.get(f"{PATH}?token={token}", headers=headers)
        await browser.post(PATH, data={"token": token}, headers=headers)
    assert (await ada.get("/me")).status_code == 200
    reader = await mailbox(ada.town)
    assert said("ended") in await reader.submit(await reader.see(f"{PATH}?token={token}"), PATH)


async def test_the_click_is_on_our_page_and_in_no_form_of_another_site(ada: Owner) -> None:
    """Its answer lets a browser set a new password: for an account of that site's own, whose notice it had."""
    token = await changed(ada)
    async with ada.town.browser("203.0.113.77") as browser:
        browser.cookies.set("lingpai_visit", "v" * 43, domain="127.0.0.1")
        reply = await browser.post(PATH, data={"token": token}, headers=ELSEWHERE)
        assert (reply.status_code, "set-cookie" in reply.headers) == (403, False)
        assert (await ada.get("/me")).status_code == 200
        opened = await browser.get(PATH, params={"token": token}, headers={**ELSEWHERE, "Accept": "text/html"})
        assert opened.status_code == 200, "the mail's link opens the page from wherever it is read"
        done = await browser.post(PATH, data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"})
    assert (done.status_code, done.headers["location"]) == (303, "/page/not-me/done")
    assert (await ada.get("/me")).headers["location"].startswith("/login")


async def test_who_reads_a_former_address_is_told_whom_to_ask_and_nothing_of_the_new_one(ada: Owner) -> None:
    town = ada.town
    number = (await ada.who())[1].id
    asked = await ada.submit(await ada.see("/me/email"), "/page/me/email", email=EVE)
    await ada.submit(asked, "/page/me/email", code=await ada.code(EVE))
    thief = await elsewhere(town, EVE)
    token = (await town.link(ADA, PATH))["token"]
    reader = await mailbox(town)
    page = await reader.see(f"{PATH}?token={token}")
    done = await reader.submit(page, PATH)
    assert (done.heading, said("removed") in done, EVE in page.text + done.text) == (said("done_title"), True, False)
    assert f"number: {number}." in done, "by which `lingpai account` finds it where nothing else does"
    assert done.link("/forgot")
    assert not [form for form in done.forms if "password" in form.fields]
    assert (await thief.get("/me")).headers["location"].startswith("/login")
    assert not (await Maillink(town).log_in(EVE, GOOD)).yes


@pytest.mark.parametrize("token", ["", "nonsense", "a" * 160])
async def test_a_bad_link_is_a_page_that_leads_to_forgot(town: Town, token: str) -> None:
    reader = await mailbox(town)
    page = await reader.see(f"{PATH}?token={token}")
    assert (page.status, page.heading) == (200, said("bad_title"))
    assert page.link("/forgot")
    posted = Seen(await reader.send(PATH, token=token))
    assert posted.heading == said("bad_title")


async def test_it_speaks_the_readers_language(ada: Owner) -> None:
    token = await changed(ada)
    for locale in LANGUAGES:
        async with ada.town.browser("203.0.113.77") as browser:
            reply = await browser.get(f"{PATH}?token={token}", headers={"Accept": "text/html", "Accept-Language": locale})
        assert Seen(reply).heading == words.text("pages.not_me.title", locale)

"""What was just done stands at an address: a reload says it again, and never the opposite."""

from collections.abc import Awaitable, Callable

import pytest

from lingpai.core import words
from web import seed003
from web.owners import Owner, Seen, owner
from web.people import ADA, GOOD
from web.speakers import Maillink
from web.town import Town

EN = words.TEXTS["en"]
NEW = "a staple of another kind"


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


async def reset_by_questions(town: Town) -> tuple[Owner, Seen, str]:
    await seed003.member(town, questions=True)
    reader = Owner(town, town.browser("203.0.113.77"))
    code = await reader.submit(await reader.see("/forgot"), "/page/forgot", account=seed003.ADA)
    asked = await reader.submit(code, "/page/forgot", by="questions")
    form = await reader.submit(asked, "/page/forgot/answers", **seed003.ANSWERS)
    return reader, await reader.submit(form, "/page/forgot/password", password=NEW), EN["pages.reset_done.title"]


async def disowned(town: Town, kept: bool = True) -> tuple[Owner, Seen, str]:
    ada = await owner(town)
    await ada.submit(await ada.see("/me/password"), "/page/me/password", old_password=GOOD, password=NEW)
    if not kept:
        asked = await ada.submit(await ada.see("/me/email"), "/page/me/email", email="eve@example.com")
        await ada.submit(asked, "/page/me/email", code=await ada.code("eve@example.com"))
    token = (await town.link(ADA, "/page/not-me"))["token"]
    reader = Owner(town, town.browser("203.0.113.77"))
    done = await reader.submit(await reader.see(f"/page/not-me?token={token}"), "/page/not-me")
    return reader, done, EN["pages.not_me.reset_title" if kept else "pages.not_me.done_title"]


async def disowned_elsewhere(town: Town) -> tuple[Owner, Seen, str]:
    return await disowned(town, kept=False)


async def closed(town: Town) -> tuple[Owner, Seen, str]:
    ada = await owner(town)
    return ada, await ada.submit(await ada.see("/me/delete"), "/page/me/delete", sure="yes"), EN["pages.me.closed.title"]


async def kept(town: Town) -> tuple[Owner, Seen, str]:
    ada, _, _ = await closed(town)
    asked = await ada.see(f"/page/keep?token={(await town.link(ADA, '/page/keep'))['token']}")
    return ada, await ada.submit(asked, "/page/keep"), EN["pages.kept.title"]


async def asked_to_keep(town: Town) -> tuple[Owner, Seen, str]:
    """By a code, which is spent."""
    ada, _, _ = await closed(town)
    code = await ada.submit(await ada.see("/login"), "/page/login/code", account=ADA)
    return ada, await ada.submit(code, "/page/login/enter", code=await ada.code(ADA)), EN["pages.closing.title"]


async def first_password(town: Town) -> tuple[Owner, Seen, str]:
    person = Maillink(town)
    for password in (GOOD, NEW):
        await person.register(ADA, password)
    reader = Owner(town, town.browser("203.0.113.77"))
    form = await reader.see(f"/page/activate?vcode={(await town.link(ADA, '/activate_account'))['vcode']}")
    return reader, await reader.submit(form, "/page/activate/password", password=NEW), EN["pages.active.fresh.title"]


STORIES = [reset_by_questions, disowned, disowned_elsewhere, closed, kept, asked_to_keep, first_password]


@pytest.mark.parametrize("story", STORIES)
async def test_a_reload_says_the_same(town: Town, story: Callable[[Town], Awaitable[tuple[Owner, Seen, str]]]) -> None:
    person, done, heading = await story(town)
    assert (done.status, done.heading, done.reply.history[-1].status_code) == (200, heading, 303)
    again = await person.see(str(done.reply.url))
    assert (again.status, again.heading, again.text) == (200, heading, done.text)


@pytest.mark.parametrize("path", ["/page/reset/done", "/page/not-me/done", "/me/delete/done", "/page/keep/done", "/page/activate/done"])
async def test_elsewhere_the_address_says_nothing_and_leads_on(town: Town, path: str) -> None:
    await closed(town)
    reader = Owner(town, town.browser("203.0.113.99"))
    reply = await reader.get(path)
    assert (reply.status_code, reply.headers["location"].partition("?")[0]) == (303, "/forgot" if "not-me" in path else "/login")


async def test_a_kept_accounts_link_says_that_nothing_is_to_be_deleted(town: Town) -> None:
    ada, _, _ = await kept(town)
    again = await ada.see(f"/page/keep?token={(await town.link(ADA, '/page/keep'))['token']}")
    assert (again.heading, EN["pages.kept.off"] in again) == (EN["pages.kept.off_title"], True)


async def test_a_link_of_an_earlier_deletion_keeps_nothing_of_a_later_one(town: Town) -> None:
    ada, _, _ = await kept(town)
    old = (await town.link(ADA, "/page/keep"))["token"]
    town.clock.advance(minutes=5)
    await Maillink(town, ada.browser).log_in(ADA, GOOD)
    await ada.submit(await ada.see("/me/delete"), "/page/me/delete", sure="yes")
    posted = Seen(await ada.send("/page/keep", token=old))
    assert posted.heading == EN["pages.kept.bad_title"]
    assert not (await Maillink(town).log_in(ADA, GOOD)).yes


async def test_after_the_new_password_the_page_of_the_click_leads_on(town: Town) -> None:
    reader, form, _ = await disowned(town)
    await reader.submit(form, "/page/forgot/password", password="nine yellow umbrellas")
    assert (await reader.get("/page/not-me/done")).headers["location"] == "/forgot"

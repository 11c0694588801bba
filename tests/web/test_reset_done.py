"""What the hosted page says after a reset: what sleeps, what stays, and where each is removed (contract, 10.6)."""

import pytest

from lingpai.core import words
from web.owners import Owner, Seen, owner
from web.people import ADA
from web.town import Town

PHONE, SHOWN = "13800138000", "+8613***00"
NEW = "a staple of another kind"


@pytest.fixture
async def ada(town: Town) -> Owner:
    """With a phone that came to her account later than her address."""
    ada = await owner(town)
    town.clock.advance(seconds=5)
    asked = await ada.submit(await ada.see("/me/phone"), "/page/me/phone", phone=PHONE)
    done = await ada.submit(asked, "/page/me/phone", code=await ada.code("+8613800138000"))
    assert done.status == 200
    town.clock.advance(minutes=2)
    return ada


async def after(ada: Owner, by: str) -> Seen:
    """The page at the end of a reset in another browser."""
    town = ada.town
    reader = Owner(town, town.browser("203.0.113.77"))
    asked = await reader.submit(await reader.see("/forgot"), "/page/forgot", account=ADA, **({"by": by} if by == "link" else {}))
    if by == "code":
        proved = await reader.submit(asked, "/page/forgot/code", code=await reader.code(ADA))
        return await reader.submit(proved, "/page/forgot/password", password=NEW)
    link = await town.link(ADA, "/page/reset")
    form = await reader.see(f"/page/reset?vcode={link['vcode']}")
    return await reader.submit(form, "/page/reset", password=NEW)


@pytest.mark.parametrize("by", ["code", "link"])
async def test_it_lists_what_sleeps_and_what_stays_and_leads_to_where_each_is_removed(ada: Owner, by: str) -> None:
    page = await after(ada, by)
    said = {name: words.text(f"pages.reset_done.{name}", "en") for name in ("title", "asleep", "stays")}
    assert page.heading == said["title"]
    asleep, stays = page.text.index(said["asleep"]), page.text.index(said["stays"])
    assert asleep < page.text.index(SHOWN) < stays < page.text.index("a***@example.com")
    assert [link for link in page.links if link.startswith("/me")] == ["/me", "/me/security", "/me/email"]
    assert PHONE not in page.text, "whoever reads along learns no number"


async def test_the_notice_says_the_same_and_names_the_place(ada: Owner) -> None:
    await after(ada, "code")
    text = (await ada.town.mails(ADA))[-1]["text"]
    assert SHOWN in text
    assert f"{ada.town.url}/me/security" in text.split()


async def test_of_what_does_not_sleep_nothing_is_said_to_sleep(town: Town) -> None:
    page = await after(await owner(town), "code")
    assert words.text("pages.reset_done.asleep", "en") not in page
    assert "a***@example.com" in page

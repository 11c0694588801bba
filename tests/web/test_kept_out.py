"""Strangers can count up what they like: the owner gets back in, over the wire, in every dialect (contract, 10.9 to 10.11, 14.5)."""

from collections.abc import Iterable

import pytest

from web.people import ADA, GOOD, member
from web.speakers import Hiyouth, Mailcode, Maillink, Session
from web.town import Town

NEW = "quite another long one"
WRONG = "not the password"
Speaker = type[Maillink] | type[Mailcode] | type[Session] | type[Hiyouth]
SPEAKERS: list[Speaker] = [Maillink, Mailcode, Session, Hiyouth]


async def besiege(town: Town, speaker: Speaker, places: Iterable[int] = range(10)) -> None:
    """Ten wrong passwords of this minute, from as many places."""
    for n in places:
        assert not (await speaker(town, town.browser(f"203.0.113.{n}")).log_in(ADA, WRONG)).yes


@pytest.mark.parametrize("speaker", SPEAKERS)
async def test_a_browser_that_resets_is_known_and_strangers_failures_keep_it_out_no_more(town: Town, speaker: Speaker) -> None:
    await member(town)
    town.clock.advance(minutes=2)
    owner = speaker(town, town.browser("203.0.113.200"))
    await besiege(town, speaker)
    assert (await owner.log_in(ADA, GOOD)).reply.status_code == 429, "the siege works"
    assert (await owner.forget(ADA)).yes
    assert (await owner.reset(ADA, NEW)).yes
    assert owner.browser.cookies.get("lingpai_session") is None, "a dialect's reset opens no session (contract, 10.12)"
    await besiege(town, speaker, range(20, 25))
    assert (await owner.log_in(ADA, NEW)).yes
    assert (await speaker(town, town.browser("203.0.113.201")).log_in(ADA, NEW)).reply.status_code == 429, "another browser is none"


async def test_a_reset_at_the_hosted_pages_makes_the_browser_known(town: Town) -> None:
    await member(town)
    town.clock.advance(minutes=2)
    await besiege(town, Maillink)
    browser = town.browser("203.0.113.200")
    await browser.post("/page/forgot", data={"account": ADA, "by": "code"}, headers={"Origin": town.url})
    code = await Hiyouth(town).code(ADA)
    for path, form in (("/page/forgot/code", {"code": code}), ("/page/forgot/password", {"password": NEW})):
        reply = await browser.post(path, data={"account": ADA, **form}, headers={"Origin": town.url})
    assert reply.status_code == 200
    assert (await Maillink(town, browser).log_in(ADA, NEW)).yes


async def test_the_way_out_is_offered_after_failures_of_the_address_as_typed_whoever_has_an_account(town: Town) -> None:
    """Strangers fail at a dialect; a new browser of the owner is shown what helps, and nobody learns of a lock or an account."""
    await member(town)
    town.clock.advance(minutes=2)
    browser = town.browser("203.0.113.200")

    async def shown(account: str, password: str) -> bool:
        page = await browser.post("/page/login", data={"account": account, "password": password}, headers={"Origin": town.url})
        assert page.status_code == 422
        return 'id="way-out"' in page.text

    for email, password in ((ADA, GOOD), ("nobody@example.com", WRONG)):
        assert await shown(email, WRONG) is False
        for n in range(20):
            await Maillink(town, town.browser(f"203.0.113.{n}")).log_in(email, WRONG)
            town.clock.advance(seconds=7)
        assert await shown(email, password) is True, "locked, and the right password too"
        town.clock.advance(minutes=2)
    town.clock.advance(minutes=16)
    assert await shown("eve@example.com", WRONG) is False

"""What a person lives through, told once and run through every door that can tell it."""

import pytest

from web.speakers import Hiyouth, Mailcode, Maillink, Session
from web.town import Town

ADA = "ada@example.com"
FIRST = "correct horse battery"
SECOND = "a staple of another kind"


DialectClient = Maillink | Mailcode | Hiyouth | Session
Cookied = Maillink | Hiyouth | Session


@pytest.fixture(params=[Maillink, Mailcode, Hiyouth, Session])
def speaker(request: pytest.FixtureRequest, town: Town) -> DialectClient:
    return request.param(town)


@pytest.fixture(params=[Maillink, Hiyouth, Session])
def browser(request: pytest.FixtureRequest, town: Town) -> Cookied:
    """A door that gives cookies."""
    return request.param(town)


async def test_a_person_registers_proves_the_address_logs_in_and_out(speaker: DialectClient) -> None:
    assert (await speaker.register(ADA, FIRST)).yes
    await speaker.prove(ADA)
    assert await speaker.who() is None
    assert (await speaker.log_in(ADA, FIRST)).yes
    assert (await speaker.who() or {})["email"] == ADA
    assert (await speaker.log_out()).yes
    assert await speaker.who() is None


async def test_a_forgotten_password_is_reset_and_every_login_ends(speaker: DialectClient) -> None:
    await speaker.register(ADA, FIRST)
    await speaker.prove(ADA)
    await speaker.log_in(ADA, FIRST)
    elsewhere = speaker.another()
    assert (await elsewhere.forget(ADA)).yes
    assert (await elsewhere.reset(ADA, SECOND)).yes
    assert await speaker.who() is None
    assert await elsewhere.who() is None, "a reset logs nobody in"
    assert not (await speaker.log_in(ADA, FIRST)).yes
    assert (await speaker.log_in(ADA, SECOND)).yes
    reset = [mail for mail in await speaker.town.mails(ADA) if "已修改" in mail["subject"]][-1]
    assert "密码" in reset["subject"]
    assert "203.0.113.9" in reset["text"]


async def test_a_login_lasts_24_hours(speaker: DialectClient) -> None:
    await speaker.register(ADA, FIRST)
    await speaker.prove(ADA)
    await speaker.log_in(ADA, FIRST)
    speaker.town.clock.advance(hours=23, minutes=59)
    assert await speaker.who()
    speaker.town.clock.advance(minutes=2)
    assert await speaker.who() is None


async def test_a_new_login_in_a_browser_ends_its_old_session(browser: Cookied) -> None:
    await browser.register(ADA, FIRST)
    await browser.prove(ADA)
    await browser.log_in(ADA, FIRST)
    old = browser.browser.cookies["lingpai_session"]
    await browser.log_in(ADA, FIRST)
    assert browser.browser.cookies["lingpai_session"] != old
    thief = browser.another()
    thief.browser.cookies.set("lingpai_session", old)
    assert await thief.who() is None


async def test_a_planted_cookie_never_becomes_a_session(browser: Cookied) -> None:
    planted = "x" * 43
    browser.browser.cookies.set("lingpai_session", planted, domain="127.0.0.1")
    await browser.register(ADA, FIRST)
    await browser.prove(ADA)
    await browser.log_in(ADA, FIRST)
    thief = browser.another()
    thief.browser.cookies.set("lingpai_session", planted)
    assert await thief.who() is None

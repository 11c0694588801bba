"""From one secret to another without a stop: all nodes know both, then the new one seals, then the old one goes (contract, R3)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.core import rules
from lingpai.flows import secret
from lingpai.flows.secret import Keeper
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.guard.crypto import SecretBox
from lingpai.settings.load import SettingsError
from web.people import ADA, GOOD, member
from web.speakers import Hiyouth, Mailcode, Maillink
from web.town import Browser, Town, settings_for

OLD, NEW = "o" * 32, "n" * 32
FIRST, BOTH, TURNED, LAST = (OLD, None), (OLD, NEW), (NEW, OLD), (NEW, None)
"""What a node has as `secret` and `secret_previous` in each phase."""
BETTER = "another staple entirely"

Node = Callable[[tuple[str, str | None]], Awaitable[Town]]


@pytest.fixture
async def node(tmp_path: Path, database_url: str, clock: FakeClock) -> AsyncIterator[Node]:
    """Starts one more process on the same database."""
    async with AsyncExitStack() as stack:

        async def start(phase: tuple[str, str | None]) -> Town:
            settings = msgspec.structs.replace(settings_for(tmp_path, database_url), secret=phase[0], secret_previous=phase[1])
            house = await build(settings, clock, FakeChance(f"{phase} {clock.now()}"))
            stack.push_async_callback(house.close)
            return Town(house, clock)

        yield start


def moved(browser: Browser, town: Town) -> Browser:
    """The same browser, whom another node answers."""
    found = town.browser()
    found.cookies = httpx.Cookies(browser.cookies)
    return found


async def rotate(town: Town) -> None:
    """What `lingpai secret rotate` does with the settings of the third step."""
    box = SecretBox(NEW.encode(), FakeChance("rotating"), beside=OLD.encode())
    await secret.rotate(Keeper(town.house.services.store, town.clock, box), lambda _: None)


PAIRS = [(BOTH, TURNED), (TURNED, BOTH)]
"""Nodes that serve side by side: one asks, the other answers."""


@pytest.mark.parametrize(("one", "other"), [(FIRST, BOTH), *PAIRS, (TURNED, LAST)])
async def test_what_one_node_mails_another_takes(node: Node, clock: FakeClock, one: Any, other: Any) -> None:
    here, there = await node(one), await node(other)
    ada = Mailcode(here)
    await ada.say("/account/mail-register", Email=ADA, Captcha=await ada.captcha())
    code = await ada.code(ADA)
    assert (await Mailcode(there).say("/account/register", Email=ADA, Password=GOOD, Verification=code)).yes
    clock.advance(hours=1)
    await ada.forget(ADA)
    word = await ada.code(ADA, r"^[2-9a-z]{8}$")
    assert (await Mailcode(there).ask("/account/verification-password", verification=word)).yes
    assert (await Mailcode(there).say("/account/password-new", Email=ADA, Password=BETTER, Verification=word)).yes
    clock.advance(hours=1)
    await Maillink(here).forget(ADA)
    link = await here.link(ADA, "/reset_password/verify")
    again = {**link, "password": GOOD, "rp_password": GOOD}
    assert (await Maillink(there).say("/reset_password/reset", **again)).yes
    assert not (await Maillink(here).say("/reset_password/reset", **again)).yes, "it is spent under either secret"


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_a_newer_link_or_code_ends_an_older_one_of_another_node(node: Node, clock: FakeClock, one: Any, other: Any) -> None:
    here, there = await node(one), await node(other)
    ada = await member(here)
    links = []
    for town in (here, there):
        clock.advance(hours=1)
        await Maillink(town).forget(ADA)
        links.append(await town.link(ADA, "/reset_password/verify"))
    assert not (await ada.say("/reset_password/reset", **links[0], password=BETTER, rp_password=BETTER)).yes
    assert (await ada.say("/reset_password/reset", **links[1], password=BETTER, rp_password=BETTER)).yes


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_a_code_of_another_node_that_was_refused_for_something_else_is_still_good(
    node: Node, clock: FakeClock, one: Any, other: Any
) -> None:
    here, there = await node(one), await node(other)
    ada = Mailcode(here)
    await ada.say("/account/mail-register", Email=ADA, Captcha=await ada.captcha())
    asked = {"Email": ADA, "Verification": await ada.code(ADA)}
    assert not (await Mailcode(there).say("/account/register", **asked, Password=GOOD, Invite="nobodys")).yes
    assert not (await Mailcode(there).say("/account/register", **asked, Password="password1")).yes
    for _ in range(4):
        assert not (await Mailcode(there).say("/account/register", **{**asked, "Verification": "000000"}, Password=GOOD)).yes
    clock.advance(minutes=1)
    assert (await Mailcode(there).say("/account/register", **asked, Password=GOOD)).yes


@pytest.mark.parametrize(("one", "other"), PAIRS)
async def test_captchas_sealed_links_and_known_browsers_are_taken_by_another_node(node: Node, one: Any, other: Any) -> None:
    here, there = await node(one), await node(other)
    ada = Hiyouth(here)
    await ada.register(ADA, GOOD)
    link = await here.link(ADA, "/api/EmailVer")
    assert (await Hiyouth(there).say("EmailVer", **link)).yes
    await ada.log_in(ADA, GOOD)
    read = there.house.services.device_cookies.read(ada.browser.cookies["lingpai_device"])
    assert read == here.house.services.device_cookies.read(ada.browser.cookies["lingpai_device"])
    assert read[1]
    seen = await Mailcode(here).captcha()
    await there.house.services.captchas.spend(CaptchaAnswer("mailcode", seen["Id"], seen["Value"]))


async def test_jwts_are_signed_and_read_in_every_phase_and_no_key_is_left_under_the_old_secret(node: Node) -> None:
    town = await node(FIRST)
    ada = Mailcode(town)
    await ada.register(ADA, GOOD)
    await ada.log_in(ADA, GOOD)
    first = ada.jwt
    for phase in (BOTH, TURNED, LAST):
        if phase is LAST:
            await rotate(town)
        town = await node(phase)
        another = Mailcode(town)
        assert (await another.log_in(ADA, GOOD)).yes, phase
        another.jwt = first
        assert await another.who(), phase


async def test_what_lies_in_mailboxes_is_good_for_a_week_after_everything_was_sealed_anew(node: Node, clock: FakeClock) -> None:
    here = await node(FIRST)
    await (await member(here)).forget(ADA)
    await Maillink(here).reset(ADA, BETTER)
    notice = await here.link(ADA, "/page/not-me")
    there = await node(TURNED)
    await rotate(there)
    clock.advance(days=6)
    page = await there.browser().get("/page/not-me", params=notice)
    assert page.status_code == 200


async def test_a_letter_that_waits_is_sent_by_the_new_secret(node: Node) -> None:
    here = await node(BOTH)
    await Maillink(here).register(ADA, GOOD)
    assert len(await (await node(TURNED)).mails(ADA)) == 1


async def test_a_strangers_questions_stay_while_one_rolls_as_a_friends_do(node: Node) -> None:
    """Else a roll would tell who is there, to whoever asked before it."""
    strangers = [rules.account_name(f"nobody.{number}") for number in range(5)]
    drawn = []
    for phase in (FIRST, BOTH, TURNED, LAST):
        if phase is LAST:
            await rotate(await node(TURNED))
        town = await node(phase)
        drawn.append([town.house.services.decoy_questions.of("main", who) for who in strangers])
    assert all(each == drawn[0] for each in drawn)
    assert len(set(drawn[0])) > 1


async def test_many_that_start_at_once_ask_the_same_questions(node: Node, clock: FakeClock) -> None:
    clock.auto = True
    towns = await asyncio.gather(*(node(FIRST) for _ in range(6)))
    who = rules.account_name("nobody.x")
    assert len({town.house.services.decoy_questions.of("main", who) for town in towns}) == 1


async def test_a_node_with_another_secret_alone_does_not_start(node: Node) -> None:
    await node(FIRST)
    with pytest.raises(SettingsError, match="this database is used with"):
        await node(LAST)

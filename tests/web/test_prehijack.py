"""Accounts prepared by a stranger before the owner comes (A9 to A13): the owner's proof wipes what the stranger set."""

from lingpai.core.chance import moment
from web.speakers import Maillink
from web.town import Town

OWNER = "owner@example.com"
STRANGERS = "the stranger's own password"
OWNERS = "the owner's own password"


async def test_a_reset_takes_an_unproved_account_from_a_stranger(town: Town) -> None:
    stranger, owner = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await stranger.register(OWNER, STRANGERS, phone="13800138000")
    await owner.forget(OWNER)
    assert (await owner.reset(OWNER, OWNERS)).yes
    assert not (await stranger.log_in(OWNER, STRANGERS)).yes
    assert (await owner.log_in(OWNER, OWNERS)).yes
    assert (await owner.who() or {})["phone"] is None, "what the stranger set dies with the owner's proof"


async def test_the_activation_link_dies_when_the_owner_resets(town: Town) -> None:
    stranger, owner = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await stranger.register(OWNER, STRANGERS)
    link = await town.link(OWNER, "/activate_account")
    await owner.forget(OWNER)
    await owner.reset(OWNER, OWNERS)
    page = await owner.browser.get("/activate_account", params=link)
    assert "链接无效" in page.text
    assert (await owner.log_in(OWNER, OWNERS)).yes


async def test_a_second_registration_leaves_the_first_ones_password(town: Town) -> None:
    owner, stranger = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    await owner.register(OWNER, OWNERS)
    town.clock.advance(seconds=61)
    assert (await stranger.register(OWNER, STRANGERS)).yes
    await owner.prove(OWNER)
    assert not (await stranger.log_in(OWNER, STRANGERS)).yes
    assert (await owner.log_in(OWNER, OWNERS)).yes


async def test_the_activation_mail_says_when_and_from_where_and_offers_the_account(town: Town) -> None:
    stranger = Maillink(town, town.browser("203.0.113.77"))
    made = moment(town.clock.now()).strftime("%Y-%m-%d %H:%M UTC")
    await stranger.register(OWNER, STRANGERS)
    town.clock.advance(hours=2)
    await Maillink(town).say("/send_activate_email", email=OWNER)
    for mail in await town.mails(OWNER):
        assert "203.0.113.77" in mail["text"]
        assert made in mail["text"]
        assert "/forgot?email=" in mail["text"]
    page = await Maillink(town).prove(OWNER)
    assert "203.0.113.77" in page.text
    assert "/forgot?email=" in page.text


async def test_an_unproved_phone_finds_nobody_and_blocks_nobody(town: Town) -> None:
    first, second = Maillink(town), Maillink(town, town.browser("203.0.113.9"))
    assert (await first.register("one@example.com", OWNERS, phone="13800138000")).yes
    assert (await second.register("two@example.com", OWNERS, phone="13800138000")).yes
    for person, email in ((first, "one@example.com"), (second, "two@example.com")):
        await person.prove(email)
        await person.log_in(email, OWNERS)
        assert (await person.who() or {})["phone"] == "13800138000"

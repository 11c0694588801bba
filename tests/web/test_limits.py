"""Limits as the contract has them (rules 7 and 14), over the wire."""

import pytest

from web.people import ADA, GOOD, member
from web.speakers import Answer, Hiyouth, Mailcode, Maillink, Session
from web.town import Town

WRONG = "not the password"


@pytest.fixture
def database_kind() -> str:
    """The counters themselves are tested on every store (tests/conformance)."""
    return "sqlite"


def limited(answer: Answer) -> bool:
    """A rate limit: 429 in the dialect's own envelope, with the time to wait."""
    if answer.reply.status_code != 429:
        return False
    assert answer.reply.json()["code"] == 0
    assert int(answer.reply.headers["Retry-After"]) >= 1
    return True


async def test_ten_logins_a_minute_for_one_address_from_wherever_they_come(town: Town) -> None:
    await member(town)
    answers = [
        await Maillink(town).another(f"203.0.113.{n}").log_in(ADA.upper().replace("EXAMPLE.COM", "example.com"), WRONG) for n in range(11)
    ]
    assert [limited(answer) for answer in answers] == [False] * 10 + [True]
    town.clock.advance(seconds=61)
    assert (await Maillink(town).log_in(ADA, GOOD)).yes


async def test_thirty_logins_a_minute_from_one_client(town: Town) -> None:
    client = Maillink(town, town.browser("2001:db8:1:2::1"))
    other = Maillink(town, town.browser("2001:db8:1:2:ffff::9"))
    answers = [await (client if n % 2 else other).log_in(f"person{n}@example.com", WRONG) for n in range(31)]
    assert [limited(answer) for answer in answers] == [False] * 30 + [True], "IPv6 counts by /64"
    assert not limited(await Maillink(town, town.browser("2001:db8:1:3::1")).log_in("person@example.com", WRONG))


async def test_a_client_cannot_choose_its_own_address(town: Town) -> None:
    """The right-most entry that is no trusted proxy counts, so an entry that the client wrote itself does not."""
    answers = []
    for n in range(31):
        person = Maillink(town, town.browser(f"10.1.1.{n}, 198.51.100.99"))
        answers.append(await person.log_in(f"person{n}@example.com", WRONG))
    assert limited(answers[-1])


async def test_twenty_failures_in_a_row_lock_out_strangers_but_not_the_owner(town: Town) -> None:
    owner = await member(town)
    assert (await owner.log_in(ADA, GOOD)).yes
    await owner.log_out()
    for n in range(20):
        await Maillink(town, town.browser(f"203.0.113.{n}")).log_in(ADA, WRONG)
        town.clock.advance(seconds=7)
    newcomer = Maillink(town, town.browser("203.0.113.99"))
    refused = await newcomer.log_in(ADA, GOOD)
    unknown = await newcomer.log_in("nobody@example.com", GOOD)
    assert refused.reply.content == unknown.reply.content, "the right password too is refused, in the ordinary words"
    assert (await owner.log_in(ADA, GOOD)).yes, "a browser that has logged in before counts for itself"
    town.clock.advance(minutes=15)
    assert (await newcomer.log_in(ADA, GOOD)).yes


async def test_a_reset_opens_what_failures_locked(town: Town) -> None:
    await member(town)
    for n in range(20):
        await Maillink(town, town.browser(f"203.0.113.{n}")).log_in(ADA, WRONG)
        town.clock.advance(seconds=7)
    person = Maillink(town, town.browser("203.0.113.99"))
    assert not (await person.log_in(ADA, GOOD)).yes
    await person.forget(ADA)
    await person.reset(ADA, "quite another one")
    assert (await person.log_in(ADA, "quite another one")).yes


async def test_the_owners_browser_has_ten_tries_of_its_own_a_minute(town: Town) -> None:
    owner = await member(town)
    await owner.log_in(ADA, GOOD)
    for n in range(11):
        last = await Maillink(town, town.browser(f"203.0.113.{n}")).log_in(ADA, WRONG)
    assert limited(last)
    assert (await owner.log_in(ADA, GOOD)).yes
    forger = Maillink(town, town.browser("203.0.113.50"))
    forger.browser.cookies.set("lingpai_device", owner.browser.cookies["lingpai_device"][:-4] + "AAAA")
    assert limited(await forger.log_in(ADA, GOOD)), "a forged device cookie is worth nothing"


async def test_an_addresss_counts_are_refusals_in_the_envelope_and_past_a_days_the_words_are_tomorrow(town: Town) -> None:
    await member(town)
    town.clock.advance(days=1)
    answers = []
    for _ in range(5):
        answers.append(await Maillink(town).forget(ADA))
        town.clock.advance(minutes=4)
    assert [answer.yes for answer in answers] == [True, True, False, False, False]
    assert [answer.reply.status_code for answer in answers] == [200] * 5
    assert "分钟" in answers[2].text
    assert answers[2].reply.json()["data"] == {}
    for _ in range(4):
        town.clock.advance(hours=1)
        answers.append(await Maillink(town).forget(ADA))
    assert answers[-1].reply.json() == {"code": 0, "msg": "今天的发送次数已达上限，请明天再试", "data": {}}


async def test_ten_registrations_an_hour_from_one_client(town: Town) -> None:
    person = Maillink(town)
    answers = [await person.register(f"person{n}@example.com", GOOD) for n in range(11)]
    assert [limited(answer) for answer in answers] == [False] * 10 + [True]


async def test_wrong_links_are_tried_ten_times_a_minute(town: Town) -> None:
    person = Maillink(town)
    answers = [await person.say("/reset_password/reset", email=ADA, vcode=f"guess{n}", password=GOOD, rp_password=GOOD) for n in range(11)]
    assert [limited(answer) for answer in answers] == [False] * 10 + [True]


async def test_ten_messages_a_day_for_one_purpose(town: Town) -> None:
    """Of which strangers cause at most eight, and one of them at most four (contract, 7.5)."""
    for places, sent in ((range(1), 4), (range(1, 13), 4)):
        refused = 0
        for number in range(12):
            person = Maillink(town, town.browser(f"203.0.113.{places[number % len(places)]}"))
            refused += not (await person.say("/send_activate_email", email=ADA)).yes
            town.clock.advance(minutes=61)
        assert refused == 12 - sent


@pytest.mark.parametrize("speaker", [Maillink, Mailcode, Session, Hiyouth])
async def test_a_third_message_of_an_hour_from_one_client_is_no_429_in_any_dialect(town: Town, speaker: type[Maillink]) -> None:
    """Where a page says that a call always succeeds it succeeds, and nothing is sent (contract, 7.10 and 7.11)."""
    await member(town)
    town.clock.advance(days=1)
    before = len(await town.mails(ADA))
    for _ in range(3):
        answer = await speaker(town).forget(ADA)
        assert answer.reply.status_code == 200
        after = len(await town.mails(ADA))
        town.clock.advance(minutes=4)
    assert after == before + 2
    silent = speaker.__name__ in ("Session", "Hiyouth")
    assert answer.yes is silent
    if not silent:
        assert answer.text.startswith("发送次数过多")

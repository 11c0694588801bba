"""What must not get out: codes that were mailed to nobody, texts that nobody counts, and what a stranger has prepared for an owner.

Each test fails with its defence switched off.
"""

import asyncio
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes import FakeChance
from lingpai.core import rules
from lingpai.core.errors import BadCode, BadInput, BadLink, Limited, StaleLogin
from lingpai.core.model import Account, Links, Purpose, RequestContext
from lingpai.flows import (
    Services,
    account_admin,
    account_deletion,
    contacts,
    password,
    questions,
    reauthenticate,
    recover,
    register,
    sessions,
)
from lingpai.guard.one_time.codes import OneTimeSecrets
from lingpai.settings.outside import Sms
from lingpai.steps.authentication import Authenticated, Confirmed, confirm
from lingpai.store import accounts, consents
from logins import login_of
from web.people import ADA, GOOD, member
from web.seed003 import ANSWERS, QUESTIONS
from web.speakers import Hiyouth, Mailcode, Maillink, fitting
from web.speakers import Session as Named
from web.town import Browser, Town

BOB, NEW = "bob@example.com", "ada@new.example.com"
PHONE, E164 = "13800138000", "+8613800138000"
OWNERS, STRANGERS, THEIRS = "a staple of another kind", "the stranger's own password", "another one of the stranger"
LINKS = Links("http://127.0.0.1:8000/a", "http://127.0.0.1:8000/b", "http://127.0.0.1:8000/forgot")
TEXTS, REPLIES = ("one?", "two?", "three?"), ("elm", "oak", "rex")
FAR = RequestContext("203.0.113.9", "203.0.113.9")
BUDGET = {"sms": Sms(daily_budget=5)}


class Overheard(FakeChance):
    """Somebody listens to what chance gives: the luckiest guesser there can be."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[str] = []

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        self.codes.append(super().code(length, alphabet))
        return self.codes[-1]


@pytest.fixture
def chance() -> Overheard:
    return Overheard()


@pytest.fixture
def services(town: Town) -> Services:
    return town.house.services


def at(browser: Browser) -> RequestContext:
    return RequestContext("198.51.100.7", "198.51.100.7", session=browser.cookies.get("lingpai_session") or "")


async def who(town: Town, browser: Browser) -> Authenticated:
    return await sessions.current(town.house.services, at(browser))


async def by_phone(town: Town, browser: Browser | None = None) -> Hiyouth:
    """Registered by SMS and logged in: a phone, and no mail."""
    person = Hiyouth(town, browser)
    assert (await person.say("Register", type="member", option="mobile", account=PHONE, pwd=GOOD)).yes
    assert (await person.say("Register", type="member", option="mobile", verid=await person.code(E164))).yes
    return person


async def found(services: Services, email: str) -> Account:
    account = await accounts.find(services.store, "main", "email", rules.email(email).key)
    assert account is not None
    return account


# An address beside a phone.


async def test_a_mail_beside_a_proved_phone_needs_a_fresh_login(town: Town) -> None:
    phone = await by_phone(town)
    named = Named(town, phone.browser)
    town.clock.advance(minutes=10)
    assert (await named.say("SignUp_email_send", email=NEW)).reply.json()["statu_code"] == "FAILURE"
    login = await who(town, phone.browser)
    assert login.account.email is None
    await confirm(town.house.services, at(phone.browser), login)
    assert (await named.say("SignUp_email_send", email=NEW)).yes
    sent = await named.code(NEW)
    town.clock.advance(minutes=8)
    assert (await named.say("SignUp_email", email=NEW, code=sent)).yes, "the age of a login is judged when its code is asked for"


async def test_an_address_that_is_added_tells_the_one_that_was_there(town: Town) -> None:
    phone = await by_phone(town)
    before = len(await town.mails(E164))
    assert (await Named(town, phone.browser).bind(NEW)).yes
    assert len(await town.mails(E164)) == before + 1
    ada = await member(town)
    await ada.log_in(ADA, GOOD)
    services, other = town.house.services, rules.phone("13900139000")
    login = await who(town, ada.browser)
    await contacts.ask(services, at(ada.browser), login, other)
    sent = re.findall(r"[0-9]{6}", (await town.mails(other.value))[-1]["text"])[0]
    await contacts.bind(services, at(ada.browser).within("main", LINKS), login, other, sent)
    assert "手机" in (await town.mails(ADA))[-1]["subject"]


# A session by a one-time link.


@pytest.mark.parametrize("minutes", [0, 11])
async def test_a_login_by_a_one_time_link_is_never_fresh(town: Town, minutes: int) -> None:
    await member(town)
    client = Mailcode(town)
    await client.log_in(ADA, GOOD)
    town.clock.advance(minutes=minutes)
    made = (await client.say("/user/authorization-new", Expiry=3_600)).reply.json()
    link = next(value for value in made.values() if isinstance(value, str) and "authorization=" in value)
    browser = town.browser("203.0.113.9")
    browser.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    await browser.post("/page/authorization", data={"authorization": parse_qs(urlsplit(link).query)["authorization"][0]})
    login = await who(town, browser)
    for path in ("/me/email", "/me/phone", "/me/questions", "/me/delete", "/me/link", "/me/data.json"):
        reply = await browser.get(path)
        assert reply.headers.get("location", "").startswith("/me/confirm"), path
    assert (await Named(town, browser).say("SignUp_question", **QUESTIONS)).reply.json()["statu_code"] == "FAILURE"
    with pytest.raises(StaleLogin):
        await reauthenticate.require(town.house.services, at(browser), login)
    await reauthenticate.by_password(town.house.services, at(browser), login, GOOD)
    assert (await browser.get("/me/email")).status_code == 200


# Codes that were mailed to nobody.


async def refuses_code(services: Services, whom: Any, guess: str) -> None:
    """`guess` is right, but nobody was sent it."""
    assert await services.one_time.peek_code("reset", "main", whom.key, guess), "it is the code"
    with pytest.raises(BadCode):
        await recover.by_code(services, FAR.within("main", LINKS), whom, guess, OWNERS)
    with pytest.raises(BadCode):
        await recover.earn(services, FAR, whom, guess)


async def test_a_code_for_a_name_without_an_address_opens_nothing(town: Town, services: Services, chance: Overheard) -> None:
    assert (await Named(town).sign_up("ada.x", fitting(GOOD))).yes
    name = rules.account_name("ada.x")
    await recover.ask_code(services, FAR, name)
    await refuses_code(services, name, chance.codes[-1])


@pytest.mark.parametrize("way", ["code", "word"])
async def test_a_code_from_when_the_account_was_locked_opens_nothing_later(
    town: Town, services: Services, chance: Overheard, way: str
) -> None:
    await member(town)
    email, account = rules.email(ADA), await found(services, ADA)
    await account_admin.lock(services, account)
    if way == "code":
        await recover.ask_code(services, FAR, email)
        guess = chance.codes[-1]
    else:
        await Mailcode(town).forget(ADA)
        guess = next(code for code in reversed(chance.codes) if len(code) == 8)
    await account_admin.unlock(services, account)
    await refuses_code(services, email, guess)


async def test_a_link_from_when_the_account_was_locked_opens_nothing_later(town: Town, services: Services, chance: Overheard) -> None:
    await member(town)
    email, account = rules.email(ADA), await found(services, ADA)
    await account_admin.lock(services, account)
    heard = len(chance.codes)
    await recover.ask_link(services, FAR.within("main", LINKS), email)
    await account_admin.unlock(services, account)
    (token,) = [each for each in chance.codes[heard:] if await services.one_time.peek_link("reset", "main", email.key, each)]
    with pytest.raises(BadLink):
        await recover.by_link(services, FAR.within("main", LINKS), email, token, OWNERS)


# Text messages.


async def deed(services: Services, what: str, account: Account, number: int) -> None:
    """Something that the owner is told of, done in a login of a moment ago."""
    opened = await services.session_issuer.cookie(account, FAR)
    origin = RequestContext(f"198.51.100.{number}", FAR.ip, session=opened.token)
    if what == "password":
        await password.set_first(services, origin.within("main", LINKS), login_of(services, account, origin), f"{OWNERS} {number}")
    elif what == "questions":
        await questions.put(services, origin.within("main", LINKS), login_of(services, account, origin), TEXTS, REPLIES, mode="on")
    else:
        at = await account_deletion.close(services, origin, login_of(services, account, origin), "http://127.0.0.1:8000/page/keep?token=")
        async with services.store.begin() as tx:
            assert await accounts.reopen(tx, account_id=account.id, deletes_at=at, now=services.clock.now())


async def notices(town: Town, what: str, times: int) -> int:
    """Tries it so often; returns how many texts that makes, without the one of the registration."""
    person = await by_phone(town)
    number = (await who(town, person.browser)).account.id
    for each in range(times):
        town.clock.advance(seconds=1)
        account = await accounts.by_id(town.house.services.store, number)
        assert account is not None
        with suppress(Limited):
            await deed(town.house.services, what, account, each)
    return len(await town.mails(E164)) - 1


async def test_forty_password_changes_send_at_most_five_texts_an_hour(town: Town) -> None:
    assert 1 <= await notices(town, "password", 40) <= 5


@pytest.mark.parametrize("changes", [{"sms": Sms(daily_budget=3)}])
@pytest.mark.parametrize("what", ["password", "questions", "closing"])
async def test_notices_by_text_are_within_the_budget(town: Town, what: str) -> None:
    assert await notices(town, what, 5) == 2


@pytest.mark.parametrize("changes", [BUDGET])
async def test_unknown_numbers_do_not_use_up_the_budget(town: Town) -> None:
    for number in range(20):
        person = Hiyouth(town, town.browser(f"203.0.113.{number}"))
        assert (await person.say("findpwd", type="member", option="mobile", account=f"139001390{number:02}")).yes
    await by_phone(town, town.browser("198.51.100.99"))


@pytest.mark.parametrize("changes", [{"sms": Sms(daily_budget=1)}])
async def test_country_and_budget_are_asked_before_anything_is_hashed(town: Town, services: Services) -> None:
    weak = "password1"
    with pytest.raises(BadInput, match="sms-country"):
        await register.begin_by_phone(services, FAR, rules.phone("+442079460958"), weak)
    await register.ask_code(services, FAR.within("main", LINKS), rules.phone("13900139000"))
    with pytest.raises(Limited):
        await register.begin_by_phone(services, FAR, rules.phone(PHONE), weak)


# Words that are tried.


class Judging(OneTimeSecrets):
    """The house's own proofs, which count how many words they have judged."""

    def __init__(self, real: OneTimeSecrets) -> None:
        self.__dict__.update(real.__dict__)
        self.judged = 0

    async def find_recovery_code(self, purpose: Purpose, realm: str, word: str) -> bool:
        self.judged += 1
        return await super().find_recovery_code(purpose, realm, word)


async def test_of_many_words_at_once_ten_are_judged(services: Services) -> None:
    one_time = Judging(services.one_time)
    services = replace(services, one_time=one_time)
    tries = (recover.peek_recovery_code(services, FAR, f"wrng{number:04}") for number in range(200))
    said = await asyncio.gather(*tries, return_exceptions=True)
    assert Counter(type(each) for each in said) == {BadCode: 10, Limited: 190}
    assert one_time.judged == 10


# What a browser has begun at two doors.


async def test_two_recoveries_in_one_browser_do_not_disturb_each_other(town: Town) -> None:
    ada = Named(town)
    assert (await ada.sign_up("ada.x", fitting(GOOD))).yes
    assert (await ada.say("SignUp_question", **QUESTIONS)).yes
    await member(town, BOB)
    for first in ("questions", "findpwd"):
        named = Named(town, town.browser("203.0.113.9"))
        other = Hiyouth(town, named.browser)
        town.clock.advance(minutes=2)
        steps_ = [named.ask("Forget_pass_Question", EmailAccount="ada.x"), other.forget(BOB)]
        for step in steps_ if first == "questions" else reversed(steps_):
            assert (await step).yes
        assert (await other.reset(BOB, f"{OWNERS} after {first}")).yes, first
        assert (await named.say("Forget_pass_answer", **ANSWERS)).yes, first


async def test_what_was_granted_in_another_shape_is_nothing(services: Services) -> None:
    for _ in range(2):
        await services.grants.store_under("asked", "v" * 43, Confirmed(1), 60)
        assert await services.grants.peek("asked", "v" * 43, recover.AskedRecovery) is None
        assert await services.grants.take("asked", "v" * 43, recover.AskedRecovery) is None


# What a stranger has prepared.


async def squat(town: Town, mount: str) -> tuple[Account, Hiyouth]:
    """An unproved registration with all that a stranger can put there: a password, a phone, consents, and a session that may only look.

    No door lets anybody without the proof set a nickname; there is one all the same.
    """
    services, stranger = town.house.services, Hiyouth(town, town.browser("203.0.113.66"))
    if mount == "maillink":
        await Maillink(town, stranger.browser).register(NEW, STRANGERS, phone=PHONE)
    else:
        assert (await stranger.register(NEW, STRANGERS)).yes
    account = await found(services, NEW)
    async with services.store.begin() as tx:
        await accounts.add_identifier(tx, account_id=account.id, realm="main", address=rules.phone(PHONE), proved_at=None)
        await accounts.rename(tx, account_id=account.id, nickname="eve")
        await consents.add(tx, account_id=account.id, document="terms", version="1", at=services.clock.now(), ip="203.0.113.66")
    assert (await stranger.log_in(NEW, STRANGERS)).yes
    assert await stranger.who()
    return account, stranger


async def prove(town: Town, way: str) -> str:
    """The owner comes, in one of the ways to prove an address; returns the password that is theirs from then on."""
    services, browser = town.house.services, town.browser("203.0.113.9")
    if way == "bind":
        ada = await member(town)
        await ada.log_in(ADA, GOOD)
        assert (await Named(town, ada.browser).bind(NEW)).yes
        return GOOD
    if way == "register":
        email = rules.email(NEW)
        await register.ask_code(services, FAR.within("main", LINKS), email)
        sent = await Hiyouth(town).code(NEW)
        await register.by_code(services, FAR, register.Application(email, OWNERS, consents=(("privacy", "2"),)), sent)
        return OWNERS
    mounts: dict[str, Any] = {"link": Maillink, "word": Mailcode, "session": Named, "hiyouth": Hiyouth}
    owner = mounts[way](town, browser)
    assert (await owner.forget(NEW)).yes
    assert (await owner.reset(NEW, OWNERS)).yes
    return fitting(OWNERS) if way == "session" else OWNERS


@pytest.mark.parametrize("mount", ["maillink", "hiyouth"])
@pytest.mark.parametrize("way", ["register", "link", "word", "session", "hiyouth", "bind"])
async def test_whatever_a_stranger_prepared_is_gone_after_the_owners_proof(town: Town, services: Services, mount: str, way: str) -> None:
    _, stranger = await squat(town, mount)
    town.clock.advance(seconds=61)
    assert (await Maillink(town, town.browser("203.0.113.67")).register(NEW, THEIRS)).yes
    link = await town.link(NEW, "/activate_account")
    owners = await prove(town, way)
    for clicked in (False, True):
        if clicked:
            await town.browser().get("/activate_account", params=link)
        account = await found(services, NEW)
        assert (account.email_proved_at, account.phone, account.nickname) == (services.clock.now(), None, "")
        assert await stranger.who() is None
        for wrong in (STRANGERS, THEIRS):
            assert not (await Maillink(town, town.browser("203.0.113.68")).log_in(NEW, wrong)).yes
        assert (await Maillink(town, town.browser("203.0.113.10")).log_in(NEW, owners)).yes


@pytest.mark.parametrize(("way", "left"), [("register", ["privacy"]), ("link", []), ("session", [])])
async def test_what_a_stranger_agreed_to_is_not_the_owners(town: Town, services: Services, way: str, left: list[str]) -> None:
    account, _ = await squat(town, "maillink")
    await prove(town, way)
    assert (await found(services, NEW)).id == account.id
    assert [each.document for each in await consents.of(services.store, account_id=account.id)] == left


@pytest.mark.parametrize("mount", ["maillink", "hiyouth"])
async def test_a_strangers_session_ends_though_the_registrations_own_link_keeps_its_password(town: Town, mount: str) -> None:
    _, stranger = await squat(town, mount)
    owner = town.browser("203.0.113.9")
    path = "/activate_account" if mount == "maillink" else "/api/EmailVer"
    await owner.get(path, params=await town.link(NEW, path))
    assert await stranger.who() is None
    assert (await Maillink(town, owner).log_in(NEW, STRANGERS)).yes


@pytest.mark.parametrize("mount", ["maillink", "hiyouth"])
async def test_a_registration_that_lost_its_mail_and_has_but_an_unproved_phone_is_deleted(
    town: Town, services: Services, mount: str
) -> None:
    account, stranger = await squat(town, mount)
    await prove(town, "bind")
    assert await accounts.by_id(services.store, account.id) is None
    assert await stranger.who() is None

"""What the session door does against those who want somebody else's account. Each test fails with its defence switched off."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.core import data, rules
from lingpai.core.errors import BadGrant
from lingpai.core.model import RequestContext
from lingpai.flows import account_admin
from lingpai.flows.questions import joined
from lingpai.guard.crypto import digest
from lingpai.guard.one_time.decoy_questions import DecoyQuestions
from lingpai.guard.sessions.issuing import RedeemedLink
from lingpai.store import accounts, questions
from lingpai.web.dialects.session import refuse
from lingpai.web.dialects.session.settings import SessionDialectSettings
from lingpai.web.dialects.session.shapes import SessionDone
from web.seed003 import ADA, ADA_MAIL, ANSWERS, BOB, BOB_MAIL, GOOD, OTHER, QUESTIONS, WRONG, code, member
from web.speakers import Answer, Mailcode, Maillink, Session
from web.town import Town, settings_for

HOME = "127.0.0.1"
TEXTS = {name: QUESTIONS[name] for name in ("question_one", "question_two", "question_three")}


@pytest.fixture
def database_kind() -> str:
    """What these tests ask is decided above the store; test_session_races.py runs on both."""
    return "sqlite"


async def asked(person: Session, who: str) -> dict[str, str]:
    return dict((await person.ask("Forget_pass_Question", EmailAccount=who)).reply.json()["data"])


async def try_answers(town: Town, number: int, who: str, answers: dict[str, str]) -> Answer:
    """From a browser and an address of its own."""
    person = Session(town, town.browser(f"203.0.113.{number}"))
    await asked(person, who)
    return await person.say("Forget_pass_answer", **answers)


def plant(person: Session, prelogin_token: str) -> None:
    """As a neighbouring site may, which can set cookies for all of a domain."""
    person.browser.cookies.clear()
    person.browser.cookies.set("lingpai_visit", prelogin_token, domain=HOME)


async def notices(town: Town, mail: str, part: str) -> int:
    return sum(part in each["subject"] for each in await town.mails(mail))


# The login token.


async def test_a_login_token_is_good_for_one_try_right_or_wrong(town: Town) -> None:
    await member(town)
    person = Session(town).another()
    token = await person.token()
    assert code(await person.say("login", account=ADA, **{"pass": OTHER}, **token)) == "APLOGINERROR"
    assert code(await person.say("login", account=ADA, **{"pass": GOOD}, **token)) == "CODEERROR"
    token = await person.token()
    assert code(await person.say("login", account=ADA, **{"pass": GOOD}, **{**token, "code": "????"})) == "CODEERROR"
    assert code(await person.say("login", account=ADA, **{"pass": GOOD}, **token)) == "CODEERROR"
    token = await person.token()
    assert (await person.say("login", account=ADA, **{"pass": GOOD}, **token)).yes
    assert code(await person.say("login", account=ADA, **{"pass": GOOD}, **token)) == "CODEERROR"


async def test_a_stolen_login_token_is_worth_nothing_in_another_browser(town: Town) -> None:
    await member(town)
    thief, victim = Session(town).another(), Session(town).another("203.0.113.10")
    for has_visited in (False, True):
        token = await thief.token()
        if has_visited:
            await victim.token()
        said = await victim.say("login", account=ADA, **{"pass": GOOD}, **token)
        assert (code(said), "set-cookie" in said.reply.headers) == ("CODEERROR", False)


async def test_a_login_token_dies_after_five_minutes(town: Town) -> None:
    await member(town)
    person = Session(town).another()
    for minutes, expected in ((4.9, 200), (5.1, "CODEERROR")):
        token = await person.token()
        town.clock.advance(minutes=minutes)
        assert code(await person.say("login", account=ADA, **{"pass": GOOD}, **token)) == expected


async def test_a_captcha_of_another_door_is_no_login_token(town: Town) -> None:
    await member(town)
    person = Session(town).another()
    await person.token()
    drawn = (await person.browser.get("/public/captcha")).json()
    answer = (await person.browser.get(f"/dev/captcha/{drawn['Id']}")).json()["answer"]
    assert code(await person.say("login", account=ADA, token=drawn["Id"], code=answer, **{"pass": GOOD})) == "CODEERROR"


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_nobody_is_logged_in_from_another_site(town: Town, headers: dict[str, str]) -> None:
    await member(town)
    victim = Session(town).another()
    token = await victim.token()
    for call, fields in (("login", {"account": ADA, "pass": GOOD, **token}), ("sign_up", {"account": BOB, "pass": GOOD})):
        reply = await victim.browser.post(f"/session/{call}", data=fields, headers=headers)
        assert (reply.json()["statu_code"], "set-cookie" in reply.headers) == ("FAILURE", False), call
    assert (await victim.say("login", account=ADA, **{"pass": GOOD}, **token)).yes, "nothing was spent"


@pytest.mark.parametrize(
    "call", ["SignUp_email_send", "SignUp_email", "SignUp_question", "logout", "Forget_pass_reset", "Forget_pass_answer"]
)
async def test_another_site_changes_nothing_in_somebodys_name(town: Town, call: str) -> None:
    ada = await member(town)
    fields = {"email": BOB_MAIL, "code": "123456", "pass": GOOD, **QUESTIONS}
    reply = await ada.browser.post(f"/session/{call}", data=fields, headers={"Sec-Fetch-Site": "cross-site"})
    assert "其他网站" in reply.json()["msg"]
    assert await ada.who() is not None


@pytest.mark.parametrize("headers", [{"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}])
async def test_what_only_looks_draws_and_remembers_nothing(town: Town, headers: dict[str, str]) -> None:
    await member(town, questions=True)
    person = Session(town).another()
    for path in ("login_token", f"Forget_pass_Question?EmailAccount={ADA}"):
        ahead = await person.browser.get(f"/session/{path}", headers=headers)
        head = await person.browser.head(f"/session/{path}")
        assert (ahead.status_code, head.status_code, head.content) == (200, 200, b"")
        assert "set-cookie" not in ahead.headers
        assert "set-cookie" not in head.headers
    assert (await person.browser.get("/session/login_token", headers=headers)).json()["statu_code"] == "DTERROR"
    assert code(await person.say("Forget_pass_answer", **ANSWERS)) == "FAILURE"


# Bound addresses.


async def test_a_code_is_bound_to_the_account_that_asked(town: Town) -> None:
    ada, bob = await member(town, mail=None), await member(town, BOB, mail=None)
    await ada.say("SignUp_email_send", email=ADA_MAIL)
    found = await ada.code(ADA_MAIL)
    assert code(await bob.say("SignUp_email", email=ADA_MAIL, code=found)) == "CODEERROR"
    assert code(await ada.say("SignUp_email", email=BOB_MAIL, code=found)) == "CODEERROR"
    assert (await ada.say("SignUp_email", email=ADA_MAIL, code=found)).yes
    assert code(await ada.say("SignUp_email", email=ADA_MAIL, code=found)) == "CODEERROR", "spent"


async def test_a_code_is_dead_after_ten_minutes_and_after_five_wrong_ones(town: Town) -> None:
    ada = await member(town, mail=None)
    await ada.say("SignUp_email_send", email=ADA_MAIL)
    found = await ada.code(ADA_MAIL)
    wrong = "000000" if found != "000000" else "111111"
    for _ in range(5):
        assert code(await ada.say("SignUp_email", email=ADA_MAIL, code=wrong)) == "CODEERROR"
    assert code(await ada.say("SignUp_email", email=ADA_MAIL, code=found)) == "CODEERROR"
    town.clock.advance(minutes=2)
    await ada.say("SignUp_email_send", email=ADA_MAIL)
    found = await ada.code(ADA_MAIL)
    town.clock.advance(minutes=10, seconds=1)
    assert code(await ada.say("SignUp_email", email=ADA_MAIL, code=found)) == "CODEERROR"


async def test_a_taken_address_is_told_only_after_a_right_code(town: Town) -> None:
    await member(town)
    bob = await member(town, BOB, mail=None)
    town.clock.advance(minutes=2)
    assert (await bob.say("SignUp_email_send", email=ADA_MAIL)).yes
    assert code(await bob.say("SignUp_email", email=ADA_MAIL, code="000000")) == "CODEERROR"
    told = await bob.say("SignUp_email", email=ADA_MAIL, code=await bob.code(ADA_MAIL))
    assert code(told) == "FAILURE"
    assert "邮箱" in told.text
    assert (await bob.who() or {})["email"] is None


async def test_the_owners_proof_kills_the_code_of_everybody_else(town: Town) -> None:
    bob = await member(town, BOB, mail=None)
    await bob.say("SignUp_email_send", email=ADA_MAIL)
    found = await bob.code(ADA_MAIL)
    town.clock.advance(minutes=2)
    assert (await Mailcode(town).register(ADA_MAIL, GOOD)).yes
    assert code(await bob.say("SignUp_email", email=ADA_MAIL, code=found)) == "CODEERROR"
    assert (await bob.who() or {})["email"] is None


async def test_who_holds_an_address_unproved_loses_it_to_its_owner(town: Town) -> None:
    squatter = Maillink(town)
    await squatter.register(ADA_MAIL, OTHER)
    ada = await member(town)
    assert (await ada.who() or {})["email"] == ADA_MAIL
    assert not (await squatter.log_in(ADA_MAIL, OTHER)).yes
    assert (await ada.enter(ADA_MAIL, GOOD)).yes


async def test_a_proved_address_is_replaced_only_by_a_fresh_login_and_hears_of_it(town: Town) -> None:
    ada = await member(town)
    town.clock.advance(minutes=9)
    assert (await ada.say("SignUp_email_send", email="new@example.com")).yes
    found = await ada.code("new@example.com")
    elsewhere = Session(town)
    assert (await elsewhere.enter(ADA, GOOD)).yes
    town.clock.advance(minutes=2)
    stale = await ada.say("SignUp_email_send", email="third@example.com")
    assert (code(stale), stale.text) == ("FAILURE", "为了账号安全，请用密码重新登录，并在 10 分钟内完成此操作")
    assert code(await elsewhere.say("SignUp_email", email="new@example.com", code=found)) == "CODEERROR", "another login asked for it"
    assert (await ada.say("SignUp_email", email="new@example.com", code=found)).yes, "it holds for the login that was young then"
    assert await elsewhere.who() is None, "and the others have ended"
    assert await notices(town, ADA_MAIL, "邮箱") >= 1
    assert (await ada.who() or {})["email"] == "new@example.com"
    assert code(await ada.enter(ADA_MAIL, GOOD)) == "APLOGINERROR"


@pytest.mark.parametrize("opened_by", ["an old login", "a link", "a third party"])
async def test_a_first_address_takes_a_login_that_has_proved_its_owner(town: Town, opened_by: str) -> None:
    """Whoever has one of the account's cookies would take the account by a reset (contract, S43; A65)."""
    services, ada = town.house.services, await member(town, mail=None)
    account = await accounts.find(services.store, "main", "name", ADA)
    assert account
    if opened_by == "an old login":
        town.clock.advance(minutes=10)
    elif opened_by == "a link":
        link = RedeemedLink(digest(ada.browser.cookies["lingpai_session"]), 3_600)
        opened = await services.session_issuer.cookie_by_link(account, RequestContext("test", "test"), link)
        ada.browser.cookies.set("lingpai_session", opened.token, domain=HOME)
    else:
        opened = await services.session_issuer.cookie(account, RequestContext("test", "test"), amr="fed")
        ada.browser.cookies.set("lingpai_session", opened.token, domain=HOME)
    refused = await ada.say("SignUp_email_send", email=ADA_MAIL)
    assert (code(refused), "重新登录" in refused.text) == ("FAILURE", True)
    assert await town.mails(ADA_MAIL) == []
    assert (await ada.enter(ADA, GOOD)).yes
    assert (await ada.bind(ADA_MAIL)).yes


async def test_binding_ones_own_address_again_changes_nothing(town: Town) -> None:
    ada = await member(town)
    town.clock.advance(minutes=30)
    assert (await ada.bind(ADA_MAIL)).yes
    assert (await ada.who() or {})["email"] == ADA_MAIL


async def test_a_login_on_an_unproved_address_may_only_look_and_leave(town: Town) -> None:
    """Such sessions are opened by hiyouth alone; they are the same realm's, so they come through this door too."""
    services = town.house.services
    await Maillink(town).register(ADA_MAIL, GOOD)
    account = await accounts.find(services.store, "main", "email", ADA_MAIL)
    assert account
    opened = await services.session_issuer.cookie(account, RequestContext("test", "test"))
    ada = Session(town)
    ada.browser.cookies.set("lingpai_session", opened.token, domain=HOME)
    assert (await ada.who() or {}) == {"id": account.id, "account": "", "email": None, "questions": False}
    for call, fields in (
        ("SignUp_email_send", {"email": BOB_MAIL}),
        ("SignUp_email", {"email": BOB_MAIL, "code": "1"}),
        ("SignUp_question", QUESTIONS),
    ):
        assert code(await ada.say(call, **fields)) == "FAILURE", call
    assert (await ada.log_out()).yes


# Security questions.


async def test_answers_count_without_regard_to_case_width_and_space(town: Town) -> None:
    await member(town, questions=True)
    person = Session(town).another()
    await asked(person, ADA)
    spelled = {"answer_one": " LO\u0301NG ", "answer_two": "梅", "answer_three": "Ａ Certain\u3000\u00a0SCHOOL"}
    assert (await person.say("Forget_pass_answer", **spelled)).yes


async def test_all_three_answers_must_be_right_and_each_in_its_place(town: Town) -> None:
    await member(town, questions=True)
    one, two, three = ANSWERS.values()
    for number, wrong in enumerate(((one, two, "x"), ("x", two, three), (two, one, three), ("Lón", "g" + two, three))):
        said = await try_answers(town, number, ADA, dict(zip(ANSWERS, wrong, strict=True)))
        assert code(said) == "FAILURE", wrong
    assert (await try_answers(town, 9, ADA, ANSWERS)).yes


async def test_nothing_of_an_answer_stands_in_the_store(town: Town) -> None:
    ada = await member(town, questions=True)
    number = (await ada.who() or {})["id"]
    kept = await questions.of(town.house.services.store, account_id=number)
    assert kept
    assert kept.answers.startswith("$argon2id$")
    assert kept.texts == tuple(TEXTS.values())


async def test_questions_must_differ_and_show(town: Town) -> None:
    ada = await member(town)
    for changed in (
        {"question_two": " 父亲的名字 "},
        {"question_one": "Pet", "question_three": "ＰＥＴ"},
        {"question_one": "a\nb"},
        {"question_one": "   "},
        {"answer_one": "   "},
        {"answer_one": "\u200b\u200b"},
    ):
        assert code(await ada.say("SignUp_question", **{**QUESTIONS, **changed})) == "DTERROR", changed
    assert (await ada.say("SignUp_question", **{**QUESTIONS, "answer_two": QUESTIONS["answer_one"]})).yes


async def test_questions_are_set_with_the_password_once_the_login_is_old_and_the_owner_is_told(town: Town) -> None:
    ada = await member(town)
    town.clock.advance(minutes=9, seconds=50)
    assert (await ada.say("SignUp_question", **QUESTIONS)).yes
    town.clock.advance(seconds=20)
    assert code(await ada.say("SignUp_question", **QUESTIONS)) == "FAILURE"
    assert code(await ada.say("SignUp_question", **QUESTIONS, **{"pass": OTHER})) == "APLOGINERROR"
    assert (await ada.say("SignUp_question", **QUESTIONS, **{"pass": GOOD})).yes
    assert await notices(town, ADA_MAIL, "密保") == 2


async def test_a_wrong_password_there_counts_as_a_login_does(town: Town) -> None:
    ada = await member(town)
    town.clock.advance(minutes=11)
    said = [await ada.say("SignUp_question", **QUESTIONS, **{"pass": OTHER}) for _ in range(11)]
    assert [code(answer) for answer in said] == ["APLOGINERROR"] * 10 + ["FAILURE"]
    assert said[-1].reply.status_code == 429


async def test_new_questions_take_the_place_of_the_old(town: Town) -> None:
    ada = await member(town, questions=True)
    changed = {**QUESTIONS, "question_one": "最喜欢的歌", "answer_one": "another"}
    assert (await ada.say("SignUp_question", **changed)).yes
    assert (await asked(Session(town), ADA))["question_one"] == "最喜欢的歌"
    assert code(await try_answers(town, 1, ADA, ANSWERS)) == "FAILURE"
    assert (await try_answers(town, 2, ADA, {**ANSWERS, "answer_one": "another"})).yes


async def test_decoys_are_the_same_for_every_spelling_of_one_name_and_differ_from_others(town: Town) -> None:
    await member(town, BOB, BOB_MAIL)
    person = Session(town)
    drawn = await asked(person, "nobody.x")
    common = set(data.lines("common-questions.txt"))
    assert len(set(drawn.values()) & common) == 3
    assert await asked(person, "NoBody.X") == drawn
    assert await asked(person, "someone.x") != drawn
    person.browser.headers["Accept-Language"] = "en"
    assert await asked(person, "nobody.x") == drawn
    assert await asked(person, "Nobody@EXAMPLE.com") == await asked(person, "nobody@example.com")
    without = await asked(person, BOB)
    assert (len(set(without.values()) & common), await asked(person, BOB.upper())) == (3, without)


async def test_decoys_stay_over_restarts_and_machines(town: Town, tmp_path: Path, database_url: str, clock: FakeClock) -> None:
    """Were they to change, whoever asked before would know a stranger by it."""
    who = rules.account_name("nobody.x")
    again = await build(settings_for(tmp_path, database_url), clock, FakeChance("another machine"))
    drawn = town.house.services.decoy_questions.of("main", who)
    assert again.services.decoy_questions.of("main", who) == drawn
    assert again.services.decoy_questions.of("boss", who) != drawn
    await again.close()


def test_a_key_draws_the_same_decoys_for_ever(chance: FakeChance) -> None:
    who = rules.account_name("nobody.x")
    assert DecoyQuestions(b"s" * 32, chance).of("main", who) == PINNED
    assert DecoyQuestions(b"t" * 32, chance).of("main", who) != PINNED


PINNED = ("第一辆车的牌子", "最想去的地方", "大学的学号")


async def test_real_questions_and_decoys_are_asked_in_the_same_words(town: Town) -> None:
    await member(town, questions=True)
    replies = []
    for who in (ADA, "nobody.x", "nobody@example.com"):
        person = Session(town).another()
        first = await person.ask("Forget_pass_Question", EmailAccount=who)
        post = await person.say("Forget_pass_Question", EmailAccount=who)
        assert first.reply.content == post.reply.content
        wrong = await person.say("Forget_pass_answer", **WRONG)
        masked = ("x-request-id", "content-length", "set-cookie")
        replies.append(
            (
                first.reply.status_code,
                sorted(first.reply.json()["data"]),
                [name for name in first.reply.headers if name not in masked],
                first.reply.headers["set-cookie"].partition("=")[0],
                wrong.reply.content,
                [name for name in wrong.reply.headers if name not in masked],
            )
        )
    assert replies == [replies[0]] * 3


async def test_five_tries_a_day_from_wherever_they_come_and_then_the_right_answers_fail_too(town: Town) -> None:
    await member(town, questions=True)
    for number, who in enumerate((ADA, ADA_MAIL, ADA.upper(), ADA, ADA_MAIL)):
        assert code(await try_answers(town, number, who, WRONG)) == "FAILURE"
    right = await try_answers(town, 9, ADA, ANSWERS)
    wrong = await try_answers(town, 10, ADA, WRONG)
    assert (code(right), right.reply.content) == ("FAILURE", wrong.reply.content)
    town.clock.advance(hours=24, seconds=1)
    assert (await try_answers(town, 11, ADA, ANSWERS)).yes


async def test_a_parallel_burst_gets_no_more_than_five_tries(town: Town) -> None:
    await member(town, questions=True)
    people = [Session(town, town.browser(f"203.0.113.{number}")) for number in range(30)]
    for person in people:
        await asked(person, ADA)
    said = await asyncio.gather(*(person.say("Forget_pass_answer", **WRONG) for person in people))
    assert {code(answer) for answer in said} == {"FAILURE"}
    assert await notices(town, ADA_MAIL, "密保问题") == 1 + 30, "when they were set, and for each try"


async def test_no_count_tells_whether_there_is_an_account(town: Town) -> None:
    await member(town, questions=True)
    rows = [[(await try_answers(town, number, who, WRONG)).reply.content for number in range(8)] for who in (ADA, "nobody.x", ADA_MAIL)]
    assert rows == [[rows[0][0]] * 8] * 3


async def test_twenty_tries_a_day_from_one_client(town: Town) -> None:
    person = Session(town)
    said = []
    for number in range(21):
        town.clock.advance(seconds=10)
        await asked(person, f"person{number}.x")
        said.append(await person.say("Forget_pass_answer", **WRONG))
    assert [answer.reply.status_code for answer in said] == [200] * 20 + [429]
    assert code(said[-1]) == "FAILURE"


async def test_the_owner_is_told_of_every_try_and_nobody_else_is(town: Town) -> None:
    await member(town, questions=True)
    await member(town, BOB, BOB_MAIL)
    before = await notices(town, ADA_MAIL, "密保问题"), len(await town.mails(BOB_MAIL))
    await try_answers(town, 1, ADA, WRONG)
    await try_answers(town, 2, ADA, ANSWERS)
    await try_answers(town, 3, BOB, WRONG)
    await try_answers(town, 4, "nobody.x", WRONG)
    assert (await notices(town, ADA_MAIL, "密保问题"), len(await town.mails(BOB_MAIL))) == (before[0] + 2, before[1])
    assert "203.0.113.2" in (await town.mails(ADA_MAIL))[-1]["text"]


async def test_what_was_asked_is_answered_within_ten_minutes_by_the_browser_that_asked(town: Town) -> None:
    await member(town, questions=True)
    person, other = Session(town).another(), Session(town).another()
    await asked(person, ADA)
    assert code(await other.say("Forget_pass_answer", **ANSWERS)) == "FAILURE"
    town.clock.advance(minutes=10, seconds=1)
    assert code(await person.say("Forget_pass_answer", **ANSWERS)) == "FAILURE"


async def test_the_answers_go_to_the_account_that_was_asked_about_last(town: Town) -> None:
    await member(town, questions=True)
    person = Session(town).another()
    await asked(person, ADA)
    await asked(person, "nobody.x")
    assert code(await person.say("Forget_pass_answer", **ANSWERS)) == "FAILURE"


# Leave to set a new password.


async def earned(town: Town, person: Session, way: str) -> None:
    if way == "mail":
        town.clock.advance(minutes=2)
        await person.forget(ADA)
        assert (await person.say("Forget_pass_EmailAccount", EmailAccount=ADA, code=await person.code(ADA_MAIL))).yes
    else:
        await asked(person, ADA)
        assert (await person.say("Forget_pass_answer", **ANSWERS)).yes


@pytest.fixture(params=["mail", "answers"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_planted_visit_is_worth_nothing_once_the_proof_is_given(town: Town, way: str) -> None:
    await member(town, questions=True)
    thief, victim = Session(town).another(), Session(town).another("203.0.113.10")
    await thief.token()
    planted = thief.browser.cookies["lingpai_visit"]
    plant(victim, planted)
    await earned(town, victim, way)
    assert victim.browser.cookies["lingpai_visit"] != planted
    assert code(await thief.say("Forget_pass_reset", **{"pass": OTHER})) == "FAILURE"
    assert (await victim.say("Forget_pass_reset", **{"pass": OTHER})).yes


async def test_a_leave_is_for_one_use_within_ten_minutes_and_a_weak_password_spends_none(town: Town, way: str) -> None:
    await member(town, questions=True)
    person = Session(town).another()
    await earned(town, person, way)
    assert code(await person.say("Forget_pass_reset", **{"pass": "password"})) == "PSIGNERROR"
    assert (await person.say("Forget_pass_reset", **{"pass": OTHER})).yes
    assert code(await person.say("Forget_pass_reset", **{"pass": GOOD})) == "FAILURE"
    await earned(town, person, way)
    town.clock.advance(minutes=10, seconds=1)
    assert code(await person.say("Forget_pass_reset", **{"pass": GOOD})) == "FAILURE"


async def test_a_reset_kills_every_other_leave_and_ends_all_sessions_and_tells_the_owner(town: Town, way: str) -> None:
    ada = await member(town, questions=True)
    first, second = Session(town).another(), Session(town).another("203.0.113.10")
    await earned(town, first, way)
    await earned(town, second, way)
    assert (await second.say("Forget_pass_reset", **{"pass": OTHER})).yes
    assert code(await first.say("Forget_pass_reset", **{"pass": GOOD})) == "FAILURE"
    assert await ada.who() is None
    assert "密码" in (await town.mails(ADA_MAIL))[-1]["subject"]
    assert "203.0.113.10" in (await town.mails(ADA_MAIL))[-1]["text"]


async def test_a_code_for_binding_is_none_for_recovery_and_the_other_way_round(town: Town) -> None:
    ada = await member(town)
    town.clock.advance(minutes=2)
    await ada.forget(ADA)
    found = await ada.code(ADA_MAIL)
    assert code(await ada.say("SignUp_email", email=ADA_MAIL, code=found)) == "CODEERROR"
    town.clock.advance(minutes=2)
    await ada.say("SignUp_email_send", email=ADA_MAIL)
    bound = await ada.code(ADA_MAIL)
    assert code(await ada.say("Forget_pass_EmailAccount", EmailAccount=ADA, code=bound)) == ("CODEERROR" if bound != found else 200)


async def test_a_locked_account_is_given_back_by_nothing(town: Town) -> None:
    ada = await member(town, questions=True)
    person = Session(town).another()
    await asked(person, ADA)
    services = town.house.services
    account = await accounts.find(services.store, "main", "name", ADA)
    assert account
    before = await asked(Session(town), ADA)
    await account_admin.lock(services, account)
    assert await asked(Session(town), ADA) == before, "nobody learns of it"
    assert code(await person.say("Forget_pass_answer", **ANSWERS)) == "FAILURE"
    assert code(await ada.enter(ADA, GOOD)) == "APLOGINERROR"


# The realm's policy.


@pytest.mark.parametrize("changes", [{"session": SessionDialectSettings(questions="off")}])
async def test_where_questions_are_off_everybody_gets_decoys_and_no_answer_is_right(town: Town) -> None:
    ada = await member(town)
    assert code(await ada.say("SignUp_question", **QUESTIONS)) == "FAILURE"
    services = town.house.services
    number = (await ada.who() or {})["id"]
    async with services.passwords.slot() as slot:
        clean = tuple(rules.answer(value) for value in ANSWERS.values())
        hashed = await slot.make(joined((clean[0], clean[1], clean[2])))
    async with services.store.begin() as tx:
        await questions.put(tx, account_id=number, texts=("一", "二", "三"), answers=hashed, at=0)
    drawn = await asked(Session(town), ADA)
    assert tuple(drawn.values()) == services.decoy_questions.of("main", rules.account_name(ADA))
    mails = len(await town.mails(ADA_MAIL))
    right, stranger = await try_answers(town, 1, ADA, ANSWERS), await try_answers(town, 2, "nobody.x", ANSWERS)
    assert (code(right), right.reply.content) == ("FAILURE", stranger.reply.content)
    assert len(await town.mails(ADA_MAIL)) == mails


@pytest.mark.parametrize("changes", [{"session": SessionDialectSettings(questions="with_code")}])
async def test_with_code_takes_the_mailed_code_and_the_answers_together(town: Town) -> None:
    await member(town, questions=True)
    town.clock.advance(minutes=2)
    person = Session(town).another()
    await asked(person, ADA)
    assert code(await person.say("Forget_pass_answer", **ANSWERS)) == "DTERROR"
    assert code(await person.say("Forget_pass_answer", **WRONG, code="000000")) == "CODEERROR"
    await person.forget(ADA)
    found = await person.code(ADA_MAIL)
    assert code(await person.say("Forget_pass_answer", **WRONG, code=found)) == "FAILURE"
    assert (await person.say("Forget_pass_answer", **ANSWERS, code=found)).yes, "the wrong answers have not spent it"
    second = Session(town).another("203.0.113.10")
    await asked(second, ADA)
    assert code(await second.say("Forget_pass_answer", **ANSWERS, code=found)) == "CODEERROR", "but the right ones have"
    assert (await person.say("Forget_pass_reset", **{"pass": OTHER})).yes


@pytest.mark.parametrize("changes", [{"session": SessionDialectSettings(questions="with_code")}])
async def test_with_code_an_account_without_an_address_cannot_recover_this_way(town: Town) -> None:
    await member(town, mail=None, questions=True)
    person = Session(town).another()
    await person.forget(ADA)
    await asked(person, ADA)
    stranger = Session(town).another("203.0.113.10")
    await asked(stranger, "nobody.x")
    said = [await each.say("Forget_pass_answer", **ANSWERS, code="000000") for each in (person, stranger)]
    assert [code(answer) for answer in said] == ["CODEERROR"] * 2
    assert said[0].reply.content == said[1].reply.content


def test_the_envelope_has_the_seeds_spelling() -> None:
    assert msgspec.json.encode(SessionDone()) == b'{"statu_code":200,"data":{}}'
    said: dict[str, Any] = refuse(BadGrant(), "en")
    assert list(said) == ["statu_code", "msg", "data"]

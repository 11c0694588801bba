"""The session door (seed 003): every row, every length on both sides of its limit, every code with its causes, in a fixed order."""

from typing import Any

import pytest

from fakes import FakeChance
from lingpai.assembly.front import refuse_clash
from lingpai.core.model import Links
from lingpai.settings import Invites
from lingpai.settings.load import SettingsError
from lingpai.web.dialects import maillink, session
from lingpai.web.dialects.maillink import MaillinkSettings
from lingpai.web.dialects.session.settings import SessionDialectSettings
from lingpai.web.request.calls import Mount
from web.seed003 import ADA, ADA_MAIL, ANSWERS, BOB, BOB_MAIL, GOOD, OTHER, QUESTIONS, code, member
from web.speakers import Mailcode, Maillink, Session
from web.town import Town


@pytest.fixture
def database_kind() -> str:
    """What most of these tests ask is decided above the store; what a statement holds, and test_session_races.py, runs on both."""
    return "sqlite"


ON_BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgres"])


@pytest.fixture
def ada(town: Town) -> Session:
    return Session(town)


@ON_BOTH
async def test_a_client_of_the_seed_signs_up_binds_sets_questions_and_gets_back_in_both_ways(town: Town, ada: Session) -> None:
    made = await ada.sign_up(ADA, GOOD)
    number = made.reply.json()["data"]["id"]
    assert made.reply.json() == {"statu_code": 200, "data": {"id": number}}
    assert await ada.who() == {"id": number, "account": ADA, "email": None, "questions": False}
    assert (await ada.bind(ADA_MAIL)).reply.json() == {"statu_code": 200, "data": {}}
    assert (await ada.say("SignUp_question", **QUESTIONS)).reply.json() == {"statu_code": 200, "data": {}}
    assert await ada.who() == {"id": number, "account": ADA, "email": ADA_MAIL, "questions": True}
    assert (await ada.enter(ADA, GOOD)).reply.json() == {"statu_code": 200, "data": {"id": number, "account": ADA}}

    by_mail = ada.another()
    assert (await by_mail.forget(ADA)).reply.json() == {"statu_code": 200, "data": {}}
    code_ = await by_mail.code(ADA_MAIL)
    assert (await by_mail.say("Forget_pass_EmailAccount", EmailAccount=ADA, code=code_)).yes
    assert (await by_mail.say("Forget_pass_reset", **{"pass": OTHER})).reply.json() == {"statu_code": 200, "data": {}}
    assert await ada.who() is None, "a reset ends every session"
    assert await by_mail.who() is None, "and opens none"
    assert (await ada.enter(ADA_MAIL, OTHER)).yes

    by_answers = ada.another()
    asked = await by_answers.ask("Forget_pass_Question", EmailAccount=ADA_MAIL)
    texts = {name: QUESTIONS[name] for name in ("question_one", "question_two", "question_three")}
    assert asked.reply.json() == {"statu_code": 200, "data": texts}
    assert (await by_answers.say("Forget_pass_answer", **ANSWERS)).yes
    assert (await by_answers.say("Forget_pass_reset", **{"pass": GOOD})).yes
    assert await ada.who() is None
    assert (await ada.enter(ADA, GOOD)).yes
    assert "密码" in (await town.mails(ADA_MAIL))[-1]["subject"]


LENGTHS = [
    ("login", "token", "t" * 64, "t" * 65),
    ("login", "account", "n" * 16, "n" * 17),
    ("login", "account", "n" * 20 + "@example.com", "n" * 21 + "@example.com"),
    ("login", "pass", "p" * 16, "p" * 17),
    ("login", "code", "c" * 64, "c" * 65),
    ("sign_up", "account", "n" * 16, "n" * 17),
    ("sign_up", "account", "nn", "n"),
    ("sign_up", "pass", "p" * 16, "p" * 17),
    ("sign_up", "invite", "i" * 64, "i" * 65),
    ("SignUp_email_send", "email", "n" * 20 + "@example.com", "n" * 21 + "@example.com"),
    ("SignUp_email", "email", "n" * 20 + "@example.com", "n" * 21 + "@example.com"),
    ("SignUp_email", "code", "1" * 8, "1" * 9),
    *(("SignUp_question", name, "啊" * 64, "啊" * 65) for name in QUESTIONS),
    ("Forget_pass_send", "EmailAccount", "n" * 20 + "@example.com", "n" * 21 + "@example.com"),
    ("Forget_pass_send", "EmailAccount", "n" * 32, "n" * 33),
    ("Forget_pass_EmailAccount", "EmailAccount", "n" * 20 + "@example.com", "n" * 21 + "@example.com"),
    ("Forget_pass_EmailAccount", "code", "1" * 8, "1" * 9),
    ("Forget_pass_Question", "EmailAccount", "n" * 32, "n" * 33),
    *(("Forget_pass_answer", name, "啊" * 64, "啊" * 65) for name in ANSWERS),
    ("Forget_pass_reset", "pass", "p" * 16, "p" * 17),
]
SAMPLE = {
    "login": {"token": "t", "account": ADA, "pass": GOOD, "code": "c"},
    "sign_up": {"account": ADA, "pass": GOOD},
    "SignUp_email_send": {"email": ADA_MAIL},
    "SignUp_email": {"email": ADA_MAIL, "code": "123456"},
    "SignUp_question": QUESTIONS,
    "Forget_pass_send": {"EmailAccount": ADA},
    "Forget_pass_EmailAccount": {"EmailAccount": ADA, "code": "123456"},
    "Forget_pass_Question": {"EmailAccount": ADA},
    "Forget_pass_answer": ANSWERS,
    "Forget_pass_reset": {"pass": GOOD},
}


@pytest.mark.parametrize(("call", "field", "fits", "over"), LENGTHS, ids=lambda value: value[:12])
async def test_every_length_holds_on_both_sides_of_its_limit(ada: Session, call: str, field: str, fits: str, over: str) -> None:
    assert code(await ada.say(call, **{**SAMPLE[call], field: fits})) != "DTERROR"
    assert code(await ada.say(call, **{**SAMPLE[call], field: over})) == "DTERROR"


@pytest.mark.parametrize("call", SAMPLE)
async def test_a_field_that_is_empty_or_missing_or_of_another_type_is_a_data_error(ada: Session, call: str) -> None:
    others: list[Any] = ["", None, True, 1.5, [], {}, ["x"]]
    for field in SAMPLE[call]:
        left = {name: value for name, value in SAMPLE[call].items() if name != field}
        assert code(await ada.say(call, **left)) == "DTERROR", field
        for value in others:
            answer = await ada.say(call, **{**left, field: value})
            assert code(answer) == "DTERROR", (field, value)
            assert f"（{field}）" in answer.text


@pytest.mark.parametrize("character", [" ", '"', "'", "\\", "<", ">", "\t", "\x7f", "é", "密", "　"])
async def test_a_password_with_a_sign_that_is_not_allowed_is_a_data_error(ada: Session, character: str) -> None:
    for call in ("sign_up", "login", "Forget_pass_reset"):
        assert code(await ada.say(call, **{**SAMPLE[call], "pass": f"horse{character}batter9"})) == "DTERROR"


async def test_a_password_takes_every_other_printable_sign_of_ascii(ada: Session) -> None:
    signs = "".join(chr(number) for number in range(0x21, 0x7F) if chr(number) not in "\"'\\<>")
    for start in range(0, len(signs), 16):
        assert code(await ada.say("Forget_pass_reset", **{"pass": signs[start : start + 16].ljust(16, "k")})) != "DTERROR"


@pytest.mark.parametrize("password", ["a", "x7#Kq2!", "password", "12345678", "qwertyuiop", "ada.x123", "aaaaaaaaaaaaaaaa"])
async def test_a_weak_password_has_a_code_of_its_own(ada: Session, password: str) -> None:
    for call in ("sign_up", "Forget_pass_reset"):
        said = await ada.say(call, **{**SAMPLE[call], "pass": password})
        assert code(said) == ("FAILURE" if (call, password) == ("Forget_pass_reset", "ada.x123") else "PSIGNERROR"), call


async def test_seven_signs_are_too_weak_and_eight_may_do(ada: Session) -> None:
    short = await ada.sign_up(ADA, "x7#Kq2!")
    assert (code(short), "8" in short.text) == ("PSIGNERROR", True)
    assert (await ada.sign_up(ADA, "x7#Kq2!v")).yes


async def test_at_login_a_short_password_is_merely_wrong(town: Town) -> None:
    ada = await member(town)
    assert code(await ada.enter(ADA, "a")) == "APLOGINERROR"


@ON_BOTH
async def test_unknown_account_and_wrong_password_are_told_apart_by_nothing(town: Town) -> None:
    ada = await member(town)
    answers = [await ada.enter(who, OTHER) for who in (ADA, ADA_MAIL, "nobody.x", "nobody@example.com")]
    assert {(answer.reply.status_code, answer.reply.content) for answer in answers} == {(200, answers[0].reply.content)}
    assert code(answers[0]) == "APLOGINERROR"


async def test_the_order_of_checks_is_fixed(town: Town) -> None:
    """What violates several rules at once is told the first: DTERROR, not logged in, PSIGNERROR, CODEERROR, APLOGINERROR, the rest."""
    ada, bob, stranger = await member(town), await member(town, BOB, BOB_MAIL), Session(town)
    taken = {"account": ADA, "pass": GOOD}
    right = await stranger.token()
    same = {**QUESTIONS, "question_two": QUESTIONS["question_one"]}
    table: list[tuple[Session, str, dict[str, Any], str]] = [
        (stranger, "sign_up", {**taken, "pass": "sh<rt"}, "DTERROR"),
        (stranger, "sign_up", {**taken, "pass": "short"}, "PSIGNERROR"),
        (stranger, "sign_up", {**taken, "pass": "password"}, "PSIGNERROR"),
        (stranger, "sign_up", taken, "FAILURE"),
        (stranger, "SignUp_email", {"email": "no address", "code": "000000"}, "DTERROR"),
        (stranger, "SignUp_email", {"email": ADA_MAIL, "code": "000000"}, "FAILURE"),
        (bob, "SignUp_email", {"email": ADA_MAIL, "code": "000000"}, "CODEERROR"),
        (stranger, "SignUp_question", same, "DTERROR"),
        (stranger, "SignUp_question", QUESTIONS, "FAILURE"),
        (stranger, "login", {"token": "t", "code": "c", "account": ADA, "pass": "a b"}, "DTERROR"),
        (stranger, "login", {"token": "t", "code": "c", "account": ADA, "pass": "short"}, "CODEERROR"),
        (stranger, "login", {**right, "account": ADA, "pass": "short"}, "APLOGINERROR"),
        (stranger, "Forget_pass_reset", {"pass": "sh<rt"}, "DTERROR"),
        (stranger, "Forget_pass_reset", {"pass": "short"}, "PSIGNERROR"),
        (stranger, "Forget_pass_reset", {"pass": "password"}, "PSIGNERROR"),
        (stranger, "Forget_pass_reset", {"pass": GOOD}, "FAILURE"),
        (stranger, "Forget_pass_answer", {**ANSWERS, "answer_one": " "}, "DTERROR"),
        (stranger, "Forget_pass_answer", ANSWERS, "FAILURE"),
    ]
    for who, call, fields, expected in table:
        assert code(await who.say(call, **fields)) == expected, (call, fields)
    town.clock.advance(minutes=11)
    stale: list[tuple[Session, str, dict[str, Any], str]] = [
        (ada, "SignUp_question", {**same, "pass": OTHER}, "DTERROR"),
        (ada, "SignUp_question", {**QUESTIONS, "pass": OTHER}, "APLOGINERROR"),
        (ada, "SignUp_email", {"email": "new@example.com", "code": "000000"}, "CODEERROR"),
    ]
    for who, call, fields, expected in stale:
        assert code(await who.say(call, **fields)) == expected, (call, fields)


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_a_weak_password_is_told_before_a_missing_invite(ada: Session) -> None:
    assert code(await ada.sign_up(ADA, "short")) == "PSIGNERROR"
    assert code(await ada.sign_up(ADA, GOOD)) == "FAILURE"
    assert code(await ada.sign_up(ADA, GOOD, invite="wrong")) == "FAILURE"


@pytest.mark.parametrize(
    ("taken", "spelling", "expected"),
    [
        ("paypal", "PAYPAL", "FAILURE"),
        ("paypal", "pAyPaL", "FAILURE"),
        ("paypal", "раураl", "DTERROR"),
        ("paypal", "ｐａｙｐａｌ", "DTERROR"),
        ("paypal", "pay\u200bpal", "DTERROR"),
        ("paypal", "pay\u00adpal", "DTERROR"),
        ("paypal", "\u202epaypal", "DTERROR"),
        ("paypal", "paypaI", "FAILURE"),
        ("paypal", "paypa1", "FAILURE"),
        ("morning", "rnorning", "FAILURE"),
        ("straße", "STRASSE", "FAILURE"),
        ("zoé", "zoe\u0301", "DTERROR"),
        ("李白", "李 白", "DTERROR"),
    ],
)
async def test_a_taken_name_is_taken_in_every_spelling_that_looks_the_same(town: Town, taken: str, spelling: str, expected: str) -> None:
    assert (await Session(town).sign_up(taken, GOOD)).yes
    assert code(await Session(town).sign_up(spelling, OTHER)) == expected
    other = Session(town)
    assert not (await other.enter(spelling, OTHER)).yes
    assert (await other.enter(taken, GOOD)).yes


@ON_BOTH
async def test_a_name_logs_in_in_any_case(town: Town) -> None:
    ada = await member(town)
    assert (await ada.enter(ADA.upper(), GOOD)).yes


@pytest.mark.parametrize("name", ["admin", "ADMIN", "root", "a b", "a@b", "1234567", "13800138000", "аdmin", "名字\u200b", "-", ""])
async def test_a_name_that_nobody_may_have_is_a_data_error(ada: Session, name: str) -> None:
    assert code(await ada.sign_up(name, GOOD)) == "DTERROR"


@ON_BOTH
async def test_whoever_is_not_logged_in_can_change_nothing(ada: Session) -> None:
    for call in ("SignUp_email_send", "SignUp_email", "SignUp_question", "logout"):
        said = await ada.say(call, **SAMPLE.get(call, {}))
        assert (code(said), said.text) == ("FAILURE", "尚未登录或登录已失效，请重新登录"), call
    assert code(await ada.ask("user_info")) == "FAILURE"


async def test_a_form_is_taken_as_json_is(town: Town) -> None:
    browser = town.browser()
    reply = await browser.post("/session/sign_up", data={"account": ADA, "pass": GOOD})
    assert reply.json()["statu_code"] == 200
    reply = await browser.post("/session/Forget_pass_Question", data={"EmailAccount": ADA})
    assert set(reply.json()["data"]) == {"question_one", "question_two", "question_three"}


class ZeroFirst(FakeChance):
    """Draws codes of digits that begin with zeros."""

    def code(self, length: int, alphabet: str = "0123456789") -> str:
        drawn = super().code(length, alphabet)
        return f"00{drawn[2:]}" if alphabet == "0123456789" else drawn


@pytest.mark.parametrize("chance", [ZeroFirst()])
async def test_a_mailed_code_may_come_as_a_number_without_its_zeros(ada: Session) -> None:
    await ada.sign_up(ADA, GOOD)
    await ada.say("SignUp_email_send", email=ADA_MAIL)
    found = await ada.code(ADA_MAIL)
    assert found.startswith("00")
    assert (await ada.say("SignUp_email", email=ADA_MAIL, code=int(found))).yes


async def test_other_methods_and_paths_are_told_in_the_envelope(ada: Session) -> None:
    wrong = await ada.ask("login")
    assert (wrong.reply.status_code, wrong.reply.headers["allow"], code(wrong)) == (405, "POST", "FAILURE")
    for path in ("nothing", "Login", "SIGN_UP", "login/"):
        lost = await ada.ask(path)
        assert (lost.reply.status_code, code(lost), lost.reply.json()["data"]) == (404, "FAILURE", {}), path
    large = await ada.say("login", account="x" * 20_000)
    assert (large.reply.status_code, code(large)) == (413, "DTERROR")


async def test_it_speaks_as_the_browser_asks(ada: Session) -> None:
    ada.browser.headers["Accept-Language"] = "en"
    assert (await ada.sign_up(ADA, "short")).text == "This password is too short. Use at least 8 characters."


async def test_a_bug_of_ours_is_a_system_error_that_says_nothing(ada: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(type(ada.town.house.services.decoy_questions), "of", broken)
    said = await ada.ask("Forget_pass_Question", EmailAccount=ADA)
    assert (said.reply.status_code, code(said)) == (500, "SYSTEMERROR")
    assert "secret" not in said.reply.text


async def test_a_store_that_does_not_answer_is_a_system_error(ada: Session) -> None:
    await ada.town.house.services.store.close()
    said = await ada.ask("Forget_pass_Question", EmailAccount=ADA)
    assert (said.reply.status_code, code(said)) == (503, "SYSTEMERROR")
    assert int(said.reply.headers["Retry-After"]) >= 1


async def test_accounts_of_other_doors_log_in_as_far_as_their_password_fits(town: Town) -> None:
    elsewhere, mailcode = Maillink(town), Mailcode(town)
    await elsewhere.register(ADA_MAIL, GOOD)
    assert code(await Session(town).enter(ADA_MAIL, GOOD)) == "FAILURE", "not proved yet, and whoever has the password may know"
    await elsewhere.prove(ADA_MAIL)
    ada = Session(town)
    said = await ada.enter(ADA_MAIL, GOOD)
    assert said.reply.json()["data"]["account"] == ""
    bob = await member(town, BOB, BOB_MAIL)
    assert (await elsewhere.log_in(BOB_MAIL, GOOD)).yes
    assert (await mailcode.log_in(BOB_MAIL, GOOD)).yes
    assert (await bob.who() or {})["account"] == BOB


@ON_BOTH
async def test_logging_out_ends_the_session_and_clears_the_cookie(town: Town) -> None:
    ada = await member(town)
    stolen = ada.browser.cookies["lingpai_session"]
    said = await ada.log_out()
    assert said.yes
    assert "lingpai_session=; Max-Age=0" in said.reply.headers["set-cookie"]
    thief = ada.another()
    thief.browser.cookies.set("lingpai_session", stolen, domain="127.0.0.1")
    assert await thief.who() is None


@ON_BOTH
async def test_forgetting_always_answers_the_same_but_one_client_cannot_ask_for_ever(town: Town) -> None:
    ada = await member(town)
    town.clock.advance(hours=2)
    before = len(await town.mails())
    answers = [await ada.forget(who) for who in (ADA, ADA, ADA_MAIL, "nobody.x", "nobody@example.com", "nobody.x")]
    assert {(answer.reply.status_code, answer.reply.content) for answer in answers} == {(200, b'{"statu_code":200,"data":{}}')}
    assert len(await town.mails()) == before + 1, "by name and by address it is one interval"
    for number in range(7):
        town.clock.advance(seconds=61)
        said = await ada.another(f"203.0.113.{number}").forget(ADA)
        assert (said.reply.status_code, said.yes) == (200, True)
    assert len(await town.mails()) == before + 5, "of one address's five in an hour, strangers cause four"
    busy = [await ada.another("203.0.113.77").forget(f"person{number}@example.com") for number in range(21)]
    assert [answer.reply.status_code for answer in busy] == [200] * 20 + [429]
    assert code(busy[-1]) == "FAILURE"


async def speaks(town: Town, prefix: str) -> bool:
    """Whether the seed's own names lead there."""
    made = await town.browser().post(f"{prefix}/sign_up", json={"account": ADA, "pass": GOOD})
    drawn = await town.browser().get(f"{prefix}/login_token")
    return made.json()["statu_code"] == drawn.json()["statu_code"] == 200


MOVED = [SessionDialectSettings(prefix="/v1"), SessionDialectSettings(prefix="/old/door")]


@pytest.mark.parametrize("changes", [{"session": moved} for moved in MOVED], ids=["v1", "old"])
async def test_its_prefix_moves_the_bare_names(town: Town, changes: dict[str, SessionDialectSettings]) -> None:
    """The seed's own: an old client calls `/v1/sign_up` (contract, G9 and S4)."""
    prefix = changes["session"].prefix
    assert await speaks(town, prefix)
    assert (await town.browser().get(f"{prefix}/nope")).json()["statu_code"] == "FAILURE"
    for gone in ("/session/login_token", f"{prefix}/session/login_token"):
        assert (await town.browser().get(gone)).status_code == 404


async def test_where_nothing_says_otherwise_it_stands_under_session(town: Town) -> None:
    assert await speaks(town, "/session")


@pytest.mark.parametrize("changes", [{"session": SessionDialectSettings(prefix="/"), "maillink": MaillinkSettings(enabled=False)}])
async def test_at_the_root_it_answers_to_the_seed_s_bare_names_beside_the_pages(town: Town) -> None:
    assert await speaks(town, "")
    page = await town.browser().get("/login", headers={"Accept": "text/html"})
    assert page.status_code == 200, "GET is the hosted pages'"
    assert (await town.browser().put("/login")).headers["allow"] == "GET, HEAD, POST"
    assert (await town.browser().get("/nope")).json()["statu_code"] == "FAILURE"


def test_at_the_root_beside_maillink_it_is_refused_at_start() -> None:
    """Both claim `/login` there (contract, G4)."""
    links = Links("", "", "")
    mounts = [Mount(maillink.DIALECT, MaillinkSettings(), "", links), Mount(session.DIALECT, SessionDialectSettings(prefix="/"), "", links)]
    with pytest.raises(SettingsError, match=r"maillink.prefix, session.prefix: maillink and session both claim /log"):
        refuse_clash(mounts)
    refuse_clash([mounts[0], Mount(session.DIALECT, SessionDialectSettings(), "/session", links)])


@pytest.mark.parametrize("changes", [{"session": SessionDialectSettings(enabled=False)}])
async def test_a_door_that_is_switched_off_is_not_there(town: Town) -> None:
    assert (await town.browser().get("/session/login_token")).status_code == 404

"""The pages of somebody who forgot the password: a code, a link, or security questions."""

from dataclasses import dataclass

import pytest

from lingpai.core import rules
from lingpai.core.model import Account, RequestContext
from lingpai.flows import questions
from lingpai.store import accounts
from lingpai.store import questions as kept
from lingpai.web.dialects.maillink import MaillinkSettings
from lingpai.web.dialects.session.settings import SessionDialectSettings
from web.people import ADA, GOOD, member
from web.reading import LANGUAGES, Reader
from web.speakers import Maillink
from web.town import Town

NEW = "another staple entirely"
PHONE, E164 = "13800138000", "+8613800138000"
HERE = RequestContext(client="198.51.100.7", ip="198.51.100.7")
TEXTS = ("first pet", "first street", "first teacher")


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Reader:
    """Somebody with an account, before the open page."""
    await member(town)
    town.clock.advance(hours=1)
    reader = Reader(town)
    await reader.open("/forgot?next=/me/data")
    return reader


async def account(town: Town) -> Account:
    found = await accounts.find(town.house.services.store, "main", "email", ADA)
    assert found
    return found


async def named(town: Town) -> None:
    one = await account(town)
    async with town.house.services.store.begin() as tx:
        for address in (rules.account_name("lady_ada"), rules.phone(PHONE)):
            assert await accounts.add_identifier(tx, account_id=one.id, realm="main", address=address, proved_at=1)


async def opens(town: Town, password: str) -> bool:
    return (await Maillink(town, town.browser("203.0.113.9")).log_in(ADA, password)).yes


@pytest.mark.parametrize(
    ("typed", "by", "said"),
    [
        ("", "code", "Enter your phone number, email or username."),
        ("a", "code", "Enter a valid phone number, email or username."),
        ("1380013800", "code", "Enter a valid phone number."),
        (PHONE, "link", "Reset links are sent by email only. Enter your email address, or choose a code instead."),
        ("ada", "link", "Reset links are sent by email only. Enter your email address, or choose a code instead."),
        ("+85251234567", "code", "We can't send text messages to numbers in this country or region."),
    ],
)
async def test_what_was_typed_is_judged_by_what_the_field_is_called(ada: Reader, typed: str, by: str, said: str) -> None:
    page = await ada.post("/page/forgot", account=typed, by=by)
    assert page.errors == {"account": said}


# By code


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_mailed_code_leads_to_a_new_password(town: Town, language: str) -> None:
    await member(town)
    reader = Reader(town, language)
    page = await reader.open("/forgot?next=/me/data")
    assert page.language == language
    page = await reader.send("/page/forgot", account=ADA)
    assert page.form("/page/forgot/code").kinds["code"]["autocomplete"] == "one-time-code"
    page = await reader.send("/page/forgot/code", code=await reader.code(ADA))
    assert ADA in page.text
    page = await reader.send("/page/forgot/password", password=NEW)
    assert not await opens(town, GOOD)
    assert await opens(town, NEW)
    await reader.open(page.link("/me/data"))
    assert reader.where == "/me/data", "logged in (contract, 10.13), and where the person was going"


@pytest.mark.parametrize(("typed", "to"), [("Lady_Ada", ADA), (PHONE, E164), (f" {ADA} ", ADA)])
async def test_a_name_a_phone_or_a_mail_will_do(ada: Reader, typed: str, to: str) -> None:
    await named(ada.town)
    await ada.send("/page/forgot", account=typed)
    await ada.send("/page/forgot/code", code=await ada.code(to))
    await ada.send("/page/forgot/password", password=NEW)
    assert await opens(ada.town, NEW)


@pytest.mark.parametrize("by", ["code", "link"])
async def test_the_page_says_the_same_of_a_stranger(ada: Reader, by: str) -> None:
    said, mails = [], len(await ada.town.mails())
    for email in (ADA, "bob@example.com"):
        page = await ada.post("/page/forgot", account=email, by=by)
        said.append(page.reply.text.replace("<wbr>", "").replace(email, "…").replace(email.replace("@", "%40"), "…"))
        await ada.open("/forgot?next=/me/data")
    assert said[0] == said[1]
    assert len(await ada.town.mails()) == mails + 1


async def test_a_wrong_code_costs_a_try_and_a_weak_password_none(ada: Reader) -> None:
    await ada.send("/page/forgot", account=ADA)
    code = await ada.code(ADA)
    wrong = "000000" if code != "000000" else "111111"
    page = await ada.send("/page/forgot/code", code=wrong)
    assert set(page.errors) == {"code"}
    assert page.form("/page/forgot/code").fields["account"] == ADA
    page = await ada.send("/page/forgot/code", code=code)
    assert code not in page.reply.text
    assert set((await ada.send("/page/forgot/password", password="password1")).errors) == {"password"}
    await ada.send("/page/forgot/password", password=NEW)
    assert await opens(ada.town, NEW)
    assert set((await ada.post("/page/forgot/code", account=ADA, code=code)).errors) == {"code"}


async def test_what_a_code_has_earned_is_this_browsers_for_ten_minutes_and_once(ada: Reader) -> None:
    await ada.send("/page/forgot", account=ADA)
    planted = ada.browser.cookies["lingpai_visit"]
    await ada.send("/page/forgot/code", code=await ada.code(ADA))
    eve = Reader(ada.town, ip="203.0.113.9")
    eve.browser.cookies.set("lingpai_visit", planted, domain="127.0.0.1", path="/")
    for there in (eve, Reader(ada.town, ip="203.0.113.10")):
        assert (await there.open(f"/forgot?step=new&account={ADA}")).form("/page/forgot")
        assert (await there.post("/page/forgot/password", account=ADA, password=NEW)).status == 422
    assert (await ada.open(ada.where)).form("/page/forgot/password"), "a reload asks for it once more"
    await ada.send("/page/forgot/password", password=NEW)
    assert (await ada.post("/page/forgot/password", account=ADA, password="yet another one, quite long")).status == 422
    assert await opens(ada.town, NEW)


async def test_it_is_over_after_ten_minutes_and_the_page_begins_anew(ada: Reader) -> None:
    await ada.send("/page/forgot", account=ADA)
    await ada.send("/page/forgot/code", code=await ada.code(ADA))
    there = ada.where
    ada.town.clock.advance(minutes=10, seconds=1)
    page = await ada.send("/page/forgot/password", password=NEW)
    assert page.form("/page/forgot").fields["account"] == ADA
    assert (await ada.open(there)).form("/page/forgot")
    assert await opens(ada.town, GOOD)


async def test_a_tab_sets_the_password_of_the_account_that_it_shows(ada: Reader) -> None:
    """Another tab of this browser has proved somebody else's since: this one's button changes nobody's."""
    await member(ada.town, "bob@example.com")
    ada.town.clock.advance(hours=1)
    await ada.send("/page/forgot", account=ADA)
    await ada.send("/page/forgot/code", code=await ada.code(ADA))
    form = ada.page.form("/page/forgot/password").fields
    await ada.open("/forgot")
    await ada.send("/page/forgot", account="bob@example.com")
    await ada.send("/page/forgot/code", code=await ada.code("bob@example.com"))
    assert (await ada.post("/page/forgot/password", **{**form, "password": NEW})).status == 422
    assert await opens(ada.town, GOOD)
    assert (await Maillink(ada.town, ada.town.browser("203.0.113.10")).log_in("bob@example.com", GOOD)).yes


async def test_the_first_page_asks_for_the_address_alone_and_the_questions_stand_behind_the_code(ada: Reader) -> None:
    (form,) = [form for form in ada.page.forms if form.action.startswith("/page/forgot")]
    assert [name for name, kind in form.kinds.items() if kind.get("type") != "hidden"] == ["account"]
    page = await ada.send("/page/forgot", account="lady_ada")
    assert "Answer security questions" in page.text
    assert "answer_one" in (await ada.send("/page/forgot", by="questions")).form("/page/forgot/answers").fields


async def test_who_asks_too_soon_keeps_the_code_that_is_there(ada: Reader) -> None:
    await ada.send("/page/forgot", account=ADA)
    code = await ada.code(ADA)
    page = await ada.post("/page/forgot", account=ADA, by="code")
    assert "60 seconds" in page.text
    await ada.send("/page/forgot/code", code=code)
    await ada.send("/page/forgot/password", password=NEW)
    assert await opens(ada.town, NEW)


@pytest.mark.parametrize("typed", ["", "ada@", "x"])
async def test_what_nobody_can_be_called_is_told_beside_the_field(ada: Reader, typed: str) -> None:
    assert set((await ada.send("/page/forgot", account=typed)).errors) == {"account"}


# By link


@pytest.mark.parametrize("changes", [{}, {"maillink": MaillinkSettings(enabled=False)}, {"maillink": MaillinkSettings(prefix="/moved")}])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_mailed_link_leads_to_a_new_password(town: Town, language: str) -> None:
    """Also where the dialect with links is off, or stands elsewhere."""
    reader = Reader(town, language)
    await reader.open("/register")
    await reader.send("/page/register", email=ADA, password=GOOD)
    await reader.follow(ADA)
    await reader.open("/forgot")
    await reader.post("/page/forgot", account=ADA, by="link")
    page = await reader.follow(ADA)
    assert reader.where.startswith("/page/reset?")
    assert page.language == language
    page = await reader.send("/page/reset", password=NEW)
    await reader.open(page.link("/me"))
    assert reader.where == "/me", "logged in (contract, 10.13)"


async def test_a_link_needs_a_mail_address_to_go_to(ada: Reader) -> None:
    await named(ada.town)
    page = await ada.post("/page/forgot", account="lady_ada", by="link")
    assert set(page.errors) == {"account"}


# By questions


@dataclass
class Asked:
    """A page with three questions, and the account that they may be about."""

    reader: Reader
    account: Account


@pytest.fixture
async def asked(ada: Reader) -> Asked:
    one = await account(ada.town)
    services = ada.town.house.services
    answers = (rules.answer("Rex"), rules.answer("Elm Street"), rules.answer("Mr Smith"))
    async with services.passwords.slot() as slot:
        hashed = await slot.make(questions.joined(answers))
    await kept.put(services.store, account_id=one.id, texts=TEXTS, answers=hashed, at=ada.town.clock.now())
    await ada.send("/page/forgot", account=ADA)
    await ada.send("/page/forgot", by="questions")
    return Asked(ada, one)


async def test_three_right_answers_lead_to_a_new_password(asked: Asked) -> None:
    reader = asked.reader
    assert all(text in reader.page.text for text in TEXTS)
    await reader.send("/page/forgot/answers", answer_one="rex", answer_two=" ELM  street", answer_three="Mr Smith")
    assert set((await reader.send("/page/forgot/password", password="password1")).errors) == {"password"}
    await reader.send("/page/forgot/password", password=NEW)
    assert await opens(reader.town, NEW)


async def test_one_wrong_answer_leads_nowhere(asked: Asked) -> None:
    reader = asked.reader
    page = await reader.send("/page/forgot/answers", answer_one="rex", answer_two="elm street", answer_three="no")
    assert "answers are wrong" in page.text
    assert "Elm" not in page.reply.text
    page = await reader.post("/page/forgot/password", account=ADA, password=NEW)
    assert page.status == 422
    assert not await opens(reader.town, NEW)


async def test_an_empty_answer_is_told_beside_its_question(asked: Asked) -> None:
    page = await asked.reader.send("/page/forgot/answers", answer_one="rex", answer_two="", answer_three="x")
    assert page.errors["answer_two"] == "Answer this question."


async def test_a_planted_visit_does_not_get_the_leave(asked: Asked) -> None:
    """Who knew the browser's token before the answers were given has nothing by it."""
    reader = asked.reader
    eve = Reader(reader.town, ip="203.0.113.9")
    eve.browser.cookies.set("lingpai_visit", reader.browser.cookies["lingpai_visit"], domain="127.0.0.1", path="/")
    await reader.send("/page/forgot/answers", answer_one="rex", answer_two="elm street", answer_three="Mr Smith")
    await eve.post("/page/forgot/password", account=ADA, password=NEW)
    assert not await opens(reader.town, NEW)
    await reader.send("/page/forgot/password", password=NEW)
    assert await opens(reader.town, NEW)


async def test_a_stranger_is_asked_questions_too(ada: Reader) -> None:
    await ada.send("/page/forgot", account="bob")
    page = await ada.send("/page/forgot", by="questions")
    assert {"answer_one", "answer_two", "answer_three"} <= set(page.form("/page/forgot/answers").fields)
    page = await ada.send("/page/forgot/answers", answer_one="a", answer_two="b", answer_three="c")
    assert "answers are wrong" in page.text


@pytest.mark.parametrize(
    "changes", [{"session": SessionDialectSettings(questions="off")}, {"session": SessionDialectSettings(questions="with_code")}]
)
async def test_questions_are_offered_only_where_they_are_enough(ada: Reader) -> None:
    assert "questions" not in ada.page.reply.text
    page = await ada.post("/page/forgot", account=ADA, by="questions")
    assert page.status == 422
    assert "answer_one" not in page.reply.text
    reply = await ada.post("/page/forgot/answers", account=ADA, answer_one="a", answer_two="b", answer_three="c")
    assert reply.status == 409

"""What changes who may get in: each step only right after a login or a proof, each told to the owner."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lingpai.core import rules
from lingpai.core.model import Account
from lingpai.core.words import TEXTS
from lingpai.flows import questions
from lingpai.settings import Social
from lingpai.settings.outside import Keys
from lingpai.store import accounts, sleeping
from lingpai.web.dialects.session.settings import SessionDialectSettings
from web.owners import SIDE, Owner, born, elsewhere, owner
from web.people import ADA, GOOD
from web.speakers import Maillink
from web.town import Town

EN = TEXTS["en"]
BOB = "bob@example.com"
NEW = "ada@new.example.com"
OTHER = "a staple of another kind"
PHONE = "13800138000"
THREE = {
    "question_one": "First street?",
    "answer_one": "Elm",
    "question_two": "First school?",
    "answer_two": "Oak",
    "question_three": "First dog?",
    "answer_three": "Rex",
}
QQ = {"social": Social(qq=Keys(app_id="1", app_secret="made-up"))}
SENSITIVE = ("/me/email", "/me/phone", "/me/questions", "/me/link", "/me/delete", "/me/data.json", "/me/unlink?provider=qq")
POSTS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/page/me/email", {"email": NEW}),
    ("/page/me/phone", {"phone": PHONE}),
    ("/page/me/questions", THREE),
    ("/page/me/questions", {"remove": "yes"}),
    ("/page/me/login-link", {"stay": "day"}),
    ("/page/me/delete", {"sure": "yes"}),
    ("/page/me/link", {"provider": "qq"}),
    ("/page/me/unlink", {"provider": "qq"}),
)


@pytest.fixture
def database_kind() -> str:
    """No page here depends on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Owner:
    return await owner(town)


def confirms(location: str) -> str:
    """Where it goes on after the proof."""
    where = urlsplit(location)
    assert where.path == "/me/confirm"
    return parse_qs(where.query)["next"][0]


async def account_of(ada: Owner) -> Account:
    return (await ada.who())[1]


# Only right after a login or a proof


@pytest.mark.parametrize("path", SENSITIVE)
async def test_a_sensitive_page_asks_first_when_the_login_is_older_than_ten_minutes(ada: Owner, path: str) -> None:
    assert "/me/confirm" not in (await ada.get(path)).headers.get("location", "")
    ada.town.clock.advance(minutes=10)
    reply = await ada.get(path)
    assert reply.status_code == 303
    assert confirms(reply.headers["location"]).startswith("/me/")


@pytest.mark.parametrize(("path", "fields"), POSTS, ids=[f"{path.rpartition('/')[2]}-{n}" for n, (path, _) in enumerate(POSTS)])
@pytest.mark.parametrize("changes", [QQ])
async def test_a_sensitive_step_is_not_done_when_the_login_is_older_than_ten_minutes(ada: Owner, path: str, fields: dict[str, str]) -> None:
    await ada.send("/page/me/questions", **THREE)
    before = await account_of(ada)
    ada.town.clock.advance(minutes=10)
    mails = len(await ada.town.mails())
    reply = await ada.send(path, **fields)
    assert reply.status_code == 303
    assert confirms(reply.headers["location"]).startswith("/me/")
    assert await account_of(ada) == before
    assert await questions.has_questions(ada.services, before)
    assert len(await ada.town.mails()) == mails


async def test_the_password_opens_the_steps_and_leads_on(ada: Owner) -> None:
    ada.town.clock.advance(minutes=10)
    page = await ada.see("/me/email")
    assert page.heading == EN["pages.me.confirm.title"]
    wrong = await ada.submit(page, "/page/me/confirm", password="another one entirely")
    assert wrong.status == 422
    assert "password" in wrong.errors
    right = await ada.submit(wrong, "/page/me/confirm", password=GOOD)
    assert right.heading == EN["pages.me.email.change"]
    assert (await ada.get("/me/confirm?next=/me/delete")).headers["location"] == "/me/delete"


@pytest.mark.parametrize(
    "place", ["https://evil.example", "//evil.example", "/me//evil.example", "/\\evil.example", "/login", "/me/../x", "/me/email?a=\r\nb"]
)
async def test_a_proof_leads_nowhere_but_into_one_s_own_space(ada: Owner, place: str) -> None:
    reply = await ada.browser.get("/me/confirm", params={"next": place})
    assert reply.headers["location"] == "/me"
    ada.town.clock.advance(minutes=10)
    proved = await ada.send("/page/me/confirm", next=place, password=GOOD)
    assert proved.headers["location"] == "/me"


async def test_without_a_password_a_code_to_one_s_own_address_proves_it(town: Town) -> None:
    ada = await born(town, email=ADA)
    town.clock.advance(minutes=10)
    page = await ada.see("/me/password")
    page = await ada.submit(page, "/page/me/confirm", send="yes")
    assert "a***@example.com" in page
    wrong = await ada.submit(page, "/page/me/confirm", code="000000")
    assert (wrong.status, list(wrong.errors)) == (422, ["code"])
    right = await ada.submit(wrong, "/page/me/confirm", code=f" {await ada.code(ADA)} ")
    assert right.heading == EN["pages.me.password.set"]


async def test_a_code_is_not_sent_twice_in_a_minute(town: Town) -> None:
    ada = await born(town, email=ADA)
    town.clock.advance(minutes=10)
    await ada.send("/page/me/confirm", send="yes", next="/me/email")
    again = await ada.send("/page/me/confirm", send="yes", next="/me/email")
    assert again.status_code == 422
    assert 'data-wait="60"' in again.text
    assert 'name="code"' in again.text


@pytest.mark.parametrize("changes", [QQ])
async def test_who_is_known_to_a_third_party_alone_logs_in_there_again(town: Town) -> None:
    ada = await born(town)
    town.clock.advance(minutes=10)
    page = await ada.see("/me/delete")
    assert page.link("/connect/qq") == "/connect/qq?next=%2Fme%2Fdelete"
    assert (await ada.send("/page/me/confirm", send="yes", next="/me/delete")).status_code == 200
    boss = await born(town, realm="boss")
    town.clock.advance(minutes=10)
    assert (await boss.see("/me/delete")).link("/connect/qq") == "/connect/qq?type=boss&next=%2Fme%2Fdelete"


# Password


async def test_another_password_wants_the_old_one_however_fresh_the_login(ada: Owner) -> None:
    other = await elsewhere(ada.town)
    page = await ada.see("/me/password")
    for old, new, field in (("", OTHER, "old_password"), ("another one", OTHER, "old_password"), (GOOD, "password1", "password")):
        refused = await ada.submit(page, "/page/me/password", old_password=old, password=new)
        assert (refused.status, list(refused.errors)) == (422, [field])
        typed = {"old_password": old, "password": new}
        kept = {name: "" if name == field else text for name, text in typed.items()}
        assert {name: refused.form("/page/me/password").fields[name] for name in typed} == kept, "what nothing is wrong with stays"
    done = await ada.submit(page, "/page/me/password", old_password=GOOD, password=OTHER)
    assert EN["pages.me.done.password"] in done
    assert "Last changed just now" in done
    assert (await other.get("/me")).status_code == 303
    assert "密码" in (await ada.town.mails(ADA))[-1]["subject"]
    assert (await Maillink(ada.town).log_in(ADA, OTHER)).yes


async def test_a_browser_stays_known_when_its_owner_changes_the_password(ada: Owner) -> None:
    reply = await ada.send("/page/me/password", old_password=GOOD, password=OTHER)
    assert any(line.startswith("lingpai_device=") for line in reply.headers.get_list("set-cookie"))


async def test_a_first_password_needs_no_old_one_but_a_proof(town: Town) -> None:
    ada = await born(town, email=ADA)
    page = await ada.see("/me/password")
    assert "old_password" not in page.form("/page/me/password").fields
    town.clock.advance(minutes=10)
    refused = await ada.send("/page/me/password", password=OTHER)
    assert confirms(refused.headers["location"]) == "/me/password"
    assert (await account_of(ada)).password is None
    await ada.send("/page/me/confirm", send="yes")
    await ada.send("/page/me/confirm", code=await ada.code(ADA))
    assert EN["pages.me.done.password"] in await ada.submit(page, "/page/me/password", password=OTHER)
    assert (await Maillink(town).log_in(ADA, OTHER)).yes


# Addresses


async def test_another_mail_address_is_proved_first_and_the_old_one_is_told(ada: Owner) -> None:
    page = await ada.submit(await ada.see("/me/email"), "/page/me/email", email=NEW)
    assert f"We sent a code to {NEW}." in page
    assert page.form("/page/me/email").fields["email"] == NEW
    wrong = await ada.submit(page, "/page/me/email", code="000000")
    assert (wrong.status, list(wrong.errors)) == (422, ["code"])
    assert (await account_of(ada)).email == ADA
    code = await ada.code(NEW)
    done = await ada.submit(wrong, "/page/me/email", code=f"{code[:3]} {code[3:]}")
    assert EN["pages.me.done.email"] in done
    assert "a***@new.example.com" in done
    assert (await account_of(ada)).email == NEW
    assert "邮箱已更换" in (await ada.town.mails(ADA))[-1]["subject"]


async def test_a_code_is_sent_again_after_a_minute(ada: Owner) -> None:
    page = await ada.submit(await ada.see("/me/email"), "/page/me/email", email=NEW)
    fields = {**page.form("/page/me/email").fields, "resend": "yes"}
    early = await ada.send("/page/me/email", **fields)
    assert early.status_code == 422
    assert 'data-wait="60"' in early.text
    ada.town.clock.advance(seconds=61)
    again = await ada.send("/page/me/email", **fields)
    assert again.headers["location"].startswith(f"/me/email?to={NEW.replace('@', '%40')}&again=")
    assert len(await ada.town.mails(NEW)) == 2


async def test_a_taken_address_is_told_after_the_right_code_alone(ada: Owner) -> None:
    await owner(ada.town, BOB)
    ada.town.clock.advance(minutes=2)
    page = await ada.submit(await ada.see("/me/email"), "/page/me/email", email=BOB)
    assert page.status == 200
    assert (await ada.submit(page, "/page/me/email", code="000000")).errors.keys() == {"code"}
    told = await ada.submit(page, "/page/me/email", code=await ada.code(BOB))
    assert (told.status, list(told.errors)) == (422, ["email"])
    assert (await account_of(ada)).email == ADA


@pytest.mark.parametrize("typed", [ADA, "ADA@Example.com", "ada at home", ""])
async def test_an_address_that_changes_nothing_gets_no_code(ada: Owner, typed: str) -> None:
    mails = len(await ada.town.mails())
    page = await ada.submit(await ada.see("/me/email"), "/page/me/email", email=typed)
    assert (page.status, list(page.errors)) == (422, ["email"])
    assert len(await ada.town.mails()) == mails


async def test_a_phone_is_proved_by_a_text_message(ada: Owner) -> None:
    page = await ada.submit(await ada.see("/me/phone"), "/page/me/phone", phone=PHONE)
    done = await ada.submit(page, "/page/me/phone", code=await ada.code("+8613800138000"))
    assert EN["pages.me.done.phone"] in done
    assert (await account_of(ada)).phone == "+8613800138000"
    again = await ada.submit(await ada.see("/me/phone"), "/page/me/phone", phone=f"+86 {PHONE}")
    assert list(again.errors) == ["phone"]


# Questions


async def test_questions_are_set_changed_and_taken_away(ada: Owner) -> None:
    page = await ada.see("/me/questions")
    assert EN["pages.me.done.questions"] in await ada.submit(page, "/page/me/questions", **THREE)
    mails = len(await ada.town.mails(ADA))
    page = await ada.see("/me/questions")
    assert EN["pages.me.questions.replaces"] in page
    assert "First street?" not in page.reply.text
    asked = await ada.see(page.link("remove="))
    assert asked.heading == EN["pages.me.questions.remove_title"]
    assert asked.form("/page/me/questions").fields == {"remove": "yes"}
    assert await questions.has_questions(ada.services, await account_of(ada)), "a link asks, and takes nothing away"
    gone = await ada.send("/page/me/questions", remove="yes")
    assert gone.headers["location"] == "/me/safety?done=questions-removed"
    assert not await questions.has_questions(ada.services, await account_of(ada))
    assert len(await ada.town.mails(ADA)) == mails + 1
    await ada.send("/page/me/questions", remove="yes")
    assert len(await ada.town.mails(ADA)) == mails + 1


async def test_two_questions_that_are_the_same_are_refused_and_what_was_typed_stays(ada: Owner) -> None:
    page = await ada.see("/me/questions")
    refused = await ada.submit(page, "/page/me/questions", **{**THREE, "question_three": "first  STREET?"})
    assert refused.errors == {"question_three": "The three questions must be different. Please change question 3."}
    assert 'value="First school?"' in refused.reply.text
    assert [f'value="{answer}"' in refused.reply.text for answer in ("Elm", "Oak", "Rex")] == [True] * 3
    assert "Rex" not in (await ada.get("/me/questions")).text, "it was in that one answer, and is nowhere else"
    assert not await questions.has_questions(ada.services, await account_of(ada))


@pytest.mark.parametrize(
    "changes", [{"session": SessionDialectSettings(questions="off")}, {"session": SessionDialectSettings(enabled=False)}]
)
async def test_questions_that_are_off_are_not_offered(ada: Owner) -> None:
    for page in ("/me", "/me/safety"):
        assert "/me/questions" not in (await ada.see(page)).links
    assert (await ada.get("/me/questions")).headers["location"] == "/me/safety"
    await ada.send("/page/me/questions", **THREE)
    assert not await questions.has_questions(ada.services, await account_of(ada))


# Third parties


@pytest.mark.parametrize("changes", [QQ])
async def test_the_last_way_in_is_not_offered_for_unlinking_and_an_address_is_wanted(town: Town) -> None:
    ada = await born(town)
    page = await ada.see("/me/security")
    assert EN["pages.me.security.no_address"] in page
    assert EN["pages.me.security.last_address"] in page
    assert [link for link in page.links if "unlink" in link] == []
    await named(ada)
    page = await ada.see("/me/security")
    assert EN["pages.me.security.last_way"] in page, "a name and a password would be another"
    assert page.link("/me/password")


async def named(ada: Owner) -> None:
    account = await account_of(ada)
    async with ada.services.store.begin() as tx:
        assert await accounts.add_identifier(tx, account_id=account.id, realm="main", address=rules.account_name("ada_l"), proved_at=None)


@pytest.mark.parametrize("changes", [QQ])
async def test_a_third_party_is_linked_and_unlinked_from_here(town: Town) -> None:
    ada = await born(town, email=ADA)
    page = await ada.see("/me/security")
    assert EN["pages.me.security.linked"] in page
    asked = await ada.see(page.link("/me/unlink"))
    assert (await account_of(ada)).linked == ("qq",)
    await ada.submit(asked, "/page/me/unlink")
    assert (await account_of(ada)).linked == ()
    page = await ada.see("/me/security")
    assert page.form("/page/me/link").fields == {"provider": "qq"}
    assert "weibo" not in page.reply.text


async def test_each_way_in_stands_there_with_its_state(ada: Owner) -> None:
    page = await ada.see("/me/security")
    ways = ["/me/name", "/me/phone", "/me/email", "/me/password", "/me/security?reveal=yes"]
    assert [link for link in page.links if link not in SIDE] == ways
    assert "Username Not set Set Phone Not added Add Email a***@example.com Change Password Last changed just now Change" in page.text
    page = await ada.see("/me/safety")
    assert [link for link in page.links if link not in SIDE] == ["/me/questions", "/me/devices", "/me/history", "/me/link"]
    assert "Security questions Not set Set Devices Logged in on 1 device View" in page.text
    async with ada.services.store.begin() as tx:
        account = await account_of(ada)
        await accounts.set_password(tx, account_id=account.id, password=None, at=1)
    assert EN["pages.me.security.no_password"] in await ada.see("/me/security")


@pytest.mark.parametrize("what", ["password", "email", "confirm"])
async def test_no_secret_comes_back_that_something_is_wrong_with(ada: Owner, what: str) -> None:
    ada.town.clock.advance(minutes=10 if what == "confirm" else 0)
    typed: dict[str, Any] = {"old_password": "hunter22-old", "password": "hunter22", "code": "482913", "email": NEW}
    reply = await ada.send(f"/page/me/{what}", **typed)
    assert reply.status_code == 422
    assert "hunter22-old" not in reply.text
    assert "482913" not in reply.text


async def test_what_sleeps_since_a_reset_is_shown_and_confirmed_or_removed(ada: Owner) -> None:
    services, account = ada.services, await account_of(ada)
    phone = rules.phone("13800138000")
    async with services.store.begin() as tx:
        at = services.clock.now()
        for address in (phone, rules.email("eve@example.com")):
            await accounts.add_identifier(tx, account_id=account.id, realm="main", address=address, proved_at=at, added_at=at)
        await sleeping.put_to_sleep(tx, account_id=account.id, later_than=at - 1, at=at)
    page = (await ada.get("/me/security")).text
    assert EN["pages.me.security.asleep"] in page
    assert page.count('action="/page/me/way"') == 2
    numbers = {each.kind: each.id for each in await accounts.identifiers_of(services.store, account_id=account.id) if each.asleep_at}
    assert (await ada.send("/page/me/way", way=str(numbers["phone"]), act="wake")).headers["location"].endswith("way-confirmed")
    assert (await ada.send("/page/me/way", way=str(numbers["email"]), act="remove")).headers["location"].endswith("way-removed")
    left = await accounts.identifiers_of(services.store, account_id=account.id)
    assert {each.kind: each.asleep_at for each in left}["phone"] is None
    assert "eve@example.com" not in [each.value for each in left]
    assert EN["pages.me.security.asleep"] not in (await ada.get("/me/security")).text
    ada.town.clock.advance(minutes=10)
    assert (await ada.send("/page/me/way", way="0", act="remove")).headers["location"].startswith("/me/confirm"), "a sensitive step"

"""The pages of somebody who registers: by a mailed link, a mailed code, a texted code."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from lingpai.core.masked import half_shown
from lingpai.core.model import Account, Kind
from lingpai.flows import invites
from lingpai.settings import Invites, Legal, Pages, Realm, RealmInvites
from lingpai.store import accounts, consents
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.dialects.maillink import MaillinkSettings
from web.people import ADA, GOOD, member
from web.reading import LANGUAGES, Page, Reader
from web.town import Town

PHONE = "13800138000"
E164 = "+8613800138000"
ALL = Pages(register=("link", "code", "phone"))
LEGAL = Pages(
    register=("link", "code"),
    terms=Legal(url="https://example.com/terms", version="2026-11"),
    privacy=Legal(url="https://example.com/privacy", version="7"),
)


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


async def account(town: Town, kind: Kind = "email", key: str = ADA, realm: str = "main") -> Account | None:
    return await accounts.find(town.house.services.store, realm, kind, key)


async def logged_in(reader: Reader) -> bool:
    """Whether the browser has a session: /login offers to go on then."""
    return not any(form.action == "/page/login/code" for form in (await reader.open("/login")).forms)


# By link


@pytest.mark.parametrize(("language", "heading"), [("zh-Hans", "注册"), ("zh-Hant", "註冊"), ("en", "Create an account")])
@pytest.mark.parametrize("changes", [{}, {"maillink": MaillinkSettings(enabled=False)}, {"maillink": MaillinkSettings(prefix="/moved")}])
async def test_a_mailed_link_opens_the_account(town: Town, language: str, heading: str) -> None:
    """Also where the dialect with links is off, or stands elsewhere."""
    reader = Reader(town, language)
    page = await reader.open("/register")
    assert (page.language, page.heading) == (language, heading)
    page = await reader.send("/page/register", email=ADA, password=GOOD)
    assert ADA in page.text
    page = await reader.follow(ADA)
    assert half_shown(ADA) in page.text
    assert reader.where == "/page/activate/done"
    await reader.open(page.link("/me"))
    assert reader.where == "/me"


@pytest.mark.parametrize("changes", [{"maillink": MaillinkSettings(enabled=False, activation="confirm")}])
async def test_the_link_asks_for_a_click_where_the_setting_says_so(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register")
    await reader.send("/page/register", email=ADA, password=GOOD)
    await reader.follow(ADA)
    waiting = await account(town)
    assert waiting
    assert waiting.email_proved_at is None
    await reader.send("/page/activate")
    proved = await account(town)
    assert proved
    assert proved.email_proved_at


async def test_a_taken_address_says_the_same_and_its_owner_is_told(town: Town) -> None:
    await member(town)
    town.clock.advance(hours=1)
    before = len(await town.mails(ADA))
    pages = []
    for email in (ADA, "bob@example.com"):
        reader = Reader(town)
        await reader.open("/register")
        said = (await reader.send("/page/register", email=email, password=GOOD)).reply.text
        pages.append(said.replace(email, "…").replace(quote(email, safe=""), "…"))
    assert pages[0] == pages[1]
    assert len(await town.mails(ADA)) == before + 1


@pytest.mark.parametrize(("password", "why"), [("password1", "too common"), ("short", "8 to 128"), ("", "Enter"), (ADA, "too close")])
async def test_a_password_is_refused_with_the_reason_and_the_rest_stays(town: Town, password: str, why: str) -> None:
    reader = Reader(town)
    await reader.open("/register?next=/me/data")
    page = await reader.send("/page/register", email=ADA, password=password, invite="")
    assert why in page.errors["password"]
    form = page.form("/page/register")
    assert (form.fields["email"], form.fields["password"], form.fields["next"]) == (ADA, "", "/me/data")
    assert form.kinds["password"]["autocomplete"] == "new-password"
    assert await town.mails() == []


async def test_an_address_that_is_none_is_told_beside_it(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register")
    assert set((await reader.send("/page/register", email="ada@", password=GOOD)).errors) == {"email"}


async def test_a_good_password_stays_where_the_address_is_refused_and_a_weak_one_does_not(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?way=link")
    refused = await reader.send("/page/register", email="ada@example.test", password=GOOD)
    assert (set(refused.errors), refused.form("/page/register").fields["password"]) == ({"email"}, GOOD)
    weak = await reader.send("/page/register", email=ADA, password="password1")
    assert (set(weak.errors), weak.form("/page/register").fields["password"]) == ({"password"}, "")


async def test_who_asks_again_at_once_is_told_how_long_to_wait(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register")
    await reader.send("/page/register", email=ADA, password=GOOD)
    await reader.open("/register")
    page = await reader.send("/page/register", email=ADA, password=GOOD)
    assert "60 seconds" in page.text
    assert len(await town.mails(ADA)) == 1
    town.clock.advance(minutes=1)
    await reader.send("/page/activate/again")
    assert len(await town.mails(ADA)) == 2


async def test_a_slip_in_the_address_is_no_dead_end(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?next=/me/data")
    page = await reader.send("/page/register", email="adda@example.com", password=GOOD)
    page = await reader.open(page.link("/register"))
    fields = page.form("/page/register").fields
    assert (fields["email"], fields["next"]) == ("adda@example.com", "/me/data")


# By code


async def proves(reader: Reader, account: str = ADA, to: str = "") -> Page:
    """From the address to the page that asks for the rest."""
    await reader.send("/page/register/code", account=account)
    return await reader.send("/page/register/enter", code=await reader.code(to or account))


@pytest.mark.parametrize("changes", [{"pages": ALL}])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_mailed_code_opens_the_account_and_logs_in(town: Town, language: str) -> None:
    reader = Reader(town, language)
    await reader.open("/register?way=code&next=/me/data")
    await reader.send("/page/register/code", account=ADA)
    code = await reader.code(ADA)
    page = await reader.send("/page/register/enter", code=f" {code[:3]}　{code[3:]} ")
    assert ADA in page.text
    await reader.send("/page/register/finish", password=GOOD)
    assert reader.where == "/me/data"
    found = await account(town)
    assert found
    assert found.email_proved_at
    assert await logged_in(reader)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_a_wrong_code_costs_nothing_and_a_weak_password_costs_no_code(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?way=code&invite=friend")
    await reader.send("/page/register/code", account=ADA)
    code = await reader.code(ADA)
    for wrong in ("000000" if code != "000000" else "111111", "letters"):
        page = await reader.send("/page/register/enter", code=wrong)
        assert set(page.errors) == {"code"}
        fields = page.form("/page/register/enter").fields
        assert (fields["account"], fields["invite"], fields["code"]) == (ADA, "friend", "")
    page = await reader.send("/page/register/enter", code=code)
    assert code not in page.reply.text
    assert set((await reader.send("/page/register/finish", password="password1", invite="")).errors) == {"password"}
    await reader.send("/page/register/finish", password=GOOD, invite="")
    assert reader.where == "/me"


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_what_a_code_has_proved_is_this_browsers_for_ten_minutes_and_one_account(town: Town) -> None:
    reader, eve = Reader(town), Reader(town, ip="203.0.113.9")
    for there in (reader, eve):
        there.browser.cookies.set("lingpai_visit", "P" * 43, domain="127.0.0.1", path="/")
    await reader.open("/register?way=code")
    await proves(reader)
    form, where = reader.page.form("/page/register/finish").fields, reader.where
    for there in (eve, Reader(town, ip="203.0.113.10")):
        await there.post("/page/register/finish", **{**form, "password": GOOD})
        assert await account(town) is None
    assert ADA in (await reader.open(where)).text, "a reload asks for it once more"
    await reader.post("/page/register/finish", **{**form, "account": "bob@example.com", "password": GOOD})
    assert await account(town, key="bob@example.com") is None, "the page is about the address that it shows"
    town.clock.advance(minutes=10, seconds=1)
    assert (await reader.open(where)).form("/page/register/code"), "and then it begins anew"
    await proves(reader)
    await reader.send("/page/register/finish", password=GOOD)
    assert await logged_in(reader)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_the_earlier_code_lives_on_for_who_asks_again_too_soon(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?way=code")
    await reader.send("/page/register/code", account=ADA)
    code = await reader.code(ADA)
    page = await reader.post("/page/register/code", way="code", account=ADA)
    assert "60 seconds" in page.text
    await reader.send("/page/register/enter", code=code)
    await reader.send("/page/register/finish", password=GOOD)
    assert await logged_in(reader)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_a_taken_address_gets_no_code(town: Town) -> None:
    await member(town)
    town.clock.advance(hours=1)
    reader = Reader(town)
    await reader.open("/register?way=code")
    page = await reader.send("/page/register/code", account=ADA)
    assert page.form("/page/register/enter")
    (*_, notice) = await town.mails(ADA)
    assert "/forgot?email=" in notice["text"]
    assert not re.search(r"^[0-9]{6}$", notice["text"], re.MULTILINE)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_what_others_chose_before_the_proof_is_not_kept_and_the_page_says_so(town: Town) -> None:
    eve = Reader(town, ip="203.0.113.9")
    await eve.open("/register")
    await eve.post("/page/register", email=ADA, password="what eve has chosen")
    town.clock.advance(minutes=2)
    reader = Reader(town)
    await reader.open("/register?way=code")
    page = await proves(reader)
    assert "no longer works" in page.text
    assert "invite" not in page.form("/page/register/finish").fields
    await reader.send("/page/register/finish", password=GOOD)
    await eve.open("/login?way=password")
    assert (await eve.send("/page/login", account=ADA, password="what eve has chosen")).status == 422


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_a_texted_code_opens_the_account_behind_a_captcha(town: Town) -> None:
    reader = Reader(town)
    reader.browser.answers = False
    await reader.open("/register")
    assert (await reader.send("/page/register/code", account=PHONE)).errors == {}
    assert set((await reader.send("/page/register/code", captcha="")).errors) == {"captcha"}
    assert set((await reader.send("/page/register/code", captcha="????")).errors) == {"captcha"}
    assert await town.mails() == []
    page = await reader.send("/page/register/code", captcha=await reader.solve())
    assert "+86 138 0013 8000" in page.text
    await reader.send("/page/register/enter", code=await reader.code(E164))
    await reader.send("/page/register/finish", password=GOOD)
    assert await account(town, "phone", E164)
    assert await logged_in(reader)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_no_text_message_goes_out_without_a_captcha(town: Town) -> None:
    reader = Reader(town)
    reader.browser.answers = False
    page = await reader.post("/page/register/code", account=PHONE)
    assert page.form("/page/register/code").fields["account"] == "138 0013 8000"
    await reader.post("/page/register/code", account=PHONE, captcha_id="", captcha="")
    await reader.post("/page/register/code", way="code", account=PHONE)
    assert await town.mails() == []


@pytest.mark.parametrize(
    ("changes", "typed", "leads"),
    [
        ({"pages": ALL}, ADA, "/page/register"),
        ({"pages": ALL}, PHONE, "/page/register/code"),
        ({"pages": Pages(register=("code", "link"))}, ADA, "/page/register/enter"),
        ({"pages": Pages(register=("phone", "code"))}, ADA, "/page/register/enter"),
    ],
)
async def test_one_field_is_enough_for_what_is_typed_says_which_way_it_goes(town: Town, typed: str, leads: str) -> None:
    reader = Reader(town)
    page = await reader.open("/register?next=/me/data")
    (form,) = [form for form in page.forms if form.action.startswith("/page/register")]
    assert [name for name, kind in form.kinds.items() if kind.get("type") != "hidden"] == ["account"]
    page = await reader.send("/page/register/code", account=typed)
    assert page.form(leads).fields["next"] == "/me/data"
    assert typed in page.form(leads).fields.values() or typed == PHONE


@pytest.mark.parametrize("changes", [{"pages": Pages(register=("link", "code"))}])
async def test_the_other_way_is_there_for_who_has_no_mail(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register")
    page = await reader.send("/page/register", email=ADA, password=GOOD)
    page = await reader.open(page.link("way=code"))
    assert page.form("/page/register/code").fields["account"] == ADA
    page = await reader.send("/page/register/code")
    page = await reader.open(page.link("way=link"))
    assert page.form("/page/register").fields["email"] == ADA


@pytest.mark.parametrize(
    ("changes", "typed", "why"),
    [
        ({"pages": Pages(register=("code",))}, PHONE, "email address"),
        ({"pages": Pages(register=("phone",))}, ADA, "phone number"),
        ({"pages": ALL}, "ada", "Enter a phone number or email."),
    ],
)
async def test_a_kind_of_address_that_is_not_taken_is_told_at_its_field(town: Town, typed: str, why: str) -> None:
    reader = Reader(town)
    await reader.open("/register")
    page = await reader.send("/page/register/code", account=typed)
    assert why in page.errors["account"]
    assert await town.mails() == []


@pytest.mark.parametrize("changes", [{"pages": Pages(register=("code",))}])
async def test_nor_is_a_link_where_only_codes_are(town: Town) -> None:
    reader = Reader(town)
    page = await reader.post("/page/register", email=ADA, password=GOOD)
    assert page.status == 422
    assert await account(town) is None


# Consent, invites, realms


@pytest.mark.parametrize("changes", [{"pages": LEGAL}])
@pytest.mark.parametrize("by", ["link", "code"])
async def test_consent_is_required_and_recorded_with_version_time_and_place(town: Town, by: str) -> None:
    reader, action = Reader(town), "/page/register"
    await reader.open(f"/register?way={by}")
    more: dict[str, Any] = {"email": ADA}
    if by == "code":
        await proves(reader)
        action, more = "/page/register/finish", {}
    page = await reader.send(action, password=GOOD, **more)
    assert set(page.errors) == {"agree"}
    assert page.errors["agree"] == "Please read and agree to the Terms of Service and the Privacy Policy first."
    assert page.link("example.com/terms")
    await reader.send(action, password=GOOD, agree="yes", **more)
    found = await account(town)
    assert found
    kept = await consents.of(town.house.services.store, account_id=found.id)
    now = town.clock.now()
    assert [(one.document, one.version, one.at, one.ip) for one in kept] == [
        ("terms", "2026-11", now, "198.51.100.7"),
        ("privacy", "7", now, "198.51.100.7"),
    ]


async def test_without_papers_there_is_nothing_to_agree_to(town: Town) -> None:
    page = await Reader(town).open("/register")
    assert "agree" not in page.form("/page/register").boxes


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required"), "pages": ALL}])
@pytest.mark.parametrize("by", ["link", "code"])
async def test_an_invite_can_be_required(town: Town, by: str) -> None:
    reader, action = Reader(town), "/page/register"
    code = await invites.issue(town.house.services, "main", 1, None)
    await reader.open(f"/register?way={by}&invite={code}")
    more: dict[str, Any] = {"email": ADA}
    if by == "code":
        await proves(reader)
        action, more = "/page/register/finish", {}
    assert reader.page.form(action).fields["invite"] == code, "a link that was given away fills it in"
    for wrong in ("", "nosuchinvite"):
        assert set((await reader.send(action, password=GOOD, invite=wrong, **more)).errors) == {"invite"}
    await reader.send(action, password=GOOD, invite=code, **more)
    assert await account(town)


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required"), "pages": ALL}])
async def test_an_invite_link_keeps_its_invite_whichever_way_one_goes(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?invite=abcdefgh")
    await reader.send("/page/register/code", account=ADA)
    assert reader.page.form("/page/register").fields["invite"] == "abcdefgh"
    await reader.open("/register?invite=abcdefgh&way=code")
    assert "invite=abcdefgh" in reader.page.form("/page/language").fields["back"]
    await reader.send("/page/register/code", account=ADA)
    assert "invite=abcdefgh" in reader.page.link("way=link")
    assert "invite=abcdefgh" in reader.page.link("way=code"), "another address"
    await reader.send("/page/register/enter", code=await reader.code(ADA))
    assert reader.page.form("/page/register/finish").fields["invite"] == "abcdefgh"


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="closed"), "pages": ALL}])
async def test_where_registration_is_closed_a_page_says_so(town: Town) -> None:
    reader = Reader(town)
    page = await reader.open("/register")
    assert page.heading == "Sign-up is closed"
    assert page.link("/login")
    for path in ("/page/register", "/page/register/code"):
        page = await reader.post(path, way="link" if path == "/page/register" else "code", email=ADA, account=ADA, password=GOOD)
        assert page.heading == "Sign-up is closed"
    assert await town.mails() == []


@pytest.mark.parametrize(
    "changes", [{"hiyouth": HiyouthSettings(), "realms": {"boss": Realm(invites=RealmInvites(policy="closed"))}, "pages": ALL}]
)
async def test_each_realm_has_its_own_policy(town: Town) -> None:
    reader = Reader(town)
    assert (await reader.open("/register?type=boss")).heading == "Sign-up is closed"
    assert (await reader.open("/register")).form("/page/register/code")


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_no_link_makes_the_page_of_a_code_say_other_peoples_words(town: Town) -> None:
    page = await Reader(town).open("/register?way=code&again=1&account=call%20us%20now")
    assert "call us" not in page.text

"""The pages of somebody who registers: by a mailed link, a mailed code, a texted code."""

import re
from typing import Any
from urllib.parse import quote

import pytest

from lingpai.core.model import Account, Kind
from lingpai.flows import invites
from lingpai.settings import Invites, Legal, Pages, Realm, RealmInvites
from lingpai.settings.outside import Sms
from lingpai.store import accounts, consents
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.dialects.maillink import MaillinkSettings
from web.people import ADA, GOOD, member
from web.reading import Reader
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
    return not any(form.path == "/page/login/code" for form in (await reader.open("/login")).forms)


# By link


@pytest.mark.parametrize(("language", "heading"), [("zh-Hans", "注册"), ("en", "Create an account")])
@pytest.mark.parametrize("changes", [{}, {"maillink": MaillinkSettings(enabled=False)}, {"maillink": MaillinkSettings(prefix="/moved")}])
async def test_a_mailed_link_opens_the_account(town: Town, language: str, heading: str) -> None:
    """Also where the dialect with links is off, or stands elsewhere."""
    reader = Reader(town, language)
    page = await reader.open("/register")
    assert (page.language, page.heading) == (language, heading)
    page = await reader.send("/page/register", email=ADA, password=GOOD)
    assert ADA in page.text
    page = await reader.follow(ADA)
    assert ADA in page.text
    assert reader.where.startswith("/page/activate?")
    await reader.open(page.link("/login"))
    await reader.send("/page/login", account=ADA, password=GOOD)
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


@pytest.mark.parametrize(("password", "why"), [("password1", "very common"), ("short", "8 to 128"), ("", "Enter"), (ADA, "too close")])
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


@pytest.mark.parametrize("changes", [{"pages": ALL}])
@pytest.mark.parametrize("language", ["zh-Hans", "en"])
async def test_a_mailed_code_opens_the_account_and_logs_in(town: Town, language: str) -> None:
    reader = Reader(town, language)
    page = await reader.open("/register?way=code&next=/me/data")
    assert page.link("way=phone") == "/register?next=%2Fme%2Fdata&way=phone"
    await reader.send("/page/register/code", email=ADA)
    code = await reader.code(ADA)
    page = await reader.send("/page/register/finish", code=f" {code[:3]}　{code[3:]} ", password=GOOD)
    assert reader.where == "/me/data"
    found = await account(town)
    assert found
    assert found.email_proved_at
    assert await logged_in(reader)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_a_wrong_code_or_a_weak_password_spends_nothing(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?way=code")
    await reader.send("/page/register/code", email=ADA)
    code = await reader.code(ADA)
    wrong = "000000" if code != "000000" else "111111"
    assert set((await reader.send("/page/register/finish", code=wrong, password=GOOD)).errors) == {"code"}
    assert "code" not in {name for name, value in reader.page.form("/page/register/finish").fields.items() if value}
    weak = await reader.send("/page/register/finish", code=code, password="password1")
    assert set(weak.errors) == {"password"}
    assert weak.form("/page/register/finish").fields["code"] == code, "nobody types a right code twice"
    assert set((await reader.send("/page/register/finish", code="letters", password=GOOD)).errors) == {"code"}
    assert reader.page.form("/page/register/finish").fields["email"] == ADA
    await reader.send("/page/register/finish", code=code, password=GOOD)
    assert reader.where == "/me"


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_the_earlier_code_lives_on_for_who_asks_again_too_soon(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?way=code")
    await reader.send("/page/register/code", email=ADA)
    code = await reader.code(ADA)
    page = await reader.post("/page/register/code", way="code", email=ADA)
    assert "60 seconds" in page.text
    await reader.send("/page/register/finish", code=code, password=GOOD)
    assert await logged_in(reader)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_a_taken_address_gets_no_code(town: Town) -> None:
    await member(town)
    town.clock.advance(hours=1)
    reader = Reader(town)
    await reader.open("/register?way=code")
    page = await reader.send("/page/register/code", email=ADA)
    assert page.form("/page/register/finish")
    (*_, notice) = await town.mails(ADA)
    assert "/forgot?email=" in notice["text"]
    assert not re.search(r"^[0-9]{6}$", notice["text"], re.MULTILINE)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_a_texted_code_opens_the_account_behind_a_captcha(town: Town) -> None:
    reader = Reader(town)
    reader.browser.answers = False
    await reader.open("/register?way=phone")
    assert (await reader.send("/page/register/code", phone=PHONE)).errors == {}
    assert set((await reader.send("/page/register/code", phone=PHONE, captcha="????")).errors) == {"captcha"}
    assert await town.mails() == []
    await reader.send("/page/register/code", phone=PHONE, captcha=await reader.solve())
    await reader.send("/page/register/finish", code=await reader.code(E164), password=GOOD)
    assert await account(town, "phone", E164)
    assert await logged_in(reader)


@pytest.mark.parametrize("changes", [{"pages": ALL}])
async def test_no_text_message_goes_out_without_a_captcha(town: Town) -> None:
    reader = Reader(town)
    reader.browser.answers = False
    page = await reader.post("/page/register/code", way="phone", phone=PHONE)
    assert page.form("/page/register/code").fields["phone"] == PHONE
    await reader.post("/page/register/code", way="phone", phone=PHONE, captcha_id="", captcha="")
    await reader.post("/page/register/code", way="code", phone=PHONE)
    assert await town.mails() == []


@pytest.mark.parametrize("path", ["/page/register/code", "/page/register/finish"])
async def test_a_way_that_is_not_offered_is_refused(town: Town, path: str) -> None:
    reader = Reader(town)
    page = await reader.post(path, way="code", email=ADA, password=GOOD, code="123456", captcha_id="x", captcha="y")
    assert page.status == 422
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
        await reader.send("/page/register/code", email=ADA)
        action, more = "/page/register/finish", {"code": await reader.code(ADA)}
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
        await reader.send("/page/register/code", email=ADA)
        action, more = "/page/register/finish", {"code": await reader.code(ADA)}
    assert reader.page.form(action).fields["invite"] == code, "a link that was given away fills it in"
    for wrong in ("", "nosuchinvite"):
        assert set((await reader.send(action, password=GOOD, invite=wrong, **more)).errors) == {"invite"}
    await reader.send(action, password=GOOD, invite=code, **more)
    assert await account(town)


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required"), "pages": ALL}])
async def test_an_invite_link_keeps_its_invite_whichever_way_one_goes(town: Town) -> None:
    reader = Reader(town)
    await reader.open("/register?invite=abcdefgh")
    for part in ("way=code", "way=link", "way=code"):
        await reader.open(reader.page.link(part))
        assert [form.fields["invite"] for form in reader.page.forms if "invite" in form.fields] == ["abcdefgh"]
        assert "invite=abcdefgh" in reader.page.form("/page/language").fields["back"]
    await reader.send("/page/register/code", email=ADA)
    assert "invite=abcdefgh" in reader.page.link("way=code")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"pages": ALL, "sms": Sms(countries=("CN",))}, False), ({"pages": ALL, "sms": Sms(countries=("CN", "HK"))}, True)],
)
async def test_numbers_from_abroad_are_asked_for_only_where_they_get_messages(town: Town, said: bool) -> None:
    page = await Reader(town).open("/register?way=phone")
    assert ("+852" in page.text) is said


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="closed"), "pages": ALL}])
async def test_where_registration_is_closed_a_page_says_so(town: Town) -> None:
    reader = Reader(town)
    page = await reader.open("/register")
    assert page.heading == "Registration is closed"
    assert page.link("/login")
    for path in ("/page/register", "/page/register/code", "/page/register/finish"):
        page = await reader.post(path, way="link" if path == "/page/register" else "code", email=ADA, password=GOOD, code="123456")
        assert page.heading == "Registration is closed"
    assert await town.mails() == []


@pytest.mark.parametrize(
    "changes", [{"hiyouth": HiyouthSettings(), "realms": {"boss": Realm(invites=RealmInvites(policy="closed"))}, "pages": ALL}]
)
async def test_each_realm_has_its_own_policy(town: Town) -> None:
    reader = Reader(town)
    assert (await reader.open("/register?type=boss")).heading == "Registration is closed"
    assert (await reader.open("/register")).form("/page/register")

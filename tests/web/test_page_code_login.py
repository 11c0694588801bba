"""The pages of somebody who logs in by a code, read without scripts."""

import re
from pathlib import Path

import pytest

from lingpai.core import rules
from lingpai.core.errors import NotLoggedIn
from lingpai.core.masked import half_shown
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import sessions
from lingpai.settings import Invites, Legal, Pages, Social
from lingpai.settings.outside import Keys, Sms
from lingpai.store import accounts
from lingpai.web.pages.shared import assets
from web.people import ADA, GOOD, member
from web.reading import Page, Reader
from web.speakers import Maillink
from web.town import Town

EVE = "eve@example.com"
PHONE, E164 = "138 0013 8000", "+8613800138000"
PAPERS = Pages(terms=Legal("https://example.com/terms"), privacy=Legal("https://example.com/privacy"))


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Reader:
    """Somebody who has an account, before an open login page."""
    await member(town)
    reader = Reader(town)
    await reader.open("/login")
    return reader


async def found(town: Town, address: Address) -> Account:
    account = await accounts.find(town.house.services.store, "main", address.kind, address.key)
    assert account
    return account


async def who(reader: Reader) -> Account | None:
    """Whose session the browser has."""
    origin = RequestContext(client="x", ip="x", session=reader.browser.cookies.get("lingpai_session", ""))
    try:
        return (await sessions.current(reader.town.house.services, origin)).account
    except NotLoggedIn:
        return None


async def asks(reader: Reader, account: str, **more: str) -> Page:
    """For a code, behind the captcha that it takes."""
    return await reader.send("/page/login/code", account=account, **more)


async def enters(reader: Reader, account: str, to: str = "") -> Page:
    await asks(reader, account)
    return await reader.send("/page/login/enter", code=await reader.code(to or account))


# In


@pytest.mark.parametrize(("language", "heading"), [("zh-Hans", "登录"), ("zh-Hant", "登入"), ("en", "Log in")])
async def test_a_person_types_an_address_and_a_code_and_is_where_they_wanted_to_be(town: Town, language: str, heading: str) -> None:
    await member(town)
    reader = Reader(town, language)
    page = await reader.open("/login?next=/me/data")
    assert (page.language, page.heading) == (language, heading)
    page = await asks(reader, ADA)
    assert ADA in page.text
    await reader.send("/page/login/enter", code=await reader.code(ADA))
    assert reader.where == "/me/data"
    account = await who(reader)
    assert account
    assert account.email == ADA


@pytest.mark.parametrize("typed", [PHONE, "+86 138 0013 8000", "１３８００１３８０００", " ada＠example.com "])
async def test_mail_and_phone_are_typed_into_one_field_however_they_come(town: Town, typed: str) -> None:
    await member(town)
    one = await found(town, rules.email(ADA))
    async with town.house.services.store.begin() as tx:
        assert await accounts.add_identifier(tx, account_id=one.id, realm="main", address=rules.phone(PHONE), proved_at=1)
    reader = Reader(town)
    await reader.open("/login")
    await enters(reader, typed, ADA if "＠" in typed else E164)
    account = await who(reader)
    assert account
    assert account.id == one.id


@pytest.mark.parametrize(("account", "to"), [(PHONE, E164), (ADA, ADA)])
async def test_a_message_takes_a_captcha(ada: Reader, account: str, to: str) -> None:
    ada.browser.answers, before = False, await ada.town.mails(to)
    page = await ada.send("/page/login/code", account=account)
    assert page.form("/page/login/code").fields["captcha_id"]
    assert page.errors == {}, "nobody has done anything wrong"
    page = await ada.send("/page/login/code", captcha="????")
    assert set(page.errors) == {"captcha"}
    page = await ada.send("/page/login/code", captcha="")
    assert set(page.errors) == {"captcha"}
    assert page.form("/page/login/code").fields["account"] == account
    assert await ada.town.mails(to) == before


@pytest.mark.parametrize("typed", ["ada", "", "12345", "ada@nowhere", "张三"])
async def test_what_is_neither_is_told_at_its_field(ada: Reader, typed: str) -> None:
    page = await ada.send("/page/login/code", account=typed)
    assert set(page.errors) == {"account"}
    assert page.form("/page/login/code").fields["account"] == typed


async def test_a_wrong_code_is_told_at_its_field_and_costs_nothing_else(ada: Reader) -> None:
    await asks(ada, ADA, remember="yes")
    page = await ada.send("/page/login/enter", code="000000")
    assert set(page.errors) == {"code"}
    fields = page.form("/page/login/enter").fields
    assert (fields["account"], fields["remember"], fields["code"]) == (ADA, "yes", "")
    reply = await ada.browser.post(
        "/page/login/enter", data={**fields, "code": await ada.code(ADA)}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    (cookie,) = [line for line in reply.headers.get_list("set-cookie") if line.startswith("lingpai_session=")]
    assert f"Max-Age={30 * 86_400};" in cookie


async def test_too_soon_leads_to_the_code_that_is_there(ada: Reader) -> None:
    await asks(ada, ADA)
    code = await ada.code(ADA)
    await ada.open("/login")
    page = await asks(ada, ADA)
    assert "just sent" in page.text
    await ada.send("/page/login/enter", code=code)
    assert await who(ada)


async def test_reload_back_and_a_second_tab_say_what_is_so(ada: Reader) -> None:
    await asks(ada, ADA)
    before = len(await ada.town.mails(ADA))
    page = await ada.open(ada.where)
    assert page.form("/page/login/enter").fields["account"] == ADA
    assert len(await ada.town.mails(ADA)) == before, "a reload sends nothing"
    there = ada.where
    await ada.send("/page/login/enter", code=await ada.code(ADA))
    assert half_shown(ADA) in (await ada.open(there)).text, "who is in already may go on"
    assert ada.page.heading == "You're logged in"


async def test_a_code_of_letters_is_taken_and_a_link_gives_the_keyboard_for_it(ada: Reader) -> None:
    page = await asks(ada, ADA)
    assert page.form("/page/login/enter").kinds["code"]["inputmode"] == "numeric"
    page = await ada.open(page.link("letters=yes"))
    assert "inputmode" not in page.form("/page/login/enter").kinds["code"]
    page = await ada.send("/page/login/enter", code="234 56ABc")
    assert set(page.errors) == {"code"}, "it was read as one, and is wrong"
    assert "wrong or has expired" in page.errors["code"]


async def test_nobody_learns_whether_an_account_is_there_but_who_reads_the_code(ada: Reader) -> None:
    said = set()
    for address in (ADA, EVE):
        await ada.open("/login")
        page = await asks(ada, address)
        said.add(
            re.sub(
                r"again=\d+|value=\"\d{13}\"",
                "",
                page.reply.text.replace("<wbr>", "").replace(address, "…").replace(address.replace("@", "%40"), "…"),
            )
        )
        page = await ada.send("/page/login/enter", code="000000")
        said.add(
            re.sub(
                r"again=\d+|value=\"\d{13}\"",
                "",
                page.reply.text.replace("<wbr>", "").replace(address, "…").replace(address.replace("@", "%40"), "…"),
            )
        )
        ada.town.clock.advance(minutes=2)
    assert len(said) == 2


# The ways


async def test_the_other_way_keeps_what_was_typed_and_no_password_is_in_an_address(ada: Reader) -> None:
    page = await ada.post("/page/login/way", account=ADA, way="password", remember="yes")
    assert page.form("/page/login").fields["account"] == ADA
    assert re.search(r'name="remember" value="yes" checked', page.reply.text)
    page = await ada.post("/page/login/way", account=ADA, password=GOOD, way="code")
    assert page.form("/page/login/code").fields["account"] == ADA
    assert "password" not in ada.where.replace("way=password", "")


@pytest.mark.parametrize(
    ("changes", "first", "other"),
    [
        ({}, "/page/login/code", True),
        ({"pages": Pages(login=("password", "code"))}, "/page/login", True),
        ({"pages": Pages(login=("code",))}, "/page/login/code", False),
        ({"pages": Pages(login=("password",))}, "/page/login", False),
    ],
    ids=["as it comes", "password first", "code alone", "password alone"],
)
async def test_the_setting_says_which_ways_there_are_and_which_comes_first(ada: Reader, first: str, other: bool) -> None:
    page = await ada.open("/login")
    assert page.form(first)
    assert ("/page/login/way" in page.reply.text) is other
    if not other:
        away = "/page/login/code" if first == "/page/login" else "/page/login"
        page = await ada.post(away, account=ADA, password=GOOD)
        assert page.status == 422
        assert "Not available here" in page.text
        assert await who(ada) is None
        assert (await ada.open("/login?way=" + ("code" if first == "/page/login" else "password"))).form(first)


async def test_where_no_text_messages_go_out_only_mail_is_asked_for(
    tmp_path: Path, database_url: str, ada: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Phone number or email" in ada.page.text
    monkeypatch.setattr(type(ada.town.house.services.settings), "dev", False)
    assert "Phone number" not in (await ada.open("/login")).text


# Without an account


@pytest.mark.parametrize("changes", [{"pages": PAPERS}])
async def test_a_stranger_agrees_and_has_an_account(town: Town) -> None:
    eve = Reader(town)
    await eve.open("/login?next=/me/security")
    page = await enters(eve, EVE)
    assert f"{EVE} doesn't have a" in page.text
    assert page.link("/login?next=%2Fme%2Fsecurity&way=code")
    page = await eve.send("/page/login/create")
    assert set(page.errors) == {"agree"}
    await eve.send("/page/login/create", agree="yes", nickname="Eve")
    assert eve.where == "/me/security"
    account = await who(eve)
    assert account
    assert (account.email, account.nickname, account.password) == (EVE, "Eve", None)


@pytest.mark.parametrize("changes", [{"pages": PAPERS}])
async def test_from_an_empty_browser_to_ones_own_space_there_is_little_to_do(town: Town) -> None:
    """Item 12 of what people see: pages, `/me` counted, and fields that have to be filled in or ticked."""
    await member(town)
    for address, pages, boxes in ((ADA, 3, {"account", "code"}), (EVE, 4, {"account", "code", "agree"})):
        reader, seen, filled = Reader(town, ip=f"203.0.113.{pages}"), 1, set[str]()
        await reader.open("/login")
        while await who(reader) is None:
            form = next(form for form in reader.page.forms if form.path.startswith("/page/login"))
            needed = {name for name, kind in form.kinds.items() if "required" in kind and kind.get("type") != "hidden"}
            values = {"account": address, "agree": "yes", "code": await reader.code(address) if "code" in needed else ""}
            await reader.send(form.path, **{name: values[name] for name in needed})
            seen, filled = seen + 1, filled | needed
        assert (reader.where, seen, filled) == ("/me", pages, boxes)


async def test_the_page_of_a_stranger_can_be_reloaded_and_is_over_after_ten_minutes(town: Town) -> None:
    eve = Reader(town)
    await eve.open("/login")
    await enters(eve, EVE)
    page = await eve.open("/login?step=new")
    assert EVE in page.text
    town.clock.advance(minutes=10)
    page = await eve.send("/page/login/create")
    assert "expired" in page.text
    assert page.form("/page/login/code")
    assert await who(eve) is None


async def test_another_tab_that_has_proved_another_address_is_told_apart(town: Town) -> None:
    eve = Reader(town)
    await eve.open("/login")
    first = await enters(eve, EVE)
    await eve.open("/login")
    await enters(eve, "other@example.com")
    page = await eve.post("/page/login/create", **first.form("/page/login/create").fields)
    assert "other@example.com" in page.text
    assert await who(eve) is None


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="closed")}])
async def test_where_registration_is_closed_a_stranger_is_told_so(town: Town) -> None:
    eve = Reader(town)
    await eve.open("/login")
    page = await enters(eve, EVE)
    assert "isn't accepting new accounts" in page.text
    assert not [form for form in page.forms if form.path == "/page/login/create"]


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_a_wrong_invite_is_told_at_its_field(town: Town) -> None:
    eve = Reader(town)
    await eve.open("/login")
    await enters(eve, EVE)
    assert set((await eve.send("/page/login/create", invite="nonsense")).errors) == {"invite"}


@pytest.mark.parametrize("onward", [False, True], ids=["goes on", "sets a password"])
async def test_one_that_waited_is_told_what_becomes_of_the_password(town: Town, onward: bool) -> None:
    await Maillink(town).register(EVE, GOOD)
    eve = Reader(town)
    await eve.open("/login")
    page = await enters(eve, EVE)
    assert "no longer works" in page.text
    await eve.post("/page/login/create", **page.form("/page/login/create").fields, **({"then": "password"} if onward else {}))
    assert eve.where == ("/me/password" if onward else "/me")
    account = await who(eve)
    assert account
    assert (account.password, account.email_proved_at is None) == (None, False)


# Further steps


async def test_an_account_that_waits_for_its_deletion_is_taken_back(ada: Reader) -> None:
    clock = ada.town.clock
    async with ada.town.house.services.store.begin() as tx:
        closing = await found(ada.town, rules.email(ADA))
        assert await accounts.close(tx, account_id=closing.id, at=clock.now(), deletes_at=clock.now() + 7 * 86_400_000)
    page = await enters(ada, ADA)
    assert "2026-09-28" in page.text
    assert "won't be deleted" in (await ada.send("/page/keep")).text


@pytest.fixture
async def left(town: Town) -> Account:
    """An account that only its phone lets in, and that nobody has used for long."""
    services = town.house.services
    async with services.store.begin() as tx:
        new = await accounts.add(
            tx, realm="main", password=None, nickname="Lovelace", locale="en", created_at=services.clock.now(), created_ip=""
        )
        assert await accounts.add_identifier(tx, account_id=new, realm="main", address=rules.phone(PHONE), proved_at=services.clock.now())
    town.clock.advance(days=180)
    return await found(town, rules.phone(PHONE))


async def test_a_number_that_may_have_changed_hands_is_asked_about(town: Town, left: Account) -> None:
    eve = Reader(town)
    await eve.open("/login")
    page = await enters(eve, PHONE, E164)
    assert page.heading == "Is this your account?"
    assert "L***" in page.text
    assert "Lovelace" not in page.text
    await eve.send("/page/login/recognise")
    account = await who(eve)
    assert account
    assert account.id == left.id


async def test_whoever_says_no_has_a_new_account_and_the_old_one_loses_the_number(town: Town, left: Account) -> None:
    eve = Reader(town)
    await eve.open("/login")
    await enters(eve, PHONE, E164)
    page = await eve.open(eve.page.link("mine=no"))
    assert page.heading == "Create a new account"
    await eve.send("/page/login/create")
    account = await who(eve)
    assert account
    assert (account.id == left.id, account.phone) == (False, E164)


@pytest.mark.parametrize("changes", [{"social": Social(qq=Keys(app_id="1", app_secret="made-up"))}])
async def test_yes_leads_to_the_accounts_other_ways_in_and_tells_no_address(town: Town, left: Account) -> None:
    async with town.house.services.store.begin() as tx:
        for address in (rules.email(ADA), Address("qq", "x", "app:1:x")):
            assert await accounts.add_identifier(tx, account_id=left.id, realm="main", address=address, proved_at=1)
    eve = Reader(town)
    await eve.open("/login?next=/me/data")
    page = await enters(eve, PHONE, E164)
    assert "a***@example.com" in page.text
    assert ADA not in page.reply.text
    assert page.link("/connect/qq") == "/connect/qq?next=%2Fme%2Fdata"
    assert page.link("way=code")
    assert not [form for form in page.forms if form.path == "/page/login/recognise"]
    await eve.post("/page/login/recognise", account=PHONE)
    assert await who(eve) is None


@pytest.mark.parametrize("changes", [{"sms": Sms(recycled_days=400)}])
async def test_the_setting_says_after_how_many_days(town: Town, left: Account) -> None:
    eve = Reader(town)
    await eve.open("/login")
    await enters(eve, PHONE, E164)
    assert await who(eve)


# What it weighs


@pytest.mark.parametrize("path", ["/login", "/login?way=password", "/login?way=code&account=ada%40example.com&again=1"])
async def test_a_login_page_with_all_that_it_loads_is_light(town: Town, path: str) -> None:
    """Item 2: under 30 KB on their way here, the product's own picture aside; what its script loads to work is among it."""
    page = await Reader(town).open(path)
    files = set(re.findall(r"/static/[\w.-]+(?:\?v=\w+)?", page.reply.text))
    assert len(files) >= 3
    sizes = [int((await town.browser().get(file)).headers["content-length"]) for file in files]
    assert sum(sizes) + len(page.reply.content) < 30_000
    assert assets.link("form.js") in files

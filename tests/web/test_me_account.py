"""What an account's owner sees of it at the pages, and what only after a proof: addresses, the name, who logged in, what was agreed to."""

import pytest

from lingpai.core import data, rules, words
from lingpai.core.model import RequestContext
from lingpai.core.words import TEXTS
from lingpai.flows import Services
from lingpai.settings import Legal, Pages
from lingpai.settings.logins import Passwords
from lingpai.store import accounts, consents
from lingpai.web.dialects.session.settings import SessionDialectSettings
from lingpai.web.pages.me.questions import PRESETS
from web.owners import CHROME, Owner, born, elsewhere, owner
from web.people import ADA, GOOD
from web.speakers import Maillink
from web.town import Town

EN = TEXTS["en"]
PHONE = "+8613995265229"
NAMED = "paula"


@pytest.fixture
def database_kind() -> str:
    """No page here depends on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Owner:
    return await owner(town)


async def with_phone(ada: Owner) -> None:
    _, account = await ada.who()
    now = ada.services.clock.now()
    async with ada.services.store.begin() as tx:
        await accounts.add_identifier(tx, account_id=account.id, realm="main", address=rules.phone(PHONE), proved_at=now, added_at=now)


MASKED = ("/me", "/me/security", "/me/safety", "/me/data", "/me/profile", "/me/devices", "/me/history", "/me/password", "/login", "/logout")


@pytest.mark.parametrize("path", [*MASKED, "/me/confirm?next=/me/security"])
async def test_whoever_has_no_more_than_the_session_reads_no_address_in_full(ada: Owner, path: str) -> None:
    await with_phone(ada)
    ada.town.clock.advance(minutes=11)
    page = (await ada.browser.get(path, follow_redirects=True)).text
    for whole in (ADA, "ada%40example", "13995265229", "139 9526 5229"):
        assert whole not in page


async def test_addresses_are_shown_in_full_after_a_proof_of_the_last_minutes_and_not_before(ada: Owner) -> None:
    await with_phone(ada)
    masked = await ada.see("/me/security")
    assert "Phone +86 139 **** 5229 Change Email a***@example.com Change" in masked
    ada.town.clock.advance(minutes=11)
    asked = await ada.get("/me/security?reveal=yes")
    assert (asked.status_code, asked.headers["location"]) == (303, "/me/confirm?next=/me/security%3Freveal%3Dyes")
    page = await ada.see("/me/security?reveal=yes")
    shown = await ada.submit(page, "/page/me/confirm", password=GOOD)
    assert f"Phone +86 139 9526 5229 Change Email {ADA} Change" in shown
    assert EN["pages.me.shown.reveal"] not in shown


# The name


async def test_a_name_is_chosen_at_its_page_and_logs_in(ada: Owner) -> None:
    page = await ada.see("/me/name")
    done = await ada.submit(page, "/page/me/name", account=NAMED)
    assert EN["pages.me.done.name"] in done
    assert f"Username {NAMED} Change" in done
    later = await ada.see("/me/name")
    assert "You can change it again on 2026-" in later
    assert not later.reply.text.count("/page/me/name")
    early = await ada.send("/page/me/name", account="other.name")
    assert early.status_code == 422


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("13995265229", "beside.name-digits"),
        ("admin", "beside.account-reserved"),
        ("a b", "beside.account-characters"),
    ],
)
async def test_a_name_that_may_not_be_is_refused_in_words(ada: Owner, name: str, said: str) -> None:
    refused = await ada.submit(await ada.see("/me/name"), "/page/me/name", account=name)
    assert refused.status == 422
    assert refused.errors["account"].lower() == EN[said].format(field="username").lower()


async def test_a_name_takes_a_proof_of_the_last_minutes(ada: Owner) -> None:
    ada.town.clock.advance(minutes=11)
    for reply in (await ada.get("/me/name"), await ada.send("/page/me/name", account=NAMED)):
        assert reply.headers["location"].startswith("/me/confirm")
    assert (await ada.who())[1].name is None


@pytest.mark.parametrize("changes", [{"session": SessionDialectSettings(enabled=False)}])
async def test_where_nobody_logs_in_by_a_name_none_is_offered(ada: Owner) -> None:
    assert (await ada.get("/me/name")).headers["location"] == "/me/security"
    assert "/me/name" not in (await ada.see("/me/security")).links
    await ada.send("/page/me/name", account=NAMED)
    assert (await ada.who())[1].name is None


# The history


async def test_the_history_says_when_how_and_from_where_in_words(town: Town, ada: Owner) -> None:
    stranger = Maillink(town, town.browser("203.0.113.66"))
    assert not (await stranger.log_in(ADA, "wrong horse battery")).yes
    page = await ada.see("/me/history")
    assert "Chrome, Windows" not in page, "nobody has logged in by that yet"
    assert "Password · failed (wrong password) · 203.0.113.66" in page
    assert "Password · done · 198.51.100." in page
    assert "(the network you are on now)" in page
    assert "UTC" in page


async def test_it_has_nobody_else_s_whatever_number_is_asked_for(town: Town, ada: Owner) -> None:
    await owner(town, "bob@example.com")
    stranger = Maillink(town, town.browser("203.0.113.77"))
    await stranger.log_in("bob@example.com", "wrong horse battery")
    for path in ("/me/history", "/me/history?before=999999", "/me/history?before=1", "/me/history?before=0"):
        assert "203.0.113.77" not in await ada.see(path)


async def test_a_long_history_has_pages(town: Town, ada: Owner) -> None:
    _, account = await ada.who()
    for _ in range(25):
        await ada.services.session_issuer.cookie(account, town_context(CHROME))
    first = await ada.see("/me/history")
    (older,) = [link for link in first.links if link.startswith("/me/history?before=")]
    second = await ada.see(older)
    assert first.reply.text.count('class="row"') == 20
    assert 0 < second.reply.text.count('class="row"') < 20
    assert EN["pages.me.history.newest"] in second


def town_context(agent: str) -> RequestContext:
    return RequestContext("203.0.113.5", "203.0.113.5", agent=agent)


async def test_an_unknown_browser_is_told_to_the_owner_who_can_undo_it(town: Town, ada: Owner) -> None:
    other = await elsewhere(town)
    mail = (await town.mails(ADA))[-1]
    assert mail["subject"] == TEXTS["zh-Hans"]["letter.new_device.subject"].format(product=" Lingpai ").strip().replace("  ", " ")
    token = (await town.link(ADA, "/page/not-me"))["token"]
    asked = await ada.see(f"/page/not-me?token={token}")
    assert "someone logged in to your account on a new device" in asked
    await ada.submit(asked, "/page/not-me")
    assert (await other.get("/me")).headers["location"].startswith("/login")


# What was agreed to


PAPERS = Pages(terms=Legal(url="https://example.com/terms", version="2026-11"), privacy=Legal(url="https://example.com/privacy"))


@pytest.mark.parametrize("changes", [{"pages": PAPERS}])
async def test_what_was_agreed_to_stands_there_with_its_version_and_day(ada: Owner) -> None:
    _, account = await ada.who()
    async with ada.services.store.begin() as tx:
        for version, at in (("2025-01", 1_700_000_000_000), ("2026-01", 1_760_000_000_000)):
            await consents.add(tx, account_id=account.id, document="terms", version=version, at=at, ip="")
    page = await ada.see("/me/data")
    assert page.text.index("Version 2026-01 · agreed on 2025-10-09") < page.text.index("Version 2025-01 · agreed on 2023-11-14")
    assert page.text.count("now version 2026-11") == 1


# Questions, and passwords


def test_the_chinese_questions_to_choose_from_are_shown_to_strangers_too() -> None:
    """Else whoever has chosen one could be told from those who have none."""
    known = set(data.lines("common-questions.txt"))
    assert {TEXTS["zh-Hans"][f"pages.me.preset.{name}"] for name in PRESETS} <= known


async def test_questions_can_be_chosen_from_a_list(ada: Owner) -> None:
    page = (await ada.get("/me/questions")).text
    assert page.count('list="presets"') == 3
    assert all(f'<option value="{EN[f"pages.me.preset.{name}"]}">' in page for name in PRESETS)


@pytest.mark.parametrize("changes", [{"passwords": Passwords(max=16)}])
async def test_a_password_that_an_old_client_could_not_send_is_said_at_its_field(town: Town) -> None:
    ada = await born(town, email=ADA)
    page = await ada.see("/me/password")
    assert "8 to 16 characters" in page
    refused = await ada.submit(page, "/page/me/password", password="a staple of another kind")
    assert "at most 16 characters" in refused.errors["password"]
    assert EN["pages.me.done.password"] in await ada.submit(page, "/page/me/password", password="staple of other")


# Times


async def test_the_browser_says_where_the_clock_is_and_pages_and_mails_keep_to_it(town: Town, ada: Owner) -> None:
    services: Services = ada.services
    at = services.clock.now()
    assert words.date_time(at, "en") in await ada.see("/me/history")
    ada.browser.cookies.set("lingpai_zone", "America/New_York", domain="127.0.0.1")
    assert words.date_time(at, "en", "America/New_York") in await ada.see("/me/history")
    assert (await ada.who())[1].zone is None
    again = Maillink(town, ada.browser)
    await again.log_in(ADA, GOOD)
    assert (await ada.who())[1].zone == "America/New_York"
    await elsewhere(town)
    assert words.date_time(services.clock.now(), "zh-Hans", "America/New_York") in (await town.mails(ADA))[-1]["text"]


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Nowhere/Land", "x" * 300, "Asia", ""])
async def test_a_zone_that_is_none_changes_nothing(ada: Owner, zone: str) -> None:
    ada.browser.cookies.set("lingpai_zone", zone, domain="127.0.0.1")
    assert (await ada.get("/me/history")).status_code == 200
    await Maillink(ada.town, ada.browser).log_in(ADA, GOOD)
    assert (await ada.who())[1].zone is None

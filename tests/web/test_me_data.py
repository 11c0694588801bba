"""Taking one's data along, and leaving."""

import json
import re

import pytest

from lingpai.core.words import TEXTS
from lingpai.settings.written import Log
from web.owners import Owner, born, elsewhere, owner
from web.people import ADA, GOOD
from web.speakers import Maillink
from web.town import Town

EN = TEXTS["en"]


@pytest.fixture
def database_kind() -> str:
    """No page here depends on the database."""
    return "sqlite"


@pytest.fixture
async def ada(town: Town) -> Owner:
    return await owner(town)


async def test_all_that_is_kept_comes_as_a_file_without_secrets(ada: Owner) -> None:
    reply = await ada.get("/me/data.json")
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="account-[0-9-]+\.json"', reply.headers["content-disposition"])
    assert reply.headers["cache-control"] == "no-store"
    told = json.loads(reply.text)
    assert [row["value"] for row in told["identifiers"]] == [ADA]
    instants = [value for rows in told.values() for row in rows for name, value in row.items() if name == "at" or name.endswith("_at")]
    assert len(instants) > 10
    assert all(at is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", at) for at in instants)
    _, account = await ada.who()
    assert str(account.password) not in reply.text
    assert ada.browser.cookies["lingpai_session"] not in reply.text


async def test_nobody_gets_the_data_of_others(ada: Owner) -> None:
    bob = await owner(ada.town, "bob@example.com")
    assert ADA in (await ada.get("/me/data.json")).text
    assert ADA not in (await bob.get("/me/data.json")).text


async def test_who_has_not_ticked_the_box_stays(ada: Owner) -> None:
    page = await ada.see("/me/delete")
    assert "7 days" in page
    refused = await ada.submit(page, "/page/me/delete")
    assert (refused.status, list(refused.errors)) == (422, ["sure"])
    assert await ada.who()


async def test_who_leaves_is_out_everywhere_and_can_come_back_for_seven_days(ada: Owner) -> None:
    town = ada.town
    other = await elsewhere(town)
    left = await ada.submit(await ada.see("/me/delete"), "/page/me/delete", sure="yes")
    assert left.heading == EN["pages.me.closed.title"]
    assert re.search(r"deleted for good on \d{4}-\d\d-\d\d \d\d:\d\d UTC", left.text)
    assert "lingpai_session" not in ada.browser.cookies
    for person in (ada, other):
        assert (await person.get("/me")).headers["location"].startswith("/login")
    assert not (await Maillink(town).log_in(ADA, GOOD)).yes
    token = (await town.link(ADA, "/page/keep"))["token"]
    town.clock.advance(days=6)
    asked = await ada.see(f"/page/keep?token={token}")
    assert not (await Maillink(town).log_in(ADA, GOOD)).yes, "looking keeps nothing"
    await ada.submit(asked, "/page/keep")
    assert (await Maillink(town).log_in(ADA, GOOD)).yes


async def test_whoever_has_no_way_back_is_told_so_before(town: Town) -> None:
    ada = await born(town)
    assert "no way back" in await ada.see("/me/delete")
    left = await ada.submit(await ada.see("/me/delete"), "/page/me/delete", sure="yes")
    assert "Changed your mind" not in left


@pytest.mark.parametrize("changes", [{"log": Log(clients=False)}, {}])
async def test_the_clients_address_stands_in_log_lines_unless_the_operator_leaves_it_out(
    town: Town, changes: dict[str, Log], capsys: pytest.CaptureFixture[str]
) -> None:
    await town.browser("203.0.113.55").get("/login")
    lines = capsys.readouterr().out
    assert "path=/login" in lines
    assert ("203.0.113.55" in lines) is not bool(changes)

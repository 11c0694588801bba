"""`lingpai invite`, as an operator meets it."""

from pathlib import Path

import pytest

from running import Ended, lingpai_here

SECRET = "a secret of 32 bytes, or more of them"


class Desk:
    """An operator's place: a migrated database."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self._variables = {"LINGPAI_DATABASE_URL": url, "LINGPAI_SECRET": SECRET}

    async def ask(self, *words: str, **more: str) -> Ended:
        return await lingpai_here("invite", *words, "--data", self._folder, **self._variables, **more)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(database_url, tmp_path)


async def test_an_invite_is_made_listed_and_revoked(desk: Desk) -> None:
    code = (await desk.ask("add", "--uses", "5", "--days", "3")).out.strip()
    assert len(code) == 12
    listed = (await desk.ask("list")).out
    assert code in listed
    assert "0 of 5" in listed
    assert code not in (await desk.ask("list", "--realm", "boss")).out
    assert (await desk.ask("revoke", code)).code == 0
    again = await desk.ask("revoke", code)
    assert again.code == 1
    assert "revoked before" in again.err


async def test_an_invite_lets_into_the_pages_own_realm_unless_another_is_named(desk: Desk) -> None:
    staff = {"LINGPAI_MAILLINK__REALM": "staff"}
    code = (await desk.ask("add", **staff)).out.strip()
    assert code in (await desk.ask("list", "--realm", "staff", **staff)).out
    assert code not in (await desk.ask("list", "--realm", "main", **staff)).out
    for words in (("add",), ("list",), ("revoke", code)):
        ended = await desk.ask(*words, "--realm", "bos")
        assert (ended.code, ended.err) == (1, "lingpai: there is no realm bos; expected main or boss\n")


async def test_an_invite_has_at_least_one_use(desk: Desk) -> None:
    assert (await desk.ask("add", "--uses", "0")).code == 2

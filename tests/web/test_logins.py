"""How a login was proved, as its row says afterwards; and that a renewed JWT is the same login."""

import pytest
from sqlalchemy import select

from fakes import START
from lingpai.store import schema
from lingpai.store.database import Query
from web.seed003 import GOOD as SHORT
from web.speakers import Hiyouth, Mailcode, Session
from web.test_hiyouth import by_phone
from web.test_mailcode import link, logged_in
from web.town import Town

LOGINS = Query(select(schema.logins.c.kind, schema.logins.c.amr, schema.logins.c.created_at).order_by(schema.logins.c.id))
SESSIONS = Query(select(schema.sessions.c.login_id, schema.sessions.c.proved_at).order_by(schema.sessions.c.id))


@pytest.fixture
def database_kind() -> str:
    """What is noted does not depend on the database."""
    return "sqlite"


async def proofs(town: Town) -> list[tuple[str, str]]:
    return [(kind, amr) for kind, amr, _ in await town.house.services.store.rows(LOGINS)]


async def test_a_password_and_the_link_that_its_login_makes_are_told_apart(town: Town) -> None:
    ada = await logged_in(town)
    await Mailcode(town).ask("/account/login", authorization=await link(ada))
    assert await proofs(town) == [("jwt", "pwd"), ("jwt", "link")]


async def test_a_name_with_a_password_is_a_password_and_a_code_by_text_message_is_one(town: Town) -> None:
    assert (await Session(town).sign_up("ada_lovelace", SHORT)).yes
    await by_phone(Hiyouth(town))
    assert await proofs(town) == [("cookie", "pwd"), ("cookie", "sms")]


async def test_a_renewed_jwt_and_one_that_says_another_language_are_the_same_login(town: Town) -> None:
    ada = await logged_in(town, 1_000)
    town.clock.advance(seconds=950)
    ada.jwt = (await ada.ask("/user/my")).reply.json()["Jwt"]
    ada.jwt = (await ada.say("/user/language-edit", Language="en")).reply.json()["Jwt"]
    assert await ada.who()
    found = await town.house.services.store.rows(SESSIONS)
    assert len(found) == 3
    assert len(set(found)) == 1
    assert [at for _, _, at in await town.house.services.store.rows(LOGINS)] == [found[0][1]]
    assert START <= found[0][1] < START + 950_000

"""The pages of a login by a code, where somebody is logged in already, or somebody else has made the link that leads there."""

import re

import pytest

from lingpai.core import rules
from lingpai.core.model import Address
from lingpai.store import accounts
from web.people import ADA, GOOD, member
from web.reading import Reader
from web.town import Town

EVE = "eve@example.com"
PHONE, E164 = "138 0013 8000", "+8613800138000"


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


async def test_whoever_is_logged_in_and_wants_to_be_somebody_else_comes_as_far_as_that(town: Town) -> None:
    await member(town)
    ada = Reader(town)
    await ada.open("/login")
    await ada.send("/page/login", account=ADA, password=GOOD)
    page = await ada.open("/login?next=/me/data")
    assert page.heading == "You're logged in"
    await ada.open(page.link("switch"))
    await ada.send("/page/login/code", account=EVE)
    await ada.send("/page/login/enter", code=await ada.code(EVE))
    assert ada.page.heading == "Create your account"
    await ada.send("/page/login/create")
    assert ada.where == "/me/data"
    assert EVE in (await ada.open("/login")).text
    await ada.open(ada.page.link("switch"))
    await ada.send("/page/login", account=ADA, password=GOOD)
    assert ADA in (await ada.open("/login")).text


@pytest.mark.parametrize("words", ["Your+account+is+blocked.+Call+13800138000", "ada", "+", "a%40b"])
async def test_no_link_makes_a_page_say_what_its_writer_wants(town: Town, words: str) -> None:
    page = await Reader(town).open(f"/login?way=code&again=1&account={words}")
    assert page.form("/page/login/code")
    assert "We sent a code" not in page.text


async def test_who_has_a_phone_and_no_password_reads_how_to_keep_an_account_that_is_to_be_deleted(town: Town) -> None:
    eve = Reader(town)
    await eve.open("/login")
    await eve.send("/page/login/code", account=PHONE)
    await eve.send("/page/login/enter", code=await eve.code(E164))
    await eve.send("/page/login/create")
    page = await eve.open("/me/delete")
    assert "no way back" not in page.text
    assert "password" not in page.text
    assert "log in on the login page" in page.text
    await eve.send("/page/me/delete", sure="yes")
    await eve.open("/login")
    town.clock.advance(minutes=1)
    await eve.send("/page/login/code", account=PHONE)
    await eve.send("/page/login/enter", code=await eve.code(E164))
    assert "won't be deleted" in (await eve.send("/page/keep")).text
    account = await accounts.find(town.house.services.store, "main", "phone", rules.phone(PHONE).key)
    assert account
    assert account.locked_at is None


STATES = ("nobody", "an account", "waiting", "locked", "closing")


async def made(town: Town, state: str, address: Address) -> None:
    """What is there."""
    now = town.clock.now()
    if state == "nobody":
        return
    async with town.house.services.store.begin() as tx:
        new = await accounts.add(tx, realm="main", password=None, nickname="", locale="en", created_at=now, created_ip="")
        proved = None if state == "waiting" else now
        assert await accounts.add_identifier(tx, account_id=new, realm="main", address=address, proved_at=proved)
        if state == "locked":
            await accounts.lock(tx, account_id=new, at=now)
        if state == "closing":
            await accounts.close(tx, account_id=new, at=now, deletes_at=now + 7 * 86_400_000)


async def heard(reader: Reader, address: str, path: str, **typed: str) -> tuple[int, str, str]:
    """An answer, without what is drawn anew for each."""
    reply = await reader.browser.post(path, data={"account": address, **typed}, headers={"Sec-Fetch-Site": "same-origin"})
    headers = [f"{name}: {value}" for name, value in reply.headers.items() if name not in ("date", "x-request-id", "content-length")]
    drawn = r"\d{13,}|data:image[^\"]+|(?<=lingpai_visit=)[\w-]+|(?<=value=\")[\w-]{22}(?=\")"
    masked = [re.sub(drawn, "…", text.replace("<wbr>", "")) for text in ("\n".join(headers), reply.text)]
    bare = [text.replace(address, "…").replace(address.replace("@", "%40"), "…") for text in masked]
    return reply.status_code, *bare


async def test_whoever_asks_and_guesses_until_nothing_is_left_hears_the_same_whatever_is_there(town: Town) -> None:
    said: list[list[tuple[int, str, str]]] = [[] for _ in STATES]
    for number, state in enumerate(STATES):
        await made(town, state, rules.email(f"e{number}@example.com"))
    for number in range(5):
        for which, answers in enumerate(said):
            reader, address = Reader(town, ip=f"198.51.{which}.{number + 1}"), f"e{which}@example.com"
            answers += [await heard(reader, address, "/page/login/code") for _ in range(2)]
            answers += [await heard(reader, address, "/page/login/enter", code="000000") for _ in range(6)]
            answers.append(await heard(reader, address, "/page/login/enter", code="2345abcd"))
        town.clock.advance(minutes=2)
    for state, answers in zip(STATES, said, strict=True):
        assert answers == said[0], state
    assert {status for status, *_ in said[0]} == {303, 422}

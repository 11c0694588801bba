"""Nobody learns from an answer whether an address has an account (contract, rule 8; A45)."""

from urllib.parse import quote

import httpx
import pytest

from lingpai.core import rules
from lingpai.core.errors import WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import account_admin, login
from lingpai.store import accounts
from lingpai.web.dialects.maillink import MaillinkSettings
from web.people import ADA, GOOD, member
from web.speakers import Answer, Maillink
from web.town import Town

FREE = "nobody@example.com"


def face(answer: Answer) -> tuple[int, bytes, list[str]]:
    """All of an answer but what differs by chance."""
    masked = [name for name in answer.reply.headers if name not in ("x-request-id", "content-length")]
    return answer.reply.status_code, answer.reply.content, masked


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/register", {"password": GOOD}),
        ("/login", {"password": "not the password"}),
        ("/send_activate_email", {}),
        ("/reset_password/send_mail", {}),
        ("/reset_password/reset", {"vcode": "x" * 43, "password": GOOD, "rp_password": GOOD}),
    ],
)
async def test_known_and_unknown_addresses_get_the_same_answer(town: Town, path: str, fields: dict[str, str]) -> None:
    await member(town)
    waiting, locked = "waiting@example.com", "locked@example.com"
    await Maillink(town).register(waiting, GOOD)
    person = await member(town, locked)
    await lock(town, locked)
    town.clock.advance(hours=1)
    faces = [face(await person.another().say(path, email=email, **fields)) for email in (ADA, FREE, waiting, locked)]
    assert faces == [faces[0]] * 4
    faces = [face(await person.another().say(path, email=email, **fields)) for email in (ADA, FREE, waiting, locked)]
    assert faces == [faces[0]] * 4, "and at the second try, inside the interval"


async def test_the_owner_of_a_taken_address_is_told_at_most_once_an_hour(town: Town) -> None:
    await member(town)
    before = len(await town.mails(ADA))
    for minute in range(3):
        town.clock.advance(minutes=2)
        stranger = Maillink(town, town.browser(f"203.0.113.{minute}"))
        assert (await stranger.register(ADA, "the stranger's own password")).yes, minute
    notices = (await town.mails(ADA))[before:]
    assert len(notices) == 1
    assert "203.0.113.0" in notices[0]["text"]
    assert (await Maillink(town).log_in(ADA, GOOD)).yes


async def test_pages_say_the_same_too(town: Town) -> None:
    await member(town)
    town.clock.advance(hours=1)
    browser = town.browser()

    async def post(path: str, email: str) -> str:
        field = "account" if path.startswith("/page/login") else "email"
        answer: httpx.Response = await browser.post(path, data={field: email, "code": "000000"})
        said = answer.text.replace("<wbr>", "") + answer.headers.get("location", "")
        return said.replace(email, "…").replace(quote(email, safe=""), "…")

    for path in ("/page/forgot", "/page/activate/again", "/page/login/code", "/page/login/enter"):
        assert await post(path, ADA) == await post(path, "xyz@example.com")


@pytest.mark.parametrize("changes", [{"maillink": MaillinkSettings(reveal_accounts=True)}])
async def test_a_switch_tells_it_in_words(town: Town) -> None:
    ada = await member(town)
    taken = await ada.register(ADA, GOOD)
    unknown = await ada.forget(FREE)
    assert not taken.yes
    assert not unknown.yes
    assert taken.text != unknown.text


async def test_a_locked_account_is_a_wrong_password_everywhere(town: Town) -> None:
    ada = await member(town)
    await ada.log_in(ADA, GOOD)
    await ada.forget(ADA)
    link = await town.link(ADA, "/reset_password/verify")
    await lock(town, ADA)
    assert await ada.who() is None, "its sessions end"
    locked = await ada.log_in(ADA, GOOD)
    wrong = await ada.log_in(FREE, GOOD)
    assert locked.reply.content == wrong.reply.content
    refused = await ada.say("/reset_password/reset", **link, password="quite another one", rp_password="quite another one")
    assert not refused.yes
    before = len(await town.mails(ADA))
    town.clock.advance(minutes=5)
    assert (await ada.forget(ADA)).yes
    assert len(await town.mails(ADA)) == before


async def test_a_captcha_tells_of_no_two_addresses_that_they_are_one_accounts(town: Town) -> None:
    person = await member(town)
    account = await find(town, rules.email(ADA))
    name = rules.account_name("ada.x")
    async with town.house.services.store.begin() as tx:
        await accounts.add_identifier(tx, account_id=account.id, realm="main", address=name, proved_at=town.clock.now())
    assert [await demanded(town, name) for _ in range(2)] == [0, 1]
    assert await demanded(town, rules.email(ADA)) == 0, "its own row alone counts"
    assert (await person.log_in(ADA, GOOD)).yes


async def demanded(town: Town, who: Address) -> int:
    """Whether the next try needs a captcha, after one more that was wrong."""
    with pytest.raises(WrongPassword) as refused:
        await login.for_cookie(
            town.house.services, RequestContext("192.0.2.1", "192.0.2.1"), login.Try(who, "not the password", "after_failures")
        )
    return int(refused.value.details["captcha"])


async def find(town: Town, who: Address) -> Account:
    account = await accounts.find(town.house.services.store, "main", who.kind, who.key)
    assert account
    return account


async def lock(town: Town, email: str) -> None:
    """As `lingpai account lock` does."""
    assert await account_admin.lock(town.house.services, await find(town, rules.email(email)))

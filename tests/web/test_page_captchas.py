"""What a page's message costs: work that a browser does, or a picture that a person reads; and that nobody gets by without."""

import pytest

from flows.test_captcha import solved as solution
from lingpai.core.errors import BadCaptcha, TooSoon
from lingpai.core.model import Address, RequestContext
from lingpai.guard.captcha import CaptchaAnswer, Challenge
from lingpai.settings import CaptchaSettings, Pages
from lingpai.steps.paying import paid
from web.people import ADA, GOOD, member
from web.reading import Reader
from web.town import Town

EVE = "eve@example.com"
PHONE, E164 = "13800138000", "+8613800138000"
OTHER, OTHERS = "13900139000", "+8613900139000"
MESSAGES = [
    ("/page/login/code", {"account": EVE}, EVE),
    ("/page/login/code", {"account": PHONE}, E164),
    ("/page/register", {"email": EVE, "password": GOOD, "way": "link"}, EVE),
    ("/page/register/code", {"account": EVE, "way": "code"}, EVE),
    ("/page/register/code", {"account": PHONE}, E164),
    ("/page/forgot", {"account": ADA, "by": "code"}, ADA),
    ("/page/forgot", {"account": ADA, "by": "link"}, ADA),
    ("/page/activate/again", {"email": EVE}, EVE),
    ("/page/verify/again", {"email": EVE}, EVE),
]
"""Every form of somebody who is not logged in that has a message sent."""
NAMES = [f"{path.removeprefix('/page/')} {next(iter(typed))} {typed.get('by', '')}".strip() for path, typed, _ in MESSAGES]


@pytest.fixture
def database_kind() -> str:
    """What pages do does not depend on the database."""
    return "sqlite"


@pytest.fixture
async def eve(town: Town) -> Reader:
    """Somebody who looks at no picture; both Ada and an Eve who waits for her proof are there."""
    await member(town)
    town.clock.advance(minutes=5)
    reader = Reader(town)
    reader.browser.answers = False
    return reader


@pytest.fixture
def changes() -> dict[str, object]:
    return {"pages": Pages(register=("link", "code", "phone"))}


async def work(reader: Reader) -> dict[str, str]:
    """What a browser's script adds to a form, once it has worked."""
    reply = await reader.browser.get("/page/captcha", params={"kind": "work"})
    challenge = Challenge(reply.json()["parameters"]["data"]["id"], "work", reply.content, "application/json")
    return {"captcha_id": challenge.id, "captcha": solution(challenge), "captcha_kind": "work"}


async def messages(town: Town, to: str) -> int:
    return len(await town.mails(to))


@pytest.mark.parametrize(("path", "typed", "to"), MESSAGES, ids=NAMES)
async def test_no_page_sends_a_message_for_nothing(eve: Reader, path: str, typed: dict[str, str], to: str) -> None:
    if path.endswith("again"):
        await waits(eve)
    before = await messages(eve.town, to)
    for answer in ({}, {"captcha_id": "", "captcha": ""}, {"captcha_id": "work-x", "captcha": "x", "captcha_kind": "work"}):
        page = await eve.post(path, **typed, **answer)
        assert (page.status, page.errors) == (200, {}), "who saw no picture has missed nothing"
        assert page.form(path).fields["captcha_id"]
        assert page.form(path).fields.get("password") == typed.get("password"), "nor loses what was typed"
    assert await messages(eve.town, to) == before
    paid = await work(eve)
    await eve.post(path, **typed, **paid)
    assert await messages(eve.town, to) == before + 1
    eve.town.clock.advance(minutes=4)
    await eve.post(path, **typed, **paid)
    assert await messages(eve.town, to) == before + 1, "it is spent"


async def waits(reader: Reader) -> None:
    await reader.post("/page/register", email=EVE, password=GOOD, way="link", **await work(reader))
    reader.town.clock.advance(minutes=5)


async def test_work_of_another_browser_does_not_serve(eve: Reader) -> None:
    stolen = await work(Reader(eve.town))
    await eve.browser.get("/page/captcha", params={"kind": "work"})
    await eve.post("/page/login/code", account=EVE, **stolen)
    assert await messages(eve.town, EVE) == 0


async def test_the_second_text_message_of_a_client_in_a_day_takes_a_picture(eve: Reader) -> None:
    await eve.post("/page/login/code", account=PHONE, **await work(eve))
    assert await messages(eve.town, E164) == 1
    page = await eve.post("/page/login/code", account=OTHER, **await work(eve))
    assert "already sent from your connection" in page.text
    assert page.form("/page/login/code").fields["account"] == "139 0013 9000"
    assert await messages(eve.town, OTHERS) == 0
    await eve.send("/page/login/code", captcha=await eve.solve())
    assert await messages(eve.town, OTHERS) == 1
    assert "already sent" in (await eve.post("/page/login/code", account=PHONE, **await work(eve))).text
    neighbour = Reader(eve.town, ip="203.0.113.9")
    eve.town.clock.advance(minutes=5)
    await neighbour.post("/page/login/code", account=OTHER, **await work(neighbour))
    assert await messages(eve.town, OTHERS) == 2, "another client's first"
    eve.town.clock.advance(hours=24)
    await eve.post("/page/login/code", account=PHONE, **await work(eve))
    assert await messages(eve.town, E164) == 2, "another day"


async def test_a_text_message_that_was_not_sent_is_not_counted(town: Town) -> None:
    services, ctx = town.house.services, RequestContext(client="198.51.100.7", ip="198.51.100.7")
    to = Address("phone", PHONE, E164)

    async def asks(why: Exception | None) -> None:
        assert services.captchas.work
        challenge = await services.captchas.work.new("page")
        async with paid(services, ctx, CaptchaAnswer("page", challenge.id, solution(challenge)), to):
            if why:
                raise why

    with pytest.raises(TooSoon):
        await asks(TooSoon(1))
    await asks(None)
    with pytest.raises(BadCaptcha):
        await asks(None)


async def test_questions_send_nothing_and_cost_nothing(eve: Reader) -> None:
    page = await eve.post("/page/forgot", account=ADA, by="questions")
    assert page.form("/page/forgot/answers")


async def test_all_that_is_wrong_is_told_beside_the_picture_that_was_not_answered(eve: Reader) -> None:
    page = await eve.post(
        "/page/register", email="ada@", password="short", way="link", captcha_kind="picture", captcha_id="x" * 22, captcha=""
    )
    assert set(page.errors) == {"email", "password", "captcha"}
    assert page.form("/page/register").fields["captcha_id"], "and there is another"


# What a script asks before a login is sent


async def test_a_login_says_ahead_whether_it_takes_one_for_friend_and_stranger_alike(eve: Reader) -> None:
    for account in (ADA, "nobody@example.com", "nobody"):
        for failures in (0, 1, 2):
            said = await eve.browser.post("/page/login/asks", data={"account": account})
            assert said.json() == {"asked": failures == 2}
            await eve.post("/page/login", account=account, password="not the password")


async def test_a_flood_of_such_questions_is_refused(eve: Reader) -> None:
    statuses = [(await eve.browser.post("/page/login/asks", data={"account": ADA})).status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]


async def test_another_site_cannot_ask_for_a_browser_with_a_cookie(eve: Reader) -> None:
    await eve.browser.get("/page/captcha", params={"kind": "work"})
    reply = await eve.browser.post("/page/login/asks", data={"account": ADA}, headers={"Sec-Fetch-Site": "cross-site"})
    assert reply.status_code == 403


async def test_a_flood_of_failures_is_paid_for_from_the_third_on(eve: Reader) -> None:
    await eve.open("/login?way=password")
    for _ in range(2):
        await eve.post("/page/login", account=ADA, password="not the password")
    counted = await eve.post("/page/login", account=ADA, password=GOOD)
    assert counted.form("/page/login").fields["captcha_id"]
    assert "lingpai_session" not in eve.browser.cookies
    await eve.post("/page/login", account=ADA, password=GOOD, **await work(eve))
    assert "lingpai_session" in eve.browser.cookies


@pytest.mark.parametrize("changes", [{"captcha": CaptchaSettings(pow=False)}], ids=["pictures"])
async def test_where_pictures_alone_are_wanted_no_work_is_offered(eve: Reader) -> None:
    assert "data-work" not in (await eve.open("/login")).reply.text
    assert (await eve.browser.get("/page/captcha", params={"kind": "work"})).status_code == 400

"""Who has guessed too often is sent a code of eight letters and digits, and every code field takes it (contract, 6.7)."""

import re

import pytest

from lingpai.core import rules
from lingpai.settings import Pages
from lingpai.store import accounts
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from web.people import ADA, GOOD, member
from web.speakers import Hiyouth, Mailcode, Session, fitting
from web.town import PUBLIC_URL, Town

NEW = "quite another long one"
BOB = "bob@example.com"
PHONE = "13800138000"


async def guessed(town: Town, purpose: str, who: str) -> None:
    """Strangers' guesses of a day."""
    for _ in range(20):
        await town.house.services.limits.spend("code_guesses", f"main:{purpose}:{who}/")


async def word(town: Town, to: str, page: str) -> str:
    """The code in the newest message, which names the page that takes it for certain."""
    message = (await town.mails(to))[-1]
    assert f"{PUBLIC_URL}{page}" in message["text"]
    found = re.search(r"(?<![0-9a-z])[2-9a-hjkmnp-z]{8}(?![0-9a-z:/])", message["text"])
    assert found, message["text"]
    return found[0]


async def number_of(town: Town, email: str = ADA) -> str:
    address = rules.email(email)
    account = await accounts.find(town.house.services.store, "main", address.kind, address.key)
    assert account
    return str(account.id)


@pytest.mark.parametrize("dialect", ["hiyouth", "session", "pages"])
async def test_a_reset_takes_it_in_any_case(town: Town, dialect: str) -> None:
    await member(town)
    town.clock.advance(minutes=2)
    await guessed(town, "reset", await number_of(town))
    if dialect == "hiyouth":
        person = Hiyouth(town)
        assert (await person.forget(ADA)).yes
        code = await word(town, ADA, "/forgot")
        assert (await person.say("findpwd", option="email", verid=code.upper(), newpwd=NEW)).yes
    elif dialect == "session":
        speaker = Session(town)
        assert (await speaker.forget(ADA)).yes
        code = await word(town, ADA, "/forgot")
        assert (await speaker.say("Forget_pass_EmailAccount", EmailAccount=ADA, code=code.upper())).yes
        assert (await speaker.say("Forget_pass_reset", **{"pass": fitting(NEW)})).yes
    else:
        browser = town.browser()
        await browser.post("/page/forgot", data={"account": ADA, "by": "code"}, headers={"Origin": town.url})
        form = {"account": ADA, "code": f" {await word(town, ADA, '/forgot')} "}
        await browser.post("/page/forgot/code", data=form, headers={"Origin": town.url})
        reply = await browser.post("/page/forgot/password", data={"account": ADA, "password": NEW}, headers={"Origin": town.url})
        assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("changes", [{"hiyouth": HiyouthSettings(code_length=4)}])
async def test_a_client_of_four_digits_is_sent_it_by_text_and_may_send_it_back(town: Town) -> None:
    phone = rules.phone(PHONE)
    await guessed(town, "register", f"phone:{phone.key}")
    person = Hiyouth(town)
    assert (await person.say("Register", type="member", option="mobile", account=PHONE, pwd=GOOD)).reply.json()["code"] == 1
    code = await word(town, phone.value, "/register")
    assert (await person.say("Register", type="member", option="mobile", account=PHONE, verid=code, pwd=GOOD)).yes


@pytest.mark.parametrize("changes", [{"pages": Pages(register=("code",))}])
@pytest.mark.parametrize("way", ["mailcode", "pages"])
async def test_registering_takes_it(town: Town, way: str) -> None:
    await guessed(town, "register", f"email:{ADA}")
    if way == "mailcode":
        person = Mailcode(town)
        await person.say("/account/mail-register", Email=ADA, Captcha=await person.captcha())
        code = await word(town, ADA, "/register")
        assert (await person.say("/account/register", Email=ADA, Password=GOOD, Verification=code)).yes
    else:
        browser = town.browser()
        await browser.post("/page/register/code", data={"account": ADA}, headers={"Origin": town.url})
        form = {"account": ADA, "code": await word(town, ADA, "/register")}
        await browser.post("/page/register/enter", data=form, headers={"Origin": town.url})
        reply = await browser.post("/page/register/finish", data={"account": ADA, "password": GOOD}, headers={"Origin": town.url})
        assert reply.headers["location"] == "/me"


async def test_binding_takes_it(town: Town) -> None:
    person = Session(town)
    await person.sign_up("ada.x", fitting(GOOD))
    device, _ = town.house.services.device_cookies.read(person.browser.cookies["lingpai_device"])
    for _ in range(20):
        await town.house.services.limits.spend("code_guesses", f"main:bind:email:{BOB}/{device}")
    assert (await person.say("SignUp_email_send", email=BOB)).yes
    assert (await person.say("SignUp_email", email=BOB, code=await word(town, BOB, "/me/security"))).yes

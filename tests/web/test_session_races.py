"""Fifty at once, on both databases: what is for one use is used once (contract, rule 6)."""

import asyncio

from web.seed003 import ADA, ADA_MAIL, ANSWERS, BOB, GOOD, OTHER, code, member
from web.speakers import Session
from web.town import Town

CROWD = 50


async def test_of_eight_with_one_login_token_one_gets_in(town: Town) -> None:
    await member(town)
    person = Session(town).another()
    token = await person.token()
    call = {"account": ADA, "pass": GOOD, **token}
    said = await asyncio.gather(*(person.say("login", **call) for _ in range(8)))
    assert sorted(str(code(answer)) for answer in said) == ["200", *["CODEERROR"] * 7]


async def test_of_fifty_with_one_leave_one_sets_the_password(town: Town) -> None:
    await member(town)
    town.clock.advance(minutes=2)
    person = Session(town).another()
    await person.forget(ADA)
    assert (await person.say("Forget_pass_EmailAccount", EmailAccount=ADA, code=await person.code(ADA_MAIL))).yes
    prelogin_token = person.browser.cookies["lingpai_visit"]
    crowd = [Session(town, town.browser(f"203.0.113.{number}")) for number in range(CROWD)]
    for each in crowd:
        each.browser.cookies.set("lingpai_visit", prelogin_token, domain="127.0.0.1")
    said = await asyncio.gather(
        *(each.say("Forget_pass_reset", **{"pass": f"{OTHER[:13]}{number:02}"}) for number, each in enumerate(crowd))
    )
    assert sorted(str(code(answer)) for answer in said) == ["200", *["FAILURE"] * (CROWD - 1)]


async def test_of_fifty_with_the_right_answers_one_earns_the_leave(town: Town) -> None:
    await member(town, questions=True)
    person = Session(town).another()
    await person.ask("Forget_pass_Question", EmailAccount=ADA)
    prelogin_token = person.browser.cookies["lingpai_visit"]
    crowd = [Session(town, town.browser(f"203.0.113.{number}")) for number in range(CROWD)]
    for each in crowd:
        each.browser.cookies.set("lingpai_visit", prelogin_token, domain="127.0.0.1")
    said = await asyncio.gather(*(each.say("Forget_pass_answer", **ANSWERS) for each in crowd))
    assert sorted(str(code(answer)) for answer in said) == ["200", *["FAILURE"] * (CROWD - 1)]


async def test_of_fifty_who_want_one_name_one_gets_it(town: Town) -> None:
    crowd = [Session(town, town.browser(f"203.0.113.{number}")) for number in range(CROWD)]
    spellings = [BOB, BOB.upper(), BOB.capitalize()]
    said = await asyncio.gather(*(each.sign_up(spellings[number % 3], GOOD) for number, each in enumerate(crowd)))
    assert sorted(str(code(answer)) for answer in said) == ["200", *["FAILURE"] * (CROWD - 1)]


async def test_of_fifty_with_one_code_one_binds_the_address(town: Town) -> None:
    ada = await member(town, mail=None)
    await ada.say("SignUp_email_send", email=ADA_MAIL)
    found = await ada.code(ADA_MAIL)
    session = ada.browser.cookies["lingpai_session"]
    crowd = [Session(town, town.browser(f"203.0.113.{number}")) for number in range(CROWD)]
    for each in crowd:
        each.browser.cookies.set("lingpai_session", session, domain="127.0.0.1")
    said = await asyncio.gather(*(each.say("SignUp_email", email=ADA_MAIL, code=found) for each in crowd))
    assert sorted(str(code(answer)) for answer in said) == ["200", *["CODEERROR"] * (CROWD - 1)]

"""Nothing of one realm opens anything in another: the same address lives in both, and shares nothing (contract, rule 13)."""

from dataclasses import replace

import pytest

from lingpai.core import rules
from lingpai.core.model import RequestContext
from lingpai.flows import invites, register
from lingpai.settings import Invites
from lingpai.store import accounts
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.dialects.hiyouth.verification import links
from web.speakers import Hiyouth, Mailcode, Maillink
from web.town import Town

ADA = "ada@example.com"
MEMBERS, BOSSES, NEW = "correct horse battery", "a staple of another kind", "something else altogether"
PHONE, E164 = "13800138000", "+8613800138000"


@pytest.fixture
def member(town: Town) -> Hiyouth:
    return Hiyouth(town)


@pytest.fixture
def boss(town: Town) -> Hiyouth:
    return Hiyouth(town, town.browser("203.0.113.9"), role="boss")


async def both(member: Hiyouth, boss: Hiyouth) -> tuple[int, int]:
    """The same address in both realms, with a password of its own in each; their numbers."""
    numbers = []
    for person, password in ((member, MEMBERS), (boss, BOSSES)):
        numbers.append((await person.register(ADA, password)).reply.json()["data"]["id"])
        assert (await person.prove(ADA)).json()["code"] == 1
    return numbers[0], numbers[1]


async def test_one_address_is_two_people(member: Hiyouth, boss: Hiyouth) -> None:
    one, two = await both(member, boss)
    assert one != two
    assert not (await member.log_in(ADA, BOSSES)).yes
    assert not (await boss.log_in(ADA, MEMBERS)).yes
    assert (await member.log_in(ADA, MEMBERS)).reply.json()["data"]["id"] == one
    assert (await boss.log_in(ADA, BOSSES)).reply.json()["data"]["id"] == two
    for person in (member, boss):
        assert (await person.another().register(ADA, NEW)).reply.json()["code"] == 0


async def test_one_phone_is_two_people(member: Hiyouth, boss: Hiyouth) -> None:
    numbers = []
    for person in (member, boss):
        way = {"type": person.role, "option": "mobile"}
        assert (await person.say("Register", **way, account=PHONE, pwd=MEMBERS)).yes
        done = await person.say("Register", **way, verid=await person.code(E164))
        numbers.append(done.reply.json()["data"]["id"])
    assert numbers[0] != numbers[1]
    assert (await member.who() or {})["type"] == "member"
    assert (await boss.who() or {})["type"] == "boss"


async def test_a_boss_is_nobody_at_the_doors_of_the_other_realm(member: Hiyouth, boss: Hiyouth) -> None:
    await both(member, boss)
    await boss.log_in(ADA, BOSSES)
    assert await boss.who()
    assert await Maillink(boss.town, boss.browser).who() is None
    assert not (await Maillink(boss.town, boss.browser).say("/userinfo/update", nickname="Eve")).yes
    reply = await boss.browser.get("/session/user_info")
    assert reply.json()["statu_code"] != 200
    assert not (await Mailcode(boss.town).log_in(ADA, BOSSES)).yes


async def test_one_cookie_holds_one_realm(member: Hiyouth, boss: Hiyouth) -> None:
    await both(member, boss)
    await member.log_in(ADA, MEMBERS)
    old = member.browser.cookies["lingpai_session"]
    assert (await Hiyouth(member.town, member.browser, role="boss").log_in(ADA, BOSSES)).yes
    assert (await member.who() or {})["type"] == "boss"
    thief = member.another()
    thief.browser.cookies.set("lingpai_session", old)
    assert await thief.who() is None, "the login as a member is over"


async def test_a_session_changes_the_password_of_its_own_realm_alone(member: Hiyouth, boss: Hiyouth) -> None:
    await both(member, boss)
    await boss.log_in(ADA, BOSSES)
    await member.log_in(ADA, MEMBERS)
    assert not (await boss.say("updpwd", oldpwd=MEMBERS, newpwd=NEW)).yes
    assert (await boss.say("updpwd", oldpwd=BOSSES, newpwd=NEW)).yes
    assert await member.who()
    assert (await member.another().log_in(ADA, MEMBERS)).yes


async def test_a_texted_code_and_its_draft_open_nothing_in_the_other_realm(member: Hiyouth) -> None:
    boss = Hiyouth(member.town, member.browser, role="boss")
    assert (await boss.say("Register", type="boss", option="mobile", account=PHONE, pwd=BOSSES)).yes
    code = await boss.code(E164)
    assert not (await member.say("Register", type="member", option="mobile", verid=code)).yes
    assert not (await member.say("Register", type="member", option="mobile", verid=code, account=PHONE)).yes, "nor is its password taken"
    assert not (await member.say("Register", type="member", option="mobile", verid=code, account=PHONE, pwd=MEMBERS)).yes
    another = member.another()
    assert (await another.say("Register", type="member", option="mobile", account=PHONE)).yes
    code = await another.code(E164)
    assert not (await member.say("Register", type="member", option="mobile", verid=code, account=PHONE)).yes, "the boss's own password"
    assert (await another.say("Register", type="member", option="mobile", verid=code, pwd=MEMBERS)).yes


async def test_a_reset_code_opens_nothing_in_the_other_realm(member: Hiyouth, boss: Hiyouth) -> None:
    await both(member, boss)
    await boss.forget(ADA)
    code = await boss.code(ADA)
    told = {"option": "email", "verid": code, "newpwd": NEW, "account": ADA}
    assert not (await member.say("findpwd", type="member", **told)).yes
    assert not (await Maillink(member.town).say("/reset_password/reset", email=ADA, vcode=code, password=NEW, rp_password=NEW)).yes
    assert (await boss.say("findpwd", option="email", verid=code, newpwd=NEW)).yes
    assert (await member.log_in(ADA, MEMBERS)).yes
    assert (await boss.log_in(ADA, NEW)).yes


async def test_a_mailed_link_proves_its_own_realms_account_alone(member: Hiyouth, boss: Hiyouth) -> None:
    await member.register(ADA, MEMBERS)
    link = await member.town.link(ADA, "/api/EmailVer")
    await boss.register(ADA, BOSSES)
    services = member.town.house.services
    ticket = services.sealed_links.open(link["emailname"])
    assert ticket
    assert ticket.realm == "main"
    forged = services.sealed_links.seal("boss", ticket.email, ticket.token)
    assert (await boss.browser.get("/api/EmailVer", params={"option": "ver", "emailname": forged})).json()["code"] == -1
    assert (await boss.browser.get("/api/EmailVer", params={**link, "type": "boss"})).json()["code"] == -1
    assert (await boss.browser.get("/api/EmailVer", params=link)).json()["info"] == "义工邮箱验证成功"
    assert "warning" in (await boss.log_in(ADA, BOSSES)).reply.json()["data"]


async def test_a_link_of_a_realm_that_hiyouth_does_not_serve_proves_nothing_here(member: Hiyouth) -> None:
    services = member.town.house.services
    theirs, somebody = replace(links(services, HiyouthSettings()), realm="third"), RequestContext("192.0.2.1", "192.0.2.1")
    await register.by_link(services, somebody.within("third", theirs), register.Application(rules.email(ADA), MEMBERS))
    refused = await member.prove(ADA)
    assert (refused.status_code, refused.json()["code"]) == (200, -1)
    account = await accounts.find(services.store, "third", "email", ADA)
    assert account
    assert account.email_proved_at is None


async def test_a_reset_link_opens_nothing_in_the_other_realm(member: Hiyouth, boss: Hiyouth) -> None:
    await both(member, boss)
    mate = Maillink(member.town)
    await mate.forget(ADA)
    assert (await mate.reset(ADA, NEW)).yes
    assert (await boss.log_in(ADA, BOSSES)).yes
    assert (await member.log_in(ADA, NEW)).yes


async def test_intervals_are_each_realms_own(member: Hiyouth, boss: Hiyouth) -> None:
    assert (await member.register(ADA, MEMBERS)).yes
    assert (await boss.register(ADA, BOSSES)).yes
    assert not (await boss.another().register(ADA, BOSSES)).yes
    member.town.clock.advance(seconds=61)
    before = len(await member.town.mails(ADA))
    assert (await member.say("EmailVer", option="resend", emailname=ADA)).yes
    assert len(await member.town.mails(ADA)) == before + 2, "it waits in both"


@pytest.mark.parametrize("changes", [{"invites": Invites(policy="required")}])
async def test_an_invite_is_good_in_its_own_realm_alone(member: Hiyouth, boss: Hiyouth) -> None:
    services = member.town.house.services
    code = await invites.issue(services, "boss", 1, None)
    form = {"option": "email", "account": ADA, "pwd": MEMBERS}
    assert not (await member.say("Register", type="member", **form)).yes
    assert not (await member.say("Register", type="member", **form, invite=code)).yes
    assert (await boss.say("Register", type="boss", **form, invite=code)).yes

"""A reset logs in the browser that had asked for it, and no other (contract, 10.13), without HTTP: the story, each refusal, and races."""

from contextlib import nullcontext
from typing import Literal

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, NEW, OLD, PHONE, born, known, lock, mailed_code, mailed_token, opens, race, told, trail
from lingpai.core.errors import BadCode, BadGrant, BadLink, MessagesSpent, StoreDown, WeakPassword
from lingpai.core.model import Address, RequestContext
from lingpai.flows import Services, recover, sessions
from lingpai.flows.recover import ResetOutcome
from lingpai.guard.one_time.codes import bound_to
from lingpai.guard.one_time.grants import Grants
from web.town import Town

By = Literal["code", "link"]
BOTH = pytest.mark.parametrize("by", ["code", "link"])
ELSEWHERE = replace(HERE, client="203.0.113.8", ip="203.0.113.8")
INTERVAL = 60


async def ask(services: Services, by: By, who: Address = ADA, ctx: RequestContext = HERE) -> RequestContext:
    """The browser that has asked."""
    begun = await (
        recover.begin_entry_by_link(services, ctx, who, INTERVAL) if by == "link" else recover.begin_entry_by_code(services, ctx, who)
    )
    return replace(ctx, prelogin_token=begun.token)


async def sent(services: Services, by: By) -> str:
    return await (mailed_token if by == "link" else mailed_code)(services)


async def enter(services: Services, by: By, ctx: RequestContext, proof: str, password: str = NEW, who: Address = ADA) -> ResetOutcome:
    if by == "link":
        return await recover.enter_by_link(services, ctx, who, proof, password)
    token = await recover.earn_entry(services, ctx, who, proof)
    return await recover.enter_by_grant(services, replace(ctx, prelogin_token=token), who, password)


@BOTH
async def test_the_browser_that_asked_is_logged_in_as_the_owner_and_keeps_its_token(services: Services, by: By) -> None:
    account = await born(services, ADA)
    asked = await ask(services, by, ctx=replace(HERE, prelogin_token="the browser's own"))
    assert asked.prelogin_token == "the browser's own"
    done = await enter(services, by, asked, await sent(services, by))
    assert done.opened
    login = await sessions.current(services, replace(asked, session=done.opened.token))
    assert (login.account.id, login.session.amr) == (account.id, "otp")
    assert [event for event, _ in await trail(services, account)][:3] == ["login", "reset", "reset.ask"]


@BOTH
async def test_another_browser_resets_and_is_not_logged_in(services: Services, by: By) -> None:
    await born(services, ADA)
    await ask(services, by)
    proof = await sent(services, by)
    assert (await enter(services, by, replace(ELSEWHERE, prelogin_token="another"), proof)).opened is None
    assert await opens(services, ADA, NEW)


async def test_by_a_phone_or_a_name_the_browser_that_asked_is_logged_in_too(town: Town) -> None:
    services = town.house.services
    for who, to, amr in ((PHONE, (PHONE,), "sms"), (NAME, (NAME, ADA), "otp")):
        await born(services, *to)
        asked = await ask(services, "code", who)
        done = await enter(services, "code", asked, await mailed_code(services), who=who)
        assert done.opened
        assert (await sessions.current(services, replace(asked, session=done.opened.token))).session.amr == amr


@BOTH
async def test_who_asked_for_another_account_or_in_another_realm_is_not_logged_in(town: Town, by: By) -> None:
    services = town.house.services
    for other, realm in ((BOB, "main"), (ADA, "boss")):
        await born(services, other, realm=realm)
    await born(services, ADA)
    for asked in (await ask(services, by, BOB), (await ask(services, by, ctx=HERE.within("boss"))).within("main")):
        await ask(services, by, ctx=ELSEWHERE)
        done = await enter(services, by, asked, await sent(services, by))
        assert done.opened is None
        town.clock.advance(minutes=2)


@BOTH
async def test_too_soon_is_no_refusal_and_what_was_sent_is_good_in_this_browser_too(services: Services, by: By) -> None:
    await born(services, ADA)
    await ask(services, by)
    begin = recover.begin_entry_by_code(services, ELSEWHERE, ADA)
    if by == "link":
        begin.close()
        begin = recover.begin_entry_by_link(services, ELSEWHERE, ADA, INTERVAL)
    begun = await begin
    assert begun.wait == INTERVAL
    assert len(await told(services)) == 1
    asked = replace(ELSEWHERE, prelogin_token=begun.token)
    assert (await enter(services, by, asked, await sent(services, by))).opened


@BOTH
async def test_nothing_tells_who_has_an_account(town: Town, by: By) -> None:
    services = town.house.services
    await born(services, ADA)
    for who in (ADA, EVE):
        for _ in range(2):
            assert (await ask(services, by, who)).prelogin_token
            town.clock.advance(minutes=1)
        with pytest.raises(MessagesSpent):
            await ask(services, by, who)


@BOTH
async def test_a_wrong_proof_and_a_weak_password_change_nothing_and_the_browser_may_try_again(services: Services, by: By) -> None:
    await born(services, ADA)
    asked = await ask(services, by)
    proof = await sent(services, by)
    with pytest.raises(BadLink if by == "link" else BadCode):
        await enter(services, by, asked, "000000" if proof != "000000" else "111111")
    if by == "code":
        asked = replace(asked, prelogin_token=await recover.earn_entry(services, asked, ADA, proof))
    for password, refusal in (("password1", WeakPassword), (NEW, None)):
        with pytest.raises(refusal) if refusal else nullcontext():
            done = await (
                recover.enter_by_link(services, asked, ADA, proof, password)
                if by == "link"
                else recover.enter_by_grant(services, asked, ADA, password)
            )
        assert await opens(services, ADA, OLD) is bool(refusal)
    assert done.opened


@BOTH
async def test_that_a_browser_has_asked_is_over_after_three_hours_and_after_one_reset(town: Town, by: By) -> None:
    services = town.house.services
    await born(services, ADA)
    late = await ask(services, by)
    town.clock.advance(hours=3)
    once = await ask(services, by, ctx=ELSEWHERE)
    assert (await enter(services, by, late, await sent(services, by))).opened is None
    town.clock.advance(minutes=2)
    await recover.ask_code(services, HERE, ADA)
    assert (await enter(services, "code", once, await mailed_code(services))).opened
    town.clock.advance(hours=1)
    await recover.ask_code(services, HERE, ADA)
    assert (await enter(services, "code", once, await mailed_code(services))).opened is None


async def test_a_code_of_under_six_characters_resets_and_logs_nobody_in(services: Services) -> None:
    account = await born(services, ADA)
    asked = await ask(services, "code")
    code = await services.one_time.new_code("reset", "main", ADA.key, bound_to(account), length=4)
    assert (await enter(services, "code", asked, code)).opened is None
    assert await opens(services, ADA, NEW)


@BOTH
async def test_a_lock_or_a_lost_store_after_the_reset_is_a_reset_without_a_login(
    services: Services, monkeypatch: pytest.MonkeyPatch, by: By
) -> None:
    account = await born(services, ADA)
    asked = await ask(services, by)
    cleared = services.lockout.cleared

    async def lost(*_: object) -> object:
        raise StoreDown

    with monkeypatch.context() as patch:
        patch.setattr(Grants, "take", lost)
        assert (await enter(services, by, asked, await sent(services, by))).opened is None

    async def locked(realm: str, account_id: int) -> None:
        await cleared(realm, account_id)
        await lock(services, account)

    monkeypatch.setattr(services.lockout, "cleared", locked)
    code = await services.one_time.new_code("reset", "main", ADA.key, bound_to(await known(services, account)))
    assert (await enter(services, "code", asked, code, OLD)).opened is None
    assert (await known(services, account)).locked_at


@BOTH
async def test_of_sixty_four_that_reset_at_once_in_the_browser_that_asked_one_is_logged_in(services: Services, by: By) -> None:
    account = await born(services, ADA)
    asked = await ask(services, by)
    proof, opened = await sent(services, by), []

    async def one(ctx: RequestContext) -> None:
        done = await enter(services, by, ctx, proof, f"{NEW} of {ctx.client}")
        opened.append(done.opened)

    ends = await race(one, asked)
    assert ends["won"] == 1
    assert ends["bad-link" if by == "link" else "bad-code"] == 63
    assert all(opened)
    assert [event for event, _ in await trail(services, account)].count("login") == 1


async def test_what_a_code_has_earned_is_for_the_account_that_the_page_shows(services: Services) -> None:
    """Another tab of the browser has proved somebody else's since."""
    await born(services, ADA)
    await born(services, BOB)
    asked = await ask(services, "code", BOB)
    browser = replace(asked, prelogin_token=await recover.earn_entry(services, asked, BOB, await mailed_code(services)))
    for who in (ADA, EVE):
        with pytest.raises(BadGrant):
            await recover.enter_by_grant(services, browser, who, NEW)
        with pytest.raises(BadGrant):
            await recover.peek_grant(services, browser, who)
    assert await opens(services, ADA, OLD)
    await recover.peek_grant(services, browser, BOB)
    assert (await recover.enter_by_grant(services, browser, BOB, NEW)).opened


async def test_what_another_way_has_earned_logs_nobody_in(services: Services) -> None:
    """A dialect's code, and a "not me": neither was asked for at the pages by this browser."""
    account = await born(services, ADA)
    asked = await ask(services, "code")
    earned = await recover.earn(services, asked, ADA, await mailed_code(services))
    assert (await recover.enter_by_grant(services, replace(asked, prelogin_token=earned), ADA, NEW)).opened is None
    given = await services.reset_grants.give(await known(services, account), ADA)
    assert (await recover.enter_by_grant(services, replace(asked, prelogin_token=given), ADA, OLD)).opened is None

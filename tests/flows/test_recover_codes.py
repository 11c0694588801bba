"""Getting back in by a code, without HTTP: of digits, of letters, as a grant, and in two steps of a client that names the account once."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, NEW, OLD, born, crowd, entered, known, lock, mailed_code, opens, race, told
from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, BadInput, Limited, Overloaded, WeakPassword
from lingpai.core.model import Address, RequestContext
from lingpai.flows import Services, questions, recover
from lingpai.flows.recover import AskedRecovery, SecondStep
from lingpai.guard.captcha import CaptchaAnswer
from web.town import Town

FORMER = Address("email", "ada@mail.test", "ada@mail.test")
"""An address that the rules took once: `.test` is refused today (contract, rule 4)."""
AGAIN = SecondStep("email", "main", ADA)


async def word(services: Services, who: Address = ADA) -> str:
    """The code of letters that was mailed."""
    key = await services.captchas.answers.remember("here", "FHJK")
    await recover.ask_recovery_code(services, HERE, who, CaptchaAnswer("here", key, "FHJK"))
    return await mailed_code(services)


async def granted(services: Services, who: Address = ADA) -> RequestContext:
    """A browser that has earned a new password by a code."""
    await recover.ask_code(services, HERE, who)
    return replace(HERE, prelogin_token=await recover.earn(services, HERE, who, await mailed_code(services)))


# Of digits


async def test_a_stored_address_that_a_stricter_rule_would_no_longer_take_still_resets_its_password(services: Services) -> None:
    with pytest.raises(BadInput):
        rules.email(FORMER.value)
    await born(services, NAME, FORMER)
    await recover.ask_code(services, HERE, NAME)
    assert await told(services) == [("reset_code", FORMER.value)]
    await recover.by_code(services, HERE, NAME, await mailed_code(services), NEW)
    assert await opens(services, NAME, NEW)


async def test_a_code_is_spent_by_the_reset_and_not_by_a_password_that_is_refused(services: Services) -> None:
    await born(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    sent = await mailed_code(services)
    with pytest.raises(WeakPassword):
        await recover.by_code(services, HERE, ADA, sent, "password1")
    await recover.by_code(services, HERE, ADA, sent, NEW)
    with pytest.raises(BadCode):
        await recover.by_code(services, HERE, ADA, sent, OLD)
    assert await opens(services, ADA, NEW)


async def test_a_code_is_dead_after_ten_minutes_and_after_five_wrong_tries(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    town.clock.advance(minutes=10)
    with pytest.raises(BadCode):
        await recover.by_code(services, HERE, ADA, await mailed_code(services), NEW)
    await recover.ask_code(services, HERE, ADA)
    right = await mailed_code(services)
    for typed in (*[f"{(int(right) + 1) % 1_000_000:06}"] * 5, right):
        with pytest.raises(BadCode):
            await recover.by_code(services, HERE, ADA, typed, NEW)
    assert await opens(services, ADA, OLD)


async def test_the_eleventh_code_of_a_minute_is_too_many_for_one_client(services: Services) -> None:
    for _ in range(10):
        with pytest.raises(BadCode):
            await recover.by_code(services, HERE, ADA, "000000", NEW)
    with pytest.raises(Limited) as no:
        await recover.by_code(services, HERE, ADA, "000000", NEW)
    assert no.value.limit == "check_client"


async def test_a_full_queue_spends_and_counts_nothing(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    right = await mailed_code(services)
    async with crowd(town):
        for _ in range(11):
            with pytest.raises(Overloaded):
                await recover.by_code(services, HERE, ADA, right, NEW)
    await recover.by_code(services, HERE, ADA, right, NEW)


async def test_of_sixty_four_that_use_one_code_at_once_one_sets_its_password(services: Services) -> None:
    await born(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    right = await mailed_code(services)
    used = await race(lambda ctx: recover.by_code(services, ctx, ADA, right, f"{NEW} of {ctx.client}"))
    assert used == {"won": 1, "bad-code": 63}
    assert await told(services) == [("reset_code", ADA.value), ("password_changed", ADA.value)]


# Of letters


async def test_a_code_of_letters_is_known_without_its_address_and_looking_spends_nothing(services: Services) -> None:
    await born(services, ADA)
    sent = await word(services)
    assert len(sent) == 8
    for _ in range(12):
        await recover.peek_recovery_code(services, HERE, sent)
    await recover.by_code(services, HERE, ADA, sent, NEW)
    assert await opens(services, ADA, NEW)
    with pytest.raises(BadCode):
        await recover.peek_recovery_code(services, HERE, sent)


async def test_a_code_of_letters_is_its_own_addresss_and_its_realms(services: Services) -> None:
    await born(services, BOB)
    await born(services, ADA)
    sent = await word(services)
    with pytest.raises(BadCode):
        await recover.by_code(services, HERE, BOB, sent, NEW)
    with pytest.raises(BadCode):
        await recover.peek_recovery_code(services, HERE.within("boss"), sent)
    await recover.by_code(services, HERE, ADA, sent, NEW)


async def test_a_newer_code_takes_the_place_of_one_of_letters(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    first = await word(services)
    town.clock.advance(minutes=1)
    second = await word(services)
    with pytest.raises(BadCode):
        await recover.peek_recovery_code(services, HERE, first)
    await recover.peek_recovery_code(services, HERE, second)


async def test_ten_wrong_codes_of_letters_a_minute_are_looked_at_for_one_client(services: Services) -> None:
    await born(services, ADA)
    sent = await word(services)
    for _ in range(10):
        with pytest.raises(BadCode):
            await recover.peek_recovery_code(services, HERE, "abcdefgh")
    with pytest.raises(Limited) as no:
        await recover.peek_recovery_code(services, HERE, sent)
    assert no.value.limit == "check_client"
    looked = await race(lambda ctx: recover.peek_recovery_code(services, replace(ctx, client="one client"), "abcdefgh"))
    assert looked == {"bad-code": 10, "limited": 54}


async def test_of_sixty_four_that_use_one_code_of_letters_at_once_one_sets_its_password(services: Services) -> None:
    await born(services, ADA)
    sent = await word(services)
    used = await race(lambda ctx: recover.by_code(services, ctx, ADA, sent, f"{NEW} of {ctx.client}"))
    assert used == {"won": 1, "bad-code": 63}


# As a grant


async def test_a_code_earns_the_browser_one_new_password_under_a_new_token(services: Services) -> None:
    account = await born(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    sent = await mailed_code(services)
    planted = replace(HERE, prelogin_token="somebody else knows this one")
    token = await recover.earn(services, planted, ADA, sent)
    assert token != planted.prelogin_token
    with pytest.raises(BadCode):
        await recover.earn(services, planted, ADA, sent)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, planted, NEW)
    await recover.by_reset_grant(services, replace(HERE, prelogin_token=token), NEW)
    assert await opens(services, ADA, NEW)
    assert (await told(services))[-1] == ("password_changed", ADA.value)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, replace(HERE, prelogin_token=token), OLD)
    assert (await known(services, account)).password_changed_at == services.clock.now()


async def test_a_weak_password_is_told_before_a_missing_grant_and_spends_none(services: Services) -> None:
    await born(services, ADA)
    browser = await granted(services)
    for each in (HERE, browser):
        with pytest.raises(WeakPassword):
            await recover.by_reset_grant(services, each, "password1")
    with pytest.raises(WeakPassword):
        await recover.by_reset_grant(services, browser, ADA.value)
    await recover.by_reset_grant(services, browser, NEW)


async def test_a_stricter_score_refuses_what_would_do_elsewhere(services: Services) -> None:
    await born(services, ADA)
    browser, weak = await granted(services), "tigerlily9"
    with pytest.raises(WeakPassword) as no:
        await recover.by_reset_grant(services, browser, weak, min_score=4)
    assert no.value.reason == "guessable"
    await recover.by_reset_grant(services, browser, weak, min_score=1)
    assert await opens(services, ADA, weak)


async def test_a_grant_is_good_for_ten_minutes_in_its_realm_and_for_an_account_that_is_not_locked(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    browser = await granted(services)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, browser.within("boss"), NEW)
    town.clock.advance(hours=1)
    browser = await granted(services)
    town.clock.advance(minutes=10)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, browser, NEW)
    browser = await granted(services)
    await lock(services, account)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, browser, NEW)
    assert (await known(services, account)).password == account.password


async def test_another_reset_ends_a_grant(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    older = await granted(services)
    town.clock.advance(minutes=1)
    await recover.by_reset_grant(services, await granted(services), NEW)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, older, OLD)
    assert await opens(services, ADA, NEW)


async def test_new_questions_end_the_grant_that_the_old_answers_have_earned_but_not_a_codes(town: Town) -> None:
    services = town.house.services
    ctx, mine = await entered(services, await born(services, ADA))
    await questions.put(services, ctx, mine, ("a?", "b?", "c?"), ("a", "b", "c"), mode="on")
    _, token = await questions.ask(services, HERE, ADA, mode="on", remember=True)
    earned = await questions.answer(services, replace(HERE, prelogin_token=token), ("a", "b", "c"), mode="on")
    by_code = await granted(services)
    town.clock.advance(minutes=1)
    await questions.put(services, ctx, mine, ("d?", "e?", "f?"), ("d", "e", "f"), mode="on")
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, replace(HERE, prelogin_token=earned), NEW)
    await recover.by_reset_grant(services, by_code, NEW)


async def test_a_grant_by_a_mailed_code_proves_an_address_that_waited_for_it(services: Services) -> None:
    account = await born(services, ADA, proved=False)
    await recover.by_reset_grant(services, await granted(services), NEW)
    assert (await known(services, account)).email_proved_at == services.clock.now()


async def test_a_full_queue_and_too_many_tries_of_one_client_spend_no_grant(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    browser = await granted(services)
    async with crowd(town):
        with pytest.raises(Overloaded):
            await recover.by_reset_grant(services, browser, NEW)
    # The code that earned the grant was used rightly, and cost nothing (contract, 7.12).
    for _ in range(10):
        with pytest.raises(BadGrant):
            await recover.by_reset_grant(services, HERE, NEW)
    with pytest.raises(Limited):
        await recover.by_reset_grant(services, browser, NEW)
    with pytest.raises(Limited):
        await recover.earn(services, HERE, ADA, "000000")
    town.clock.advance(minutes=1)
    await recover.by_reset_grant(services, browser, NEW)


async def test_of_sixty_four_that_earn_a_grant_by_one_code_at_once_one_does_and_of_as_many_that_use_it_one_does(services: Services) -> None:
    await born(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    sent, tokens = await mailed_code(services), []

    async def earn(ctx: RequestContext) -> None:
        tokens.append(await recover.earn(services, ctx, ADA, sent))

    assert await race(earn) == {"won": 1, "bad-code": 63}
    browser = replace(HERE, prelogin_token=tokens[0])
    used = await race(lambda ctx: recover.by_reset_grant(services, ctx, f"{NEW} of {ctx.client}"), browser)
    assert used == {"won": 1, "bad-grant": 63}


# In two steps


async def finish(services: Services, ctx: RequestContext, code: str, second: SecondStep = AGAIN) -> None:
    await recover.finish_by_code(services, ctx, second, code, NEW, ctx.within)


async def test_whom_a_browser_asked_for_is_remembered_for_ten_minutes_and_for_that_way_of_asking(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    step = await recover.begin_by_code(services, HERE, ADA)
    assert step.need == "code"
    browser = replace(HERE, prelogin_token=step.state)
    assert await recover.asked_before(services, browser, "email") == AskedRecovery("main", ADA)
    assert [await recover.asked_before(services, ctx, way) for ctx, way in ((browser, "phone"), (HERE, "email"))] == [None, None]
    town.clock.advance(minutes=10)
    assert await recover.asked_before(services, browser, "email") is None


async def test_a_browser_keeps_its_token_and_only_the_last_one_it_asked_for_counts(services: Services) -> None:
    """A second token would disturb what it has begun in another dialect."""
    browser = replace(HERE, prelogin_token="the browser's own")
    for who in (ADA, BOB):
        step = await recover.begin_by_code(services, browser, who)
        assert step.state == browser.prelogin_token
    asked = await recover.asked_before(services, browser, "email")
    assert asked
    assert asked.who == BOB


async def test_a_second_step_says_whose_it_is_or_leaves_it_to_what_its_browser_has_asked(services: Services) -> None:
    await born(services, ADA)
    step = await recover.begin_by_code(services, HERE, ADA)
    browser, sent = replace(HERE, prelogin_token=step.state), await mailed_code(services)
    for second, field in ((SecondStep("email"), "type"), (SecondStep("email", "main"), "account"), (SecondStep("email", "", ADA), "type")):
        with pytest.raises(BadInput) as no:
            await finish(services, HERE, sent, second)
        assert no.value.field == field
    await finish(services, browser, sent, SecondStep("email"))
    assert await opens(services, ADA, NEW)


async def test_what_is_begun_without_a_message_counts_as_asked_for_all_the_same(services: Services) -> None:
    """The interval and an address's counts say nothing here: any number of these would be kept for nothing."""
    for _ in range(20):
        await recover.begin_by_code(services, HERE, ADA)
    with pytest.raises(Limited) as no:
        await recover.begin_by_code(services, HERE, ADA)
    assert no.value.limit == "message_client"


async def test_what_a_browser_began_is_spent_with_the_reset(services: Services) -> None:
    await born(services, ADA)
    step = await recover.begin_by_code(services, HERE, ADA)
    browser = replace(HERE, prelogin_token=step.state)
    assert await recover.asked_before(services, browser, "email")
    await finish(services, browser, await mailed_code(services))
    assert await recover.asked_before(services, browser, "email") is None


async def test_a_first_step_that_sends_nothing_says_the_same(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    for _ in range(2):
        assert (await recover.begin_by_code(services, HERE, ADA)).need == "code"
        assert (await recover.begin_by_code(services, HERE, ADA)).need == "code"
        town.clock.advance(minutes=1)
    assert (await recover.begin_by_code(services, HERE, ADA)).need == "code"
    assert len(await told(services)) == 2, "two an hour from one client, and one a minute"


async def test_a_client_that_asks_for_too_much_is_told(services: Services) -> None:
    for number in range(20):
        await recover.begin_by_code(services, HERE, rules.email(f"ada+{number}@example.com"))
    with pytest.raises(Limited) as no:
        await recover.begin_by_code(services, HERE, EVE)
    assert no.value.limit == "message_client"


async def test_a_code_that_has_lost_its_leading_zeros_is_taken(services: Services) -> None:
    account = await born(services, ADA)
    sent = "1"
    while not sent.startswith("0"):
        sent = await services.one_time.new_code("reset", "main", ADA.key, str(account.id))
    await finish(services, HERE, sent.lstrip("0"))
    assert await opens(services, ADA, NEW)


async def test_a_wrong_code_does_not_finish(services: Services) -> None:
    await born(services, ADA)
    with pytest.raises(BadCode):
        await finish(services, HERE, "1")
    assert await opens(services, ADA, OLD)

"""Security questions, without HTTP: who is asked what, what answers earn, and how few tries there are."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, NEW, OLD, born, crowd, entered, known, lock, mailed_code, opens, race, told, trail
from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, Limited, NotOffered, Overloaded, Refusal, StaleLogin, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.flows import Services, questions, recover
from lingpai.flows.questions import Mode
from lingpai.guard.one_time.decoy_questions import ThreeTexts
from lingpai.guard.sessions.device_cookie import mark
from lingpai.store import accounts, audit
from lingpai.store import questions as kept
from logins import login_of
from web.town import Town

TEXTS: ThreeTexts = ("Which street?", "Whose dog?", "What for?")
RIGHT: ThreeTexts = ("elm street", "bob's", "nothing")
WRONG: ThreeTexts = ("elm street", "bob's", "something")
MODES: tuple[Mode, ...] = ("on", "with_code", "off")


async def asked_of(services: Services, *found_by: Address) -> Account:
    """An account that has set its questions."""
    account = await born(services, *found_by)
    ctx, mine = await entered(services, account)
    await questions.put(services, ctx, mine, TEXTS, RIGHT, mode="on")
    return account


async def ask(services: Services, who: Address, mode: Mode = "on", ctx: RequestContext = HERE) -> RequestContext:
    """The browser that was asked, and may answer."""
    _, token = await questions.ask(services, ctx, who, mode=mode, remember=True)
    return replace(ctx, prelogin_token=token)


async def answer(
    services: Services, browser: RequestContext, answers: ThreeTexts = RIGHT, mode: Mode = "on", code: str = ""
) -> RequestContext:  # fmt: skip
    """The browser with the grant that it has earned."""
    return replace(browser, prelogin_token=await questions.answer(services, browser, answers, mode=mode, code=code))


async def refused(services: Services, browser: RequestContext, answers: ThreeTexts = RIGHT, mode: Mode = "on", code: str = "") -> str:
    with pytest.raises(Refusal) as no:
        await questions.answer(services, browser, answers, mode=mode, code=code)
    return no.value.code


# Setting and removing them


async def test_questions_are_set_by_a_fresh_login_and_the_owner_is_told(services: Services) -> None:
    account = await born(services, ADA)
    assert not await questions.has_questions(services, account)
    await questions.put(services, *await entered(services, account), TEXTS, RIGHT, mode="on")
    assert await questions.has_questions(services, account)
    assert await told(services) == [("questions_changed", ADA.value)]
    assert (await trail(services, account))[0] == ("questions", "ok")


async def test_no_answer_is_kept_but_a_hash_of_all_three(services: Services) -> None:
    account = await asked_of(services, ADA)
    found = await kept.of(services.store, account_id=account.id)
    assert found
    assert found.texts == TEXTS
    assert found.answers.startswith("$argon2id$")


async def test_a_login_of_ten_minutes_ago_changes_them_only_with_the_password(town: Town) -> None:
    services = town.house.services
    account = await asked_of(services, ADA)
    before = await kept.of(services.store, account_id=account.id)
    ctx, mine = await entered(services, account)
    town.clock.advance(minutes=10)
    for password, why in (("", StaleLogin), (NEW, WrongPassword)):
        with pytest.raises(why):
            await questions.put(services, ctx, mine, TEXTS, RIGHT, mode="on", password=password)
    assert await kept.of(services.store, account_id=account.id) == before
    await questions.put(services, ctx, mine, TEXTS, RIGHT, mode="on", password=OLD)
    assert await kept.of(services.store, account_id=account.id) != before


async def test_they_are_not_offered_where_they_are_off(services: Services) -> None:
    account = await born(services, ADA)
    with pytest.raises(NotOffered):
        await questions.put(services, *await entered(services, account), TEXTS, RIGHT, mode="off")
    assert not await questions.has_questions(services, account)


async def test_new_questions_take_the_place_of_the_old_ones(services: Services) -> None:
    account = await asked_of(services, ADA)
    other: ThreeTexts = ("How?", "When?", "Why?")
    await questions.put(services, *await entered(services, account), other, ("so", "then", "because"), mode="on")
    texts, _ = await questions.ask(services, HERE, ADA, mode="on", remember=False)
    assert texts == other
    browser = await ask(services, ADA)
    assert await refused(services, browser) == "wrong-answers"
    await answer(services, browser, ("so", "then", "because"))


async def test_removed_questions_are_asked_no_more_and_removing_none_tells_nobody(services: Services) -> None:
    account = await asked_of(services, ADA)
    ctx, _ = await entered(services, account)
    for _ in range(2):
        await questions.remove(services, ctx, login_of(services, account, ctx))
    assert not await questions.has_questions(services, account)
    assert await told(services) == [("questions_changed", ADA.value)] * 2, "of setting them, and of removing them"
    assert [event for event, _ in await trail(services, account)].count("questions.remove") == 1
    assert await refused(services, await ask(services, ADA)) == "wrong-answers"


async def test_what_was_judged_before_a_reset_neither_sets_nor_removes_them(services: Services) -> None:
    account = await asked_of(services, ADA)
    ctx, mine = await entered(services, account)
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password="another", at=services.clock.now())
    with pytest.raises(StaleLogin):
        await questions.put(services, ctx, mine, ("a", "b", "c"), ("a", "b", "c"), mode="on")
    with pytest.raises(StaleLogin):
        await questions.remove(services, ctx, login_of(services, account, ctx))
    assert (await questions.ask(services, HERE, ADA, mode="on", remember=False))[0] == TEXTS


async def test_the_sixth_change_of_an_hour_is_too_many(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA)
    ctx, mine = await entered(services, account)
    for _ in range(5):
        await questions.put(services, ctx, mine, TEXTS, RIGHT, mode="on")
    with pytest.raises(Limited) as no:
        await questions.put(services, ctx, mine, TEXTS, WRONG, mode="on")
    with pytest.raises(Limited):
        await questions.remove(services, ctx, login_of(services, account, ctx))
    assert no.value.limit == "change_account"
    await answer(services, await ask(services, ADA))


async def test_a_full_queue_neither_sets_nor_judges(town: Town) -> None:
    services = town.house.services
    account = await asked_of(services, ADA)
    browser = await ask(services, ADA)
    ctx, mine = await entered(services, account)
    async with crowd(town):
        for _ in range(6):
            with pytest.raises(Overloaded):
                await questions.put(services, ctx, mine, TEXTS, WRONG, mode="on")
            assert await refused(services, browser) == "overloaded"
    await answer(services, browser)


# Being asked


async def test_an_owner_is_asked_their_own_by_name_and_by_proved_mail(services: Services) -> None:
    await asked_of(services, NAME, ADA)
    for who in (NAME, ADA):
        assert await questions.ask(services, HERE, who, mode="on", remember=False) == (TEXTS, "")


async def test_strangers_are_asked_three_different_ones_that_stay_the_same_for_them(services: Services) -> None:
    await born(services, BOB)
    spelled = (rules.account_name("Eve.x"), rules.account_name("eve.X"))
    asked = {who: [(await questions.ask(services, HERE, who, mode="on", remember=False))[0] for _ in range(2)] for who in (BOB, EVE)}
    first, second = [(await questions.ask(services, HERE, who, mode="on", remember=False))[0] for who in spelled]
    assert all(one == two and len(set(one)) == 3 for one, two in asked.values())
    assert asked[BOB] != asked[EVE]
    assert first == second


async def test_where_they_are_off_and_where_an_address_is_not_proved_the_owners_own_are_shown_to_nobody(services: Services) -> None:
    await asked_of(services, ADA)
    unproved = await born(services, BOB, proved=False)
    async with services.store.begin() as tx:
        await kept.put(tx, account_id=unproved.id, texts=TEXTS, answers="phc", at=1)
    ada, _ = await questions.ask(services, HERE, ADA, mode="off", remember=False)
    bob, _ = await questions.ask(services, HERE, BOB, mode="on", remember=False)
    assert (ada, bob) == tuple(services.decoy_questions.of("main", who) for who in (ADA, BOB))


async def test_the_eleventh_question_of_a_minute_is_too_many_for_one_client(services: Services) -> None:
    for _ in range(10):
        await ask(services, ADA)
    with pytest.raises(Limited) as no:
        await ask(services, ADA)
    assert no.value.limit == "check_client"


# Answering


async def test_three_right_answers_earn_one_new_password_and_end_what_was_asked(services: Services) -> None:
    account = await asked_of(services, ADA)
    browser = await ask(services, ADA)
    earned = await answer(services, browser)
    assert await told(services) == [("questions_changed", ADA.value), ("questions_tried", ADA.value)]
    assert (await trail(services, account))[0] == ("questions.answer", "ok")
    assert earned.prelogin_token != browser.prelogin_token, "an old token may have been planted"
    assert await refused(services, browser) == "bad-grant"
    await recover.by_reset_grant(services, earned, NEW)
    assert await opens(services, ADA, NEW)
    with pytest.raises(BadGrant):
        await recover.by_reset_grant(services, earned, OLD)


async def test_a_browser_that_was_asked_nothing_or_too_long_ago_or_in_another_realm_answers_nothing(town: Town) -> None:
    services = town.house.services
    account = await asked_of(services, ADA)
    browser = await ask(services, ADA)
    for other in (HERE, replace(HERE, prelogin_token="not one of ours"), browser.within("boss")):
        assert await refused(services, other) == "bad-grant"
    town.clock.advance(seconds=questions.LIFE)
    assert await refused(services, browser) == "bad-grant"
    assert ("questions.answer", "wrong") not in await trail(services, account)


@pytest.mark.parametrize("answers", [WRONG, ("", "", ""), ("elm streetbob's", "", "nothing"), (RIGHT[1], RIGHT[0], RIGHT[2])])
async def test_a_wrong_answer_is_refused_and_told_to_the_owner_and_the_next_may_be_right(services: Services, answers: ThreeTexts) -> None:
    account = await asked_of(services, ADA)
    browser = await ask(services, ADA)
    assert await refused(services, browser, answers) == "wrong-answers"
    assert (await told(services))[-1] == ("questions_tried", ADA.value)
    assert (await trail(services, account))[0] == ("questions.answer", "wrong")
    await answer(services, browser)


async def test_decoys_have_no_answers_and_their_letter_goes_to_nobody(services: Services) -> None:
    await born(services, BOB)
    for who in (BOB, EVE):
        browser = await ask(services, who)
        assert await refused(services, browser, services.decoy_questions.of("main", who)) == "wrong-answers"
    assert await told(services) == [("questions_tried", "")] * 2


async def test_a_locked_accounts_right_answers_are_wrong(services: Services) -> None:
    account = await asked_of(services, ADA)
    browser = await ask(services, ADA)
    await lock(services, account)
    assert await refused(services, browser) == "wrong-answers"


async def test_after_five_tries_a_day_right_answers_are_wrong_too_and_the_owner_hears_of_each(town: Town) -> None:
    services = town.house.services
    await asked_of(services, ADA)
    browser = await ask(services, ADA)
    for _ in range(5):
        assert await refused(services, browser, WRONG) == "wrong-answers"
    assert await refused(services, browser) == "wrong-answers"
    assert [to for template, to in await told(services) if template == "questions_tried"] == [ADA.value] * 6
    town.clock.advance(days=1)
    await answer(services, await ask(services, ADA))


async def test_the_accounts_known_browsers_share_five_tries_of_their_own(town: Town) -> None:
    """Strangers use up nothing of the owner's (contract, S26); and the other way round."""
    services = town.house.services
    account = await asked_of(services, ADA)
    stranger = await ask(services, ADA)
    for _ in range(6):
        assert await refused(services, stranger, WRONG) == "wrong-answers"
    known_to = frozenset((mark(account),))
    contexts = [replace(HERE, client=name, device=name, known_to=known_to) for name in ("desk", "shelf")]
    first, second = [await ask(services, ADA, ctx=ctx) for ctx in contexts]
    for browser in (first, second, first, second):
        assert await refused(services, browser, WRONG) == "wrong-answers"
    await answer(services, first)
    assert await refused(services, second) == "wrong-answers", "it was the sixth"


async def test_the_trail_has_no_refused_answer_as_a_right_one(services: Services) -> None:
    account = await asked_of(services, ADA)
    off = await ask(services, ADA)
    assert await refused(services, off, mode="off") == "not-offered"
    assert (await trail(services, account))[0] == ("questions.answer", "wrong")
    browser = await ask(services, ADA)
    await answer(services, browser)
    assert (await trail(services, account))[0] == ("questions.answer", "ok")
    assert await refused(services, browser) == "bad-grant"
    noted = [result for event, result in await trail(services, account) if event == "questions.answer"]
    assert noted.count("ok") == 1


async def test_the_twenty_first_try_of_a_day_is_too_many_for_one_client_whomever_it_is_about(services: Services) -> None:
    await asked_of(services, ADA)
    ada, eve = await ask(services, ADA), await ask(services, EVE)
    for _ in range(20):
        assert await refused(services, eve) == "wrong-answers"
    with pytest.raises(Limited) as no:
        await questions.answer(services, ada, RIGHT, mode="on")
    assert no.value.limit == "questions_client"


# Together with a mailed code


async def test_with_code_right_answers_need_the_mailed_one_and_spend_it(services: Services) -> None:
    await asked_of(services, NAME, ADA)
    await recover.ask_code(services, HERE, NAME)
    right = await mailed_code(services)
    browser = await ask(services, NAME, "with_code")
    assert await refused(services, browser, mode="with_code") == "bad-code"
    assert await refused(services, browser, WRONG, "with_code", right) == "wrong-answers"
    await answer(services, browser, RIGHT, "with_code", right)
    with pytest.raises(BadCode):
        await recover.earn(services, HERE, NAME, right)


async def test_off_refuses_right_answers_that_were_asked_for_before(services: Services) -> None:
    await asked_of(services, ADA)
    browser = await ask(services, ADA)
    with pytest.raises(NotOffered):
        await questions.answer(services, browser, RIGHT, mode="off")
    assert [to for template, to in await told(services) if template == "questions_tried"] == [""]


@pytest.mark.parametrize("mode", MODES)
async def test_a_stranger_is_refused_as_a_wrong_answer_is_in_every_mode(services: Services, mode: Mode) -> None:
    await asked_of(services, ADA)
    said = [await refused(services, await ask(services, who, mode), WRONG, mode, "000000") for who in (ADA, EVE)]
    assert said == [{"on": "wrong-answers", "with_code": "bad-code", "off": "not-offered"}[mode]] * 2


# Races


async def test_of_sixty_four_that_answer_what_one_browser_was_asked_at_once_one_earns_a_password(services: Services) -> None:
    account = await asked_of(services, ADA)
    answered = await race(lambda ctx: answer(services, ctx), await ask(services, ADA))
    assert answered["won"] == 1
    assert answered["bad-grant"] + answered["wrong-answers"] == 63
    noted = await audit.of(services.store, account_id=account.id, limit=100)
    assert [each.result for each in noted if each.event == "questions.answer"].count("ok") == 1


async def test_of_sixty_four_browsers_that_guess_at_once_five_are_listened_to(services: Services) -> None:
    account = await asked_of(services, ADA)
    browsers = {f"client {each}": await ask(services, ADA, ctx=replace(HERE, client=f"client {each}")) for each in range(64)}
    answered = await race(lambda ctx: answer(services, browsers[ctx.client]))
    assert answered == {"won": 5, "wrong-answers": 59}
    assert (await known(services, account)).password == account.password


async def test_a_code_is_spent_by_one_of_sixty_four_browsers_with_the_right_answers(services: Services) -> None:
    await asked_of(services, ADA)
    await recover.ask_code(services, HERE, ADA)
    right = await mailed_code(services)
    browsers = {f"client {each}": await ask(services, ADA, ctx=replace(HERE, client=f"client {each}")) for each in range(64)}
    answered = await race(lambda ctx: answer(services, browsers[ctx.client], RIGHT, "with_code", right))
    assert answered["won"] == 1

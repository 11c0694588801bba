"""In by a code, without HTTP: whom it lets in, what it says to whom, what it leaves to a further step, and who was first."""

import pytest
from msgspec.structs import replace

from flows.births import ADA, BOB, EVE, HERE, NAME, OLD, PHONE, born, known, lock, mailed_code, race, told, trail, written
from lingpai.core.errors import BadCode, BadGrant, Limited, Refusal, TooSoon, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services, code_login, login, reauthenticate, recover, sessions
from lingpai.guard.one_time.codes import is_word
from lingpai.guard.sessions.device_cookie import mark
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.settings import Limits, Rate
from lingpai.store import accounts, audit, sleeping
from web.town import PUBLIC_URL, Town

STAYED = 180


async def asked(services: Services, address: Address, ctx: RequestContext = HERE) -> str:
    """The code that was sent there."""
    await code_login.ask(services, ctx, address)
    return await mailed_code(services)


async def entered(services: Services, address: Address, ctx: RequestContext = HERE, *, remember: bool = False) -> IssuedSession | Step:
    return await code_login.enter(services, ctx, address, await asked(services, address, ctx), remember=remember)


async def steps_on(services: Services, address: Address, ctx: RequestContext = HERE) -> tuple[Step, RequestContext]:
    """The further step, and the browser that goes on to it."""
    step = await entered(services, address, ctx)
    assert isinstance(step, Step)
    return step, replace(ctx, prelogin_token=step.state)


def known_browser(account: Account) -> RequestContext:
    return replace(HERE, device="desk", known_to=frozenset((mark(account),)))


def at(number: int) -> RequestContext:
    return replace(HERE, client=f"client {number}")


# In


@pytest.mark.parametrize(("address", "amr"), [(ADA, "otp"), (PHONE, "sms")], ids=["mail", "phone"])
async def test_a_code_logs_in_whoever_reads_it_at_the_accounts_own_address(services: Services, address: Address, amr: str) -> None:
    account = await born(services, ADA, PHONE)
    opened = await entered(services, address)
    assert isinstance(opened, IssuedSession)
    there = await sessions.current(services, replace(HERE, session=opened.token))
    assert (there.account.id, there.session.amr, opened.lifetime) == (account.id, amr, 24 * 3_600)
    assert (await told(services))[0] == ("login_code", address.value)
    assert await trail(services, account) == [("login", "ok"), ("login.ask", "ok")]


async def test_who_ticks_the_box_stays_logged_in(services: Services) -> None:
    await born(services, ADA)
    opened = await entered(services, ADA, remember=True)
    assert isinstance(opened, IssuedSession)
    assert opened.lifetime == 30 * 86_400


async def test_a_code_is_good_once_and_mail_goes_to_the_stored_spelling(services: Services) -> None:
    await born(services, ADA)
    shouted = replace(ADA, value="ADA@example.com")
    code = await asked(services, shouted)
    assert await told(services) == [("login_code", ADA.value)]
    assert isinstance(await code_login.enter(services, HERE, shouted, code), IssuedSession)
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, shouted, code)


async def test_a_row_of_failed_passwords_stops_no_code(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    for number in range(20):
        with pytest.raises(WrongPassword):
            await login.for_cookie(services, at(number), login.Try(ADA, "wrong"))
        town.clock.advance(seconds=10)
    with pytest.raises(WrongPassword):
        await login.for_cookie(services, at(30), login.Try(ADA, OLD))
    assert isinstance(await entered(services, ADA), IssuedSession)


async def test_a_code_that_lets_in_does_not_confirm_and_one_that_confirms_lets_nobody_in(town: Town) -> None:
    """Anybody may ask for a code at the login: it neither ends nor opens what its owner asked for inside."""
    services = town.house.services
    account = await born(services, ADA, password=None)
    issued = await services.session_issuer.cookie(account, HERE)
    inside = replace(HERE, session=issued.token)
    mine = await sessions.current(services, inside)
    await reauthenticate.ask_code(services, inside, mine)
    confirming = await mailed_code(services)
    entering = await asked(services, ADA, at(2))
    with pytest.raises(BadCode):
        await reauthenticate.by_code(services, inside, mine, entering)
    with pytest.raises(BadCode):
        await code_login.enter(services, at(2), ADA, confirming)
    await reauthenticate.by_code(services, inside, mine, confirming)


# Whom it does not let in


async def test_an_account_that_the_operator_has_locked_is_sent_nothing_and_no_guess_opens_it(services: Services) -> None:
    account = await born(services, ADA)
    await lock(services, account)
    await code_login.ask(services, HERE, ADA)
    (letter,) = await written(services)
    assert letter.to == ""
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, ADA, str(letter.values["code"]))
    assert await trail(services, account) == [("login", "bad-code"), ("login.ask", "nothing-sent")]


async def test_an_address_that_sleeps_is_sent_nothing_and_lets_nobody_in(services: Services) -> None:
    account = await born(services, ADA)
    async with services.store.begin() as tx:
        assert await accounts.add_identifier(tx, account_id=account.id, realm="main", address=PHONE, proved_at=1, added_at=2)
        assert await sleeping.put_to_sleep(tx, account_id=account.id, later_than=1, at=3) == 1
    await code_login.ask(services, HERE, PHONE)
    (letter,) = await written(services)
    assert letter.to == ""
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, PHONE, str(letter.values["code"]))


async def test_an_unproved_phone_names_no_account(services: Services) -> None:
    account = await born(services, NAME, PHONE, proved=False)
    step, _ = await steps_on(services, PHONE)
    assert step.need == "create_account"
    assert ("login", "ok") not in await trail(services, account)


@pytest.mark.parametrize("change", ["lock", "password", "address"])
async def test_what_has_changed_since_the_code_was_sent_makes_it_worth_nothing(services: Services, change: str) -> None:
    account = await born(services, ADA, PHONE)
    code = await asked(services, ADA)
    async with services.store.begin() as tx:
        if change == "lock":
            assert await accounts.lock(tx, account_id=account.id, at=1)
        elif change == "password":
            await accounts.set_password(tx, account_id=account.id, password="another", at=1)
        else:
            await accounts.outdate_proofs(tx, account_id=account.id)
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, ADA, code)


async def test_another_accounts_code_a_strangers_and_another_realms_open_nothing(services: Services) -> None:
    await born(services, ADA)
    await born(services, BOB)
    bobs, eves = await asked(services, BOB, at(1)), await asked(services, EVE, at(2))
    for code in (bobs, eves):
        with pytest.raises(BadCode):
            await code_login.enter(services, at(3), ADA, code)
    with pytest.raises(BadCode):
        await code_login.enter(services, at(3).within("boss"), BOB, bobs)


async def test_a_code_for_an_address_without_an_account_opens_none_that_came_since(services: Services) -> None:
    code = await asked(services, ADA)
    await born(services, ADA)
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, ADA, code)


async def test_a_reset_in_the_last_moment_is_the_last_word(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    account = await born(services, ADA)
    code = await asked(services, ADA)
    taken = services.one_time.__class__.take_code

    async def take(self: object, *args: str) -> object:
        entry = await taken(services.one_time, *args)  # type: ignore[arg-type]  # the purpose is a word as any other here
        async with services.store.begin() as tx:
            await accounts.set_password(tx, account_id=account.id, password="another", at=1)
        return entry

    monkeypatch.setattr(services.one_time.__class__, "take_code", take)
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, ADA, code)
    assert ("login", "ok") not in await trail(services, account)


# What is counted


async def test_a_second_code_within_a_minute_is_too_soon_and_the_first_lives_on(town: Town) -> None:
    services = town.house.services
    for address in (ADA, EVE):
        if address is ADA:
            await born(services, ADA)
        first = await asked(services, address)
        with pytest.raises(TooSoon):
            await code_login.ask(services, at(9), address)
        assert await code_login.enter(services, HERE, address, first)


async def test_five_wrong_codes_kill_it(services: Services) -> None:
    await born(services, ADA)
    right = await asked(services, ADA)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for number in range(5):
        with pytest.raises(BadCode):
            await code_login.enter(services, at(number), ADA, wrong)
    with pytest.raises(BadCode):
        await code_login.enter(services, HERE, ADA, right)


async def test_past_twenty_guesses_a_code_is_of_letters_and_names_the_login_page(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA, PHONE)
    for round_ in range(4):
        address = (ADA, PHONE)[round_ % 2]
        await code_login.ask(services, at(round_), address)
        for number in range(5):
            with pytest.raises(BadCode):
                await code_login.enter(services, at(number), address, "wrong!")
        town.clock.advance(minutes=16)
    digits = await asked(services, ADA, known_browser(account))
    assert not is_word(digits)
    assert isinstance(await code_login.enter(services, known_browser(account), ADA, digits), IssuedSession)
    await code_login.ask(services, at(8), PHONE)
    letter = (await written(services))[-1]
    assert is_word(str(letter.values["code"]))
    assert letter.values["page"] == f"{PUBLIC_URL}/login"
    assert await code_login.enter(services, at(8), PHONE, str(letter.values["code"]))


@pytest.mark.parametrize("changes", [{"limits": Limits(message_client=Rate(3, 3_600), check_client=Rate(3, 60))}])
async def test_a_campus_behind_one_address_logs_in_one_after_another(services: Services) -> None:
    for number in range(9):
        await born(services, replace(ADA, value=f"s{number}@example.com", key=f"s{number}@example.com"))
        assert isinstance(await entered(services, replace(ADA, value="", key=f"s{number}@example.com")), IssuedSession)
    for _ in range(3):
        with pytest.raises(BadCode):
            await code_login.enter(services, HERE, ADA, "000000")
    with pytest.raises(Limited):
        await code_login.enter(services, HERE, ADA, "000000")


# Who is told


async def test_a_login_in_an_unknown_browser_is_told_to_the_owners_other_addresses(services: Services) -> None:
    account = await born(services, ADA, PHONE)
    await entered(services, PHONE)
    notice = (await written(services))[-1]
    assert (notice.template, notice.to) == ("new_login", ADA.value)
    assert "not_me" in notice.values
    await entered(services, ADA)
    assert (await told(services))[-1] == ("new_login", PHONE.value)
    before = len(await told(services))
    await code_login.ask(services, known_browser(account), BOB)
    assert len(await told(services)) == before + 1


async def test_in_a_known_browser_and_where_there_is_no_other_address_nobody_is(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA, PHONE)
    await entered(services, PHONE, known_browser(account))
    await born(services, BOB)
    await entered(services, BOB)
    assert [template for template, _ in await told(services)] == ["login_code", "login_code"]


async def test_an_address_that_waits_for_its_proof_is_told_nothing(services: Services) -> None:
    account = await born(services, PHONE)
    async with services.store.begin() as tx:
        assert await accounts.add_identifier(tx, account_id=account.id, realm="main", address=EVE, proved_at=None)
    await entered(services, PHONE)
    assert await told(services) == [("login_code", PHONE.value)]


# Further steps


async def test_one_that_waits_for_its_deletion_can_be_taken_back(services: Services) -> None:
    account = await born(services, ADA)
    gone_at = services.clock.now() + 86_400_000
    async with services.store.begin() as tx:
        assert await accounts.close(tx, account_id=account.id, at=services.clock.now(), deletes_at=gone_at)
    step = await entered(services, ADA)
    assert isinstance(step, Step)
    assert (step.need, step.at) == ("cancel_deletion", gone_at)
    assert await trail(services, account) == [("login", "closing"), ("login.ask", "ok")]


async def test_a_strangers_proof_waits_under_a_new_token_for_ten_minutes(town: Town) -> None:
    services = town.house.services
    step, browser = await steps_on(services, EVE, replace(HERE, prelogin_token="planted"))
    assert step.need == "create_account"
    proof = await code_login.proved(services, browser)
    assert proof
    assert (proof.address, proof.account_id) == (EVE, 0)
    assert await code_login.proved(services, replace(HERE, prelogin_token="planted")) is None
    assert await code_login.proved(services, browser.within("boss")) is None
    town.clock.advance(minutes=10)
    assert await code_login.proved(services, browser) is None


# Numbers that change hands


async def test_a_phone_alone_opens_no_account_that_nobody_has_used_for_180_days(town: Town) -> None:
    services = town.house.services
    account = await born(services, NAME, PHONE)
    town.clock.advance(days=STAYED, seconds=-1)
    assert isinstance(await entered(services, PHONE), IssuedSession)
    town.clock.advance(days=STAYED, seconds=-1)
    assert isinstance(await entered(services, PHONE), IssuedSession), "a login counts as use"
    town.clock.advance(days=STAYED)
    step, browser = await steps_on(services, PHONE)
    assert step.need == "recognise"
    proof = await code_login.proved(services, browser)
    assert proof
    found, ways = await code_login.recognisable(services, proof)
    assert (found.id, ways) == (account.id, ("password",))
    assert (await trail(services, account))[0] == ("login", "recognise")


async def test_a_session_that_is_in_use_is_use_and_mail_never_changes_hands(town: Town) -> None:
    services = town.house.services
    account = await born(services, ADA, PHONE)
    town.clock.advance(days=STAYED - 1)
    opened = await services.session_issuer.cookie(account, HERE, remember=True)
    await audit.purge(services.store, before=services.clock.now() + 1, limit=100)
    town.clock.advance(days=29)
    await sessions.current(services, replace(HERE, session=opened.token))
    town.clock.advance(days=1, seconds=-5)
    assert isinstance(await entered(services, PHONE), IssuedSession)
    town.clock.advance(days=STAYED)
    assert isinstance(await entered(services, ADA), IssuedSession)


async def test_yes_opens_it_where_nothing_else_does(town: Town) -> None:
    services = town.house.services
    account = await born(services, PHONE, password=None)
    town.clock.advance(days=STAYED)
    _, browser = await steps_on(services, PHONE)
    opened = await code_login.recognise(services, browser, PHONE)
    assert opened.account.id == account.id
    with pytest.raises(BadGrant):
        await code_login.recognise(services, browser, PHONE)


@pytest.mark.parametrize("other", [ADA, None], ids=["a code to its mail", "a password"])
async def test_yes_alone_opens_nothing_where_there_is_another_way_in(town: Town, other: Address | None) -> None:
    services = town.house.services
    account = await born(services, PHONE, *((other,) if other else ()), password=None if other else OLD)
    town.clock.advance(days=STAYED)
    _, browser = await steps_on(services, PHONE)
    with pytest.raises(BadGrant):
        await code_login.recognise(services, browser, PHONE)
    assert ("login", "ok") not in await trail(services, account)
    if other:
        await entered(services, other)
        town.clock.advance(minutes=1)
        assert isinstance(await entered(services, PHONE, at(5)), IssuedSession), "whoever has been there by the other way is known again"


@pytest.mark.parametrize("change", ["lock", "reset"])
async def test_yes_is_too_late_once_the_account_has_changed(town: Town, change: str) -> None:
    services = town.house.services
    account = await born(services, PHONE, password=None)
    town.clock.advance(days=STAYED)
    _, browser = await steps_on(services, PHONE)
    if change == "lock":
        await lock(services, account)
    else:
        await recover.ask_code(services, at(4), PHONE)
        await recover.by_code(services, at(4), PHONE, await mailed_code(services), OLD)
    with pytest.raises(BadGrant):
        await code_login.recognise(services, browser, PHONE)
    assert await known(services, account)


# Races


async def test_of_sixty_four_that_use_one_code_at_once_one_is_let_in(services: Services) -> None:
    await born(services, ADA)
    code = await asked(services, ADA)
    assert await race(lambda each: code_login.enter(services, each, ADA, code)) == {"won": 1, "bad-code": 63}


async def test_of_sixty_four_that_ask_at_once_one_is_sent_a_code(services: Services) -> None:
    assert await race(lambda each: code_login.ask(services, each, EVE)) == {"won": 1, "too-soon": 63}
    assert await told(services) == [("login_code", EVE.value)]


async def test_of_sixty_four_that_say_yes_at_once_one_is_let_in(town: Town) -> None:
    services = town.house.services
    await born(services, PHONE, password=None)
    town.clock.advance(days=STAYED)
    _, browser = await steps_on(services, PHONE)
    assert await race(lambda each: code_login.recognise(services, each, PHONE), browser) == {"won": 1, "bad-grant": 63}


async def test_a_store_that_fails_at_the_last_gives_the_code_back(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    await born(services, ADA)
    code = await asked(services, ADA)
    with monkeypatch.context() as broken:

        async def refuse(*_: object, **__: object) -> None:
            raise Refusal

        broken.setattr(services.session_issuer.__class__, "cookie_within", refuse)
        with pytest.raises(Refusal):
            await code_login.enter(services, HERE, ADA, code)
    assert isinstance(await code_login.enter(services, HERE, ADA, code), IssuedSession)

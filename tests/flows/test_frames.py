"""The frames around stories, and the values between them: what they undo, put back, look at again, and never do."""

import ast
import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

import lingpai
from lingpai.core import rules
from lingpai.core.errors import BadCode, BadGrant, StaleLogin, StoreDown, StoreUnsure, TooSoon, WeakPassword, WrongPassword
from lingpai.core.model import Account, Address, RequestContext
from lingpai.core.steps import Step
from lingpai.flows import Services, account_deletion, login, reauthenticate, register, sessions
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.account_change import NothingChanged, changing
from lingpai.steps.authentication import Authenticated
from lingpai.steps.sending import sending
from lingpai.steps.spending import spending_code
from lingpai.store import accounts, audit
from web.town import Town

HERE = RequestContext("198.51.100.7", "198.51.100.7")
MAIL = rules.email("ada@example.com")
PASSWORD = "correct-horse-battery"


async def born(services: Services) -> tuple[Account, RequestContext, Authenticated]:
    """Registered by name and logged in: the account, a request of its owner, and the login as the check makes it."""
    issued = await register.by_name(services, HERE, register.Application(rules.account_name("ada.x"), PASSWORD))
    ctx = replace(HERE, session=issued.token)
    return issued.account, ctx, await sessions.current(services, ctx)


# Sending


async def test_a_message_that_could_not_be_written_down_counts_nothing(services: Services) -> None:
    with pytest.raises(ZeroDivisionError):
        async with sending(services, HERE, "reset", MAIL):
            raise ZeroDivisionError
    async with sending(services, HERE, "reset", MAIL):
        pass
    with pytest.raises(TooSoon):
        await services.messages.check(HERE, "reset", MAIL)


PLACE = ("reset", "main", MAIL.key)


async def failing(services: Services, why: BaseException, then: Callable[[], Awaitable[object]] | None = None) -> str:
    """A request for a code that fails once the code is made, and after `then`: the code that nobody was sent."""
    codes = []

    async def ask() -> None:
        async with sending(services, HERE, "reset", MAIL) as message:
            codes.append(await services.one_time.new_code(*PLACE, "7", replaced=message.replaced))
            if then:
                await then()
            raise why

    with pytest.raises(type(why)):
        await ask()
    return codes[0]


@pytest.mark.parametrize(("why", "stays"), [(StoreDown(), True), (asyncio.CancelledError(), True), (StoreUnsure(), False)])
async def test_the_earlier_code_lives_on_where_the_new_ones_message_could_not_be_written_down_but_not_where_nobody_knows(
    services: Services, why: BaseException, stays: bool
) -> None:
    older = await services.one_time.new_code(*PLACE, "7")
    assert await services.one_time.peek_code(*PLACE, "no") is None
    newer = await failing(services, why, lambda: services.one_time.peek_code(*PLACE, "no"))
    lives, dead = (older, newer) if stays else (newer, older)
    entry = await services.one_time.take_code(*PLACE, lives)
    assert entry
    assert entry.tries == 4, "each bears its own wrong tries"
    assert await services.one_time.take_code(*PLACE, dead) is None


async def test_a_code_that_was_killed_replaced_or_used_meanwhile_does_not_come_back(services: Services) -> None:
    older = await services.one_time.new_code(*PLACE, "7")
    await failing(services, StoreDown(), lambda: services.one_time.kill("main", [MAIL.key]))
    assert await services.one_time.peek_code(*PLACE, older) is None
    newest = []

    async def replaces() -> None:
        newest.append(await services.one_time.new_code(*PLACE, "7"))

    await failing(services, StoreDown(), replaces)
    assert await services.one_time.take_code(*PLACE, newest[0])
    await failing(services, StoreDown())
    assert await services.one_time.peek_code(*PLACE, newest[0]) is None


def test_whatever_makes_a_link_or_a_code_for_a_message_tells_its_frame_what_it_replaces() -> None:
    makers = {"new_link", "new_code", "new_recovery_code", "new_long_code"}
    made = [
        (path.name, node.lineno, {given.arg for given in node.keywords})
        for folder in ("flows", "steps")
        for path in (Path(lingpai.__file__).parent / folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in makers
    ]
    assert len(made) == 4
    assert [place for *place, given in made if "replaced" not in given] == []


async def test_of_sixty_four_that_send_at_once_one_does(services: Services) -> None:
    async def send() -> str:
        try:
            async with sending(services, HERE, "reset", MAIL):
                return "sent"
        except TooSoon:
            return "too soon"

    assert Counter(await asyncio.gather(*(send() for _ in range(64)))) == {"sent": 1, "too soon": 63}


# Spending


@pytest.mark.parametrize(
    ("why", "stays"),
    [(WeakPassword("common"), True), (StoreDown(), True), (asyncio.CancelledError(), True), (BadGrant(), False), (StoreUnsure(), False)],
)
async def test_a_refused_request_puts_its_code_back_but_not_after_a_commit_that_may_have_been(
    services: Services, why: BaseException, stays: bool
) -> None:
    code = await services.one_time.new_code("bind", "main", MAIL.key, "7")
    with pytest.raises(type(why)):
        async with spending_code(services, HERE, "bind", MAIL.key, code):
            raise why
    assert (await services.one_time.peek_code("bind", "main", MAIL.key, code) is not None) is stays


async def test_of_sixty_four_that_spend_a_code_at_once_one_does(services: Services) -> None:
    code = await services.one_time.new_code("bind", "main", MAIL.key, "7", tries=100)

    async def spend() -> str:
        try:
            async with spending_code(services, HERE, "bind", MAIL.key, code):
                return "spent"
        except BadCode:
            return "too late"

    assert Counter(await asyncio.gather(*(spend() for _ in range(64))))["spent"] == 1


# Changing an account


async def events(services: Services, account: Account) -> list[str]:
    return [event.event for event in await audit.of(services.store, account_id=account.id, limit=20)]


async def test_a_change_looks_again_notes_and_ends_the_other_logins(services: Services) -> None:
    account, ctx, mine = await born(services)
    other = await services.session_issuer.cookie(account, HERE)
    async with changing(services, ctx, account, "deed", login=mine, refusal=StaleLogin, ends="others") as change:
        await accounts.rename(change.tx, account_id=account.id, nickname="Ada")
    assert await events(services, account) == ["deed", *(["login"] * 2), "register"]
    assert (await sessions.current(services, ctx)).account.nickname == "Ada"
    with pytest.raises(Exception, match="not-logged-in"):
        await sessions.current(services, replace(HERE, session=other.token))


async def test_a_change_that_finds_nothing_to_do_writes_and_notes_nothing(services: Services) -> None:
    account, ctx, mine = await born(services)
    async with changing(services, ctx, account, "deed", login=mine, refusal=StaleLogin) as change:
        await accounts.rename(change.tx, account_id=account.id, nickname="Ada")
        raise NothingChanged
    assert "deed" not in await events(services, account)
    assert (await sessions.current(services, ctx)).account.nickname == ""


async def test_what_was_judged_by_a_login_that_ended_or_an_older_password_changes_nothing(services: Services) -> None:
    account, ctx, mine = await born(services)
    async with services.store.begin() as tx:
        await accounts.set_password(tx, account_id=account.id, password="another", at=services.clock.now())
    with pytest.raises(StaleLogin):
        async with changing(services, ctx, account, "deed", login=mine, refusal=StaleLogin):
            raise AssertionError("it was let in")
    fresh = await accounts.by_id(services.store, account.id)
    assert fresh
    await sessions.end(services, ctx)
    with pytest.raises(StaleLogin):
        async with changing(services, ctx, fresh, "deed", login=mine, refusal=StaleLogin):
            raise AssertionError("it was let in")


# Values that only the check makes


async def test_a_login_is_fresh_for_ten_minutes_and_after_a_proof(town: Town) -> None:
    services = town.house.services
    _, ctx, mine = await born(services)
    assert await reauthenticate.fresh(services, ctx, mine)
    town.clock.advance(minutes=10)
    assert await reauthenticate.fresh(services, ctx, mine) is None
    with pytest.raises(WrongPassword):
        await reauthenticate.by_password(services, ctx, mine, "not this one")
    await reauthenticate.by_password(services, ctx, mine, PASSWORD)
    assert await reauthenticate.fresh(services, ctx, mine)


# One more step


async def test_a_closing_accounts_owner_is_told_of_the_step_where_the_client_can_take_it_and_refused_elsewhere(services: Services) -> None:
    _, ctx, mine = await born(services)
    await account_deletion.close(services, ctx, await reauthenticate.require(services, ctx, mine), "https://id.example.com/keep?token=")
    name = Address("name", "ada.x", rules.account_name("ada.x").key)
    with pytest.raises(WrongPassword):
        await login.for_cookie(services, HERE, login.Try(name, PASSWORD))
    step = await login.for_cookie(services, HERE, login.Try(name, PASSWORD, steps=frozenset(("cancel_deletion",))))
    assert isinstance(step, Step)
    assert step.need == "cancel_deletion"
    await account_deletion.cancel_deletion(services, HERE, step.state)
    with pytest.raises(BadGrant):
        await account_deletion.cancel_deletion(services, HERE, step.state)
    assert isinstance(await login.for_cookie(services, HERE, login.Try(name, PASSWORD)), IssuedSession)

"""A login in a browser that the account does not know is told to its owner by mail; and the trail shows all of them."""

from typing import Any

import pytest
from msgspec.structs import replace

from flows.births import told, written
from flows.made import ADA, BOB, EVE, PASSWORD, born, here, logged_in
from lingpai.core import rules
from lingpai.core.errors import NotLoggedIn, WrongPassword
from lingpai.core.model import Account, RequestContext
from lingpai.flows import Services, authorize, login, not_me, sessions
from lingpai.flows.login import Try
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.settings.logins import Sessions
from lingpai.store import accounts
from web.town import Town

PHONE = rules.phone("13800138000")
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"


async def enter(services: Services, ctx: RequestContext, who: Any = ADA, password: str = PASSWORD) -> IssuedSession:
    issued = await login.for_cookie(services, ctx, Try(who, password))
    assert isinstance(issued, IssuedSession)
    return issued


def with_cookie(services: Services, ctx: RequestContext, issued: IssuedSession) -> RequestContext:
    """The same browser, the next time."""
    device, known_to = services.device_cookies.read(issued.device)
    return replace(ctx, device=device, known_to=known_to)


async def test_the_first_login_is_told_to_nobody_and_the_next_unknown_browser_is(services: Services) -> None:
    await born(services, ADA)
    first = await enter(services, here(7))
    assert await told(services) == []
    await enter(services, with_cookie(services, here(7), first))
    assert await told(services) == [], "the account knows this browser"
    await enter(services, replace(here(8), agent=CHROME))
    (notice,) = await written(services)
    assert (notice.template, notice.to, notice.values["ip"], notice.values["agent"]) == ("new_device", ADA.value, "198.51.100.8", CHROME)


async def test_its_not_me_puts_the_other_out(services: Services) -> None:
    account = await born(services, ADA)
    await enter(services, here(7))
    intruder = await enter(services, here(8))
    word = str((await written(services))[-1].values["not_me"]).partition("token=")[2]
    done = await not_me.disavow(services, here(7), word)
    assert done.token, "and a new password can be set at once"
    with pytest.raises(NotLoggedIn):
        await sessions.current(services, replace(here(8), session=intruder.token))
    assert (await accounts.by_id(services.store, account.id) or account).security_stamp > account.security_stamp


async def test_it_goes_to_an_address_that_is_proved_and_to_no_other(services: Services) -> None:
    name = rules.account_name("ada.x")
    bare = await born(services, name, PHONE)
    async with services.store.begin() as tx:
        await accounts.add_identifier(tx, account_id=bare.id, realm="main", address=EVE, proved_at=None)
    for place in (7, 8):
        await enter(services, here(place), name)
    assert await told(services) == []


async def test_one_client_is_told_of_once_a_day(town: Town) -> None:
    services = town.house.services
    await born(services, ADA)
    await enter(services, here(7))
    for place in (8, 8, 9):
        await enter(services, here(place))
    assert await told(services) == [("new_device", ADA.value)] * 2
    town.clock.advance(hours=25)
    await enter(services, here(8))
    assert len(await told(services)) == 3


async def test_an_account_that_is_older_than_the_trail_is_told_of_its_first_login_in_it(town: Town) -> None:
    await born(town.house.services, ADA)
    town.clock.advance(days=200)
    await enter(town.house.services, here(7))
    assert await told(town.house.services) == [("new_device", ADA.value)]


@pytest.mark.parametrize("changes", [{"sessions": Sessions(tell_new_devices=False)}])
async def test_the_operator_can_switch_it_off(services: Services) -> None:
    await born(services, ADA)
    for place in (7, 8):
        await enter(services, here(place))
    assert await told(services) == []


# The trail


async def history(services: Services, issued: IssuedSession, before: int = 0) -> tuple[list[tuple[str, str, str]], bool]:
    found = await sessions.current(services, replace(here(7), session=issued.token))
    events, further = await sessions.history(services, found, before=before)
    return [(event.result, event.detail.partition(" ")[0], event.ip) for event in events], further


async def test_the_history_has_ones_own_logins_done_and_refused_and_nobody_elses(services: Services) -> None:
    await born(services, ADA)
    await born(services, BOB)
    with pytest.raises(WrongPassword):
        await enter(services, here(9), password="wrong horse battery")
    await enter(services, here(8), BOB)
    issued = await enter(services, here(7))
    found, further = await history(services, issued)
    assert [(result, ip) for result, _, ip in found] == [("ok", "198.51.100.7"), ("wrong-password", "198.51.100.9")]
    assert (found[0][1], further) == ("pwd", False)


async def test_it_goes_back_a_page_at_a_time(services: Services) -> None:
    account: Account = await born(services, ADA)
    for _ in range(sessions.HISTORY + 1):
        issued = await services.session_issuer.cookie(account, here(8))
    seen = await sessions.current(services, replace(here(7), session=issued.token))
    events, further = await sessions.history(services, seen)
    assert (len(events), further) == (sessions.HISTORY, True)
    older, further = await sessions.history(services, seen, before=events[-1].id)
    assert (len(older), further) == (1, False)
    assert older[0].id < events[-1].id


async def test_after_not_me_the_same_client_is_told_of_anew(services: Services) -> None:
    """Whoever was put out knows the password still, until there is another one."""
    await born(services, ADA)
    await enter(services, here(7))
    intruder = await enter(services, here(8))
    word = str((await written(services))[-1].values["not_me"]).partition("token=")[2]
    await not_me.disavow(services, here(7), word)
    await enter(services, with_cookie(services, here(8), intruder))
    assert await told(services) == [("new_device", ADA.value)] * 2


async def test_a_browser_that_a_one_time_link_lets_in_is_told_too(services: Services) -> None:
    account = await born(services, ADA)
    person = await logged_in(services, account)
    token = await authorize.new(services, person.ctx, person.login, 3_600)
    assert await authorize.for_cookie(services, here(8), ("main",), token)
    assert (await told(services))[-1] == ("new_device", ADA.value)


async def test_of_its_changes_an_account_without_a_mail_address_is_told_by_three_texts_an_hour(town: Town) -> None:
    services = town.house.services
    account = await born(services, PHONE)
    reached = [await services.messages.reached(account) is not None for _ in range(5)]
    assert reached == [True, True, True, False, False]
    assert await services.messages.reached(account, kept=True), "of a new password always"
    town.clock.advance(hours=1)
    assert await services.messages.reached(account)

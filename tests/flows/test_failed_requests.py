"""A request for a link or a code that fails leaves all as it was: what was mailed before works, and the next one is answered."""

from collections.abc import Awaitable, Callable

import pytest

from flows.births import mailed_code, mailed_token
from flows.made import ADA, PASSWORD, born, here
from lingpai.core.errors import StoreDown, TooSoon
from lingpai.flows import Services, activate, recover, register
from lingpai.flows.register import Application
from lingpai.steps.letters import Letters
from web.town import Town

NEW = "a staple of another kind"


async def down(*_: object, **__: object) -> None:
    raise StoreDown


async def fails(monkeypatch: pytest.MonkeyPatch, letter: str, request: Callable[[], Awaitable[object]]) -> None:
    """The request, whose letter cannot be written down."""
    with monkeypatch.context() as patch:
        patch.setattr(Letters, letter, down)
        with pytest.raises(StoreDown):
            await request()


async def test_a_reset_link_outlives_a_request_that_failed(town: Town, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    await born(services, ADA)
    await recover.ask_link(services, here(), ADA)
    token = await mailed_token(services)
    town.clock.advance(minutes=10)
    await fails(monkeypatch, "reset", lambda: recover.ask_link(services, here(), ADA))
    await recover.by_link(services, here(), ADA, token, NEW)


async def test_a_reset_code_outlives_a_request_that_failed(town: Town, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    await born(services, ADA)
    await recover.ask_code(services, here(), ADA)
    code = await mailed_code(services)
    town.clock.advance(minutes=2)
    await fails(monkeypatch, "reset_code", lambda: recover.ask_code(services, here(), ADA))
    await recover.by_code(services, here(), ADA, code, NEW)


async def test_a_registrations_code_outlives_a_request_for_another_that_failed(
    town: Town, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register.ask_code(services, here(), ADA)
    code = await mailed_code(services)
    town.clock.advance(minutes=2)
    await fails(monkeypatch, "register_code", lambda: register.ask_code(services, here(), ADA))
    await register.by_code(services, here(), Application(ADA, PASSWORD), code)


async def test_an_activation_link_outlives_requests_for_another_that_failed(
    town: Town, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register.by_link(services, here(), Application(ADA, PASSWORD))
    token = await mailed_token(services)
    town.clock.advance(minutes=2)
    await fails(monkeypatch, "activate", lambda: activate.again(services, here(), ADA))
    await fails(monkeypatch, "activate", lambda: register.by_link(services, here(), Application(ADA, PASSWORD)))
    assert (await activate.open_link(services, here(), ADA, token)).fresh


@pytest.mark.parametrize("by", ["link", "code"])
async def test_an_owner_is_told_by_the_next_request_where_the_first_ones_notice_could_not_be_written_down(
    town: Town, services: Services, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    await born(services, ADA)

    async def ask() -> None:
        if by == "code":
            await register.ask_code(services, here(), ADA)
        else:
            await register.by_link(services, here(), Application(ADA, PASSWORD))

    await fails(monkeypatch, "taken", ask)
    assert await town.mails(ADA.value) == []
    await ask()
    assert len(await town.mails(ADA.value)) == 1
    with pytest.raises(TooSoon):
        await ask()
    town.clock.advance(minutes=2)
    await ask()
    assert len(await town.mails(ADA.value)) == 1, "once an hour"

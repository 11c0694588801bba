"""A registration that nobody proves is gone after 30 days (contract, 8.12)."""

import asyncio

import pytest
from msgspec.structs import replace

from flows.births import born, lock
from flows.made import ADA, BOB, EVE, here
from lingpai.assembly import Service
from lingpai.core import rules
from lingpai.core.chance import SECOND
from lingpai.flows import activate, register
from lingpai.settings.written import BackupSettings
from lingpai.store import accounts, unproved
from lingpai.worker import purging
from rows import until_blocked
from web.town import Town

MONTH = 30 * 86_400 * SECOND


async def test_a_registration_that_nobody_proves_is_gone_after_thirty_days_and_what_is_proved_stays(town: Town) -> None:
    services, house = town.house.services, town.house
    assert isinstance(house, Service)
    waiting = await born(services, ADA, rules.phone("13800138000"), proved=False)
    kept = [await born(services, BOB), await born(services, rules.account_name("ada.x")), await born(services, EVE, proved=False)]
    await lock(services, kept[2])
    town.clock.advance(days=30, seconds=-1)
    await house.worker.purge()
    assert await accounts.by_id(services.store, waiting.id)
    town.clock.advance(seconds=1)
    await house.worker.purge()
    assert await accounts.by_id(services.store, waiting.id) is None
    assert all([await accounts.by_id(services.store, each.id) for each in kept]), "proved, a name, and what the operator has locked"
    assert await register.by_link(services, here(), register.Application(ADA, "correct-horse-battery")) > waiting.id


async def test_a_deletion_that_cannot_be_written_down_keeps_no_other_row_from_its_end(town: Town) -> None:
    services, house = town.house.services, town.house
    leaving, waiting = await born(services, BOB), await born(services, ADA, proved=False)
    now = services.clock.now()
    assert await accounts.close(services.store, account_id=leaving.id, at=now, deletes_at=now)
    purger = house.worker._purger
    purger._settings = replace(purger._settings, backup=BackupSettings("."))
    town.clock.advance(days=30)
    await house.worker.purge()
    assert await accounts.by_id(services.store, leaving.id)
    assert await accounts.by_id(services.store, waiting.id) is None


async def test_a_round_looks_for_them_so_far_and_the_next_goes_on_there(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purging, "BATCH", 1)
    monkeypatch.setattr(purging, "PAGES", 2)
    town.clock.auto = True
    services = town.house.services
    names = [f"visitor{number}@example.com" for number in range(5)]
    waiting = [await born(services, rules.email(name), proved=False) for name in names]
    town.clock.advance(days=31)
    left = []
    for _ in range(4):
        await town.house.worker.purge()
        left.append(len([one for one in waiting if await accounts.by_id(services.store, one.id)]))
    assert left == [3, 1, 0, 0]


async def test_a_proof_that_is_under_way_is_waited_for(town: Town) -> None:
    services = town.house.services
    waiting = await born(services, ADA, proved=False)
    town.clock.advance(days=31)
    before = services.clock.now() - MONTH
    assert await unproved.past(services.store, before=before, limit=9) == ([waiting.id], None)

    async def ends() -> bool:
        async with services.store.begin() as tx:
            return await unproved.end(tx, account_id=waiting.id, before=before)

    async with services.store.begin() as tx:
        assert await accounts.prove(tx, account_id=waiting.id, kind="email", key=ADA.key, at=services.clock.now())
        ending = asyncio.create_task(ends())
        await until_blocked(services.store)
    assert not await ending
    assert await accounts.by_id(services.store, waiting.id)


@pytest.mark.parametrize("again", [True, False])
async def test_its_link_opens_nothing_then(town: Town, again: bool) -> None:
    services = town.house.services
    token = await services.one_time.new_link("activate", "main", ADA.key, 0, 10_000_000)
    await born(services, ADA, proved=False)
    town.clock.advance(days=30)
    if again:
        await town.house.worker.purge()
    ends = await asyncio.gather(activate.open_link(services, here(), ADA, token), return_exceptions=True)
    assert isinstance(ends[0], Exception) == again

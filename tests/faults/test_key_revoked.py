"""A revoked key is worth nothing on any node within two seconds, though they sign and check with it all the time (contract, M28)."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faults.fleet import Fleet, FleetNode, Load, fleet
from lingpai.assembly import open_store
from lingpai.assembly.configuration import defaults
from lingpai.core.chance import SECOND, SystemClock
from lingpai.guard.sessions.jws import parts
from lingpai.store import keys
from running import lingpai
from web.speakers import Mailcode

SECRET = "a secret of 32 bytes, or more of them"
PASSWORD = "correct horse battery"
ADA = "ada@example.com"
PROMISED = 2 * SECOND
AFTER = 2.5
"""Seconds for which it goes on once the command has ended: longer than anything that is promised."""


@dataclass
class Witness:
    """When each request was sent that was answered with, or in spite of, the key; milliseconds since 1970."""

    kid: str
    signed: list[int] = field(default_factory=list)
    believed: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    anew: list[int] = field(default_factory=list)
    """Those that were signed with another key."""

    async def sign(self, person: Mailcode) -> None:
        at = SystemClock().now()
        answer = await person.log_in(ADA, PASSWORD)
        if answer.yes:  # a machine that is too busy to log somebody in says nothing of keys
            (self.signed if kid_of(person.jwt) == self.kid else self.anew).append(at)

    async def check(self, person: Mailcode) -> None:
        at = SystemClock().now()
        (self.believed if await person.who() else self.refused).append(at)


def kid_of(jwt: str) -> str:
    return str(parts(jwt).header["kid"])


def only(town: Fleet, node: FleetNode) -> Fleet:
    """The same town, of which one node alone answers."""
    seen = Fleet.__new__(Fleet)
    seen.__dict__.update(town.__dict__)
    seen.nodes = [node]
    return seen


async def revoked_at(folder: Path, url: str, kid: str) -> int:
    async with open_store(defaults(dev=True, data=folder, database_url=url, secret=SECRET)) as store:
        (at,) = [row.revoked_at for row in await keys.listing(store) if row.kid == kid]
    assert at
    return at


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.long)])
async def test_no_node_signs_with_a_revoked_key_or_believes_it_two_seconds_later(postgres_url: str, tmp_path: Path, times: int) -> None:
    async with fleet(tmp_path, postgres_url) as town:
        town.nodes = list(await asyncio.gather(*(town.start(LINGPAI_SECRET=SECRET) for _ in range(2))))
        await Mailcode(town).register(ADA, PASSWORD)
        for _ in range(times):
            lags = await revoked_under_load(town, tmp_path, postgres_url)
            assert max(lags) < PROMISED, lags


async def revoked_under_load(town: Fleet, folder: Path, url: str) -> tuple[int, int]:
    """How many milliseconds after it was revoked a request was sent that the key still signed, and one that it still proved."""
    before = Mailcode(town)
    await before.log_in(ADA, PASSWORD)
    witness, load = Witness(kid_of(before.jwt)), Load()
    async with asyncio.TaskGroup() as group:
        for node in town.nodes:
            signer, checker = Mailcode(only(town, node)), Mailcode(only(town, node))
            checker.jwt = before.jwt
            group.create_task(load.repeat("sign", lambda signer=signer: witness.sign(signer)))
            group.create_task(load.repeat("check", lambda checker=checker: witness.check(checker)))
        load.told.update(sign=0, check=0)
        await load.all_told(5)
        ended = await lingpai("key", "revoke", witness.kid, "--yes", "--data", folder, **town.variables, LINGPAI_SECRET=SECRET)
        await asyncio.sleep(AFTER)  # noqa: TID251 - that nothing happens any more shows only with time
        load.over = True
    assert (ended.code, load.failed) == (0, [])
    at = await revoked_at(folder, url, witness.kid)
    assert [sent for sent in witness.signed if sent < at], "the control: the key signed"
    assert [sent for sent in witness.believed if sent < at], "the control: the key was believed"
    assert witness.refused
    assert witness.anew
    return max(witness.signed) - at, max(witness.believed) - at

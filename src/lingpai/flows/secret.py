"""The end of a change from one secret to another: what lies sealed is sealed anew, then the old fingerprint goes (contract, R3).

May be cut off anywhere and begun again, on any number of machines, under load: what is done is seen by looking.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lingpai.core.chance import SECOND, Clock
from lingpai.flows import OPERATOR
from lingpai.guard.crypto import SecretBox
from lingpai.guard.one_time.not_me import LIFE
from lingpai.steps import sealed, secrets_in_use
from lingpai.steps.sealed import Census
from lingpai.steps.secrets_in_use import SecretsInUse
from lingpai.store.audit import AuditTrail
from lingpai.store.database import Database, Transaction

KEPT = LIFE
"""Seconds for which `secret_previous` stays once all is sealed anew: no sealed word that lies elsewhere lives longer."""
PASSES = 3
"""Times that everything is gone through before somebody must still be sealing with the old secret."""
STEP = 100
"""Things after which it is said how far one is."""

Progress = Callable[[int], None]
"""Hears how many have been sealed anew."""


class CannotRotate(Exception):
    """The settings or the nodes are not that far.

    `reason`: the settings hold `one` secret; the first is in use and the other is not (`unused`); no node seals with the first yet
    (`early`); a node still seals with the other one (`sealing`); what is in use has changed under our hands (`changed`).
    """

    def __init__(self, reason: Literal["one", "unused", "early", "sealing", "changed"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Keeper:
    """What these deeds need of the service."""

    store: Database
    clock: Clock
    secret_box: SecretBox


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of it."""

    resealed: int
    until: int
    """From when on the other secret is needed for nothing."""


async def census(keeper: Keeper) -> tuple[SecretsInUse | None, Census]:
    """What is in use, and what lies under which secret. Changes nothing."""
    return await secrets_in_use.find(keeper.store), await sealed.census(keeper.store, keeper.secret_box)


async def rotate(keeper: Keeper, progress: Progress) -> Rotated:
    """Seals everything with the first secret; then the other one is in use no more. Raises CannotRotate and ForeignSecret."""
    known = await _begun(keeper)
    await secrets_in_use.openable(keeper.store, keeper.secret_box)  # nothing is begun that could not be ended
    total = await _sealed_anew(keeper, progress)
    if len(known.in_use) > 1:
        known = await _moved(keeper, known, "secret-rotate")
    if await _pass(keeper, total, progress):
        raise CannotRotate("sealing")
    return Rotated(total, known.rotated_at + KEPT * SECOND)


async def give_up(keeper: Keeper, progress: Progress) -> tuple[int, Rotated]:
    """Where a secret is lost: what opens with none of ours is given up and counted, and the first alone is in use from now on."""
    lost = 0
    async for row in sealed.sealed_rows(keeper.store):
        if keeper.secret_box.sealer(row.sealed, row.context) is None:
            lost += await row.abandon(keeper.clock.now())
    known = await secrets_in_use.settle(keeper.store, keeper.secret_box)
    total = await _sealed_anew(keeper, progress)
    known = await _moved(keeper, known, "secret-lost")
    return lost, Rotated(total, known.rotated_at + KEPT * SECOND)


async def _begun(keeper: Keeper) -> SecretsInUse:
    """What is in use, where this is the moment to end the other one."""
    box = keeper.secret_box
    first, *others = box.fingerprints
    if not others:
        raise CannotRotate("one")
    known = await secrets_in_use.settle(keeper.store, box)
    secrets_in_use.judge(known, box)
    if first not in known.in_use:
        raise CannotRotate("early")
    if not {*others} & {*known.in_use, known.retired}:
        raise CannotRotate("unused")
    return known


async def _sealed_anew(keeper: Keeper, progress: Progress) -> int:
    """Goes through everything until nothing is left to do."""
    total = 0
    for _ in range(PASSES):
        done = await _pass(keeper, total, progress)
        total += done
        if not done:
            return total
    raise CannotRotate("sealing")


async def _pass(keeper: Keeper, total: int, progress: Progress) -> int:
    """Once through everything; what has changed since it was read is its writer's, who has sealed it or is done with it."""
    done = 0
    async for row in sealed.sealed_rows(keeper.store):
        anew = keeper.secret_box.resealed(row.sealed, row.context)
        if anew != row.sealed and await row.reseal(anew):
            done += 1
            if (total + done) % STEP == 0:
                progress(total + done)
    return done


async def _moved(keeper: Keeper, known: SecretsInUse, deed: str) -> SecretsInUse:
    """The first secret alone is in use from now on."""
    first, *others = keeper.secret_box.fingerprints
    retired = next((other for other in others if other in known.in_use), known.retired)
    now = keeper.clock.now()
    new = SecretsInUse((first,), retired if retired != first else "", now)
    async with keeper.store.begin() as tx:
        if not await secrets_in_use.put(tx, known, new):
            return await _elsewhere(tx, new)
        await AuditTrail(keeper.clock).note(tx, OPERATOR.within(""), f"operator.{deed}", detail=first)
    return new


async def _elsewhere(tx: Transaction, wanted: SecretsInUse) -> SecretsInUse:
    """What somebody else has put there meanwhile, where it is what was wanted. Raises CannotRotate."""
    found = await secrets_in_use.find(tx)
    if found is None or found.in_use != wanted.in_use:
        raise CannotRotate("changed")
    return found

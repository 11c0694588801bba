"""A database that fails at any statement of any call: all of the call is done or nothing, and the same call again works.

Each call of each dialect and each form of the pages is played once undisturbed, and then again for each of its statements, which fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from faults.breaking import Breakage, Breaking, Breaks
from faults.scripts import script
from faults.stage import Deed, Moment, Stage
from faults.trial import SCRIPTS, Clean, Playground, Wrong, copies, judged, playground, shares, undisturbed

__all__ = ["copies", "playground"]


@dataclass
class Trial:
    """Plays a script, and breaks something in each so many of its plays; with a share of 0 in a few of each call that leaves something."""

    stage: Stage
    breaking: Breaking
    share: int
    played: int = 0
    broken: int = 0
    found: list[Wrong] = field(default_factory=list)

    async def run(self, deeds: tuple[Deed, ...], moment: Moment) -> None:
        for number, deed in enumerate(deeds):
            counts = [Breakage("before", 0), Breakage("after", 0)]
            clean, following = await undisturbed(self.stage, moment, deed, f"call{number}", self.breaking.breaking(*counts))
            for breakage in self._chosen(counts, lasting=clean.before != clean.after):
                await self._disturbed(moment, deed, clean, breakage)
            moment = following

    def _chosen(self, counts: list[Breakage], *, lasting: bool) -> Iterator[Breakage]:
        if not self.share:
            # The middle is where something has been taken, and the end where it is being done.
            before, after = (one.seen for one in counts)
            yield from (Breakage("before", before // 2), Breakage("before", before * 4 // 5), Breakage("after", after)) if lasting else ()
            return
        plays: list[tuple[Breaks, int]] = [(one.breaks, at) for one in counts for at in range(1, one.seen + 1)]
        plays += [("from then on", at) for at in range(1, counts[0].seen + 1)]
        for breaks, at in plays:
            self.played += 1
            if self.played % self.share == 0:
                yield Breakage(breaks, at)

    async def _disturbed(self, moment: Moment, deed: Deed, clean: Clean, breakage: Breakage) -> None:
        breaks = breakage.breaks
        async with self.stage.playing(moment, deed, "disturbed") as player:
            with self.breaking.breaking(breakage):
                reply = await player.send()
            await player.until_the_store_is_back()
            if breakage.broken:
                self.broken += 1
                # An answer that was lost may have been the one that took a code; and a store that is lost takes nothing back. Behind a
                # connection that broke nobody knows what was done.
                remote = self.breaking.remote
                wrong = await judged(player, clean, reply, unsure=remote or breaks == "after", lost=remote or breaks != "before")
                self.found += [(deed.name, breaks, breakage.at, *wrong)] if wrong else []
        self.stage.ground.drop("disturbed")


@shares(0, 11)
@pytest.mark.parametrize("name", SCRIPTS)
async def test_whichever_statement_fails_a_call_is_done_or_not_and_works_again(playground: Playground, name: str, share: int) -> None:
    ground, breaking = playground
    trial = Trial(Stage(ground, name, breaking.watching), breaking, share)
    await trial.run(script(name), Moment(ground.begin()))
    assert trial.found == []
    assert trial.broken > (trial.played // share * 0.9 if share else len(script(name)))

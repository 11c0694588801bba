"""A PostgreSQL that is slow, and not lost: somebody else holds what requests need. Everything is answered, or told to come again, in time.

It says its figures;
`tests/conformance/test_store_time_budget.py` counts the same without a clock of the machine. One that is
frozen is `test_postgres_lost.py`'s.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from faults.clusters import Cluster
from faults.service import caller, install
from faults.storms import NOTHING_WRONG, figures, judge, raging
from mailserver import mail_server
from rows import locked

Say = Callable[[str, object], None]
TIMES, CALLERS = 3, 60
LONGEST = 1.0
"""Seconds, by the service's own measure, on a machine that has nothing else to do."""


@pytest.mark.long
async def test_behind_anothers_lock_everybody_is_told_in_time_and_goes_on_when_it_is_gone(
    server: Cluster, tmp_path: Path, say: Say
) -> None:
    """Without an end of their own they would wait for five seconds, and those behind them for a connection as long again."""
    async with mail_server() as mail:
        installation = install(tmp_path, server.url, mail)
        async with installation.serve() as running:
            async with raging(running, callers=CALLERS) as storm:
                for table in ("accounts", "letters") * TIMES:
                    await storm.answered(10)
                    async with locked(server.url, table):
                        await storm.refused(2 * CALLERS)
                        async with caller(running) as client:
                            assert (await client.get("/healthz")).status_code == 200
            await running.end()
            spent = [line["ms"] / 1_000 for line in running.events if line.get("status") == 503]
        found = await judge(storm, installation)
    say("503 within", figures(spent))
    say("found", found)
    assert found.items() >= NOTHING_WRONG.items(), storm.wrong[:3]
    assert max(spent) < LONGEST

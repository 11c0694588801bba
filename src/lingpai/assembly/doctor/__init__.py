"""`lingpai doctor`: looks at everything that an installation stands on, and changes nothing.

It writes what /readyz writes, and no more: one row, and one key for a second. A check that cannot be made says so, and the others go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from lingpai.assembly.doctor import here, public, senders, stores
from lingpai.assembly.doctor.finding import Finding, not_asked, wrong
from lingpai.assembly.doctor.subject import Subject, subject
from lingpai.core.outages import reason

DoctorCheck = Callable[[Subject], Awaitable[list[Finding]]]

CHECKS: dict[str, DoctorCheck] = {
    "secret": here.secret,
    "folder": here.folder,
    "database": stores.database,
    "schema": stores.schema,
    "clock": stores.clocks,
    "connections": stores.connections,
    "pgbouncer": stores.pooler,
    "valkey": stores.valkey,
    "outbox": stores.letters,
    "mail": senders.mail,
    "sms": senders.texts,
    "hashing": here.hashing,
    "urls": here.urls,
    "proxies": here.proxies,
    "public": public.public,
}
"""By name, in the order in which they are made; the settings come before them."""
SECONDS = 40.0
"""For one check, whatever it waits for."""


async def examine(config: Path | None, data: Path, *, processes: int = 1, url: str = "") -> list[Finding]:
    """Everything that was found. `processes`: how many serve on this machine; `url`: the public URL to ask, where one is to be asked."""
    loaded, found = here.configuration(config, data)
    if loaded is None:
        return [*found, *(not_asked(name, "settings") for name in CHECKS)]
    async with subject(loaded, processes=processes, url=url.rstrip("/")) as examined:
        for name, check in CHECKS.items():
            found += await _made(name, check, examined)
    return found


async def _made(name: str, check: DoctorCheck, examined: Subject) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(SECONDS):
            return await check(examined)
    except Exception as error:  # noqa: BLE001 - one that breaks must not keep the others from being made
        return [wrong(name, "failed", reason=f"{type(error).__name__}: {reason(error)}")]

"""What the stores say: the database and its schema, clocks, connections, the pooler, Valkey, and letters that wait."""

from lingpai.assembly.connections import ConnectionDemand, connection_demand
from lingpai.assembly.doctor.finding import Fact, Finding, doubt, not_asked, ok, wrong
from lingpai.assembly.doctor.subject import Subject
from lingpai.core.chance import NANOSECONDS, SECOND
from lingpai.core.errors import StoreDown
from lingpai.core.outages import reason
from lingpai.settings import sqlite_file
from lingpai.store.migrate import latest

LATE, STUCK = 120, 900
"""Seconds past its due time from which a letter is late, and from which nobody sends any."""
ASKED = 100
"""Letters that wait, of which the reason is looked at."""


async def database(subject: Subject) -> list[Finding]:
    """Whether it answers, and takes the small write that /readyz makes."""
    if subject.store is None:
        file = sqlite_file(subject.settings)
        if subject.lost is None:
            return [wrong("database", "absent", file=str(file))]
        return [_lost("database", subject.lost)]
    if subject.schema and subject.schema.revision:
        try:
            await subject.store.ping()
        except StoreDown as down:
            return [_lost("database", down)]
    return [ok("database", subject.store.name)]


def _lost(check: str, down: StoreDown) -> Finding:
    """Whoever moves it knows, and may have forgotten."""
    facts: dict[str, Fact] = {"cause": down.cause, "reason": " ".join(reason(down.__cause__ or down).split())}
    return (doubt if down.cause == "moving" else wrong)(check, "lost", **facts)


async def schema(subject: Subject) -> list[Finding]:
    """Whether this version and the tables go together."""
    found, known = subject.schema, latest()
    if found is None:
        return [not_asked("schema", "database")]
    facts = {"revision": found.revision or "-", "known": known}
    if found.fits:
        return [doubt("schema", "newer", **facts) if found.newer else ok("schema", "current", **facts)]
    if found.newer:
        return [wrong("schema", "too_new", **facts)]
    return [wrong("schema", "older" if found.revision else "empty", **facts)]


async def clocks(subject: Subject) -> list[Finding]:
    """This machine's against the database's."""
    if sqlite_file(subject.settings):
        return [not_asked("clock", "sqlite")]
    if subject.store is None:
        return [not_asked("clock", "database")]
    from lingpai.store.timekeeping import SKEW, skew

    ahead = await skew(subject.store, subject.chance)
    facts = {"apart": f"{ahead / NANOSECONDS / SECOND:+.1f}"}
    return [doubt("clock", "apart", **facts) if abs(ahead) > SKEW else ok("clock", "together", **facts)]


async def connections(subject: Subject) -> list[Finding]:
    """Whether there is room for what this machine's processes may open, as at a start."""
    if sqlite_file(subject.settings):
        return [not_asked("connections", "sqlite")]
    if subject.settings.database.pgbouncer:
        return [not_asked("connections", "pooled")]
    if subject.store is None:
        return [not_asked("connections", "database")]
    demand = await connection_demand(subject.settings, subject.processes)
    assert demand is not None
    return [_judged(demand)]


def _judged(demand: ConnectionDemand) -> Finding:
    facts = {
        "size": demand.pool_size,
        "processes": demand.processes,
        "asked": demand.asked,
        "most": demand.room.most,
        "others": demand.room.others,
    }
    if demand.never:
        return wrong("connections", "never", fits=max(demand.fits, 0), **facts)
    return doubt("connections", "crowded", **facts) if demand.crowded else ok("connections", "room", **facts)


async def pooler(subject: Subject) -> list[Finding]:
    """Whether a PgBouncer is met where the settings say so, and none where they do not."""
    if sqlite_file(subject.settings):
        return [not_asked("pgbouncer", "sqlite")]
    if subject.store is None:
        return [not_asked("pgbouncer", "database")]
    from lingpai.store.postgres.pooling import pooling

    met, expected = await pooling(subject.settings.database_url), subject.settings.database.pgbouncer
    if met == "none":
        return [doubt("pgbouncer", "needless") if expected else ok("pgbouncer", "none")]
    if met == "transaction":
        return [ok("pgbouncer", "transaction") if expected else wrong("pgbouncer", "unset")]
    return [ok("pgbouncer", "session")]


async def valkey(subject: Subject) -> list[Finding]:
    """Whether it takes the small write that /readyz makes, and what its clock says."""
    if not subject.settings.valkey_url:
        return [not_asked("valkey", "no_valkey")]
    from lingpai.ephemeral.valkey_client import ValkeyClient

    client = ValkeyClient(subject.settings.valkey_url, subject.clock, subject.chance)
    try:
        await client.ping()
        ahead = await client.skew()
    except StoreDown as down:
        return [_lost("valkey", down)]
    finally:
        await client.close()
    facts = {"apart": f"{ahead:+.1f}"}
    return [doubt("valkey", "apart", **facts) if abs(ahead) > 2 else ok("valkey", "serves", **facts)]


async def letters(subject: Subject) -> list[Finding]:
    """How long the oldest letter has waited that could be sent, and why others were not."""
    if subject.usable is None:
        return [not_asked("outbox", "schema" if subject.store else "database")]
    from lingpai.store import outbox
    from lingpai.store.timekeeping import database_clock

    async with database_clock(subject.usable, subject.chance) as clock:
        now = clock.now()
    since = await outbox.oldest_due(subject.usable, now)
    waited = 0 if since is None else (now - since) // SECOND
    if waited > LATE:
        return [(wrong if waited > STUCK else doubt)("outbox", "late", waited=f"{waited // 60} min")]
    waiting = await outbox.listing(subject.usable, state="waiting", limit=ASKED)
    refused = next((one.error for one in waiting if one.error), "")
    return [doubt("outbox", "refused", reason=refused) if refused else ok("outbox", "empty" if since is None else "moving")]

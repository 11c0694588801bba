"""The small write by which a store shows that it serves."""

from lingpai.store.database import Query
from lingpai.store.deferred import Insert, Inserter, bindparam, entries

_YEARS = 10 * 365 * 86_400_000
"""Milliseconds; so long after the last probe a purge may take it for an entry that is over."""


def _write(insert: Inserter) -> Insert:
    one = insert(entries).values(key="probe", value=b"", proof=b"", tries=0, expires_at=bindparam("at") + _YEARS)
    return one.on_conflict_do_update(index_elements=[entries.c.key], set_={"expires_at": one.excluded.expires_at})


PROBE = Query(_write)
"""One row for all nodes, which no purge finds. Not among the counters: those wait for no disk."""

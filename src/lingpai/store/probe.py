"""The small write by which a store shows that it serves."""

from sqlalchemy import Insert, bindparam

from lingpai.store.database import Inserter, Query
from lingpai.store.schema import entries


def _write(insert: Inserter) -> Insert:
    one = insert(entries).values(key="probe", value=b"", proof=b"", tries=0, expires_at=bindparam("at"))
    return one.on_conflict_do_update(index_elements=[entries.c.key], set_={"expires_at": one.excluded.expires_at})


PROBE = Query(_write)
"""One row for all nodes, which is over as soon as it is written. Not among the counters: those wait for no disk."""

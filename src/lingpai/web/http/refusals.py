"""Refusals in the trail: each that no flow has noted, whoever spoke it, so that a request id leads to the check that refused."""

from contextlib import suppress

from lingpai.core.errors import BadInput, StoreDown
from lingpai.core.journal import Check, Journal
from lingpai.ephemeral.local import LocalCounters
from lingpai.flows import Services
from lingpai.guard.throttling.rates import with_neighbours
from lingpai.web.http.routes import Route
from lingpai.web.request.request import Request

NOTED = 30
"""Entries in ten minutes for one client in each process: one costs more than the refusal that it tells of. The log has the others too."""
ALL_NOTED = 1_000
"""For all clients together: a database that many write to keeps its one writer for those who are let in."""
TEN_MINUTES = 600

_NO_REFUSAL = frozenset(("not-logged-in", "bad-token", "stale-login"))
"""A login or a proof comes first: nobody has tried anything yet."""
_UNREAD = frozenset((BadInput.code,))
"""What could not be read was held against nothing, and costs whoever sends it nothing either; its answer says what did not fit."""
_DOWN = frozenset(("unavailable", "overloaded", "store-down"))
"""Nothing was counted or spent, and nothing is to be written either."""
_CHEAP = Check(passed=False, name="limited", subject="client")
"""The coarse cap, which is to cost next to nothing."""
_EVERYBODY = "everybody"


class RefusalTrail:
    """Writes one entry, `refused`, for a request: its call, and the checks that it passed and that refused it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._noted = LocalCounters(services.clock)

    async def note(self, route: Route, request: Request, checks: Journal) -> None:
        """Raises nothing where the store is down: the log has the same."""
        refusals = [check for check in checks.refusals if check.name not in _NO_REFUSAL | _UNREAD]
        if (
            not refusals
            or checks.in_trail
            or not request.spends
            or route.call.quiet
            or not _DOWN.isdisjoint(check.name for check in refusals)
            or _CHEAP in refusals
        ):
            return
        if not self.has_room(request.ctx.client):
            return
        # What is looked up exactly is a path of ours; elsewhere a segment may be a secret.
        path = route.call.path if route.call.mailed or route.call.path.endswith("/") else request.path
        with suppress(StoreDown):
            await self._services.audit.note(
                self._services.store, request.ctx, "refused", refusals[-1].name, detail=f"{request.method} {path}"
            )

    def has_room(self, client: str) -> bool:
        """Whether one more is noted; one that is too many for a client takes nothing from its neighbours, nor from everybody."""
        counts = [(who, times * NOTED) for who, times in with_neighbours(client)]
        return all(self._noted.hit(who, TEN_MINUTES).total <= most for who, most in (*counts, (_EVERYBODY, ALL_NOTED)))

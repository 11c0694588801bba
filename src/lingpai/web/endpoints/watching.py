"""What a node tells whoever watches over it, on a port of its own: `/metrics`, with the probes beside them (contract, R13)."""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from lingpai.core.chance import SECOND
from lingpai.core.metrics import Report
from lingpai.core.retries import retry_after
from lingpai.core.shared_reading import SharedReading
from lingpai.flows.observe import Observation, observe
from lingpai.web.endpoints import health
from lingpai.web.endpoints.exposition import Exposed, exposed
from lingpai.web.request.calls import Reply

if TYPE_CHECKING:
    from lingpai.flows import Services
    from lingpai.web.request.request import Scope

EVERY = 5.0
"""Seconds for which what the stores have told holds: however many ask, a process asks no oftener."""

log = structlog.get_logger("lingpai.metrics")


class Reporter:
    """What this process says of itself."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._began_at = services.clock.now() / SECOND

    def report(self) -> Report:
        """As it stands now."""
        services = self._services
        use, counted = services.store.use, services.metrics
        gauges = {
            "hash_slots_taken": float(services.passwords.taken),
            "hash_slots": float(services.passwords.room),
            "pool_lent": float(use.lent),
            "pool_size": float(use.most),
            "pool_waiting": float(use.waiting),
            "connections_most": float(services.settings.connections),
            "connections": 0.0,
            **counted.gauges,
        }
        return Report(self._began_at, services.clock.monotonic(), counted.counts, counted.spans, gauges)


class WatchApp:
    """A bare ASGI application."""

    def __init__(self, services: "Services", reports: Callable[[], tuple[list[Report | None], Report]]) -> None:
        """`reports`: of each process by its number, and of the whole node."""
        self._services = services
        self._reports = reports
        self._reading: SharedReading[Observation] = SharedReading(partial(observe, services), EVERY, services.clock)

    async def __call__(
        self,
        scope: "Scope",
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """One request, as ASGI 3 has it."""
        reply = await self._reply(scope)
        lines = {
            "content-type": reply.media_type,
            "content-length": str(len(reply.body)),
            "cache-control": "no-store",
            **dict(reply.headers),
            **({"retry-after": str(retry_after(self._services.chance, reply.retry_after))} if reply.retry_after else {}),
        }
        head = [(name.encode(), value.encode()) for name, value in lines.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})

    async def _reply(self, scope: "Scope") -> Reply:
        if scope["method"] not in ("GET", "HEAD"):
            return Reply(b"", 405, "text/plain", (("allow", "GET, HEAD"),))
        try:
            return await self._found(scope["raw_path"], dict(scope["headers"]).get(b"accept", b"").decode("latin-1"))
        except Exception:
            log.exception("bug")
            return Reply(b"", 500, "text/plain")

    async def _found(self, path: bytes, accept: str) -> Reply:
        if path == b"/healthz":
            return health.ALIVE
        if path == b"/readyz":
            return await health.readiness(self._services)
        if path != b"/metrics":
            return Reply(b"", 404, "text/plain")
        observed = await self._reading.latest()
        reports, kept = self._reports()
        body, media_type = exposed(accept, Exposed(reports, kept, observed))
        return Reply(body, media_type=media_type)

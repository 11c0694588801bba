"""Whether the process lives, and whether it can serve."""

from typing import TYPE_CHECKING

import msgspec

from lingpai.core.errors import StoreDown
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.request import Request

if TYPE_CHECKING:
    from lingpai.flows import Services


class Health(msgspec.Struct, frozen=True):
    """`status` is `ok` or `down`; `down` names the stores that do not answer."""

    status: str
    down: tuple[str, ...] = ()


async def alive(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /healthz: the process answers."""
    return Reply(msgspec.json.encode(Health("ok")))


async def ready(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /readyz: 200 while every store answers, else 503 with their names (`database`, `ephemeral`)."""
    down = []
    for name, store in (("database", services.store), ("ephemeral", services.ephemeral)):
        try:
            await store.ping()
        except StoreDown:
            down.append(name)
    if down:
        return Reply(msgspec.json.encode(Health("down", tuple(down))), 503, headers=(("retry-after", "2"),))
    return Reply(msgspec.json.encode(Health("ok")))


CALLS = (
    Call(("GET",), "/healthz", alive, gives=Health, changes=False, quiet=True, summary="summary.house.alive"),
    Call(("GET",), "/readyz", ready, gives=Health, changes=False, quiet=True, summary="summary.house.ready"),
)

"""Whether the process lives, and whether it can serve."""

from typing import TYPE_CHECKING

import msgspec

from lingpai.core.errors import Cause
from lingpai.guard.one_time.operator_proofs import HEADER
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.request import Request

if TYPE_CHECKING:
    from lingpai.flows import Services


_PROOF = HEADER.encode()


class LostStore(msgspec.Struct, frozen=True):
    """A store that cannot serve (`database`, or `ephemeral`: what lasts minutes), and why."""

    store: str
    reason: Cause


class Health(msgspec.Struct, frozen=True):
    """`status` is `ok`, `moving`, `down` or `draining`; `down` says which stores cannot serve, and why."""

    status: str
    down: tuple[LostStore, ...] = ()


class SeenClient(msgspec.Struct, frozen=True):
    """Which client a request was taken for, told to an operator alone (`lingpai doctor --url`)."""

    status: str
    client: str
    forwarded: str
    """Its X-Forwarded-For, as it came in here."""


ALIVE = Reply(msgspec.json.encode(Health("ok")))


async def alive(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /healthz: the process answers."""
    proof = request.headers.get(_PROOF)
    if proof and services.operator_proofs.proved(proof.decode("latin-1")):
        forwarded = request.headers.get(b"x-forwarded-for", b"").decode("latin-1")
        return Reply(msgspec.json.encode(SeenClient("ok", request.ctx.ip, forwarded)))
    return ALIVE


async def ready(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /readyz."""
    return await readiness(services)


async def readiness(services: "Services") -> Reply:
    """200 while every store takes a small write, else 503 with those that do not; 503 too once it is to stop.

    200 too while `lingpai move` carries the database elsewhere: no other node does better, and who is logged in is to stay so.
    """
    if services.draining.is_set():
        return Reply(msgspec.json.encode(Health("draining")), 503)
    lost = await services.readiness.lost()
    if lost:
        down = tuple(LostStore(store, cause) for store, cause in lost.items())
        if set(lost.values()) == {"moving"}:
            return Reply(msgspec.json.encode(Health("moving", down)))
        return Reply(msgspec.json.encode(Health("down", down)), 503, retry_after=2)
    return Reply(msgspec.json.encode(Health("ok")))


CALLS = (
    Call(("GET",), "/healthz", alive, gives=Health, changes=False, quiet=True, goes_first=True, summary="summary.house.alive"),
    Call(("GET",), "/readyz", ready, gives=Health, changes=False, quiet=True, goes_first=True, summary="summary.house.ready"),
)

"""The door itself, as a bare ASGI application: find the route, judge, read, call, answer, and write one line."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from lingpai.core.errors import BadInput, CrossSite, Refusal, Unavailable
from lingpai.web import assets, dev, gate, health, openapi
from lingpai.web import exchange as exchanges
from lingpai.web.brand import branded
from lingpai.web.dialect import Call, Door, Reply
from lingpai.web.exchange import Exchange, Reception, Scope, printable
from lingpai.web.fields import read
from lingpai.web.gate import Gone, Receive
from lingpai.web.origin import Sites
from lingpai.web.outgoing import Lines, Outgoing
from lingpai.web.routes import Place, Route, Routes

if TYPE_CHECKING:
    from lingpai.flows import Kit

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_BODILESS = frozenset(("GET", "HEAD", "OPTIONS"))
_PATH_LENGTH = 256

log = structlog.get_logger("lingpai.web")


class App:
    """Serves the dialects at their doors, the hosted pages, and the house's own calls.

    Every reply carries `X-Request-Id` and the headers of the contract's rule 3. A bug is a 500 that says nothing but the
    request's id, under which the log has the rest.
    """

    def __init__(self, kit: "Kit", doors: Sequence[Door], home: Door, pages: Sequence[Call] = ()) -> None:
        """`home` is the door that pages and the house's own calls are given. The doors must not clash (`routes.clash`)."""
        brand = branded(kit.settings)
        own = (*health.CALLS, *openapi.calls(doors, pages), *assets.calls(brand), *(dev.CALLS if kit.settings.dev else ()))
        self._kit = kit
        self._routes = Routes(doors, pages, home, own)
        self._reception = Reception(kit.settings, kit.chance, kit.devices, brand)
        self._sites = Sites(kit.settings, (host for door in doors for host in door.settings.hosts))
        self._outgoing = Outgoing(kit.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI 3 has it; other kinds of scope are none of ours."""
        if scope["type"] != "http":
            return
        started = self._kit.clock.monotonic()
        heads = exchanges.heads(scope)
        path: bytes = scope["raw_path"]
        host = exchanges.host(heads)
        place = self._routes.find(host, path)
        route = place.routes.get(scope["method"])
        changes = route is not None and route.call.changes
        exchange = self._reception.greet(scope, heads, host, path, place.voice.language, changes=changes)
        try:
            reply, noted = await self._settle(place, route, exchange, scope, receive)
        except Gone:
            return
        except asyncio.CancelledError:
            # The time to drain is over. Whoever still waits is told to come again, and the connection ends.
            voice = route.voice if route else place.voice
            await self._send(voice.refuse(Unavailable(), exchange), exchange, send)
            return
        await self._send(reply, exchange, send)
        if noted:
            self._note(exchange, reply, started)

    async def _settle(self, place: Place, route: Route | None, exchange: Exchange, scope: Scope, receive: Receive) -> tuple[Reply, bool]:
        """The reply, and whether the log is to have a line of it."""
        voice = route.voice if route else place.voice
        try:
            try:
                reply = await self._answer(place, route, exchange, scope, receive)
            except Refusal as refusal:
                return voice.refuse(refusal, exchange), True
        except Gone:
            raise
        except Exception:
            log.exception("bug", request_id=exchange.origin.request_id, path=_short(exchange.path))
            return voice.fail(exchange), True
        return reply, route is None or not route.call.quiet

    async def _answer(self, place: Place, route: Route | None, exchange: Exchange, scope: Scope, receive: Receive) -> Reply:
        whole = await self._body(exchange, receive)
        if route is None:
            return self._elsewhere(place, exchange)
        call = route.call
        if call.changes and (exchange.spends or call.exempt):
            await self._kit.limits.spend("client", exchange.origin.client)
        self._fill(exchange, scope["query_string"], whole)
        exchange.speak(route.voice.chosen(exchange.fields))
        if call.changes and not (call.exempt and call.exempt(exchange.fields)):
            self._let_change(call, exchange)
        reply = await call.handler(self._kit, route.door, exchange, read(exchange.fields, call.takes))
        if reply.session and not call.sets_session:
            # Its declaration decides whether another site may call it: the first test of a login that forgot it fails here.
            raise RuntimeError(f"{call.path} logs in, and does not say sets_session=True")
        return reply

    async def _body(self, exchange: Exchange, receive: Receive) -> bytes:
        """Size is judged before anything else; a body that no method of ours has is not waited for."""
        if exchange.method in _BODILESS:
            gate.judge(exchange.heads)
            return b""
        return await gate.body(exchange.heads, receive)

    def _let_change(self, call: Call, exchange: Exchange) -> None:
        """Raises what stands against a call that changes something: looking ahead, another site."""
        if not exchange.spends:
            raise BadInput("purpose", "prefetch")
        if (call.sets_session or b"cookie" in exchange.heads) and self._sites.foreign(exchange.heads):
            raise CrossSite
        if call.sets_session and exchange.method == "GET" and exchange.heads.get(b"sec-fetch-mode") == b"navigate":
            # A link that somebody else wrote, in a mail or behind `next=`, would log its reader in as them.
            raise CrossSite

    def _fill(self, exchange: Exchange, query: bytes, whole: bytes) -> None:
        if query:
            exchange.query = gate.pairs(query)
        if exchange.method in _BODILESS:
            exchange.fields = exchange.query
        elif whole:
            exchange.fields = gate.fields(whole)

    def _elsewhere(self, place: Place, exchange: Exchange) -> Reply:
        """404, 405, or the answer to a preflight."""
        lines = self._sites.preflight(exchange.heads, place.allow) if exchange.method == "OPTIONS" and place.allow else None
        if lines is None:
            return place.voice.missing(exchange, place.allow)
        return Reply(b"", 204, headers=tuple((name.decode(), value.decode()) for name, value in lines))

    async def _send(self, reply: Reply, exchange: Exchange, send: Send) -> None:
        lines: Lines = self._outgoing.lines(reply, exchange.origin.request_id)
        lines += self._sites.lines(exchange.heads)
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        await send({"type": "http.response.body", "body": b"" if exchange.method == "HEAD" else reply.body})

    def _note(self, exchange: Exchange, reply: Reply, started: float) -> None:
        """One line a request: no query, no header, no body, as these hold secrets."""
        log.info(
            "request",
            method=exchange.method,
            path=_short(exchange.path),
            status=reply.status,
            ms=round((self._kit.clock.monotonic() - started) * 1_000, 1),
            request_id=exchange.origin.request_id,
            client=exchange.origin.client,
        )


def _short(path: str) -> str:
    return printable(path[:_PATH_LENGTH])

"""The application, as a bare ASGI application: find the route, judge, read, call, answer, and write one line."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog
from msgspec.structs import replace

from lingpai.core import journal, time_budget
from lingpai.core.errors import BadCredentials, BadInput, CrossSite, Overloaded, Refusal, Unavailable
from lingpai.core.few_lines import FewLines
from lingpai.web.http.cross_origin import OriginPolicy
from lingpai.web.http.refusals import RefusalTrail
from lingpai.web.http.response_headers import PLAIN, ResponseHeaders
from lingpai.web.http.routes import PathEntry, Route, Routes, series
from lingpai.web.http.traces import RequestTraces, end_noted
from lingpai.web.request import body
from lingpai.web.request import request as exchanges
from lingpai.web.request.body import Gone, Receive
from lingpai.web.request.brand import Brand
from lingpai.web.request.calls import NOTHING, Call, Mount, Nothing, Reply
from lingpai.web.request.client_ip import ClientIps
from lingpai.web.request.fields import read
from lingpai.web.request.request import About, Request, RequestFactory, Scope, printable

if TYPE_CHECKING:
    from lingpai.flows import Services

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_BODILESS = frozenset(("GET", "HEAD", "OPTIONS"))
_PATH_LENGTH = 256

NOTHING_KNOWN = About()

_NOWHERE = series("nowhere", "call")
"""What answers are counted as where nothing stands."""

log = structlog.get_logger("lingpai.web")


FORMS = "/page/"
"""Where the pages' forms are sent: by browsers alone, from pages of ours."""


class App:
    """Serves the mounted dialects, the hosted pages, and the service's own calls.

    Every reply carries `X-Request-Id` and the headers of the contract's rule 3. A bug is a 500 that says nothing but the
    request's id, under which the log has the rest.
    """

    def __init__(
        self, services: "Services", mounts: Sequence[Mount], home: Mount, pages: Sequence[Call], endpoints: Sequence[Call], brand: Brand
    ) -> None:
        """`home` is the mount that pages and the service's own `endpoints` are given. The mounts must not clash (`routes.clash`)."""
        self._services = services
        self.metrics = services.metrics
        self._monotonic = services.clock.monotonic
        self._routes = Routes(mounts, pages, home, endpoints)
        self.first = self._routes.first()
        """Paths of calls that wait for no others."""
        clients = ClientIps(services.settings.trusted_proxies)
        self._reception = RequestFactory(services.settings, clients, services.clock, services.chance, services.device_cookies, brand)
        self._sites = OriginPolicy(services.settings, (host for mount in mounts for host in mount.settings.hosts))
        self._response_headers = ResponseHeaders(services.settings, services.chance)
        self._refusals = RefusalTrail(services)
        self._traces = RequestTraces(services, clients)
        self._overloaded = FewLines("request-overloaded-more", "lingpai.web")
        self.tick = self._overloaded.tick
        """To be called each second."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, as ASGI 3 has it; other kinds of scope are none of ours."""
        if scope["type"] != "http":
            return
        started, checks = self._monotonic(), journal.open_journal()
        time_budget.begin()
        headers = exchanges.headers(scope)
        path: bytes = scope["raw_path"]
        host = exchanges.host(headers)
        entry = self._routes.find(host, path)
        route = entry.routes.get(scope["method"])
        request = self._reception.make(scope, headers, host, path, entry.errors.language, route.about if route else NOTHING_KNOWN)
        with self._traces.begin(scope, route, request) as span:
            exchanged = await self._exchange(entry, route, request, scope, receive, send)
            if exchanged is None:
                span.failed("unfinished")
                return
            reply, noted = exchanged
            self._count(route, reply, started)
            if span.recorded:
                end_noted(span, reply, _outcome(route, reply))
            if noted:
                self._note(request, reply, started, checks)
            if route and checks.checks and checks.refusals:
                # After the reply: who is refused is not made to wait for the entry.
                await self._refusals.note(route, request, checks)

    async def _exchange(
        self, entry: PathEntry, route: Route | None, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> tuple[Reply, bool] | None:
        """The reply, which is sent, and whether the log is to have a line of it; None where there was none to be had."""
        try:
            reply, noted = await self._settle(entry, route, request, scope, receive)
        except Gone:
            return None
        except asyncio.CancelledError:
            # The time to drain is over. Whoever still waits is told to come again, and the connection ends.
            errors = route.errors if route else entry.errors
            await self._send(errors.refuse(Unavailable(), request), request, scope, send)
            return None
        await self._send(reply, request, scope, send)
        return reply, noted

    async def _settle(self, entry: PathEntry, route: Route | None, request: Request, scope: Scope, receive: Receive) -> tuple[Reply, bool]:
        """The reply, and whether the log is to have a line of it."""
        errors = route.errors if route else entry.errors
        try:
            try:
                reply = await self._answer(entry, route, request, scope, receive)
            except Refusal as refusal:
                (journal.refused if isinstance(refusal, Unavailable) else journal.answered)(refusal.code, refusal.details)
                if route and route.call.completes:
                    await route.call.completes(self._services, route.mount, request, refusal)
                if isinstance(refusal, Unavailable):
                    self.metrics.count("failures", getattr(refusal, "cause", refusal.code))
                reply = errors.refuse(route.call.named(refusal) if route else refusal, request)
                noted = not isinstance(refusal, Overloaded) or self._overloaded.another()
                return replace(reply, refused=_told_as(refusal)), noted
        except Gone:
            raise
        except Exception:
            self.metrics.count("failures", "bug")
            log.exception("bug", request_id=request.ctx.request_id, path=_short(request.path))
            return errors.fail(request), True
        return reply, route is None or not route.call.quiet

    async def _answer(self, entry: PathEntry, route: Route | None, request: Request, scope: Scope, receive: Receive) -> Reply:
        if route and route.call.hashes and self._services.passwords.full:
            await self._turn_away(route.call, request)
        # Size is judged before anything else; a body that no method of ours has is not waited for.
        bodiless = request.method in _BODILESS
        whole = b"" if bodiless else await body.body(request.headers, receive)
        if bodiless and b"content-length" in request.headers:
            body.judge(request.headers)
        if route is None:
            return self._elsewhere(entry, request)
        call = route.call
        if call.changes and (request.spends or call.exempt):
            await self._services.limits.spend("client", request.ctx.client)
        if whole or scope["query_string"]:
            self._fill(call, request, scope["query_string"], whole)
        request.speak(route.errors.chosen(request.fields))
        # A look needs no leave.
        if (call.changes or call.by_script) and not (call.exempt and call.exempt(request.fields)):
            self._let_change(call, request)
        form = NOTHING if call.takes is Nothing else read(request.fields, call.takes)
        reply = await call.handler(self._services, route.mount, request, form)
        if reply.session and not call.sets_session:
            # Its declaration decides whether another site may call it: the first test of a login that forgot it fails here.
            raise RuntimeError(f"{call.path} logs in, and does not say sets_session=True")
        return reply

    async def _turn_away(self, call: Call, request: Request) -> None:
        """Raises Overloaded, or what stands before it, for next to nothing: nine of ten in a storm end here."""
        body.judge(request.headers)
        if call.changes and (request.spends or call.exempt):
            await self._services.limits.spend("client", request.ctx.client)
        await self._services.passwords.turn_away()

    def _let_change(self, call: Call, request: Request) -> None:
        """Raises what stands against a call that changes something: looking ahead, another site, a link that was followed."""
        if call.changes and not request.spends:
            raise BadInput("purpose", "prefetch")
        # A page's form sets cookies too: of what this browser has begun, or that it is logged in no more.
        of_browser = call.sets_session or call.begins_login or call.path.startswith(FORMS)
        if call.changes and (of_browser or b"cookie" in request.headers) and self._sites.foreign(request.headers):
            raise CrossSite
        if call.refuses_navigation and request.method == "GET" and _navigates(request):
            raise CrossSite

    def _fill(self, call: Call, request: Request, query: bytes, whole: bytes) -> None:
        if query and call.mailed and request.method in _BODILESS:
            request.query, request.mended = body.mended(query)
        if query and (not call.mailed or (call.exempt and not call.exempt(request.query))):
            request.query, request.mended = body.pairs(query), False
        if request.method in _BODILESS:
            request.fields = request.query
        elif whole:
            request.fields = body.fields(whole)

    def _elsewhere(self, entry: PathEntry, request: Request) -> Reply:
        """404, 405, or the answer to a preflight."""
        lines = self._sites.preflight(request.headers, entry.allow) if request.method == "OPTIONS" and entry.allow else None
        if lines is None:
            return entry.errors.missing(request, entry.allow)
        return Reply(b"", 204, headers=tuple((name.decode(), value.decode()) for name, value in lines))

    async def _send(self, reply: Reply, request: Request, scope: Scope, send: Send) -> None:
        body = b"" if request.method == "HEAD" else reply.body
        lines = self._sites.lines(request.headers)
        if not lines and PLAIN in scope.get("extensions", ()):
            head = self._response_headers.plain(reply, request.ctx.request_id)
            if head:
                await send({"type": PLAIN, "head": head, "body": body})
                return
        lines = self._response_headers.lines(reply, request.ctx.request_id) + lines
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    def _count(self, route: Route | None, reply: Reply, started: float) -> None:
        """A session check meets this too: no more than a microsecond."""
        counted = route.series if route else _NOWHERE
        self.metrics.observe(self._monotonic() - started, counted[reply.status // 100])
        if route and route.logs_in:
            self.metrics.count("logins", route.counted_as, route.call.path, _outcome(route, reply))

    def _note(self, request: Request, reply: Reply, started: float, checks: journal.Journal) -> None:
        """One line a request: no query, no header, no body, as these hold secrets."""
        (log.warning if reply.status >= 500 else log.info)(
            "request",
            method=request.method,
            path=_short(request.path),
            status=reply.status,
            ms=round((self._monotonic() - started) * 1_000, 1),
            request_id=request.ctx.request_id,
            **({"checks": str(checks)} if checks.refusals else {}),
            **({"client": request.ctx.client} if self._services.settings.log.clients else {}),
        )


def _told_as(refusal: Refusal) -> str:
    """Its code; whether the account or the password was wrong is told to nobody, not even by a count."""
    return BadCredentials.code if isinstance(refusal, BadCredentials) else refusal.code


def _outcome(route: Route | None, reply: Reply) -> str:
    """How a call has ended; of one that logs in, whether it did."""
    if reply.refused:
        return reply.refused
    if reply.status >= 500:
        return "internal-error"
    return "step" if route and route.logs_in and not (reply.session or reply.gives_jwt) else "ok"


def _short(path: str) -> str:
    return printable(path[:_PATH_LENGTH])


def _navigates(request: Request) -> bool:
    """Whether a browser follows a link. One that says nothing of it (an older one, or on plain http) asks for HTML; a script does not."""
    mode = request.headers.get(b"sec-fetch-mode")
    return mode == b"navigate" if mode else request.wants_html

"""The span of a request, with what OpenTelemetry calls its attributes. Of what is asked for only names of ours stand there."""

from urllib.parse import urlsplit

from lingpai.core.tracing import UNRECORDED, Attributes, Span, trace
from lingpai.flows import Services
from lingpai.web.http.routes import Route
from lingpai.web.request.calls import Reply
from lingpai.web.request.client_ip import ClientIps
from lingpai.web.request.request import Request, Scope

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"))


class RequestTraces:
    """Begins them, where the service records any."""

    def __init__(self, services: Services, clients: ClientIps) -> None:
        self._recorder = services.traces
        self._clients = clients
        self._scheme = urlsplit(services.settings.public_url).scheme or "http"

    def begin(self, scope: Scope, route: Route | None, request: Request) -> Span:
        """What the request does goes on inside it. A session check meets this too: with nothing recorded it is one look."""
        if self._recorder is None:
            return UNRECORDED
        known = request.method in _METHODS
        attributes = {
            "http.request.method": request.method if known else "_OTHER",
            "url.scheme": self._scheme,
            "lingpai.request_id": request.ctx.request_id,
            **(_attributes_of(route) if route else {}),
        }
        name = request.method if known else "HTTP"
        return trace(self._recorder, f"{name} {route.template}" if route else name, "server", attributes, self._parent(scope, request))

    def _parent(self, scope: Scope, request: Request) -> str:
        """Only a proxy of ours may say that a request is recorded: a stranger could have all of theirs, and join other people's traces."""
        header = request.headers.get(b"traceparent")
        peer = scope.get("client")
        return header.decode("latin-1") if header and self._clients.trusts(peer[0] if peer else "") else ""


def end_noted(span: Span, reply: Reply, outcome: str) -> None:
    """How it has ended."""
    span.note("http.response.status_code", reply.status)
    span.note("lingpai.outcome", outcome)
    if reply.status >= 500:
        span.failed(outcome)


def _attributes_of(route: Route) -> Attributes:
    return {"http.route": route.template, "lingpai.dialect": route.counted_as}

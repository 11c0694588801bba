"""The OpenAPI 3.1 document, made from the same declarations that parse the requests."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from lingpai.core import words
from lingpai.web.endpoints import health
from lingpai.web.http import routes
from lingpai.web.request.calls import Call, Dialect, Mount, Nothing, Reply
from lingpai.web.request.fields import slots
from lingpai.web.request.request import Request

if TYPE_CHECKING:
    from lingpai.flows import Services

Json = dict[str, Any]
Refs = Mapping[type[msgspec.Struct], Json]

_JSON = "application/json"
_STATUSES = {
    "404": "Nothing stands at this path.",
    "405": "Another method; `Allow` names those that there are.",
    "413": "The body is over 16 KiB.",
    "429": "A rate limit; `Retry-After` says how many seconds to wait.",
    "500": "A bug; the log has more under `X-Request-Id`.",
    "503": "Overload, or a store that does not answer; `Retry-After` says how many seconds to wait.",
}
"""What every call of a dialect may answer beside 200, in the dialect's envelope (contract, rule 1)."""
_LANGUAGE = "en"
"""The document is for programmers everywhere, and has one language."""
_HTTP = {
    "400": "Not HTTP as it should be; the connection is closed.",
    "408": "The head was not in within 10 s, or the body within 30 s.",
    "414": "The target is too long.",
    "431": "The head is over 16 KiB.",
}
"""What the HTTP layer answers before it knows of any call."""
_TEXT: Json = {"text/plain": {"schema": {"type": "string"}}}
_OWN_STATUSES = {
    "400": "A field is missing or does not fit.",
    "401": "Not logged in.",
    "403": "A browser sent it from another site.",
    "409": "Refused.",
    "422": "A form to be mended: the page says what.",
}
"""What the pages and the service's own calls answer beside these."""
_HTML: Json = {"text/html": {"schema": {"type": "string"}}}
_ERROR: Json = {_JSON: {"schema": {"type": "object", "properties": {"error": {"type": "string"}, "message": {"type": "string"}}}}}
_WITH_HEADERS = {"405": "Allow", "429": "Retry-After", "503": "Retry-After"}


def calls(mounts: Sequence[Mount], pages: Sequence[Call] = ()) -> tuple[Call, ...]:
    """GET /openapi.json for these mounted dialects and pages."""
    whole = cache(lambda: msgspec.json.encode(document(mounts, pages)))

    async def serve(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
        return Reply(whole())

    return (Call(("GET",), "/openapi.json", serve, changes=False, quiet=True, summary="summary.house.openapi"),)


def document(mounts: Sequence[Mount], pages: Sequence[Call] = ()) -> Json:
    """The whole document; what shares a path (a page and a call, dialects on different hosts) is described under it by its methods."""
    refs, components = _shapes(mounts, pages)
    paths: Json = {}
    for mount in mounts:
        for call in mount.dialect.calls:
            paths.setdefault(routes.path(mount, call), {}).update(_methods(mount.dialect, call, refs))
    for call in (*pages, *health.CALLS):
        for method in call.methods:
            paths.setdefault(call.path, {}).setdefault(method.lower(), _path_operation(call, method, refs))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lingpai", "version": "1", "description": "The account service behind login APIs that cannot change any more."},
        "paths": paths,
        "components": {"schemas": components},
    }


def _shapes(mounts: Sequence[Mount], pages: Sequence[Call]) -> tuple[Refs, Json]:
    """A reference to each struct that is answered, and all their schemas; two of one name get longer names."""
    dialects = [mount.dialect for mount in mounts]
    calls = [*health.CALLS, *pages, *(call for dialect in dialects for call in dialect.calls)]
    kinds = list(dict.fromkeys([*(dialect.failed_as for dialect in dialects), *(call.gives for call in calls if call.gives)]))
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    return dict(zip(kinds, schemas, strict=True)), components


def _methods(dialect: Dialect, call: Call, refs: Refs) -> Json:
    return {method.lower(): _operation(dialect, call, method, refs) for method in call.methods}


def _operation(dialect: Dialect, call: Call, method: str, refs: Refs) -> Json:
    operation: Json = {
        "operationId": f"{dialect.name}{method.capitalize()}{call.path.replace('/', '_')}",
        "tags": [dialect.name],
        "responses": _answers(call, refs[dialect.failed_as], refs),
    }
    operation |= _summary(call)
    if refusals := ", ".join(f"`{kind.code}`" for kind in call.refusals):
        operation["description"] = f"Refuses beside bad input: {refusals}."
    return operation | _taken(call, method)


def _summary(call: Call) -> Json:
    return {"summary": words.text(call.summary, _LANGUAGE)} if call.summary else {}


def _taken(call: Call, method: str) -> Json:
    if method == "GET":
        return {"parameters": _parameters(call)}
    body = _body(call)
    return {"requestBody": body} if body else {}


def _parameters(call: Call) -> list[Json]:
    return [
        {
            "name": slot.name,
            "in": "query",
            "required": not slot.shape.optional,
            "schema": _plain(slot.shape.schema()),
        }
        for slot in slots(call.takes)
    ]


def _plain(schema: Json) -> Json:
    """Without the null that JSON has and a query has not."""
    first: Json = schema["anyOf"][0] if "anyOf" in schema else schema
    return first


def _body(call: Call) -> Json | None:
    found = slots(call.takes)
    if not found:
        return None
    needed = [slot.name for slot in found if not slot.shape.optional]

    def shape(pick: Any) -> Json:
        properties = {slot.name: pick(slot.shape.schema()) for slot in found}
        return {"schema": {"type": "object", "properties": properties, **({"required": needed} if needed else {})}}

    content = {_JSON: shape(lambda schema: schema), "application/x-www-form-urlencoded": shape(_plain)}
    return {"required": bool(needed), "content": content}


def _answers(call: Call, failed: Json, refs: Refs) -> Json:
    answers = {"200": _success(call, failed, refs)}
    answers |= {status: _answer(status, text, {_JSON: {"schema": failed}}) for status, text in _STATUSES.items()}
    return answers | {status: _answer(status, text, _TEXT) for status, text in _HTTP.items()}


def _success(call: Call, failed: Json, refs: Refs) -> Json:
    content: Json = {_JSON: {"schema": {"anyOf": [refs[call.gives], failed]} if call.gives else failed}}
    if call.gives is None or call.rooted:
        content |= _HTML
    return _answer("200", "Success, or a refusal in the dialect's envelope.", content)


def _answer(status: str, text: str, content: Json) -> Json:
    headers: Json = {"X-Request-Id": {"schema": {"type": "string"}}}
    if name := _WITH_HEADERS.get(status):
        headers[name] = {"required": True, "schema": {"type": "string"}}
    return {"description": text, "headers": headers, "content": content}


def _path_operation(call: Call, method: str, refs: Refs) -> Json:
    """A page, or a call of the service's own: these speak HTTP."""
    shown: Json = {_JSON: {"schema": refs[call.gives]}} if call.gives else _HTML
    answers = {"200": _answer("200", "Success.", shown)}
    answers |= {
        status: _answer(status, text, _HTML | _ERROR | (_TEXT if status in _HTTP else {}))
        for status, text in (_OWN_STATUSES | _STATUSES).items()
    }
    if not call.gives:
        answers["303"] = _answer("303", "Leads on, to the `Location`.", _HTML)
    answers["503"] = _answer("503", _STATUSES["503"], _HTML | (shown if call.gives else _ERROR))
    return {
        "operationId": f"house{method.capitalize()}{call.path.replace('/', '_')}",
        "tags": ["house"],
        "responses": {status: _answer(status, text, _TEXT) for status, text in _HTTP.items()} | answers,
        **_summary(call),
        **_taken(call, method),
    }

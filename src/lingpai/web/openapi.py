"""The OpenAPI 3.1 document, made from the same declarations that parse the requests."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from lingpai.web import health
from lingpai.web.dialect import Call, Dialect, Door, Nothing, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.fields import slots

if TYPE_CHECKING:
    from lingpai.flows import Kit

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
_HTTP = {
    "400": "Not HTTP as it should be; the connection is closed.",
    "408": "The head was not in within 10 s, or the body within 30 s.",
    "414": "The target is too long.",
    "431": "The head is over 16 KiB.",
}
"""What the HTTP layer answers before it knows of any call."""
_TEXT: Json = {"text/plain": {"schema": {"type": "string"}}}
_WITH_HEADERS = {"405": "Allow", "429": "Retry-After", "503": "Retry-After"}


def calls(doors: Sequence[Door]) -> tuple[Call, ...]:
    """GET /openapi.json for these doors."""
    whole = cache(lambda: msgspec.json.encode(document(doors)))

    async def serve(kit: "Kit", door: Door, exchange: Exchange, _: Nothing) -> Reply:
        return Reply(whole())

    return (Call(("GET",), "/openapi.json", serve, changes=False, quiet=True),)


def document(doors: Sequence[Door]) -> Json:
    """The whole document; two doors that share a path on different hosts are both described under it by their methods."""
    refs, components = _shapes(doors)
    paths: Json = {}
    for door in doors:
        for call in door.dialect.calls:
            paths.setdefault(door.base_path + call.path, {}).update(_methods(door.dialect, call, refs))
    for call in health.CALLS:
        paths[call.path] = {"get": _own(call, refs)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Lingpai", "version": "1", "description": "The account service behind login APIs that cannot change any more."},
        "paths": paths,
        "components": {"schemas": components},
    }


def _shapes(doors: Sequence[Door]) -> tuple[Refs, Json]:
    """A reference to each struct that is answered, and all their schemas; two of one name get longer names."""
    dialects = [door.dialect for door in doors]
    calls = [*health.CALLS, *(call for dialect in dialects for call in dialect.calls)]
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
    if summary := call.summary.get("en"):
        operation["summary"] = summary
    if refusals := ", ".join(f"`{kind.code}`" for kind in call.refusals):
        operation["description"] = f"Refuses beside bad input: {refusals}."
    if method == "GET":
        operation["parameters"] = _parameters(call)
    elif body := _body(call):
        operation["requestBody"] = body
    return operation


def _parameters(call: Call) -> list[Json]:
    return [
        {
            "name": slot.name,
            "in": "query",
            "required": not slot.text.optional,
            "schema": _plain(slot.text.schema()),
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
    needed = [slot.name for slot in found if not slot.text.optional]

    def shape(pick: Any) -> Json:
        properties = {slot.name: pick(slot.text.schema()) for slot in found}
        return {"schema": {"type": "object", "properties": properties, **({"required": needed} if needed else {})}}

    content = {_JSON: shape(lambda schema: schema), "application/x-www-form-urlencoded": shape(_plain)}
    return {"required": bool(needed), "content": content}


def _answers(call: Call, failed: Json, refs: Refs) -> Json:
    answers = {"200": _success(call, failed, refs)}
    answers |= {status: _answer(status, text, {_JSON: {"schema": failed}}) for status, text in _STATUSES.items()}
    return answers | {status: _answer(status, text, _TEXT) for status, text in _HTTP.items()}


def _success(call: Call, failed: Json, refs: Refs) -> Json:
    content: Json = {_JSON: {"schema": {"anyOf": [refs[call.gives], failed]} if call.gives else failed}}
    if call.gives is None:
        content["text/html"] = {"schema": {"type": "string"}}
    return _answer("200", "Success, or a refusal in the dialect's envelope.", content)


def _answer(status: str, text: str, content: Json) -> Json:
    headers: Json = {"X-Request-Id": {"schema": {"type": "string"}}}
    if name := _WITH_HEADERS.get(status):
        headers[name] = {"required": True, "schema": {"type": "string"}}
    return {"description": text, "headers": headers, "content": content}


def _own(call: Call, refs: Refs) -> Json:
    content = {_JSON: {"schema": refs[call.gives or Nothing]}}
    answers = {"200": _answer("200", "It is.", content), "503": _answer("503", "A store does not answer.", content)}
    anything: Json = {_JSON: {"schema": {"type": "object"}}, "text/html": {"schema": {"type": "string"}}}
    answers |= {status: _answer(status, text, anything) for status, text in _STATUSES.items() if status in ("405", "413", "500")}
    return {
        "operationId": call.path.strip("/"),
        "tags": ["health"],
        "responses": answers | {status: _answer(status, text, _TEXT) for status, text in _HTTP.items()},
    }

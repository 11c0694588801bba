"""What other services call: the public keys (RFC 7517), and whether a JWT is good (RFC 7662). Plain HTTP, no dialect's envelope."""

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote_plus

import msgspec

from lingpai.core.errors import BadClient, InvalidRequest
from lingpai.flows import introspect as introspection
from lingpai.flows.introspect import ClientCredentials
from lingpai.guard.sessions.signing_keys import CACHED
from lingpai.settings.realms import with_jwts
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text
from lingpai.web.request.request import Headers, Request

if TYPE_CHECKING:
    from lingpai.flows import Services

_LONGEST = 16_384
"""A token over the gate's own size is not live; it is no malformed question."""


class KeySet(msgspec.Struct, frozen=True):
    """A JWK Set."""

    keys: list[dict[str, Any]]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 7662, 2.1. There is only one type of token, so that no hint is needed."""

    token: Annotated[str, Text(1, _LONGEST, optional=True)] = ""
    """Needed; but whoever may not ask learns nothing else first."""


class Introspection(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 7662, 2.2. Of a token that is not live nothing is told but that; of a live one not the session's own token."""

    active: bool
    iss: str | None = None
    sub: str | None = None
    aud: str | None = None
    iat: int | None = None
    exp: int | None = None
    jti: str | None = None
    locale: str | None = None


async def jwks(services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /.well-known/jwks.json: kept by others for five minutes; a new key is here twice as long before it signs."""
    body = msgspec.json.encode(KeySet(await services.tokens.keys.published()))
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    lines = (("etag", tag), ("cache-control", f"public, max-age={CACHED}"))
    if tag.encode() in request.headers.get(b"if-none-match", b""):
        return Reply(b"", 304, headers=lines)
    return Reply(body, headers=lines)


async def introspect(services: "Services", mount: Mount, request: Request, question: Question) -> Reply:
    """POST /oauth2/introspect: a form with the token, from a service that names itself by HTTP Basic."""
    claims = await introspection.ask(services, request.ctx, _caller(request.headers), with_jwts(services.settings), question.token)
    if claims is None:
        return Reply(msgspec.json.encode(Introspection(active=False)))
    answer = Introspection(True, claims.iss, claims.sub, claims.aud, claims.iat, claims.exp, claims.jti, claims.locale)
    return Reply(msgspec.json.encode(answer))


def _caller(headers: Headers) -> ClientCredentials | None:
    """The credentials of HTTP Basic (RFC 7617), each part coded as a form's (RFC 6749, 2.3.1)."""
    scheme, _, coded = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        name, colon, secret = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return ClientCredentials(unquote_plus(name), unquote_plus(secret)) if colon else None


CALLS = (
    Call(
        ("GET",),
        "/.well-known/jwks.json",
        jwks,
        gives=KeySet,
        changes=False,
        quiet=True,
        summary="summary.house.jwks",
    ),
    Call(
        ("POST",),
        "/oauth2/introspect",
        introspect,
        Question,
        Introspection,
        changes=False,
        quiet=True,
        refusals=(BadClient,),
        malformed=InvalidRequest,
        summary="summary.house.introspect",
    ),
)

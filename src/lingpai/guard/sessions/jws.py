"""The strict gate before the library: one signed token in compact form (RFC 7515) is taken apart and verified with one given key.

What libraries take kindly is refused here first: other spellings of base64url, a header with anything in it that we do not write
(`crit`, `b64`, `jku`, `jwk`, `zip`), an algorithm that the token chooses, a key that is for something else. Everything raises BadToken.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never

from lingpai.core.errors import BadToken

if TYPE_CHECKING:
    from joserfc.jwk import Key

LONGEST = 4_096
"""Characters of a token that are looked at; ours have about 500, with RS256 about 900."""
KNOWN = frozenset(("alg", "kid", "typ"))
"""What a header may hold."""
FAMILIES: Mapping[str, tuple[str, str | None]] = {"ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519"), "RS256": ("RSA", None)}
"""Our algorithms, each with the one type and curve of key that it takes (RFC 7518, 3.1; RFC 8037, 3.1)."""
RSA_BITS = 2_048
"""The shortest RSA key (RFC 7518, 3.3)."""

_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Parts:
    """A token taken apart. Nothing in it is true yet."""

    header: Mapping[str, str]
    payload: bytes
    signed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key, and the one algorithm that it verifies."""

    kid: str
    alg: str
    key: "Key"

    @classmethod
    def of(cls, jwk: Mapping[str, Any]) -> "Verifier":
        """The key of a JWK (RFC 7517). BadToken: it names no algorithm of ours, does not fit it, or is for something else."""
        if FAMILIES.get(jwk.get("alg", "")) != (jwk.get("kty"), jwk.get("crv")):
            raise BadToken("key-alg")
        if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ("verify",)):
            raise BadToken("key-use")
        from joserfc.errors import JoseError  # noqa: PLC0415 - 25 ms, which the first answer does without
        from joserfc.jwk import RSAKey, import_key  # noqa: PLC0415 - as above
        from joserfc.jws import JWSRegistry  # noqa: PLC0415 - as above

        try:
            key = import_key(dict(jwk))
            JWSRegistry.algorithms[jwk["alg"]].check_key(key)
        except (JoseError, ValueError):
            raise BadToken("key") from None
        if isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS:
            raise BadToken("key")
        return cls(jwk["kid"], jwk["alg"], key)


def parts(token: str) -> Parts:
    """Takes the token apart. Costs no more than its allowed length."""
    if len(token) > LONGEST:
        raise BadToken("size")
    if not token.isascii():
        raise BadToken("base64")
    segments = token.encode().split(b".")
    if len(segments) != 3:
        raise BadToken("parts")
    head, payload, signature = (_plain(segment) for segment in segments)
    header = members(head)
    if "alg" not in header or not KNOWN.issuperset(header) or not all(isinstance(value, str) for value in header.values()):
        raise BadToken("header")
    return Parts(header, payload, b".".join(segments[:2]), signature)


def verify(found: Parts, key: Verifier) -> bytes:
    """The payload, now known to be what the key's owner signed. The key says which algorithm; the token may only agree."""
    from joserfc.errors import JoseError  # noqa: PLC0415 - as in `Verifier.of`
    from joserfc.jws import JWSRegistry  # noqa: PLC0415 - as above

    if found.header["alg"] != key.alg:
        raise BadToken("alg")
    if found.header.get("kid", key.kid) != key.kid:
        raise BadToken("kid")
    try:
        right = JWSRegistry.algorithms[key.alg].verify(found.signed, found.signature, key.key)
    except (JoseError, ValueError):
        right = False
    if not right:
        raise BadToken("signature")
    return found.payload


def sign(payload: bytes, kid: str, alg: str, private: "Key") -> str:
    """A token of type JWT with the private key's signature."""
    from joserfc.jws import JWSRegistry  # noqa: PLC0415 - as in `Verifier.of`

    header = json.dumps({"alg": alg, "kid": kid, "typ": "JWT"}, separators=(",", ":")).encode()
    signed = _coded(header) + b"." + _coded(payload)
    return (signed + b"." + _coded(JWSRegistry.algorithms[alg].sign(signed, private))).decode()


def members(plain: bytes) -> dict[str, Any]:
    """The members of a JSON object: each once, whole numbers only, UTF-8."""
    try:
        found = _DECODER.decode(plain.decode())
    except (ValueError, RecursionError):
        raise BadToken("json") from None
    if not isinstance(found, dict):
        raise BadToken("json")
    return found


def _coded(plain: bytes) -> bytes:
    return base64.urlsafe_b64encode(plain).rstrip(b"=")


def _plain(segment: bytes) -> bytes:
    """Without padding, and in the one spelling that it would be written in (RFC 7515, 2)."""
    try:
        plain = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except binascii.Error:
        raise BadToken("base64") from None
    if _coded(plain) != segment:
        raise BadToken("base64")
    return plain


def _unique(found: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(found)
    if len(made) < len(found):
        raise BadToken("json")
    return made


def _refused(_: str) -> Never:
    raise BadToken("json")


def _integer(text: str) -> int:
    return int(text) if len(text) <= _DIGITS else _refused(text)


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refused, parse_float=_refused, parse_int=_integer)

"""The files that pages load, served from memory."""

import gzip
import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lingpai.web.request.brand import Brand
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.request import Request

if TYPE_CHECKING:
    from lingpai.flows import Services

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
_FILES = {file.name: file.read_bytes() for file in sorted((Path(__file__).parents[2] / "static").iterdir()) if file.suffix in _KINDS}
_PACKED = {name: gzip.compress(content, mtime=0) for name, content in _FILES.items()}
"""A third of that, for whoever takes it (RFC 9110, 8.4.1.3). Nothing secret is in these files, so that their sizes tell nothing."""
_TAGS = {name: hashlib.sha256(content).hexdigest()[:16] for name, content in _FILES.items()}
_FOR_EVER = "public, max-age=31536000, immutable"
_INERT = (("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),)
"""A picture in SVG is a document where it is opened by itself: its scripts do not run."""


def link(name: str) -> str:
    """The address of a file; it changes with the content, so that a browser may keep what it has. KeyError for none of ours."""
    return f"/static/{name}?v={_TAGS[name]}"


def calls(brand: Brand) -> Iterator[Call]:
    """All that `/static/` serves."""
    for name in _FILES:
        yield Call(("GET",), f"/static/{name}", partial(_serve, name), changes=False, quiet=True)
    for made in brand.files:
        reply = Reply(made.content, 200, _KINDS[Path(made.name).suffix], (("cache-control", _FOR_EVER), *_INERT))
        yield Call(("GET",), made.address, partial(_give, reply), changes=False, quiet=True)


async def _serve(name: str, services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    packed = b"gzip" in request.headers.get(b"accept-encoding", b"")
    current = request.query.get("v") == _TAGS[name]
    lines = (
        ("etag", f'"{_TAGS[name]}{"-gzip" if packed else ""}"'),
        ("cache-control", _FOR_EVER if current else "no-cache"),
        ("vary", "accept-encoding"),
    )
    if _TAGS[name].encode() in request.headers.get(b"if-none-match", b""):
        return Reply(b"", 304, _KINDS[Path(name).suffix], lines)
    if packed:
        return Reply(_PACKED[name], 200, _KINDS[Path(name).suffix], (*lines, ("content-encoding", "gzip")))
    return Reply(_FILES[name], 200, _KINDS[Path(name).suffix], lines)


async def _give(reply: Reply, services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    return reply

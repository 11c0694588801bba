"""What is told on a connection that ends before an application has seen its request."""

from collections.abc import Iterable
from http import HTTPStatus


def last_word(status: HTTPStatus, headers: Iterable[tuple[bytes, bytes]], request_id: str, again: int) -> bytes:
    """The whole reply, `headers` first. `again`: seconds until a next try makes sense; 0: none does."""
    text = status.phrase.encode()
    lines = [
        b"HTTP/1.1 %d %s" % (status.value, text),
        *(b"%s: %s" % line for line in headers),
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(text),
        b"cache-control: no-store",
        b"x-content-type-options: nosniff",
        b"x-request-id: " + request_id.encode(),
        b"connection: close",
        *([b"retry-after: %d" % again] if again else []),
    ]
    return b"\r\n".join([*lines, b"", text])

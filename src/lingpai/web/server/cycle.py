"""One request and its reply on a connection: uvicorn's cycle, but for how the reply is written."""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from lingpai.web.http.response_headers import PLAIN

LARGE = 16_384
"""Bytes of a body from which on it is written apart from its head."""

_SORRY = b"Internal Server Error"
_SORRY_LINES = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_SORRY)), (b"cache-control", b"no-store")]


class FrontCycle(RequestResponseCycle):
    """Takes two messages from the application, a head and the whole body, or one with both (`PLAIN`), and writes them together.

    uvicorn writes two, and looks at each header by itself, which a session check feels. The application says how long the body is, and
    sends none for HEAD, 204 and 304; whether the connection stays open is said here.
    """

    ends: Callable[[], bool]
    """Whether the connection is to end with this reply, though its client would keep it: asked when the reply is written."""
    plain: bytes
    """What a 200 begins with: its first line, and those of every reply."""
    _head = b""

    async def send(self, message: Any) -> None:
        """As ASGI has it, for exactly these messages. Raises RuntimeError for a header that would break its line."""
        if not self.response_started:
            whole = message["type"] == PLAIN
            self._head = self.plain + message["head"] if whole else self._written(message["status"], message["headers"])
            self.response_started = True
            self.waiting_for_100_continue = False
            if not whole:
                return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if not self.disconnected:
            self._finish(message["body"])

    async def send_500_response(self) -> None:
        """For what the application itself did not catch."""
        self.keep_alive = False
        await self.send({"type": "http.response.start", "status": 500, "headers": _SORRY_LINES})
        await self.send({"type": "http.response.body", "body": b"" if self.scope["method"] == "HEAD" else _SORRY})

    def _written(self, status: int, lines: list[tuple[bytes, bytes]]) -> bytes:
        parts = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *lines):
            parts += (name, b": ", value, b"\r\n")
        head = b"".join(parts)
        ends = 1 + len(parts) // 4
        if head.count(b"\n") != ends or head.count(b"\r") != ends or b"\0" in head:
            raise RuntimeError("a header would break its line (RFC 9110, 5.5)")
        return head

    def _finish(self, body: bytes) -> None:
        if not self.more_body and self.keep_alive and self.ends():
            self.keep_alive = False
        # Answered before its body is in (a 413, say), the connection ends too: a client that keeps connections must know (RFC 9112, 9.6).
        stays = self.keep_alive and not self.more_body
        head = self._head + (b"\r\n" if stays else b"connection: close\r\n\r\n")
        # A large one is not copied: the same page waits, unread, for many at once. The loop sends both together.
        for piece in (head, body) if len(body) > LARGE else (head + body,):
            self.transport.write(piece)
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

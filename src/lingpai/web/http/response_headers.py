"""The headers of every reply (contract, rule 3)."""

from collections.abc import Iterator

from lingpai.core.chance import Chance
from lingpai.core.retries import retry_after
from lingpai.settings import Settings
from lingpai.web.request.calls import Reply
from lingpai.web.request.cookies import Cookies

Lines = list[tuple[bytes, bytes]]

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; media-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a hosted page may load: our own style, scripts and pictures; nothing that acts is written into the page itself (CSP 3), only the
picture or the sound of its captcha."""


def policy(settings: Settings) -> str:
    """`POLICY`, and where `next=` may lead: a browser holds `form-action` for where a form's answer redirects to as well (CSP 3)."""
    return POLICY.replace("form-action 'self'", " ".join(("form-action 'self'", *dict.fromkeys(settings.pages.origins))))


_POLICY = "content-security-policy"
PLAIN = "lingpai.response.plain"
"""An extension of ASGI that our server offers: `head` and `body` of a 200 in one message, its header lines in bytes as they are sent."""

_NOSNIFF = (b"x-content-type-options", b"nosniff")
_NO_STORE = (b"cache-control", b"no-store")
_BODILESS = (204, 304)


class ResponseHeaders:
    """Writes header lines; those that are always the same are made once."""

    def __init__(self, settings: Settings, chance: Chance) -> None:
        self._chance = chance
        secure = settings.public_url.startswith("https://")
        self._cookies = Cookies(settings)
        self._always: Lines = [_NOSNIFF, *([(b"strict-transport-security", b"max-age=31536000")] if secure else [])]
        self._page: Lines = [
            (_POLICY.encode(), policy(settings).encode()),
            # Under `no-referrer` a form's Origin is `null` (Fetch, 3.2), and over plain http, or from an old browser, it is all there is.
            (b"referrer-policy", b"strict-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
        ]
        self._kinds: dict[str, Lines] = {}
        self._blocks: dict[str, bytes] = {}

    def plain(self, reply: Reply, request_id: str) -> bytes | None:
        """The same lines as they are sent, of a 200 of which nothing but its length is particular; None for any other."""
        if reply.status != 200 or reply.headers or not (reply.session is reply.device is reply.prelogin_token is reply.language is None):
            return None
        block = self._blocks.get(reply.media_type) or self._block(reply.media_type)
        return b"%bx-request-id: %b\r\ncontent-length: %d\r\n" % (block, request_id.encode(), len(reply.body))

    def lines(self, reply: Reply, request_id: str) -> Lines:
        """All header lines of a reply but those of CORS. A reply's own policy of what it may load stands instead of the pages'."""
        lines = [*self._kind(reply.media_type), (b"x-request-id", request_id.encode())]
        if reply.status not in _BODILESS:
            lines.append((b"content-length", b"%d" % len(reply.body)))
        if reply.retry_after:
            lines.append((b"retry-after", b"%d" % retry_after(self._chance, reply.retry_after)))
        if not reply.headers and reply.session is reply.device is reply.prelogin_token is reply.language is None:
            lines.append(_NO_STORE)
            return lines
        named = {name for name, _ in reply.headers}
        if _POLICY in named:
            lines = [line for line in lines if line[0] != _POLICY.encode()]
        lines += [(name.encode(), value.encode("latin-1")) for name, value in reply.headers]
        if "cache-control" not in named:
            lines.append(_NO_STORE)
        return [*lines, *self._set_cookies(reply)]

    def _set_cookies(self, reply: Reply) -> Iterator[tuple[bytes, bytes]]:
        if reply.session is not None:
            yield b"set-cookie", self._cookies.session(reply.session, reply.session_life)
        if reply.prelogin_token is not None:
            yield b"set-cookie", self._cookies.prelogin_token(reply.prelogin_token)
        if reply.device is not None:
            yield b"set-cookie", self._cookies.device(reply.device)
        if reply.language is not None:
            yield b"set-cookie", self._cookies.language(reply.language)

    def _block(self, media_type: str) -> bytes:
        lines = (*self._kind(media_type), _NO_STORE)
        return self._blocks.setdefault(media_type, b"".join(b"%b: %b\r\n" % line for line in lines))

    def _kind(self, media_type: str) -> Lines:
        known = self._kinds.get(media_type)
        if known is None:
            page = self._page if media_type.startswith("text/html") else []
            known = self._kinds[media_type] = [(b"content-type", media_type.encode("latin-1")), *self._always, *page]
        return known

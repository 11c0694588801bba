"""How a request is refused: a dialect in its envelope, the service's own calls and pages in plain words."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from lingpai.core import words
from lingpai.core.errors import BadClient, BadInput, CrossSite, Limited, NotLoggedIn, Refusal, Unavailable, choose
from lingpai.core.model import Locale
from lingpai.web.pages import page, readable_at
from lingpai.web.request.body import TooLarge
from lingpai.web.request.calls import Dialect, Reply
from lingpai.web.request.request import Request

Statuses = Mapping[type[Refusal], int]

STATUSES: Statuses = {Refusal: 200, TooLarge: 413, Limited: 429, Unavailable: 503}
"""A dialect's business outcomes are all 200 (contract, rule 1)."""
PAGES = frozenset((413, 429, 503))
"""Refusals that are a page to whoever reads HTML, whatever was asked for."""
_IN_VAIN = frozenset((404, 405, 413))
"""Where the same again leads to the same: there is no use in offering it."""
OWN_STATUSES: Statuses = {**STATUSES, Refusal: 409, BadInput: 400, NotLoggedIn: 401, BadClient: 401, CrossSite: 403}
"""The pages and the service's own calls speak HTTP."""


class ErrorRenderer(Protocol):
    """Answers where no handler does."""

    language: Locale

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        """The language that the request's own fields ask for; None where they have no say."""
        ...

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        """The answer to what a handler, or the application itself, refused."""
        ...

    def fail(self, request: Request) -> Reply:
        """The answer to a bug of ours: 500, and nothing of what it was."""
        ...

    def missing(self, request: Request, allow: str = "") -> Reply:
        """404; or 405, where other methods are allowed."""
        ...


class EnvelopeRenderer:
    """A dialect's voice."""

    def __init__(self, dialect: Dialect, plain: "PlainRenderer") -> None:
        """`plain`: who speaks where the broken one is HTTP itself and the reader a person (contract, 1.4)."""
        self.language = dialect.language
        self._dialect = dialect
        self._plain = plain
        self._sorry: dict[tuple[type[Unavailable], int, Locale], Reply] = {}
        """What is told to whoever comes at a bad moment: the same to many, at a moment when work is dear."""

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        names = self._dialect.asks_by
        if not names:
            return None
        tag = next((fields[name] for name in names if isinstance(fields.get(name), str)), None)
        return words.locale_of(tag) or self.language

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        status = choose(STATUSES, refusal)
        if status in PAGES and request.wants_html:
            return self._for_reader(request).refuse(refusal, request)
        if not isinstance(refusal, Unavailable) or len(refusal.details) > 1:
            return self._reply(refusal, status, request.locale)
        key = type(refusal), refusal.seconds, request.locale
        if key not in self._sorry:
            self._sorry[key] = self._reply(refusal, status, request.locale)
        return self._sorry[key]

    def _reply(self, refusal: Refusal, status: int, locale: Locale) -> Reply:
        return Reply(msgspec.json.encode(self._dialect.envelope(refusal, locale)), status, retry_after=_seconds(refusal))

    def fail(self, request: Request) -> Reply:
        if request.wants_html:
            return self._for_reader(request).fail(request)
        return Reply(msgspec.json.encode(self._dialect.fail(request.locale)), 500)

    def missing(self, request: Request, allow: str = "") -> Reply:
        if request.wants_html:
            return self._for_reader(request).missing(request, allow)
        return _missing(Reply(msgspec.json.encode(self._dialect.missing(request.locale))), allow)

    def _for_reader(self, request: Request) -> "PlainRenderer":
        """A page speaks as a browser asks, not as the dialect's field would."""
        request.speak_to_reader(self.language)
        return self._plain


class PlainRenderer:
    """How the service's own calls and pages say no: a page for a browser that navigates, else a line of JSON."""

    def __init__(self, language: Locale) -> None:
        self.language = language

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        return None

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        status, why = choose(OWN_STATUSES, refusal), words.refusal(refusal, request.locale)
        reply = self._reply(request, status, refusal.code, words.sentence(why, request.locale) if request.wants_html else why)
        return replace(reply, headers=_challenge(refusal), retry_after=_seconds(refusal))

    def fail(self, request: Request) -> Reply:
        return self._reply(request, 500, "internal-error", words.text(_key("failed", request), request.locale))

    def missing(self, request: Request, allow: str = "") -> Reply:
        status, code = (405, "method-not-allowed") if allow else (404, "not-found")
        return _missing(self._reply(request, status, code, words.text(_key("missing", request), request.locale)), allow)

    def _reply(self, request: Request, status: int, code: str, text: str) -> Reply:
        if request.wants_html:
            return replace(_problem(request, status, text), status=status)
        body: dict[str, Any] = {"error": code, "message": text}
        return Reply(msgspec.json.encode(body), status)


class NegotiatedRenderer:
    """Where a page stands that a dialect answers too: a page for a browser that navigates, else the dialect's envelope."""

    def __init__(self, envelope: ErrorRenderer, plain: ErrorRenderer, language: Locale) -> None:
        self.language = language
        self._envelope = envelope
        self._plain = plain

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        return self._envelope.chosen(fields)

    def refuse(self, refusal: Refusal, request: Request) -> Reply:
        return self._for(request).refuse(refusal, request)

    def fail(self, request: Request) -> Reply:
        return self._for(request).fail(request)

    def missing(self, request: Request, allow: str = "") -> Reply:
        return self._for(request).missing(request, allow)

    def _for(self, request: Request) -> ErrorRenderer:
        return self._plain if request.wants_html else self._envelope


def _problem(request: Request, status: int, text: str) -> Reply:
    """What went wrong, by its status where there are words for that, and the way on."""
    known = words.TEXTS[request.locale]
    key = "pages.problem.missing_title" if status == 404 else f"pages.trouble.title.{status}"
    title = known.get(key, known["pages.problem.title"])
    return page("problem.html", request, title=title, text=known.get(f"pages.trouble.text.{status}", text), again=_again(request, status))


def _again(request: Request, status: int) -> str:
    """Where the same is tried again; of a form, the page that it stands on (`pages/reload.py`). Empty where there is no use in it."""
    if status in _IN_VAIN and request.method == "GET":
        return ""
    if request.method == "POST":
        return request.path if request.path.startswith("/page/") and status != 404 else ""
    return readable_at(request)


def _key(what: str, request: Request) -> str:
    """A person is told otherwise than a program."""
    return f"pages.problem.{what}" if request.wants_html else f"web.{what}"


def _missing(reply: Reply, allow: str) -> Reply:
    return replace(reply, status=405, headers=(("allow", allow),)) if allow else replace(reply, status=404)


def _seconds(refusal: Refusal) -> int:
    return refusal.seconds if isinstance(refusal, Limited | Unavailable) else 0


def _challenge(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    """How another service says who it is (RFC 7617)."""
    return (("www-authenticate", 'Basic realm="lingpai", charset="UTF-8"'),) if isinstance(refusal, BadClient) else ()

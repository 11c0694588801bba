"""How the door says no: a dialect in its envelope, the house's own calls and pages in plain words."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from lingpai.core import words
from lingpai.core.errors import BadClient, BadInput, CrossSite, Limited, NotLoggedIn, Refusal, Unavailable, choose
from lingpai.core.model import Locale
from lingpai.web.dialect import Dialect, Reply
from lingpai.web.exchange import Exchange
from lingpai.web.gate import TooLarge
from lingpai.web.pages import page

Statuses = Mapping[type[Refusal], int]

STATUSES: Statuses = {Refusal: 200, TooLarge: 413, Limited: 429, Unavailable: 503}
"""A dialect's business outcomes are all 200 (contract, rule 1)."""
OWN_STATUSES: Statuses = {**STATUSES, Refusal: 409, BadInput: 400, NotLoggedIn: 401, BadClient: 401, CrossSite: 403}
"""The pages and the house's own calls speak HTTP."""


class Voice(Protocol):
    """Answers where no handler does."""

    language: Locale

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        """The language that the request's own fields ask for; None where they have no say."""
        ...

    def refuse(self, refusal: Refusal, exchange: Exchange) -> Reply:
        """The answer to what a handler, or the door itself, refused."""
        ...

    def fail(self, exchange: Exchange) -> Reply:
        """The answer to a bug of ours: 500, and nothing of what it was."""
        ...

    def missing(self, exchange: Exchange, allow: str = "") -> Reply:
        """404; or 405, where other methods are allowed."""
        ...


class Envelope:
    """A dialect's voice."""

    def __init__(self, dialect: Dialect) -> None:
        self.language = dialect.language
        self._dialect = dialect

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        names = self._dialect.asks_by
        if not names:
            return None
        tag = next((fields[name] for name in names if isinstance(fields.get(name), str)), None)
        return words.locale_of(tag) or self.language

    def refuse(self, refusal: Refusal, exchange: Exchange) -> Reply:
        said = self._dialect.refuse(refusal, exchange.locale)
        return Reply(msgspec.json.encode(said), choose(STATUSES, refusal), headers=_retry(refusal))

    def fail(self, exchange: Exchange) -> Reply:
        return Reply(msgspec.json.encode(self._dialect.fail(exchange.locale)), 500)

    def missing(self, exchange: Exchange, allow: str = "") -> Reply:
        return _missing(Reply(msgspec.json.encode(self._dialect.missing(exchange.locale))), allow)


class Plain:
    """The house's own voice: a page for a browser that navigates, else a line of JSON."""

    def __init__(self, language: Locale) -> None:
        self.language = language

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        return None

    def refuse(self, refusal: Refusal, exchange: Exchange) -> Reply:
        why = words.refusal(refusal, exchange.locale)
        said = self._say(exchange, refusal.code, words.sentence(why, exchange.locale) if exchange.wants_html else why)
        return replace(said, status=choose(OWN_STATUSES, refusal), headers=(*_retry(refusal), *_challenge(refusal)))

    def fail(self, exchange: Exchange) -> Reply:
        return replace(self._say(exchange, "internal-error", words.text(_key("failed", exchange), exchange.locale)), status=500)

    def missing(self, exchange: Exchange, allow: str = "") -> Reply:
        code = "method-not-allowed" if allow else "not-found"
        return _missing(self._say(exchange, code, words.text(_key("missing", exchange), exchange.locale), title="missing_title"), allow)

    def _say(self, exchange: Exchange, code: str, text: str, *, title: str = "title") -> Reply:
        if exchange.wants_html:
            return page("problem.html", exchange, title=title, text=text)
        said: dict[str, Any] = {"error": code, "message": text}
        return Reply(msgspec.json.encode(said))


class Either:
    """At a page's path that a dialect answers too: a page for a browser that navigates, else the dialect's envelope."""

    def __init__(self, envelope: Voice, plain: Voice) -> None:
        self.language = plain.language
        self._envelope = envelope
        self._plain = plain

    def chosen(self, fields: Mapping[str, Any]) -> Locale | None:
        return self._envelope.chosen(fields)

    def refuse(self, refusal: Refusal, exchange: Exchange) -> Reply:
        return self._for(exchange).refuse(refusal, exchange)

    def fail(self, exchange: Exchange) -> Reply:
        return self._for(exchange).fail(exchange)

    def missing(self, exchange: Exchange, allow: str = "") -> Reply:
        return self._for(exchange).missing(exchange, allow)

    def _for(self, exchange: Exchange) -> Voice:
        return self._plain if exchange.wants_html else self._envelope


def _key(what: str, exchange: Exchange) -> str:
    """A person is told otherwise than a program."""
    return f"pages.problem.{what}" if exchange.wants_html else f"web.{what}"


def _missing(reply: Reply, allow: str) -> Reply:
    return replace(reply, status=405, headers=(("allow", allow),)) if allow else replace(reply, status=404)


def _retry(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    return (("retry-after", str(refusal.details["seconds"])),) if isinstance(refusal, Limited | Unavailable) else ()


def _challenge(refusal: Refusal) -> tuple[tuple[str, str], ...]:
    """How another service says who it is (RFC 7617)."""
    return (("www-authenticate", 'Basic realm="lingpai", charset="UTF-8"'),) if isinstance(refusal, BadClient) else ()

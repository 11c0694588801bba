"""What the three login providers share: apps, people, codes, tokens, and the page that asks a person."""

import hashlib
import html
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit

from lingpai_testing.server import Call, Emulator, Handler, Response

Surface = Literal["web", "inapp", "mini"]
"""Where a code was made: on a website, inside the provider's own app, or in a mini-program."""

TOO_LATE = "too late"
UNKNOWN = "unknown"
USED = "used"


@dataclass(slots=True)
class App:
    """An app as its owner has registered it. Tests may change it at any time."""

    app_id: str
    secret: str
    redirect: str = ""
    """Where its codes may go, in the provider's own sense (its domain or its whole address); empty for anywhere."""
    unionid: bool = True
    """Whether it may know unionids: QQ grants the right, WeChat wants the app bound to an Open Platform account."""
    owner: str = "owner"
    """Apps of one owner see the same unionid of a person, apps of two owners do not."""
    mail: bool = False
    """Weibo: whether it may read addresses."""


@dataclass(slots=True)
class Person:
    """Somebody with an account at the provider."""

    name: str
    nickname: str
    details: dict[str, Any] = field(default_factory=dict)
    """Fields of the provider's user answer that are not the usual ones."""


@dataclass(slots=True)
class Code:
    """An authorisation code. It is kept when it is used, so that a second use is known as one."""

    person: Person
    app: App
    redirect_uri: str
    surface: Surface
    scope: str
    until: float
    used: bool = False


@dataclass(slots=True)
class Token:
    """An access token and its refresh token."""

    value: str
    person: Person
    app: App
    scope: str
    since: float
    until: float
    refresh: str
    refresh_until: float


class Refusal(Exception):
    """The provider says no, by a number of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class LoginProvider(Emulator):
    """A provider with one app (`app_id`, `app_secret`, which may send its codes anywhere) and nobody in it yet.

    Wherever a person is asked for, their name does as well.
    """

    APP_ID: ClassVar[str] = "1000000001"
    CODE_LIVES: ClassVar[dict[Surface, float]] = {}
    TOKEN_LIFE: ClassVar[int] = 7200
    REFRESH_LIFE: ClassVar[int] = 2_592_000
    CODE_REFUSED: ClassVar[dict[str, int]] = {}
    """The provider's numbers for a code that is UNKNOWN, USED or TOO_LATE."""

    def __init__(self, *, now: Callable[[], float] = time.time, port: int = 0) -> None:
        super().__init__(now=now, port=port)
        self.app_id = self.APP_ID
        self.app_secret = "secret-of-" + self.APP_ID
        self.code_lives = dict(self.CODE_LIVES)
        """Seconds for which a code lives, by surface. May be changed."""
        self.apps: dict[str, App] = {}
        self.people: dict[str, Person] = {}
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, Token] = {}
        self.app(self.app_id, self.app_secret)

    def app(self, app_id: str, secret: str, redirect: str = "", *, unionid: bool = True, owner: str = "owner") -> App:
        """Registers an app, or registers it anew."""
        self.apps[app_id] = App(app_id, secret, redirect, unionid, owner)
        return self.apps[app_id]

    def person(self, name: str, nickname: str = "", **details: Any) -> Person:
        """Somebody new, or the same one with another nickname and other details; the nickname is the name unless given."""
        self.people[name] = Person(name, nickname or name, details)
        return self.people[name]

    def openid(self, person: Person | str, app_id: str = "") -> str:
        """Who the person is within this app (the default one unless given); the same in every run."""
        raise NotImplementedError

    def code(self, person: Person | str, redirect_uri: str = "", app_id: str = "", *, surface: Surface = "web", scope: str = "") -> str:
        """A code as the provider's page, or its own app, hands it out once this person has agreed.

        Without `redirect_uri` the code goes with any. A mini-program's code is spent at `jscode2session` only, the others at the token
        endpoint only.
        """
        value = secrets.token_hex(16).upper()
        until = self.now() + self.code_lives[surface]
        self._codes[value] = Code(self._find(person), self.apps[app_id or self.app_id], redirect_uri, surface, scope, until)
        return value

    def token(self, person: Person | str, app_id: str = "", *, scope: str = "") -> str:
        """An access token as the provider's SDK gives it to an app on a phone."""
        return self._issue(self._find(person), self.apps[app_id or self.app_id], scope).value

    def route(self, method: str, path: str, handler: Handler) -> None:
        """As in every emulator; what raises `Refusal` is answered in the provider's own form."""

        def careful(call: Call) -> Response:
            try:
                return handler(call)
            except Refusal as refusal:
                return self.refusal(call, refusal.number)

        super().route(method, path, careful)

    def refusal(self, call: Call, number: int) -> Response:
        """How the provider says no."""
        raise NotImplementedError

    def _find(self, person: Person | str) -> Person:
        return person if isinstance(person, Person) else self.people[person]

    def _about(self, call: Call, person: Person) -> Person:
        return self._find(call.swapped) if call.swapped is not None else person

    def _new_token(self) -> str:
        return secrets.token_hex(16).upper()

    def _issue(self, person: Person, app: App, scope: str, refresh_until: float = 0) -> Token:
        now = self.now()
        refresh_until = refresh_until or now + self.REFRESH_LIFE
        token = Token(self._new_token(), person, app, scope, now, now + self.TOKEN_LIFE, self._new_token(), refresh_until)
        self._tokens[token.value] = token
        return token

    def _by_refresh(self, value: str) -> Token | None:
        """The token that this refresh token is for, if it may still be refreshed."""
        found = next((token for token in self._tokens.values() if value and token.refresh == value), None)
        return found if found is not None and self.now() < found.refresh_until else None

    def _spend(self, value: str, app: App, *surfaces: Surface) -> Code:
        code = self._look_at(value, app, *surfaces)
        code.used = True
        return code

    def _look_at(self, value: str, app: App, *surfaces: Surface) -> Code:
        """The code, if it may be spent by this app. Raises `Refusal`."""
        code = self._codes.get(value)
        if code is None or code.app.app_id != app.app_id or code.surface not in surfaces:
            raise Refusal(self.CODE_REFUSED[UNKNOWN])
        if code.used:
            raise Refusal(self.CODE_REFUSED[USED])
        if self.now() >= code.until:
            raise Refusal(self.CODE_REFUSED[TOO_LATE])
        return code

    def _ask(self, call: Call, code: Callable[[str], str], refused: Response) -> Response:
        """The page that asks, and what follows when somebody has chosen: `person` is who agrees, `refuse` is that nobody does.

        `code` makes one for the person of this name.
        """
        if "refuse" in call.params:
            return refused
        name = call.params.get("person")
        if name not in self.people:
            return self._page(call)
        state = {"state": call.params["state"]} if "state" in call.params else {}
        return Response.redirect(returning(call.params["redirect_uri"], code=code(name), **state))

    def _page(self, call: Call) -> Response:
        buttons = "".join(
            f'<button name="person" value="{html.escape(person.name)}">{html.escape(person.nickname)}</button>\n'
            for person in self.people.values()
        )
        form = f'<form method="post" action="{html.escape(call.target)}">\n{buttons}<button name="refuse" value="1">取消</button>\n</form>'
        return page(type(self).__name__, form)


def page(title: str, body: str) -> Response:
    """An HTML page in UTF-8."""
    head = f'<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>{title}</title></head>'
    return Response(f"{head}<body>\n{body}\n</body></html>\n", content_type="text/html; charset=utf-8")


def returning(redirect_uri: str, **query: str) -> str:
    """`redirect_uri` with more in its query."""
    return f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{urlencode(query)}"


def host_of(address: str) -> str:
    """The host of an address, or the host itself, in lower case and without a port."""
    return urlsplit(address if "://" in address else f"//{address}").hostname or ""


def digest(*parts: str) -> bytes:
    """32 bytes that are always the same for the same parts."""
    return hashlib.sha256("\0".join(parts).encode()).digest()

"""Cookies: reading what a browser sends (RFC 6265, 5.4), and writing ours."""

from lingpai.settings import Settings

SESSION = "lingpai_session"
DEVICE = "lingpai_device"
LANGUAGE = "lingpai_language"
KIND = "lingpai_kind"
ZONE = "lingpai_zone"
"""Where the reader's clock is: `form.js` sets it."""
HOUR = 3_600
DAY = 24 * HOUR
YEAR = 365 * 24 * HOUR
_LONGEST = 1_024


def session(settings: Settings) -> str:
    """The name of the session cookie (contract, 11.2). Over https one of the name without its prefix is nobody's: it may be planted."""
    return _prefixed(settings, SESSION)


def prelogin_token(settings: Settings) -> str:
    """The name of the cookie that ties together what a browser does before it is logged in."""
    return _prefixed(settings, "lingpai_visit")


def _prefixed(settings: Settings, name: str) -> str:
    """Over https no neighbouring site can plant one of this name (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if settings.public_url.startswith("https://") else name


def read(header: bytes) -> dict[str, str]:
    """Name and value of each cookie. One that is there twice with two values is empty: a neighbouring site may have planted one."""
    found: dict[str, str] = {}
    for part in header.decode("latin-1").split(";"):
        name, _, value = part.strip(" \t").partition("=")
        if name in found and found[name] != value:
            value = ""
        found[name] = value if len(value) <= _LONGEST else ""
    return found


def kind(settings: Settings, name: str) -> str:
    """The line that remembers for a year in which realm (`type=`) a browser logs in, or forgets it: the way back in after a session."""
    secure = "; Secure" if settings.public_url.startswith("https://") else ""
    return f"{KIND}={name}; Max-Age={YEAR if name else 0}; Path=/; HttpOnly; SameSite=Lax{secure}"


class Cookies:
    """Writes `Set-Cookie` lines as the settings want them."""

    def __init__(self, settings: Settings) -> None:
        self._secure = "; Secure" if settings.public_url.startswith("https://") else ""
        self._end = f"; Path=/; HttpOnly; SameSite={settings.cookie_same_site.capitalize()}{self._secure}"
        self._session = session(settings)
        self._prelogin_token = prelogin_token(settings)
        self._life = settings.sessions.hours * HOUR

    def session(self, token: str, life: int | None = None) -> bytes:
        """Sets the session cookie for `life` seconds (None: `sessions.hours`); an empty token clears it."""
        return self._line(self._session, token, (life or self._life) if token else 0)

    def prelogin_token(self, token: str) -> bytes:
        """Sets the cookie that ties together what a browser does before it is logged in; an empty token clears it."""
        return self._line(self._prelogin_token, token, DAY if token else 0)

    def device(self, value: str) -> bytes:
        """Sets the cookie by which a browser is known again, for a year."""
        return self._line(DEVICE, value, YEAR)

    def language(self, locale: str) -> bytes:
        """Sets the language that a person chose, for a year. It is nobody's secret, and says nothing on other sites."""
        return f"{LANGUAGE}={locale}; Max-Age={YEAR}; Path=/; SameSite=Lax{self._secure}".encode("latin-1")

    def _line(self, name: str, value: str, life: int) -> bytes:
        return f"{name}={value}; Max-Age={life}{self._end}".encode("latin-1")

"""A provider that vouches for whatever stands in a code, as a small true fake: codes work once, and what it is told of is remembered."""

from dataclasses import dataclass, field

from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.social import NotVouched, ProviderName, SocialPerson, Surface, Unreachable


@dataclass
class Friends:
    """Persons are `name`, their openid within an app `name-app`, their unionid `name` among friends."""

    name: ProviderName = "qq"
    tells: set[str] = field(default_factory=set)
    """The apps that may know unionids."""
    silent: bool = False
    nickname: str = ""
    avatar: str = ""
    asked: list[str] = field(default_factory=list)
    _spent: set[str] = field(default_factory=set)
    _made: int = 0

    def code(self, who: str, app: str = "one") -> str:
        self._made += 1
        return f"code/{who}/{app}/{self._made}"

    def token(self, who: str, app: str = "one") -> str:
        return f"token/{who}/{app}"

    def authorize_url(self, state: str, redirect_uri: str, *, surface: Surface = "web", locale: Locale = DEFAULT_LOCALE) -> str:
        if surface == "mini":
            raise NotVouched("no such app")
        return f"https://friends.example/?state={state}&redirect_uri={redirect_uri}"

    async def by_code(self, code: str, redirect_uri: str, *, surface: Surface = "web") -> SocialPerson:
        if not self.silent and code in self._spent:
            raise NotVouched("a used code")
        self._spent.add(code)
        return self._person("code", code)

    async def by_token(self, token: str, openid: str = "") -> SocialPerson:
        return self._person("token", token)

    async def close(self) -> None:
        """Holds nothing."""

    def _person(self, way: str, text: str) -> SocialPerson:
        self.asked.append(text)
        if self.silent:
            raise Unreachable("no answer")
        parts = text.split("/")
        if parts[0] != way or len(parts) < 3:
            raise NotVouched(f"no {way}")
        _, who, app = parts[:3]
        union = who if app in self.tells else ""
        return SocialPerson(self.name, app, f"{who}-{app}", union, self.nickname or who, self.avatar)

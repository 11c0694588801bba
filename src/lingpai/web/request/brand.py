"""The product as pages show it: its name, picture, colours and papers; all from the settings."""

import hashlib
from dataclasses import dataclass

from lingpai.settings import Legal, Settings, theme


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is made of the settings; its name changes with its content."""

    name: str
    content: bytes

    @property
    def address(self) -> str:
        """Where it is served."""
        return f"/static/{self.name}"


@dataclass(frozen=True, slots=True)
class Brand:
    """What stands around every page."""

    product: str
    terms: Legal
    privacy: Legal
    support: str
    """Where people are helped, as a link; empty where nobody is named."""
    theme: Made
    logo: Made | None

    @property
    def files(self) -> tuple[Made, ...]:
        """What is to be served."""
        return (self.theme, self.logo) if self.logo else (self.theme,)


def branded(settings: Settings) -> Brand:
    """Raises ValueError for a picture that cannot be served (`settings/check.py` has looked before)."""
    pages = settings.pages
    picture = theme.logo(pages)
    chosen = theme.theme(pages)
    dark = f"@media (prefers-color-scheme: dark) {{ {_accent(chosen.dark, chosen.upon_dark)} }}"
    return Brand(
        product=settings.product,
        terms=pages.terms,
        privacy=pages.privacy,
        support=theme.reach(pages.support),
        theme=_made("theme", ".css", f"{_accent(chosen.light, chosen.upon_light)} {dark}".encode()),
        logo=_made("logo", picture.suffix, picture.content) if picture else None,
    )


def _accent(colour: str, upon: str) -> str:
    return f":root {{ --accent: {colour}; --on-accent: {upon}; }}"


def _made(name: str, suffix: str, content: bytes) -> Made:
    return Made(f"{name}-{hashlib.sha256(content).hexdigest()[:16]}{suffix}", content)

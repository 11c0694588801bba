"""The product as pages show it: its name, picture, colours and papers; all from the settings."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from lingpai.core.languages import LANGUAGES
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
    home: str
    """Where the product itself is; empty where nobody says."""
    longest: int
    """Characters that a new password has at most."""
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
        home=pages.home,
        longest=settings.passwords.max,
        theme=_made("theme", ".css", " ".join((_accent(chosen.light, chosen.upon_light), dark, *_fonts())).encode()),
        logo=Made(picture.address.removeprefix("/static/"), picture.content) if picture else None,
    )


def _accent(colour: str, upon: str) -> str:
    return f":root {{ --accent: {colour}; --on-accent: {upon}; }}"


def _fonts() -> Iterator[str]:
    """The fonts of each language that has its own, for what is marked as being in it: a page, a button of the switch."""
    for tag, language in LANGUAGES.items():
        if fonts := ", ".join(f'"{font}"' for font in language.traits.fonts):
            yield f'[lang="{tag}"] {{ font-family: system-ui, {fonts}, sans-serif; }}'


def _made(name: str, suffix: str, content: bytes) -> Made:
    return Made(f"{name}-{hashlib.sha256(content).hexdigest()[:16]}{suffix}", content)

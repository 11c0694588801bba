"""The product's own look: its picture and its colours, and whether people can read what is written in them."""

import colorsys
import hashlib
from dataclasses import dataclass
from pathlib import Path

from lingpai.settings import Pages

LIGHT, DARK = "#f5f7f9", "#14171a"
"""What the accent is harder to read on, in each scheme, of the pages' ground and their cards (`static/style.css`)."""
CONTRAST = 4.5
"""What text needs against its ground (WCAG 2.2, 1.4.3)."""
LIVELY = 7.0
"""What an accent gets on the dark ground that nobody has chosen: the first one that can be read there is a muddy one."""
LOGO_LIMIT = 65_536
_STEPS = 64
_BLACK, _WHITE = "#000000", "#ffffff"
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture, ready to be served."""

    suffix: str
    content: bytes

    @property
    def address(self) -> str:
        """Where it is served; another one for another picture."""
        return f"/static/logo-{hashlib.sha256(self.content).hexdigest()[:16]}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Theme:
    """The accent on either ground, and what is written upon it."""

    light: str
    upon_light: str
    dark: str
    upon_dark: str


def theme(pages: Pages) -> Theme:
    """The colours of pages and mails."""
    dark = pages.accent_dark or lightened(pages.accent)
    return Theme(pages.accent, upon(pages.accent), dark, upon(dark))


def lightened(colour: str) -> str:
    """The colour as it is where it stands out on the dark ground, else only as much lighter: its hue and its saturation stay."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)))
    for step in range(_STEPS + 1):
        lighter = _hex(*colorsys.hls_to_rgb(hue, lightness + (1 - lightness) * step / _STEPS, saturation))
        if contrast(lighter, DARK) >= LIVELY:
            return lighter
    raise AssertionError("white is read on the dark ground")


def _hex(*parts: float) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def reach(support: str) -> str:
    """Where people are helped, as a link: a mail address becomes `mailto:`."""
    return f"mailto:{support}" if support and "://" not in support else support


def logo(pages: Pages) -> Logo | None:
    """The picture; None where there is none. Raises ValueError saying what would fit."""
    if not pages.logo:
        return None
    path = Path(pages.logo)
    try:
        content = path.read_bytes() if path.stat().st_size <= LOGO_LIMIT else None
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror}); expected the file of an SVG or PNG") from None
    if content is None:
        raise ValueError("it is too big; expected 64 KiB at most")
    if content.startswith(_PNG):
        return Logo(".png", content)
    if b"<svg" in content[:1_024] and b"\0" not in content:
        return Logo(".svg", content)
    raise ValueError("it is neither; expected an SVG or PNG")


def contrast(one: str, other: str) -> float:
    """From 1 to 21, of two colours such as `#0b57d0` (WCAG 2.2, contrast ratio)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def upon(colour: str) -> str:
    """Black or white: what is read better upon the colour. It always reaches 4.5."""
    return max(_WHITE, _BLACK, key=lambda ink: contrast(ink, colour))


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)

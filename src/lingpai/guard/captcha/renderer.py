"""Who draws the characters in a picture. Apart from `picture.py`, because Pillow is large: it is loaded for the first picture."""

from io import BytesIO

from captcha.image import ImageCaptcha, random_color
from PIL import Image

from lingpai.guard.captcha.picture import HEIGHT, WIDTH, Draw

_PAPER, _INK = (238, 255), (10, 100)
"""Between which values each colour lies: a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
_TURN = (-20, 20)
"""Degrees; the library's 30, with its overlaps, cost people too many tries."""
_OVERLAP, _SPACE = 0.12, 0.75
"""Share of a glyph that the next may cover; probability that no space comes before one."""


def renderer() -> Draw:
    """One who draws; for one thread at a time."""
    return _Renderer().draw


class _Renderer:
    """Draws everything in one scene."""

    def __init__(self) -> None:
        self._scene = _scene()

    def draw(self, answer: str, width: int, height: int) -> bytes:
        """The characters as a PNG of exactly this size: the scene, as large as fits, in the middle."""
        paper, ink = random_color(*_PAPER), random_color(*_INK)
        self._scene.lookup_table = _opaque(ink[0], ink[1], ink[2])
        drawn = self._scene.generate_image(answer, paper, ink)
        scale = min(width / WIDTH, height / HEIGHT)
        fitted = drawn.resize((round(WIDTH * scale), round(HEIGHT * scale)), Image.Resampling.LANCZOS)
        sheet = Image.new("RGB", (width, height), paper)
        sheet.paste(fitted, ((width - fitted.width) // 2, (height - fitted.height) // 2))
        out = BytesIO()
        sheet.save(out, "png")
        return out.getvalue()


def _scene() -> ImageCaptcha:
    scene = ImageCaptcha(WIDTH, HEIGHT)
    scene.character_rotate = _TURN
    scene.word_offset_dx = _OVERLAP
    scene.word_space_probability = _SPACE
    return scene


def _opaque(red: int, green: int, blue: int) -> list[int]:
    """How opaque each grey is laid on. The library's own table takes a dark ink for a thin one and leaves it pale."""
    grey = (red * 299 + green * 587 + blue * 114) // 1_000  # as Pillow turns a colour into a grey (ITU-R BT.601)
    return [min(255, level * 255 // max(grey, 1)) for level in range(256)]

"""Characters in a picture, for people who see."""

from collections.abc import Callable
from functools import partial

from lingpai.core.chance import Chance
from lingpai.guard.captcha import AnswerStore, Challenge
from lingpai.guard.captcha.render_queue import RenderQueue

WIDTHS, HEIGHTS = range(80, 281), range(30, 281)
"""Pixels (contract, mailcode)."""
WIDTH, HEIGHT = 220, 80
"""The usual size, and the one at which everything is drawn: at other heights the library crops its glyphs or draws them too small."""
ALPHABET = "CFHJKMNPRTWXY3479"
"""No two of them look alike when they are turned a little, whatever their case; and they spell no words."""
LENGTH = 4
"""83,521 answers, one try each."""

Draw = Callable[[str, int, int], bytes]
"""The characters, a width and a height into a PNG of exactly that size."""


class Pictures:
    """A Captcha whose content is a PNG."""

    def __init__(self, answers: AnswerStore, render_queue: RenderQueue, chance: Chance, load: Callable[[], Draw]) -> None:
        """`hire` finds who draws (`renderer.py`); it is called for the first picture, for what an artist needs is large."""
        self._render_queue = render_queue
        self._answers = answers
        self._chance = chance
        self._load = load
        self._renderer: Draw | None = None
        self.spend = answers.spend

    async def new(self, scope: str, *, width: int = WIDTH, height: int = HEIGHT) -> Challenge:
        """As `Captcha.new`. ValueError: a size that is not in WIDTHS and HEIGHTS."""
        if width not in WIDTHS or height not in HEIGHTS:
            raise ValueError(f"{width} by {height} pixels")
        answer = self._chance.code(LENGTH, ALPHABET)
        content = await self._render_queue.run(partial(self.draw, answer, width, height))
        return Challenge(await self._answers.remember(scope, answer), "picture", content, "image/png")

    def draw(self, answer: str, width: int, height: int) -> bytes:
        """As Draw. Runs on the one drawing thread."""
        if self._renderer is None:
            self._renderer = self._load()
        return self._renderer(answer, width, height)

"""Digits read out, for people who do not see. The answer is the sound's own: it tells nothing about a picture."""

from collections.abc import Awaitable, Callable

from lingpai.core.chance import Chance
from lingpai.core.languages import LANGUAGES
from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.guard.captcha import AnswerStore, Challenge

LENGTH = 6
"""A million answers, one try each; about 15 seconds to listen to."""

Speak = Callable[[str, str], Awaitable[bytes]]


class Spoken:
    """A Captcha whose content is a WAV: 8,000 samples a second, 8 bits."""

    def __init__(self, answers: AnswerStore, speak: Speak, chance: Chance) -> None:
        """`speak`: digits and a voice into a sound (`TtsClient.say`)."""
        self._answers = answers
        self._speak = speak
        self._chance = chance
        self.spend = answers.spend

    async def new(self, scope: str, *, locale: Locale = DEFAULT_LOCALE) -> Challenge:
        digits = self._chance.code(LENGTH)
        content = await self._speak(digits, LANGUAGES[locale].traits.voice)
        return Challenge(await self._answers.remember(scope, digits), "spoken", content, "audio/wav")

"""All kinds of captcha together: whoever asks chooses one, and spends it without saying which it was."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.core import journal
from lingpai.guard.captcha import AnswerStore, CaptchaAnswer, CaptchaKind, OpenAnswers
from lingpai.guard.captcha.picture import Pictures
from lingpai.guard.captcha.spoken import Spoken

if TYPE_CHECKING:
    # It stands on a library of its own: `assembly` imports it where it is offered.
    from lingpai.guard.captcha.work import Work


@dataclass(frozen=True, slots=True)
class Captchas:
    """What this service offers."""

    answers: AnswerStore
    """What people type, pictures and sounds alike; OpenAnswers in dev mode."""
    pictures: Pictures
    spoken: Spoken
    work: "Work | None"
    """None where the setting `captcha.pow` is off."""

    async def spend(self, answer: CaptchaAnswer) -> None:
        """As `Captcha.spend`, whichever kind the challenge was."""
        kind: CaptchaKind | AnswerStore = self.work if self.work and answer.by_work else self.answers
        await kind.spend(answer.scope, answer.key, answer.value)
        journal.passed("captcha")

    async def peek(self, key: str) -> str | None:
        """The answer of an unspent challenge that people type; None for any other, and outside dev mode."""
        return await self.answers.peek(key) if isinstance(self.answers, OpenAnswers) else None

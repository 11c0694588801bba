"""What session can be set to."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from lingpai.settings import DialectSettings, Prefix, RecoveryQuestions


class SessionDialectSettings(DialectSettings, frozen=True):
    """Seed 003. Its paths are the seed's bare names: at `/` an old client calls `/sign_up`, under `/v1` it calls `/v1/sign_up`."""

    prefix: Prefix = "/session"
    questions: Annotated[
        RecoveryQuestions,
        Meta(
            description="recovery by security questions: on, only together with a mailed code, or not at all "
            "(ASVS 5.0 6.4.2 and NIST SP 800-63B-4 want off)"
        ),
    ] = "on"

    @property
    def password_length(self) -> int:
        return 16

    @property
    def names_accounts(self) -> bool:
        return True

    @property
    def recovery_questions(self) -> RecoveryQuestions:
        return self.questions

    def doubts(self, *, dev: bool) -> Iterator[tuple[str, str]]:
        if self.questions == "on":
            yield (
                "questions",
                '"on" lets whoever knows or guesses three answers set a new password; ASVS 5.0 (6.4.2) and '
                'NIST SP 800-63B-4 bar security questions; "with_code" asks for a mailed code as well, "off" ends them',
            )

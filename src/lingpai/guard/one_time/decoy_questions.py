"""Security questions for those who have none: whoever asks about a stranger gets three that anybody could have chosen."""

from lingpai.core import data
from lingpai.core.model import Address
from lingpai.guard.crypto import SecretBox

ThreeTexts = tuple[str, str, str]


class DecoyQuestions:
    """Chooses by a keyed digest: always the same three for the same address, over restarts and machines that share the secret.

    Nobody without the secret can compute them. They are in Chinese whatever a request's language, as what owners typed does not
    change with the reader either.
    """

    def __init__(self, secret_box: SecretBox) -> None:
        self._secret_box = secret_box
        # An entry's place decides who gets it: the list may grow no line and change no order, or every stranger's questions change.
        self._common = data.lines("common-questions.txt")

    def of(self, realm: str, who: Address) -> ThreeTexts:
        """Three different ones for whoever this is; spellings of one address get the same."""
        number = int.from_bytes(self._secret_box.digest(f"{who.kind}:{who.key}", f"decoy questions:{realm}"))
        left = list(self._common)
        drawn = []
        for _ in range(3):
            number, index = divmod(number, len(left))
            drawn.append(left.pop(index))
        return drawn[0], drawn[1], drawn[2]

"""What proves an address: mailed links and short codes, bound to purpose, realm and address (contract, rule 6).

Only digests are stored: of a link's token SHA-256, for it has 260 random bits; of a code, which could be searched, a keyed one.
One link and one code live at a time for each purpose and address: a newer one takes the older one's place.
"""

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import msgspec

from lingpai.core.chance import Chance
from lingpai.core.model import Account, Purpose
from lingpai.core.undoing import unfinished
from lingpai.ephemeral import NO_COMPANIONS, UNLIMITED, Entry, Ephemeral
from lingpai.guard.crypto import BadSeal, SecretBox, digest
from lingpai.guard.one_time import link_tokens

SecretForm = Literal["link", "code"]

ACTIVATION_LIFE = 24 * 3_600
"""Seconds for which an activation link is good (contract, maillink)."""
RESET_LIFE = 3 * 3_600
"""Seconds for which a reset link is good (contract, maillink)."""
CODE_LIFE = 600
"""Seconds for which a code is good (contract, rule 6)."""
CODE_LENGTH = 6
WORD_LENGTH = 8
WORD_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""A code that is looked up without its address is longer and of letters too: 31^8, about 40 bits (contract, rule 6)."""
WORD_TRIES = 100
"""Wrong tries after which a code is dead that is of letters because somebody has guessed too often (contract, 6.7)."""


_WORD = b" word"
"""What a proof ends with that is a word's; a digest of digits ends so once in 2^40."""


def is_word(text: str) -> bool:
    """Whether it has the shape of a code of letters and digits."""
    return len(text) == WORD_LENGTH and all(character in WORD_ALPHABET for character in text)


_LETTER = "letter of a link"


def bound_to(account: Account | None) -> str:
    """The holder of a link or code that dies with a changed password, address or lock of its account; None: nobody's."""
    return f"{account.id} {account.security_stamp}" if account else "0"


@dataclass(slots=True)
class Replaced:
    """What a new link or code has taken the place of: given back where the message that was to bring it is never written down."""

    key: str = ""
    """Under which the new one lies; empty while there is none."""
    proof: bytes = b""
    older: list[tuple[str, Entry]] = field(default_factory=list)
    """The one that was dead from then on, and its own key."""

    def note(self, key: str, entry: Entry | None) -> None:
        if entry:
            self.older.append((key, entry))


class OneTimeSecrets:
    """Makes, looks at and spends links and codes. `key` is always an `Address.key`. Every method raises StoreDown."""

    def __init__(self, ephemeral: Ephemeral, secret_box: SecretBox, chance: Chance) -> None:
        self._ephemeral = ephemeral
        self._secret_box = secret_box
        self._chance = chance

    async def new_link(
        self,
        purpose: Purpose,
        realm: str,
        key: str,
        holder: int | str,
        life: float,
        *,
        spare: bool = False,
        replaced: Replaced | None = None,
    ) -> str:
        """A token for a link that is good for `life` seconds; the older link is dead. `holder`: the account it is for, or 0; `bound_to`.

        A `spare` one will be mailed to nobody: the same work, but it opens nothing and the older link stays. `replaced` notes what died,
        for `reinstate`.
        """
        token = link_tokens.new(self._chance)
        entry_key = _of_whom(self._entry_key("link", purpose, realm, key), spare=spare)
        whose = Entry(self._secret_box.seal(msgspec.json.encode((realm, key)), _LETTER), life=life)
        entry = Entry(str(holder).encode(), digest(token), life)
        await self._replace(entry_key, entry, replaced, {_letter_place(purpose, token): whose})
        return token

    async def whose_link(self, purpose: Purpose, token: str) -> tuple[str, str] | None:
        """The realm and the address's key that a link was made for; whether it lives is not judged here, and nothing is spent.

        None: it is none of ours, is past its time, or was mailed before links could be found without their address.
        """
        entry = await self._ephemeral.get(_letter_place(purpose, link_tokens.read(token)))
        try:
            return msgspec.json.decode(self._secret_box.open(entry.value, _LETTER), type=tuple[str, str]) if entry else None
        except BadSeal:
            return None

    async def peek_link(self, purpose: Purpose, realm: str, key: str, token: str) -> Entry | None:
        """The link, unspent; None where it is wrong, spent, replaced or expired."""
        return await self._ephemeral.get(self._entry_key("link", purpose, realm, key), digest(link_tokens.read(token)))

    async def take_link(self, purpose: Purpose, realm: str, key: str, token: str) -> Entry | None:
        """Spends the link: of racing callers exactly one gets it."""
        return await self._ephemeral.take(self._entry_key("link", purpose, realm, key), digest(link_tokens.read(token)))

    async def new_code(
        self,
        purpose: Purpose,
        realm: str,
        key: str,
        holder: str,
        *,
        length: int = CODE_LENGTH,
        tries: int = 5,
        replaced: Replaced | None = None,
    ) -> str:
        """A code of digits that is good for ten minutes, and dead after `tries` wrong ones; the older one is dead."""
        code = self._chance.code(length)
        await self._keep_code(purpose, realm, key, holder, code, tries, replaced)
        return code

    async def new_recovery_code(
        self, purpose: Purpose, realm: str, key: str, holder: str, *, tries: int = 5, replaced: Replaced | None = None
    ) -> str:
        """As `new_code`, of 8 unambiguous small letters and digits; `find_recovery_code` finds it without its address."""
        word = self._chance.code(WORD_LENGTH, WORD_ALPHABET)
        companions = {self._word_place(purpose, realm, word): Entry(key.encode(), life=CODE_LIFE)}
        await self._keep_code(purpose, realm, key, holder, word, tries, replaced, companions=companions)
        return word

    async def new_long_code(self, purpose: Purpose, realm: str, key: str, holder: str, *, replaced: Replaced | None = None) -> str:
        """As `new_code`, of 8 unambiguous small letters and digits, too many to be guessed in 100 tries."""
        word = self._chance.code(WORD_LENGTH, WORD_ALPHABET)
        await self._keep_code(purpose, realm, key, holder, word, WORD_TRIES, replaced)
        return word

    async def reinstate(self, replaced: Replaced) -> None:
        """The new link or code is gone and the older one lives again, unless somebody has replaced, used or ended the new one since."""
        if replaced.key and await self._ephemeral.take(replaced.key, replaced.proof):
            for key, entry in replaced.older:
                await self._ephemeral.put(key, entry, only_new=True)

    async def is_of_digits(self, purpose: Purpose, realm: str, key: str) -> bool:
        """Whether a code lives there, and is one of digits; spends nothing."""
        entry = await self._ephemeral.get(self._entry_key("code", purpose, realm, key))
        return entry is not None and not entry.proof.endswith(_WORD)

    async def waits_for(self, purpose: Purpose, realm: str, key: str) -> str:
        """The holder of the code that lives there; empty where none does. Costs it no try."""
        entry = await self._ephemeral.get(self._entry_key("code", purpose, realm, key))
        return entry.value.decode() if entry else ""

    async def find_recovery_code(self, purpose: Purpose, realm: str, word: str) -> bool:
        """Whether this is a live word, whoever's; spends nothing, and a wrong one costs no address a try."""
        known = await self._ephemeral.get(self._word_place(purpose, realm, word))
        if known is None:
            return False
        key = known.value.decode()
        entry = await self._ephemeral.get(self._entry_key("code", purpose, realm, key))
        # A newer code may have taken this one's place.
        return entry is not None and hmac.compare_digest(entry.proof, self._code_digest(purpose, realm, key, word))

    async def peek_code(self, purpose: Purpose, realm: str, key: str, code: str) -> Entry | None:
        """The code, unspent; None as for a link. A wrong one costs one of its tries."""
        return await self._ephemeral.get(self._entry_key("code", purpose, realm, key), self._code_digest(purpose, realm, key, code))

    async def take_code(self, purpose: Purpose, realm: str, key: str, code: str) -> Entry | None:
        """Spends the code: of racing callers exactly one gets it. A wrong one costs one of its tries."""
        # `take` judges for nothing; only what `get` has found right, at a price, may come that far.
        if await self.peek_code(purpose, realm, key, code) is None:
            return None
        return await self._ephemeral.take(self._entry_key("code", purpose, realm, key), self._code_digest(purpose, realm, key, code))

    async def put_back(self, purpose: Purpose, realm: str, key: str, entry: Entry) -> None:
        """Gives back what was taken by a request that came to nothing, with the life and the tries it had left; a newer one stays."""
        form: SecretForm = "link" if entry.tries == UNLIMITED else "code"
        await self._ephemeral.put(self._entry_key(form, purpose, realm, key), entry, only_new=True)

    async def end(
        self, form: SecretForm, purpose: Purpose, realm: str, key: str, *, spare: bool = False, replaced: Replaced | None = None
    ) -> None:
        """The link or code of this purpose is dead, if there is one; a `spare` one is the same work and ends nothing."""
        entry_key = _of_whom(self._entry_key(form, purpose, realm, key), spare=spare)
        with unfinished():
            (replaced or Replaced()).note(entry_key, await self._ephemeral.take(entry_key))

    async def kill(self, realm: str, keys: Iterable[str]) -> None:
        """Ends every link and code of these addresses, whatever their purpose (contract, rule 10)."""
        for key in keys:
            for purpose in get_args(Purpose):
                for form in get_args(SecretForm):
                    await self._ephemeral.take(self._entry_key(form, purpose, realm, key))

    @staticmethod
    def holder(entry: Entry) -> int:
        """The account that a link was made for; 0 where it was made for none."""
        return int(entry.value.split()[0])

    @staticmethod
    def binds(entry: Entry, account: Account | None) -> bool:
        """Whether it was made for this account as it is: a later password, address or lock has ended it (contract, 6.14 and 10.2)."""
        number, _, stamp = entry.value.decode().partition(" ")
        return account is not None and (int(number), int(stamp or 0)) == (account.id, account.security_stamp)

    def _entry_key(self, form: SecretForm, purpose: Purpose, realm: str, key: str) -> str:
        # Keyed, so that the table does not tell whose addresses these are.
        name = base64.urlsafe_b64encode(self._secret_box.digest(key, "address")).rstrip(b"=").decode()
        return f"{form}:{purpose}:{realm}:{name}"

    async def _keep_code(
        self,
        purpose: Purpose,
        realm: str,
        key: str,
        holder: str,
        code: str,
        tries: int,
        replaced: Replaced | None,
        *,
        companions: Mapping[str, Entry] = NO_COMPANIONS,
    ) -> None:
        entry = Entry(holder.encode(), self._code_digest(purpose, realm, key, code), CODE_LIFE, tries)
        await self._replace(self._entry_key("code", purpose, realm, key), entry, replaced, companions)

    async def _replace(self, key: str, entry: Entry, replaced: Replaced | None, companions: Mapping[str, Entry]) -> None:
        replaced = replaced or Replaced()
        # Noted before: where the answer is lost it may be there all the same.
        replaced.key, replaced.proof = key, entry.proof
        with unfinished():  # nobody has it before a message is written down
            replaced.note(key, await self._ephemeral.replace(key, entry, companions))

    def _word_place(self, purpose: Purpose, realm: str, word: str) -> str:
        digest = self._secret_box.digest(word, f"word:{purpose}:{realm}")
        return f"word:{purpose}:{realm}:{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"

    def _code_digest(self, purpose: Purpose, realm: str, key: str, code: str) -> bytes:
        # The address's length goes first, so that no other pair of address and code reads the same.
        # What kind it is stands beside it, so that it can be told before a try is judged.
        return self._secret_box.digest(f"{len(key)}:{key}{code}", f"code:{purpose}:{realm}") + (_WORD if is_word(code) else b"")


def _of_whom(entry_key: str, *, spare: bool) -> str:
    return f"spare-{entry_key}" if spare else entry_key


def _letter_place(purpose: Purpose, token: str) -> str:
    return f"letter:{purpose}:{digest(token).hex()}"

"""All that lies sealed in the store, of whatever kind: what a change of the secret has to seal anew.

What is not here rolls by itself: links, codes and captchas are over within a day, a notice's "not me" within a week, and a device cookie is
written anew when its browser comes.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

from lingpai.guard.crypto import SecretBox, signing_key
from lingpai.guard.one_time import decoy_questions
from lingpai.steps.letters import LETTERS
from lingpai.store import keys, outbox
from lingpai.store.database import Database

SealedKind = Literal["signing keys", "decoy key", "waiting letters"]
KINDS: tuple[SealedKind, ...] = get_args(SealedKind)
PAGE = 500
"""Letters that are read at once."""
LOST = "the secret that it was sealed with is lost"

Census = Counter[tuple[SealedKind, str | None]]
"""How many of a kind lie under the secret of a fingerprint; None: under one that is not known."""


@dataclass(frozen=True, slots=True)
class SealedRow:
    """One thing as it was read. Both deeds are one conditional statement: they do nothing where it has changed since."""

    kind: SealedKind
    context: str
    sealed: bytes
    reseal: Callable[[bytes], Awaitable[bool]]
    """Puts the same, sealed anew, in its place."""
    abandon: Callable[[int], Awaitable[bool]]
    """Gives up, at that instant, what nobody can open any more."""


async def sealed_rows(store: Database) -> AsyncIterator[SealedRow]:
    """All of it. What is added meanwhile may be missing: it ends, however fast others write."""
    newest = await outbox.newest(store)
    for key in await keys.listing(store):
        if key.private is not None:
            change = partial(keys.reseal, store, kid=key.kid, old=key.private)
            yield SealedRow("signing keys", signing_key(key.kid), key.private, _anew(change), _erased(change))
    if decoy := await decoy_questions.sealed_key(store):
        change = partial(decoy_questions.reseal_key, store, old=decoy)
        yield SealedRow("decoy key", decoy_questions.DECOY_KEY, decoy, _anew(change), _erased(change))
    after = 0
    while letters := await outbox.sealed(store, after=after, newest=newest, limit=PAGE):
        for number, contents in letters:
            reseal = partial(outbox.reseal, store, id=number, old=contents)
            yield SealedRow("waiting letters", LETTERS, contents, _anew(reseal), _given_up(store, number, contents))
        after = letters[-1][0]


def _anew(change: Callable[..., Awaitable[bool]]) -> Callable[[bytes], Awaitable[bool]]:
    return lambda new: change(new=new)


def _erased(change: Callable[..., Awaitable[bool]]) -> Callable[[int], Awaitable[bool]]:
    return lambda at: change(new=None)


def _given_up(store: Database, number: int, contents: bytes) -> Callable[[int], Awaitable[bool]]:
    return lambda at: outbox.abandon(store, id=number, old=contents, error=LOST, at=at)


async def census(store: Database, secret_box: SecretBox) -> Census:
    """What lies under which secret."""
    found: Census = Counter()
    async for row in sealed_rows(store):
        found[row.kind, secret_box.sealer(row.sealed, row.context)] += 1
    return found


def unopened(found: Census) -> dict[SealedKind, int]:
    """What opens with neither secret, by its kind."""
    return {kind: number for kind in KINDS if (number := found[kind, None])}

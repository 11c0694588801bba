"""What a request does beside its answer: statements, counters, hashes, in order, each by its kind. Time tells whatever differs here."""

import functools
from collections.abc import Callable
from typing import Any

import pytest

from lingpai.guard.passwords.hashing import HashingSlot
from lingpai.store import grammar
from lingpai.store.database import Query
from web.town import Town


class Trace:
    """Everything that was done since it was last taken."""

    def __init__(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        self._done: list[str] = []
        kept: Any = type(town.house.services.ephemeral)
        for verb in ("put", "get", "take", "hit"):
            monkeypatch.setattr(kept, verb, self._noting(getattr(kept, verb), verb, lambda key: kind(str(key))))
        for deed in ("make", "verify", "new", "judge"):
            monkeypatch.setattr(HashingSlot, deed, self._noting(getattr(HashingSlot, deed), deed, lambda _: ""))
        monkeypatch.setattr(Query, "plan", self._noting(Query.plan, "statement", lambda _: "", of_self=True))

    def _noting(self, real: Callable[..., Any], what: str, of: Callable[[Any], str], *, of_self: bool = False) -> Callable[..., Any]:
        @functools.wraps(real)
        def noted(self_: Any, *args: Any, **kwargs: Any) -> Any:
            detail = sql(self_, args[0]) if of_self else of(args[0] if args else kwargs.get("key", ""))
            self._done.append(f"{what} {detail}".strip())
            return real(self_, *args, **kwargs)

        return noted

    def take(self) -> list[str]:
        """What was done, and forgets it."""
        done, self._done = self._done, []
        return done


SPARE = {"spare-link": "link", "decoy-link": "link", "no-decoy-link": "link", "no-sms": "sms", "not-noticed": "noticed"}
"""Work that is done so that there is as much of it, and what it stands for."""
WRITES = {"UPDATE": "write", "DELETE": "write", "INSERT": "write", "SELECT": "read"}


def kind(key: str) -> str:
    """What sort of key it is, without whose."""
    word = key.partition(":")[0]
    return SPARE.get(word, word)


def sql(query: Query, dialect: Any) -> str:
    """Whether a statement reads or writes, and which table: one that touches no row stands for one that does."""
    words = str(grammar.statement(query.statement, dialect.name)).split()
    table = words[words.index("FROM") + 1] if "FROM" in words else words[2] if words[0] == "INSERT" else words[1]
    return f"{WRITES.get(words[0], words[0])} {table}"

"""Security questions: three texts, and one hash of all their answers."""

from dataclasses import dataclass
from typing import Any

from lingpai.core.model import Kind
from lingpai.store.database import Query, Transaction, picker, reader
from lingpai.store.deferred import BindParameter, bindparam, delete, identifiers, or_, questions, select, update


@dataclass(frozen=True, slots=True)
class Questions:
    """What an account has set."""

    one: str
    two: str
    three: str
    answers: str
    """The PHC string of the three answers together."""
    set_at: int
    works_at: int | None = None
    """Before this instant no answer is right; None: there is no such time."""
    asleep_at: int | None = None
    """Since when they earn no reset; None: they do."""

    def works(self, now: int) -> bool:
        """Whether right answers earn a reset by now."""
        return self.asleep_at is None and (self.works_at or 0) <= now

    @property
    def texts(self) -> tuple[str, str, str]:
        """The questions in their order."""
        return self.one, self.two, self.three


_VALUES: dict[str, BindParameter[Any]] = {
    name: bindparam(name) for name in ("account_id", "one", "two", "three", "answers", "set_at", "works_at", "asleep_at")
}
_OF = Query(
    select(
        questions.c.one,
        questions.c.two,
        questions.c.three,
        questions.c.answers,
        questions.c.set_at,
        questions.c.works_at,
        questions.c.asleep_at,
    ).where(questions.c.account_id == bindparam("account_id"))
)
_questions = reader(Questions, _OF)
_HOLDER = Query(
    # Where nobody has this key, the next one's row is read instead and thrown away: finding nothing would take less time.
    select(identifiers.c.key, identifiers.c.account_id, identifiers.c.proved_at)
    .where(
        identifiers.c.realm == bindparam("realm"),
        identifiers.c.kind == bindparam("kind"),
        identifiers.c.key >= bindparam("key"),
        # The index's own condition, so that it is used.
        or_(identifiers.c.kind != "phone", identifiers.c.proved_at.is_not(None)),
    )
    .order_by(identifiers.c.key)
    .limit(1)
)
_holder = picker(_HOLDER, ("key", "account_id", "proved_at"))
_NEAR = Query(
    # The same, where the account has no questions.
    select(
        questions.c.account_id,
        questions.c.one,
        questions.c.two,
        questions.c.three,
        questions.c.answers,
        questions.c.set_at,
        questions.c.works_at,
        questions.c.asleep_at,
    )
    .where(questions.c.account_id >= bindparam("account_id"))
    .order_by(questions.c.account_id)
    .limit(1)
)
_near, _near_id = reader(Questions, _NEAR), picker(_NEAR, ("account_id",))
_PUT = Query(
    lambda insert: (
        insert(questions)
        .values(_VALUES)
        .on_conflict_do_update(
            index_elements=[questions.c.account_id],
            set_={name: bindparam(name) for name in ("one", "two", "three", "answers", "set_at", "works_at", "asleep_at")},
        )
    )
)
_SLEEP = Query(
    update(questions)
    .where(
        questions.c.account_id == bindparam("account_id"),
        questions.c.set_at > bindparam("later_than"),
        questions.c.asleep_at.is_(None),
    )
    .values(asleep_at=bindparam("at"))
)
_WAKE = Query(
    update(questions).where(questions.c.account_id == bindparam("account_id"), questions.c.asleep_at.is_not(None)).values(asleep_at=None)
)
_DROP = Query(delete(questions).where(questions.c.account_id == bindparam("account_id")))


async def of(tx: Transaction, *, account_id: int) -> Questions | None:
    """The account's questions; account 0 has none, at the same cost."""
    row = await tx.row(_OF, account_id=account_id)
    return _questions(row) if row else None


async def whose(tx: Transaction, *, realm: str, kind: Kind, key: str) -> tuple[int, Questions | None]:
    """Who holds a name, or an address that is proved (0: nobody), and their questions; it takes the same time whether there are any.

    To find nothing costs ten microseconds less than to find something: a thousand tries would tell the two apart (`bench/questions.py`).
    """
    row = await tx.row(_HOLDER, realm=realm, kind=kind, key=key)
    held, account_id, proved_at = _holder(row) if row else ("", 0, None)
    found: int = account_id if held == key and (kind == "name" or proved_at) else 0
    near = await tx.row(_NEAR, account_id=found)
    kept = _near(near) if near else None
    return found, kept if near and _near_id(near) == (found,) else None


async def put(tx: Transaction, *, account_id: int, texts: tuple[str, str, str], answers: str, at: int, works_at: int | None = None) -> None:
    """Sets them; older ones are gone. `works_at`: from when on right answers earn a reset, where that is not at once."""
    one, two, three = texts
    await tx.execute(
        _PUT, account_id=account_id, one=one, two=two, three=three, answers=answers, set_at=at, works_at=works_at, asleep_at=None
    )


async def put_to_sleep(tx: Transaction, *, account_id: int, later_than: int, at: int) -> bool:
    """Questions that were set later than that earn no reset, until they are woken. False: there were none."""
    return await tx.execute(_SLEEP, account_id=account_id, later_than=later_than, at=at) == 1


async def wake(tx: Transaction, *, account_id: int) -> bool:
    """False: they did not sleep."""
    return await tx.execute(_WAKE, account_id=account_id) == 1


async def drop(tx: Transaction, *, account_id: int) -> bool:
    """False: there were none."""
    return await tx.execute(_DROP, account_id=account_id) == 1

"""Security questions: three texts, and one hash of all their answers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, select

from lingpai.store.database import Query, Runner
from lingpai.store.schema import questions


@dataclass(frozen=True, slots=True)
class Questions:
    """What an account has set."""

    one: str
    two: str
    three: str
    answers: str
    """The PHC string of the three answers together."""
    set_at: int

    @property
    def texts(self) -> tuple[str, str, str]:
        """The questions in their order."""
        return self.one, self.two, self.three


_VALUES: dict[str, BindParameter[Any]] = {name: bindparam(name) for name in ("account_id", "one", "two", "three", "answers", "set_at")}
_OF = Query(
    select(questions.c.one, questions.c.two, questions.c.three, questions.c.answers, questions.c.set_at).where(
        questions.c.account_id == bindparam("account_id")
    )
)
_PUT = Query(
    lambda insert: (
        insert(questions)
        .values(_VALUES)
        .on_conflict_do_update(
            index_elements=[questions.c.account_id],
            set_={name: bindparam(name) for name in ("one", "two", "three", "answers", "set_at")},
        )
    )
)
_DROP = Query(delete(questions).where(questions.c.account_id == bindparam("account_id")))


async def of(run: Runner, *, account_id: int) -> Questions | None:
    """The account's questions; account 0 has none, at the same cost."""
    row = await run.row(_OF, account_id=account_id)
    return Questions(*row) if row else None


async def put(run: Runner, *, account_id: int, texts: tuple[str, str, str], answers: str, at: int) -> None:
    """Sets them; older ones are gone."""
    one, two, three = texts
    await run.run(_PUT, account_id=account_id, one=one, two=two, three=three, answers=answers, set_at=at)


async def drop(run: Runner, *, account_id: int) -> bool:
    """False: there were none."""
    return await run.run(_DROP, account_id=account_id) == 1

"""Compiles statements for both databases. Only this and what changes the schema load SQLAlchemy."""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, cast

from sqlalchemy import FromClause
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import BindParameter, ClauseElement

from lingpai.store.deferred import computed, deferred

_BYTES = {"sqlite": "X'{}'", "postgresql": r"'\x{}'"}


class _Constants(SQLCompiler):
    """Writes constants into the SQL itself: only where it reads them does a database see that a partial index fits."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **kwargs: Any) -> str:
        if isinstance(bindparam.value, bytes) and not bindparam.required:
            # SQLAlchemy writes these as a text, which SQLite would keep as one in a column of bytes.
            return _BYTES[self.dialect.name].format(bindparam.value.hex())
        if not bindparam.required:
            kwargs["literal_binds"] = True
        return str(super().visit_bindparam(bindparam, *args, **kwargs))  # type: ignore[no-untyped-call]  # SQLAlchemy's compilers are

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """`with_hint` behind a table's name, which SQLAlchemy writes for no database of ours."""
        return text


def _with_constants(grammar: DefaultDialect) -> DefaultDialect:
    """Values that are part of the statement are written into the SQL; only `bindparam`s are left open."""
    grammar.statement_compiler = cast("type[SQLCompiler]", type("Compiler", (_Constants, grammar.statement_compiler), {}))
    return grammar


_INSERTS: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgres": postgresql.insert}
"""PostgreSQL's is another class, but has the same methods, word for word."""


@cache
def _grammar(database: str) -> DefaultDialect:
    if database == "sqlite":
        return _with_constants(SQLiteDialect(paramstyle="qmark"))
    return _with_constants(PGDialect_asyncpg())  # type: ignore[no-untyped-call]  # SQLAlchemy's dialects are


def statement(written: Any, database: str) -> ClauseElement:
    """What a `Query` was made of, as SQLAlchemy has it; `database` chooses the INSERT where it has an ON CONFLICT."""
    return cast("ClauseElement", computed(written(deferred(_INSERTS[database])) if isinstance(written, FunctionType) else written))


def compiled(written: Any, database: str) -> tuple[str, tuple[str, ...]]:
    """The SQL, and the names of its values in the order in which it asks for them."""
    text = statement(written, database).compile(dialect=_grammar(database))
    return str(text), tuple(getattr(text, "positiontup", None) or ())


def answered(written: Any) -> tuple[str, ...]:
    """What the columns of its answer are called, in the statement's order; empty where it answers nothing."""
    return tuple(getattr(statement(written, "sqlite"), "exported_columns", {}).keys())

"""What a type checker takes them for: SQLAlchemy's own, and the tables."""

from collections.abc import Callable
from typing import ParamSpec, TypeAlias, TypeVar

from sqlalchemy import BigInteger as BigInteger
from sqlalchemy import BindParameter as BindParameter
from sqlalchemy import ClauseElement as ClauseElement
from sqlalchemy import ColumnElement as ColumnElement
from sqlalchemy import Integer as Integer
from sqlalchemy import LargeBinary as LargeBinary
from sqlalchemy import Select as Select
from sqlalchemy import TableClause
from sqlalchemy import Text as Text
from sqlalchemy import and_ as and_
from sqlalchemy import bindparam as bindparam
from sqlalchemy import case as case
from sqlalchemy import cast as cast
from sqlalchemy import delete as delete
from sqlalchemy import exists as exists
from sqlalchemy import extract as extract
from sqlalchemy import func as func
from sqlalchemy import insert as insert
from sqlalchemy import or_ as or_
from sqlalchemy import select as select
from sqlalchemy import text as text
from sqlalchemy import update as update
from sqlalchemy.dialects.sqlite import Insert as Insert
from sqlalchemy.schema import CreateIndex as CreateIndex
from sqlalchemy.schema import CreateTable as CreateTable

from lingpai.store.schema import accounts as accounts
from lingpai.store.schema import audit as audit
from lingpai.store.schema import clients as clients
from lingpai.store.schema import consents as consents
from lingpai.store.schema import counters as counters
from lingpai.store.schema import entries as entries
from lingpai.store.schema import identifiers as identifiers
from lingpai.store.schema import installation as installation
from lingpai.store.schema import invites as invites
from lingpai.store.schema import letters as letters
from lingpai.store.schema import logins as logins
from lingpai.store.schema import metadata as metadata
from lingpai.store.schema import questions as questions
from lingpai.store.schema import sessions as sessions
from lingpai.store.schema import signing_keys as signing_keys

P = ParamSpec("P")
T = TypeVar("T")

Inserter: TypeAlias = Callable[[TableClause], Insert]
"""Makes the INSERT that may have an ON CONFLICT. PostgreSQL's is another class, but has the same methods, word for word."""

def computed(given: T) -> T: ...
def deferred(function: Callable[P, T]) -> Callable[P, T]: ...

"""fastapi-users with sessions in its database, for uvicorn; PEER_DATABASE is a file of SQLite, which this program makes ready.

For speed: Argon2 with our parameters, WAL, a kept pool of connections; no limits, no log.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, IntegerIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport
from fastapi_users.authentication.strategy.db import AccessTokenDatabase, DatabaseStrategy
from fastapi_users.password import PasswordHelper
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTable, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import SQLAlchemyAccessTokenDatabase, SQLAlchemyBaseAccessTokenTable
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import ForeignKey, Integer, event
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

DAY = 86_400


class Base(DeclarativeBase):
    """All tables."""


class User(SQLAlchemyBaseUserTable[int], Base):
    """An account."""

    id: Mapped[int] = mapped_column(Integer, primary_key=True)


class AccessToken(SQLAlchemyBaseAccessTokenTable[int], Base):
    """A live session."""

    @declared_attr
    def user_id(self) -> Mapped[int]:
        return mapped_column(Integer, ForeignKey("user.id", ondelete="cascade"), nullable=False)


engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['PEER_DATABASE']}", pool_size=10)
sessions = async_sessionmaker(engine, expire_on_commit=False)


@event.listens_for(engine.sync_engine, "connect")
def connected(connection: Any, _record: object) -> None:
    """As SQLite is set for a service."""
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {pragma}")


async def session() -> AsyncIterator[AsyncSession]:
    """One a request."""
    async with sessions() as opened:
        yield opened


Opened = Annotated[AsyncSession, Depends(session)]


class UserManager(IntegerIDMixin, BaseUserManager[User, int]):
    """As it comes."""

    reset_password_token_secret = verification_token_secret = "only for the bench"


async def manager(opened: Opened) -> AsyncIterator[UserManager]:
    """With our parameters of Argon2id."""
    helper = PasswordHelper(PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),)))
    yield UserManager(SQLAlchemyUserDatabase(opened, User), helper)


async def tokens(opened: Opened) -> AsyncIterator[SQLAlchemyAccessTokenDatabase[AccessToken]]:
    """Where sessions are."""
    yield SQLAlchemyAccessTokenDatabase(opened, AccessToken)


def strategy(found: Annotated[AccessTokenDatabase[AccessToken], Depends(tokens)]) -> DatabaseStrategy[User, int, AccessToken]:
    """A session is a row, and ends with it."""
    return DatabaseStrategy(found, lifetime_seconds=DAY)


class UserRead(schemas.BaseUser[int]):
    """What is told of an account."""


class UserCreate(schemas.BaseUserCreate):
    """What registers."""


class UserUpdate(schemas.BaseUserUpdate):
    """What can be changed, which nobody asks for here."""


async def create() -> None:
    """Its tables: before several processes would at once."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()


backend = AuthenticationBackend("db", BearerTransport("login"), strategy)
users = FastAPIUsers[User, int](manager, [backend])
app = FastAPI(openapi_url=None)
app.include_router(users.get_auth_router(backend))
app.include_router(users.get_register_router(UserRead, UserCreate))
app.include_router(users.get_users_router(UserRead, UserUpdate), prefix="/users")

if __name__ == "__main__":
    asyncio.run(create())

"""What the store promises of security questions, on both databases."""

from fakes import START
from lingpai.core.model import Address
from lingpai.store import accounts, questions
from lingpai.store.database import Database
from lingpai.store.questions import Questions
from rows import new_account

ONE, TWO = ("a", "b", "c"), ("d", "e", "f")


async def put(database: Database, account: int, texts: tuple[str, str, str], answers: str = "hash") -> None:
    async with database.begin() as tx:
        await questions.put(tx, account_id=account, texts=texts, answers=answers, at=START)


async def whose(database: Database, key: str, realm: str = "main") -> tuple[int, Questions | None]:
    return await questions.whose(database, realm=realm, kind="email" if "@" in key else "name", key=key)


async def test_newer_questions_take_the_place_of_older_ones(database: Database) -> None:
    made = await new_account(database, "ada@example.com", proved_at=START)
    assert await questions.of(database, account_id=made) is None
    await put(database, made, ONE)
    await put(database, made, TWO, "other")
    assert await questions.of(database, account_id=made) == Questions(*TWO, "other", START)
    async with database.begin() as tx:
        assert await questions.drop(tx, account_id=made)
        assert not await questions.drop(tx, account_id=made)
    assert await questions.of(database, account_id=made) is None


async def test_whose_they_are_is_found_by_name_and_by_proved_address(database: Database) -> None:
    made = await new_account(database, "ada@example.com", proved_at=START)
    async with database.begin() as tx:
        await accounts.add_identifier(tx, account_id=made, realm="main", address=Address("name", "Ada", "ada"), proved_at=START)
    await put(database, made, ONE)
    expected = (made, Questions(*ONE, "hash", START))
    assert await whose(database, "ada@example.com") == expected
    assert await whose(database, "ada") == expected
    assert await whose(database, "ada", "boss") == (0, None)


async def test_nobody_is_given_the_questions_of_the_next_account(database: Database) -> None:
    """Whose row is read in their stead, for the time that it takes."""
    before = await new_account(database, "bob@example.com", proved_at=START)
    made = await new_account(database, "ada@example.com", proved_at=START)
    await put(database, made, ONE)
    assert await whose(database, "nobody@example.com") == (0, None)
    assert await whose(database, "bob@example.com") == (before, None)


async def test_an_unproved_address_is_nobodys(database: Database) -> None:
    made = await new_account(database, "ada@example.com")
    await put(database, made, ONE)
    assert await whose(database, "ada@example.com") == (0, None)

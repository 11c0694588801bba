"""What a restored database does not bring back (`store/restored.py`), on both databases."""

from contextlib import suppress

import pytest
from sqlalchemy import text

from fakes import START
from lingpai.store import outbox_retry, restored
from lingpai.store.database import Database, Query
from rows import account, new_account, new_letters

DAY = 86_400_000
STAMP = Query(text("SELECT max(security_stamp) FROM accounts"))
SEALED = Query(text("SELECT count(sealed) FROM letters"))
FAIL = Query(text("UPDATE letters SET state = 'failed'"))


class UndoneError(Exception):
    """The same backup, once more."""


async def first_after(database: Database, at: int) -> tuple[int, int]:
    """The number of the first account after a restore at that instant, and the stamp of one that was there; then it is as before."""
    found: list[int] = []
    with suppress(UndoneError):
        async with database.begin() as tx:
            await restored.end_everything(tx, database, at=at)
            stamp = await tx.row(STAMP)
            found += [await account(tx, "new@example.com"), *(stamp or ())]
            raise UndoneError
    return found[0], found[1]


async def test_numbers_and_stamps_of_a_second_restore_lie_above_what_was_given_out_after_the_first(database: Database) -> None:
    await new_account(database, "ada@example.com")
    first, second = [await first_after(database, at) for at in (START, START + DAY)]
    assert first[0] > restored.LEAST
    assert [later - earlier for earlier, later in zip(first, second, strict=True)] == [DAY, DAY], "a thousand a second in between"


@pytest.mark.parametrize("highest", [5 * restored.BLOCK + 7, START * 2])
async def test_numbers_that_came_from_elsewhere_are_passed_and_every_client_can_still_read_the_next(
    database: Database, highest: int
) -> None:
    await new_account(database)
    async with database.begin() as tx:
        for query in restored._GO_ON[database.name]:
            await tx.rows(query, number=highest)
    number, _ = await first_after(database, START)
    assert highest < number < highest + 2 * restored.BLOCK < 2**53


async def test_a_clock_that_was_never_set_gives_no_number_twice_either(database: Database) -> None:
    await new_account(database)
    assert (await first_after(database, 0))[0] == restored.LEAST + 1


async def test_no_letter_of_then_can_be_sent_whether_it_waited_or_had_failed(database: Database) -> None:
    await new_letters(database, 1)
    await database.execute(FAIL)
    await new_letters(database, 1)
    async with database.begin() as tx:
        await restored.end_everything(tx, database, at=START)
        assert await outbox_retry.retry_some(tx, now=START, limit=9) == 0
    assert await database.row(SEALED) == (0,)

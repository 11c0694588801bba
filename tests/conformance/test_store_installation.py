"""What every node of an installation agrees on."""

import asyncio

from lingpai.store import installation
from lingpai.store.database import Database


async def test_the_first_word_stands_for_every_node_that_comes_later(database: Database) -> None:
    assert await installation.find(database, "colour") is None
    assert await installation.settle(database, "colour", "red") == "red"
    assert await installation.settle(database, "colour", "blue") == "red"
    assert await installation.find(database, "colour") == "red"


async def test_of_nodes_that_start_at_once_all_hear_the_same_word(database: Database) -> None:
    heard = await asyncio.gather(*(installation.settle(database, "colour", str(node)) for node in range(16)))
    assert len(set(heard)) == 1


async def test_a_word_is_replaced_only_by_who_knows_what_stands_there(database: Database) -> None:
    await installation.settle(database, "colour", "red")
    assert not await installation.replace(database, "colour", old="green", new="blue")
    assert await installation.replace(database, "colour", old="red", new="blue")
    assert await installation.find(database, "colour") == "blue"


async def test_a_word_is_taken_away_only_by_who_knows_what_stands_there(database: Database) -> None:
    await installation.settle(database, "colour", "red")
    assert not await installation.remove(database, "colour", old="green")
    assert await installation.remove(database, "colour", old="red")
    assert not await installation.remove(database, "colour", old="red")
    assert await installation.settle(database, "colour", "blue") == "blue"


async def test_the_last_backup_is_the_one_that_was_made_last(database: Database) -> None:
    assert await installation.last_backup(database) is None
    for at in (7, 5):
        await installation.backed_up(database, at)
        assert await installation.last_backup(database) == at

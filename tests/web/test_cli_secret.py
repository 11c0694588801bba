"""`lingpai secret`, and how a node with a secret that does not fit is told so, as an operator meets them."""

import asyncio
import re
import signal
from pathlib import Path

import pytest

from conftest import open_database
from fakes import START, FakeChance, FakeClock
from lingpai.guard.crypto import SecretBox
from lingpai.settings.load import SettingsError
from lingpai.steps.letters import LETTERS
from lingpai.store import outbox
from running import SECONDS, Ended, lingpai, lingpai_here, start

OLD, NEW = "an old secret of 32 bytes, or more", "a new secret of 32 bytes, or more"
DAY = 86_400_000


def name(secret: str) -> str:
    return SecretBox(secret.encode(), FakeChance()).fingerprint


class Desk:
    """An operator's place: a migrated database, and what the settings hold."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.url = url

    def variables(self, secret: str, previous: str = "") -> dict[str, str]:
        other = {"LINGPAI_SECRET_PREVIOUS": previous} if previous else {}
        return {"LINGPAI_DATABASE_URL": self.url, "LINGPAI_SECRET": secret, **other}

    async def ask(self, *words: str, secret: str = OLD, previous: str = "", stdin: str = "") -> Ended:
        return await lingpai_here(*words, "--data", self.folder, stdin=stdin, **self.variables(secret, previous))

    async def refused(self, *words: str, secret: str = OLD, previous: str = "") -> str:
        """What does not fit, in words."""
        with pytest.raises(SettingsError) as no:
            await self.ask(*words, secret=secret, previous=previous)
        (problem,) = no.value.problems
        return problem

    async def begin(self, letters: int = 1) -> None:
        """A key and letters of the old secret, and a node that seals with the new one."""
        await self.ask("key", "rotate", "--now")
        database = await open_database(self.url, FakeClock(), FakeChance())
        box = SecretBox(OLD.encode(), FakeChance())
        async with database.begin() as tx:
            for number in range(letters):
                await outbox.add(
                    tx,
                    channel="email",
                    template="notice",
                    recipient=f"{number}@example.com",
                    locale="en",
                    sealed=box.seal(b"words", LETTERS),
                    account_id=None,
                    created_at=START,
                    expires_at=START + DAY,
                )
        await database.close()
        await self.ask("key", "list", secret=NEW, previous=OLD)


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(database_url, tmp_path)


def counts(shown: str, secret: str) -> list[str]:
    """What a line of the table says of a secret, past its name."""
    (line,) = [line for line in shown.splitlines() if name(secret) in line]
    return [cell.strip() for cell in line.split("│")[2:-1]]


async def test_the_three_steps_as_they_are_told(desk: Desk) -> None:
    assert "the first one settles" in (await desk.ask("secret", "status")).out
    await desk.ask("key", "rotate", "--now")
    shown = (await desk.ask("secret", "status")).out
    assert counts(shown, OLD) == ["secret (LINGPAI_SECRET)", "in use", "1", "1", "0"]
    assert "All nodes use one secret." in shown
    early = await desk.ask("secret", "rotate", secret=NEW, previous=OLD)
    assert (early.code, "no node seals with the new secret yet" in early.err) == (1, True)
    await desk.begin(120)
    shown = (await desk.ask("secret", "status", secret=NEW, previous=OLD)).out
    assert counts(shown, NEW) == ["secret (LINGPAI_SECRET)", "in use", "0", "0", "0"]
    assert counts(shown, OLD) == ["secret_previous", "in use", "2", "1", "120"]
    assert "Next: once every node has the new one as secret, `lingpai secret rotate`." in shown
    done = await desk.ask("secret", "rotate", secret=NEW, previous=OLD)
    assert re.fullmatch(
        rf"100 sealed anew …\nEverything is sealed with {name(NEW)} \(123 sealed anew\)\.\n"
        r"Next: from \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ on, take secret_previous out of every node's settings; "
        r"until then mailed links need it\.\n",
        done.out,
    )
    shown = (await desk.ask("secret", "status", secret=NEW, previous=OLD)).out
    assert counts(shown, NEW) == ["secret (LINGPAI_SECRET)", "in use", "2", "1", "120"]
    assert counts(shown, OLD) == ["secret_previous", "rotated away", "0", "0", "0"]
    assert "take secret_previous out" in shown
    assert OLD not in shown + done.out
    assert NEW not in shown + done.out


LETTERS_WAITING = 800
"""Enough of them that some are left when the word of the first hundred has come here."""


async def test_a_change_that_is_killed_is_ended_by_running_it_again(desk: Desk) -> None:
    await desk.begin(LETTERS_WAITING)
    words = ("secret", "rotate", "--data", desk.folder)
    process = await start(words, desk.variables(NEW, OLD), asyncio.subprocess.PIPE)
    assert process.stdout
    async with asyncio.timeout(SECONDS):
        assert await process.stdout.readline() == "100 sealed anew …\n".encode()
        process.send_signal(signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        await process.communicate()
    shown = (await desk.ask("secret", "status", secret=NEW, previous=OLD)).out
    left = int(counts(shown, OLD)[-1])
    assert 0 < left < LETTERS_WAITING
    assert counts(shown, OLD)[1] == counts(shown, NEW)[1] == "in use"
    done = await desk.ask("secret", "rotate", secret=NEW, previous=OLD)
    assert f"({left} sealed anew)" in done.out
    assert (await desk.ask("key", "list", secret=NEW)).code == 0


NOT_OURS = (
    f"LINGPAI_SECRET: the secret has the fingerprint {name(NEW)}; this database is used with {name(OLD)}. "
    "Give every node the same secret; to change it, follow the steps in docs/production.md, in which secret_previous is the other one. "
    "Where it is lost for good, `lingpai secret rotate --lost` gives up what was sealed with it"
)


async def test_a_node_with_another_secret_does_not_start_and_is_told_why(desk: Desk) -> None:
    await desk.ask("key", "rotate", "--now")
    serve = ("serve", "--dev", "--port", "0", "--workers", "2", "--data", desk.folder)
    ended = await lingpai(*serve, **desk.variables(NEW))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"lingpai cannot start; these settings do not fit:\n  {NOT_OURS}\n"
    for words in (("key", "list"), ("account", "lock", "ada@example.com")):
        assert await desk.refused(*words, secret=NEW) == NOT_OURS, words


async def test_a_worker_with_another_secret_does_not_start_either(sqlite_path: Path, tmp_path: Path) -> None:
    desk = Desk(f"sqlite:///{sqlite_path}", tmp_path)
    await desk.ask("key", "rotate", "--now")
    real = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://127.0.0.1:9"}
    ended = await lingpai("worker", "--data", tmp_path, **desk.variables(NEW), **real)
    assert (ended.code, NOT_OURS in ended.err) == (2, True)


async def test_each_reason_has_words_of_its_own(desk: Desk) -> None:
    await desk.begin()
    half = await desk.refused("key", "list")
    assert f"this database is used with both {name(OLD)} and {name(NEW)} until `lingpai secret rotate` has ended." in half
    await desk.ask("secret", "rotate", secret=NEW, previous=OLD)
    gone = await desk.refused("key", "list", secret=OLD, previous=NEW)
    assert f"LINGPAI_SECRET: the secret ({name(OLD)}) was rotated away; this database is used with {name(NEW)}. Set that one" in gone


async def test_a_file_that_has_gone_is_missed_and_no_other_is_made_in_its_place(tmp_path: Path, sqlite_path: Path) -> None:
    data = ("--data", tmp_path)
    assert (await lingpai_here("key", "rotate", "--now", *data)).code == 0
    file = tmp_path / "secret"
    kept = file.read_text()
    file.unlink()
    missed = f"{file}: not there; expected the secret with the fingerprint {name(kept.strip())}, which this database is used with"
    for words in (("key", "list"), ("secret", "status")):
        with pytest.raises(SettingsError, match=re.escape(missed)):
            await lingpai_here(*words, *data)
        assert not file.exists()
    assert (await lingpai_here("secret", "rotate", "--lost", *data, stdin="n\n")).code == 1
    assert not file.exists()
    given_up = await lingpai_here("secret", "rotate", "--lost", *data, stdin="y\n")
    assert "2 given up, 0 sealed anew; the database is used with " in given_up.out
    assert (await lingpai_here("key", "list", *data)).code == 0
    file.write_text(kept)
    with pytest.raises(SettingsError, match="this database is used with"):
        await lingpai_here("key", "list", *data)

"""Every command that README.md and docs/production.md show, run as it stands: by a shell, in the order of the page."""

import asyncio
import json
import os
import re
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from mailserver import mail_server
from postgresql import PSQL
from running import INHERITED, SECONDS

ROOT = Path(__file__).parents[2]
SHOWN = "http://127.0.0.1:8000"
PROGRAMS = f"{PSQL.parent}:{INHERITED['PATH']}"
"""PostgreSQL's own, of the server's version, before the machine's."""


def commands(*page: str) -> list[str]:
    """The lines of the page's ```sh blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", ROOT.joinpath(*page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


async def shell(command: str, folder: Path, **variables: str) -> str:
    """What the command prints on standard output; it must end well."""
    process = await asyncio.create_subprocess_shell(
        command, cwd=folder, env=INHERITED | variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode == 0, (command, out.decode(), err.decode())
    return out.decode()


@asynccontextmanager
async def lasting(command: str, folder: Path, ready: str, *ends: int, **variables: str) -> AsyncIterator[str]:
    """A command that goes on until it is told to stop; yields the first line that holds `ready`, and sees it end well."""
    process = await asyncio.create_subprocess_shell(
        f"exec {command}",
        cwd=folder,
        env=INHERITED | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout
    said = ""
    try:
        async with asyncio.timeout(SECONDS):
            while ready not in said:
                said = (await process.stdout.readline()).decode()
                assert said, f"{command} ended"
        reading = asyncio.create_task(process.stdout.read())
        yield said
        os.killpg(process.pid, signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            assert await process.wait() in (ends or (0,))
            await reading
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def body(url: str) -> str:
    with urlopen(url, timeout=SECONDS) as answer:  # noqa: S310 - our own service on loopback
        return str(answer.read().decode())


async def mailed(url: str) -> str:
    """The inbox's JSON, once the worker has put a mail there."""
    async with asyncio.timeout(SECONDS):
        while (found := await asyncio.to_thread(body, url)) == "[]":  # noqa: ASYNC110 - it polls another process
            await asyncio.sleep(0.05)  # noqa: TID251 - as above
    return found


async def test_the_readme_leads_a_newcomer_from_serve_to_a_reset(tmp_path: Path) -> None:
    serve, register, inbox, log_in, who, forget, *_ = commands("README.md")
    assert serve == "make serve"
    async with lasting(f"make -C {ROOT} serve PORT=0 DATA={tmp_path / 'data'}", tmp_path, "Lingpai serves at", 2, -signal.SIGTERM) as line:
        url = line.rpartition(" ")[2].strip()

        async def say(command: str) -> dict[str, object]:
            return dict(json.loads(await shell(command.replace(SHOWN, url).replace("curl", "curl -sS"), tmp_path)))

        assert (await say(register))["code"] == 200
        mail = json.loads(await mailed(shlex.split(inbox)[1].replace(SHOWN, url)))[0]
        assert json.loads(await shell(inbox.replace(SHOWN, url).replace("curl", "curl -sS"), tmp_path)) == [mail]
        link = re.search(r"http://\S+/activate_account\S+", mail["text"])
        assert link
        await asyncio.to_thread(body, link[0])
        assert (await say(log_in))["code"] == 200
        card = await say(who)
        assert card["code"] == 200
        assert "ada@example.com" in str(card["data"])
        assert (await say(forget))["code"] == 200


@pytest.fixture
async def production(tmp_path: Path, postgres_url: str, valkey_url: str) -> AsyncIterator[Path]:
    """A folder as README.md describes it: `.venv`, and `lingpai.toml` with this machine's own servers in the place of the example's."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    found = re.search(r"^```toml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    async with mail_server() as mail:
        text = found[1]
        for shown, real in {
            "postgresql://lingpai@db.example.com/lingpai": postgres_url,
            "valkey://cache.example.com:6379/0": valkey_url,
            "smtp://lingpai:PASSWORD@mail.example.com:587": f"smtp://127.0.0.1:{mail.port}",
        }.items():
            assert shown in text
            text = text.replace(shown, real)
        (tmp_path / "lingpai.toml").write_text(text)
        yield tmp_path


def with_newest(restore: str, folder: Path) -> str:
    """The command with the backup that there is in the place of the example's."""
    shown = re.search(r"backups/\S+", restore)
    assert shown
    return restore.replace(shown[0], f"backups/{max((folder / 'backups').iterdir()).name}")


def to_move() -> list[str]:
    """The lines of production.md that lead from one machine to many."""
    return [line for line in commands("docs", "production.md") if line.startswith(".venv/bin/lingpai move ")]


async def test_the_way_to_production_works_as_it_is_told(production: Path) -> None:
    old, new = "a secret for this test alone, shared by all", "another secret for this test alone"
    secret = {"LINGPAI_SECRET": old}
    *_, migrate, serve, settings = commands("README.md")
    # The first four install a release, which test_release.py does.
    shown = [line for line in commands("docs", "production.md")[4:] if line not in to_move()]
    status, rotate, worker, upgrade, folder, backup, verify, restore, outbox, *accounts, doctor = shown
    await shell(migrate, production, **secret)
    async with lasting(f"{serve} --port 0", production, "Lingpai serves at", **secret) as line:
        url = line.rpartition(" ")[2].strip()
        assert '"ok"' in await asyncio.to_thread(body, f"{url}/readyz")
        await shell(f"curl -sSf {url}/register -d email=ada@example.com -d password=correct-horse-battery", production)
        assert "cache.example.com" not in await shell(settings, production, **secret)
    secret = {"LINGPAI_SECRET": new, "LINGPAI_SECRET_PREVIOUS": old}
    async with lasting(worker, production, "work", **secret):
        pass
    assert "secret rotate" in await shell(status, production, **secret)
    assert "Everything is sealed with" in await shell(rotate, production, **secret)
    secret = {"LINGPAI_SECRET": new}
    await shell(upgrade, production, **secret)
    assert "is whole" in [await shell(command, production, PATH=PROGRAMS, **secret) for command in (folder, backup, verify)][-1]
    await shell(f"touch forget.jsonl; yes | {with_newest(restore, production)}", production, PATH=PROGRAMS, **secret)
    assert "sent" in await shell(outbox, production, **secret)
    assert len(accounts) == 17
    for command in accounts:
        await shell(f"yes | {command}", production, **secret)
    # The example's own host may have no address here: then that is what it says is wrong.
    said = await shell(f"{doctor} || test $? -ne 2", production, **secret)
    assert all(words in said for words in ("The database is used with it", "PostgreSQL answers", "It lets us in"))


async def test_the_way_from_one_machine_to_many_works_as_it_is_told_and_back(production: Path, empty_postgres_url: str) -> None:
    variables = {"LINGPAI_DATABASE_URL": "sqlite:///old.db", "LINGPAI_SECRET": "a secret for this test alone, shared by all"}
    *_, migrate, serve, _ = commands("README.md")
    move, undo = to_move()
    (production / "new-database").write_text(f"{empty_postgres_url}\n")
    await shell(migrate, production, **variables)
    async with lasting(f"{serve} --port 0", production, "Lingpai serves at", **variables) as line:
        url = line.rpartition(" ")[2].strip()
        register = f"curl -sS {url}/register -d password=correct-horse-battery -d email="
        assert '"code":200' in await shell(f"{register}ada@example.com", production)
        assert "Everything is in postgresql:///" in await shell(move, production, **variables)
        assert "The service is being moved" in await shell(f"{register}bob@example.com -H 'Accept-Language: en'", production)
        new = variables | {"LINGPAI_DATABASE_URL": empty_postgres_url}
        async with lasting(f"{serve} --port 0", production, "Lingpai serves at", **new):
            assert "ada@example.com" in await shell(
                ".venv/bin/lingpai account show ada@example.com --config lingpai.toml", production, **new
            )
        assert "takes writes again" in await shell(f"yes | {undo}", production, **variables)
        assert '"code":200' in await shell(f"{register}bob@example.com", production)

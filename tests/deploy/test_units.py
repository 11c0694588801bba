"""systemd's own word on the units in `deploy/systemd`, and a service that lives under what they forbid."""

import asyncio
import socket
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import httpx
import pytest

from needed import needed
from running import INHERITED, SECONDS

UNITS = Path(__file__).parents[2] / "deploy/systemd"
EXPOSURE = 15
"""Tenths on systemd's scale of 0 to 10; its own word for that is "OK"."""
FORBIDDING = "import ctypes; assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0"
"""prctl(2), PR_SET_MDWE with PR_MDWE_REFUSE_EXEC_GAIN (Linux 6.3): what `MemoryDenyWriteExecute=` asks the kernel for where it can."""


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units with a command that is there, which systemd looks for."""
    copies = []
    for unit in sorted((*UNITS.glob("*.service"), *UNITS.glob("*.socket"), *UNITS.glob("*.timer"))):
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text().replace("/opt/lingpai/bin/lingpai", "/bin/true"))
        copies.append(copy)
    return copies


def test_systemd_finds_nothing_wrong_with_the_units(units: list[Path]) -> None:
    assert len(units) == 5
    verified = subprocess.run([needed("systemd-analyze"), "verify", *units], capture_output=True, text=True, check=False)
    # Accounts and documents of the machine that it runs on are not the units'.
    assert verified.returncode == 0, verified.stderr
    assert "Unknown" not in verified.stderr


def test_the_services_are_as_shut_in_as_a_service_can_be(units: list[Path]) -> None:
    for unit in units:
        if unit.suffix == ".service":
            call = [needed("systemd-analyze"), "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", unit]
            judged = subprocess.run(call, capture_output=True, text=True, check=False)
            assert judged.returncode == 0, judged.stdout


def test_every_option_of_the_command_lines_exists() -> None:
    """What the units start is asked for its help with all their options before it: an unknown one is refused."""
    for unit in UNITS.glob("*.service"):
        (line,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
        words = line.removeprefix("ExecStart=").split()[1:]
        call = [sys.executable, "-m", "lingpai", *words, "--help"]
        subprocess.run(call, env=INHERITED, capture_output=True, check=True)


async def test_a_connection_that_comes_before_the_service_waits_in_systemds_socket_and_is_answered(tmp_path: Path) -> None:
    """systemd's own program holds the socket, and starts what the first connection asks for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    call = [needed("systemd-socket-activate"), f"--listen=127.0.0.1:{port}", *(f"--setenv={name}" for name in INHERITED)]
    serve = [sys.executable, "-m", "lingpai", "serve", "--dev", "--data", tmp_path / "data"]
    process = await asyncio.create_subprocess_exec(*map(str, [*call, *serve]), env=INHERITED, stdout=DEVNULL, stderr=PIPE)
    try:
        assert process.stderr
        async with asyncio.timeout(SECONDS):
            await process.stderr.readuntil(b"Listening on")
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client:
                assert (await client.get("/readyz")).status_code == 200
    finally:
        process.kill()
        await process.communicate()


@pytest.fixture
def kernel() -> None:
    """One that can refuse it."""
    if subprocess.run([sys.executable, "-c", FORBIDDING], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("the kernel is older than Linux 6.3")


@pytest.mark.usefixtures("kernel")
async def test_nothing_needs_memory_that_is_written_and_then_run(tmp_path: Path) -> None:
    """The kernel's own refusal from the start on: hashing, sealing, pictures and the loop load and work under it."""
    story = "from lingpai.__main__ import main; main()"
    call = [sys.executable, "-c", f"{FORBIDDING}; {story}", "serve", "--dev", "--port", "0", "--data", tmp_path / "data"]
    process = await asyncio.create_subprocess_exec(*map(str, call), env=INHERITED, stdout=PIPE, stderr=DEVNULL)
    try:
        assert process.stdout
        async with asyncio.timeout(SECONDS):
            url = (await process.stdout.readline()).decode().rpartition(" ")[2].strip()
        async with httpx.AsyncClient(base_url=url) as client:
            picture = await client.get("/public/captcha")
            registered = await client.post("/register", data={"email": "ada@example.com", "password": "correct-horse-battery"})
        assert (picture.status_code, registered.json()["code"]) == (200, 200)
    finally:
        process.kill()
        await process.wait()

"""Where it listens, what it is handed, and what it says of itself to whoever started it (contract, R9, R16 to R19)."""

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from faults.callers import call, get
from lingpai.assembly.configuration import load
from lingpai.settings.handed import Handed, handed
from lingpai.settings.load import SettingsError
from lingpai.web.request.client_ip import ClientIps
from lingpai.web.server.listening import Listener, listen, listen_on
from mailserver import mail_server
from managing import Manager
from running import SECONDS, Running, lingpai, serving, start

REAL = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://127.0.0.1:9"}
QUICK = {"LINGPAI_HASHING__MEMORY_KIB": "8", "LINGPAI_HASHING__TIME": "1"}
ALIVE = get("/healthz")
ADA = {"email": "ada@example.com", "password": "correct-horse-battery"}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with closing(Manager.at(tmp_path)) as made:
        yield made


async def test_it_listens_at_all_hosts_and_files_that_it_is_told_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "http.sock"
    words = ("--host", f"localhost,127.0.0.2,unix:{file}", "--host", "127.0.0.3")
    async with serving("--dev", "--data", tmp_path, *words, LINGPAI_LOG__FORMAT="json") as running:
        port = running.port
        for host in ("127.0.0.1", "::1", "127.0.0.2", "127.0.0.3"):
            async with httpx.AsyncClient(base_url=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}") as client:
                assert (await client.get("/healthz")).status_code == 200
        assert await call(str(file), ALIVE) == "200"
        named = [f"http://127.0.0.1:{port}", f"http://[::1]:{port}", f"http://127.0.0.2:{port}", f"unix:{file}", f"http://127.0.0.3:{port}"]
        assert (await running.logged("serving"))["urls"] == named
        assert await running.end() == 0
    assert not await asyncio.to_thread(file.exists)


def test_localhost_is_the_one_family_where_a_machine_has_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    (only,) = listen_on(("localhost",), 0)
    with closing(only):
        assert only.getsockname()[0] == "127.0.0.1"


def test_a_port_that_is_taken_at_one_host_is_listened_at_on_none() -> None:
    with socket.create_server(("127.0.0.2", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use") as refused:
            listen_on(("127.0.0.1", "127.0.0.2"), port)
        assert refused.value.filename == "127.0.0.2"
        listen("127.0.0.1", port).close()


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_a_sockets_file_has_the_mode_that_the_setting_says(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "http.sock"
    with closing(listen(f"unix:{file}", 0, mode)):
        assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_file_that_a_dead_process_has_left_is_taken_over_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "http.sock"
    listen(f"unix:{file}", 0).close()
    with closing(listen(f"unix:{file}", 0)), pytest.raises(OSError, match="in use"):
        listen(f"unix:{file}", 0)
    (tmp_path / "letters").write_text("mine")
    with pytest.raises(OSError, match="in use"):
        listen(f"unix:{tmp_path}/letters", 0)
    assert (tmp_path / "letters").read_text() == "mine"


def test_the_file_of_a_successor_stays(tmp_path: Path) -> None:
    file = tmp_path / "http.sock"
    with closing(listen(f"unix:{file}", 0)) as mine:
        listener = Listener(mine)
        file.unlink()
        with closing(listen(f"unix:{file}", 0)):
            listener.quieten()
            assert file.exists()


async def test_behind_a_sockets_file_the_proxys_word_is_believed_where_it_is_trusted(sqlite_path: Path) -> None:
    file = sqlite_path.with_name("http.sock")
    async with serving("--host", f"unix:{file}", "--data", sqlite_path.parent, **REAL, LINGPAI_TRUSTED_PROXIES="unix") as running:
        assert await call(str(file), get("/nothing", "X-Forwarded-For: 203.0.113.7\r\n")) == "404"
        assert (await running.logged("request"))["client"] == "203.0.113.7"
    assert ClientIps(("127.0.0.1/32",)).find("unix", "203.0.113.7") == ("unix", "unix")


def test_who_comes_by_a_sockets_file_and_is_not_trusted_is_doubtful() -> None:
    hosts = ("127.0.0.1", "unix:/run/lingpai/http.sock")
    doubts = load(None, REAL, hosts=hosts).warnings
    assert [doubt for doubt in doubts if doubt.startswith("--host unix:/run/lingpai/http.sock: all clients count as one")]
    assert not [doubt for doubt in load(None, REAL | {"LINGPAI_TRUSTED_PROXIES": "unix"}, hosts=hosts).warnings if "--host" in doubt]


def test_a_sockets_file_is_told_by_its_whole_path() -> None:
    with pytest.raises(SettingsError, match="expected a socket's file by its whole path"):
        load(None, REAL, hosts=("unix:http.sock",))


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.long), "2"])
async def test_a_socket_that_it_is_lent_is_served_on_and_goes_on_listening_when_it_ends(sqlite_path: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as lent:
        async with serving("--workers", workers, "--data", sqlite_path.parent, lent=lent, **REAL) as running:
            assert running.port == lent.getsockname()[1]
            assert await call(running.port, ALIVE) == "200"
            running.tell(signal.SIGHUP)
            await running.logged("renewed")
            assert await running.end() == 0
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(*lent.getsockname())
        writer.close()


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_what_is_handed_and_is_no_listening_socket_is_refused_in_words(sqlite_path: Path, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as lent:
        process = await start(("serve", "--data", sqlite_path.parent), REAL, asyncio.subprocess.PIPE, lent=lent)
        _, refusal = await process.communicate()
    assert process.returncode == 1
    assert "cannot take over what was handed: descriptor 3: is no listening stream socket" in refusal.decode()


def test_what_is_meant_for_another_process_is_left_alone() -> None:
    there = {"LISTEN_FDS": "2", "LISTEN_PID": "7", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7", "NOTIFY_SOCKET": "/run/notify"}
    assert handed(there, 7) == Handed(sockets=2, lent=True, notify="/run/notify", watchdog_seconds=3)
    assert handed(there, 8) == Handed(notify="/run/notify")
    assert handed({"LISTEN_FDS": "2"}, 7) == Handed()
    with pytest.raises(ValueError, match="LISTEN_FDS: 'two' does not fit; expected a whole number"):
        handed(there | {"LISTEN_FDS": "two"}, 7)


async def test_without_its_worker_it_sends_nothing_and_the_worker_alone_does(sqlite_path: Path) -> None:
    async with mail_server() as never, mail_server() as post:
        serves, works = (REAL | QUICK | {"LINGPAI_MAIL__SMTP_URL": server.url()} for server in (never, post))
        async with serving("--no-worker", "--data", sqlite_path.parent, **serves) as running:
            async with httpx.AsyncClient(base_url=running.url) as client:
                assert (await client.post("/register", json=ADA)).json()["code"] == 200
            worker = await start(("worker", "--data", sqlite_path.parent), works, asyncio.subprocess.DEVNULL)
            async with asyncio.timeout(SECONDS):
                while not post.arrived:
                    await post.arrival()
                worker.terminate()
                await worker.wait()
        assert never.connections == []


async def test_a_worker_process_that_died_is_named_with_its_signal_or_its_exit_code(sqlite_path: Path) -> None:
    async with serving("--workers", "2", "--data", sqlite_path.parent, **REAL) as running:
        killed, other = running.children
        os.kill(killed, signal.SIGKILL)
        died = await running.logged("worker died")
        assert (died["level"], died["pid"], died["signal"], died["code"]) == ("warning", killed, "SIGKILL", None)
        await asyncio.to_thread(sqlite_path.write_bytes, b"no database any more" * 100)
        os.kill(other, signal.SIGSEGV)
        await running.logged("worker died", 4)  # those that come after it cannot start
        died = {(event["signal"], event["code"]) for event in running.events if event["event"] == "worker died"}
        assert died == {("SIGKILL", None), ("SIGSEGV", None), (None, 1)}


async def test_a_service_manager_in_the_abstract_namespace_is_heard_by_its_watchdog_too(sqlite_path: Path) -> None:
    with closing(Manager(f"@lingpai-{os.getpid()}")) as manager:
        variables = REAL | {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "300000"}
        async with serving("--data", sqlite_path.parent, **variables):
            await manager.hears("READY")
            for _ in range(3):
                await manager.hears("WATCHDOG")


async def test_a_worker_that_is_stuck_is_killed_and_replaced_where_there_is_a_watchdog(sqlite_path: Path, manager: Manager) -> None:
    variables = REAL | {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "3000000"}
    async with serving("--workers", "2", "--data", sqlite_path.parent, **variables) as running:
        stuck = running.children[0]
        os.kill(stuck, signal.SIGSTOP)
        killed = await running.logged("worker killed")
        assert (killed["pid"], killed["why"]) == (stuck, "it is stuck")
        assert (await running.logged("worker died"))["pid"] == stuck


async def product(running: Running) -> str:
    async with httpx.AsyncClient(base_url=running.url) as client:
        page = (await client.get("/login", headers={"Connection": "close"})).text
    return page.partition("</title>")[0].rpartition(" ")[2]


@pytest.mark.parametrize("workers", ["2", pytest.param("1", marks=pytest.mark.long)])
async def test_a_hangup_reads_the_settings_again_and_keeps_the_old_ones_where_the_new_do_not_fit(
    sqlite_path: Path, manager: Manager, workers: str
) -> None:
    config = sqlite_path.with_name("lingpai.toml")
    config.write_text('product = "Sesame"\n')
    words = ("--workers", workers, "--data", sqlite_path.parent, "--config", config)
    async with serving(*words, **REAL, NOTIFY_SOCKET=manager.address) as running:
        assert (await manager.hears("READY"))["STATUS"] == f"serving at {running.url}"
        assert await product(running) == "Sesame"
        pid, children = running.process.pid, set(running.children)
        config.write_text('product = "Poppy"\n')
        await reloaded(running, manager)
        renewed = await running.logged("renewed")
        assert "where it listens" in renewed["needs_restart"]
        assert "socket_mode" in renewed["needs_restart"]
        assert running.process.pid == pid
        assert await product(running) == "Poppy"
        config.write_text('produkt = "Rose"\n')
        await reloaded(running, manager)
        assert "unknown key produkt; did you mean product?" in (await running.logged("renewal.refused"))["why"]
        assert await product(running) == "Poppy"
        await running.outlives(children)
        running.tell(signal.SIGTERM)
        assert await manager.hears("STOPPING")
        assert await running.ended() == 0


async def reloaded(running: Running, manager: Manager) -> None:
    """The service manager is told, also where all stays as it was: it would wait for ever."""
    running.tell(signal.SIGHUP)
    assert (await manager.hears("RELOADING"))["MONOTONIC_USEC"].isdigit()
    assert (await manager.hears("READY"))["STATUS"] == f"serving at {running.url}"


async def test_an_empty_host_is_wrong_usage(sqlite_path: Path) -> None:
    ended = await lingpai("serve", "--host", " ,", "--data", sqlite_path.parent, **REAL)
    assert ended.code == 2
    assert "expected an address, localhost or unix:/path" in ended.err

"""Metrics on a port of their own (contract, R13), of real nodes; and the dashboard and the alerts that read them."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from faults.monitoring import MONITORING, WATCHED, Watched, alerts, names, prometheus, value, watched
from faults.service import caller, install
from mailserver import mail_server
from needed import needed
from running import SECONDS, Running, lingpai, serving, start

EMAIL, PASSWORD = "ada@example.com", "correct-horse-battery"
AGENT = "Mozilla/5.0 (a browser of hers)"
LOGIN = {"dialect": "maillink", "call": "/login"}


async def story(running: Running) -> None:
    """Somebody registers, mistypes, and is in; somebody tries one invite after another; all doors are tried."""
    async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=SECONDS, headers={"User-Agent": AGENT}) as ada:
        await ada.post("/register", data={"email": EMAIL, "password": PASSWORD})
        inbox: list[dict[str, str]] = []
        async with asyncio.timeout(SECONDS):
            while not inbox:
                inbox = (await ada.get("/dev/inbox.json", params={"to": EMAIL})).json()
        link = re.search(r"/activate_account\?email=(\S+)&vcode=(\S+)", inbox[0]["text"])
        assert link
        await ada.get(link[0], headers={"Accept": "application/json"})
        assert (await ada.post("/login", data={"email": EMAIL, "password": "not-hers-at-all"})).json()["code"] != 200
        assert (await ada.post("/login", data={"email": EMAIL, "password": PASSWORD})).json()["code"] == 200
        assert (await ada.get("/nowhere/at/all", headers={"Accept": "application/json"})).status_code == 404
        jwt = {"Email": EMAIL, "Password": PASSWORD, "Expiry": 60, "Language": "en"}
        assert (await ada.post("/account/login", json=jwt)).json()["Result"] == 1
        assert (await ada.post("/page/login", data={"account": EMAIL, "password": "not-hers-at-all"})).status_code == 422
        for _ in range(21):
            last = await ada.post("/register", data={"email": "bob@example.com", "password": PASSWORD, "invite": "none-such"})
        assert last.status_code == 429


async def told(node: Watched) -> None:
    """The story stands in a scrape."""
    await node.reaches(1, "lingpai_letters_total", channel="email", outcome="delivered")  # it gives way to the logins' hashes
    found = await node.reaches(11, "lingpai_limited_total", limit="check_client")
    assert value(found, "lingpai_logins_total", **LOGIN, outcome="ok") == 1
    assert value(found, "lingpai_logins_total", **LOGIN, outcome="bad-credentials") == 1
    assert value(found, "lingpai_logins_total", dialect="mailcode", call="/account/login", outcome="ok") == 1
    assert value(found, "lingpai_logins_total", dialect="pages", call="/page/login", outcome="bad-credentials") == 1
    assert value(found, "lingpai_letters_total", channel="email", outcome="delivered") == 1
    assert value(found, "lingpai_limited_total", limit="sms_daily") == 0
    assert value(found, "lingpai_request_seconds_count", status="4xx", dialect="maillink") == 11
    assert value(found, "lingpai_hash_wait_seconds_count") == 5
    assert value(found, "lingpai_hash_slots_taken") == 0
    assert value(found, "lingpai_connections_most") % 2_000 == 0
    assert value(found, "lingpai_connections_ended_total", why="503") == 0
    assert value(found, "lingpai_store_up", store="database") == value(found, "lingpai_store_up", store="ephemeral") == 1
    assert value(found, "lingpai_info") == 1


async def test_a_node_tells_of_its_logins_letters_limits_and_stores_and_of_nobody(tmp_path: Path) -> None:
    async with serving("--dev", "--data", tmp_path / "d", **WATCHED) as running:
        node = await watched(running)
        await story(running)
        await told(node)
        text = (await node.get("/metrics")).text
        assert (await node.get("/healthz")).json() == (await node.get("/readyz")).json() == {"status": "ok", "down": []}
        assert (await node.get("/login")).status_code == 404
        async with caller(running) as ada:
            assert (await ada.get("/metrics")).status_code == 404, "on a port of its own"
            await node.reaches(1, "lingpai_connections")
    for of_somebody in ("ada", "bob", "example.com", "127.0.0.1", "browser", "nowhere/at/all", "none-such", "unknown-account"):
        assert of_somebody not in text


async def test_what_a_process_has_counted_outlives_it(tmp_path: Path) -> None:
    async with serving("--dev", "--workers", "2", "--data", tmp_path / "d", **WATCHED) as running:
        node = await watched(running)
        async with caller(running) as ada:
            for _ in range(4):
                await ada.post("/login", data={"email": EMAIL, "password": PASSWORD})
        await node.reaches(4, "lingpai_logins_total", **LOGIN, outcome="bad-credentials")
        for pid in running.children:
            os.kill(pid, signal.SIGKILL)
        await running.logged("worker died", times=2)
        await answers(node)
        after = await node.reaches(4, "lingpai_logins_total", **LOGIN, outcome="bad-credentials")
        assert len([name for name, _ in after if name == "lingpai_process_start_time_seconds"]) >= 1
        assert await running.end() == 0


async def answers(node: Watched) -> None:
    """Until a process is there that does."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await node.get("/healthz")
            except httpx.HTTPError:
                await asyncio.sleep(0.05)  # noqa: TID251 - another process starts, and nothing tells when
            else:
                return


async def test_it_goes_on_after_new_settings(tmp_path: Path) -> None:
    async with serving("--dev", "--workers", "2", "--data", tmp_path / "d", **WATCHED) as running:
        await watched(running)
        running.tell(signal.SIGHUP)
        node = Watched((await running.logged("metrics.served", times=2))["url"])
        await running.logged("renewed")
        await answers(node)
        assert value(await node.samples(), "lingpai_info") == 1


async def test_the_outbox_worker_alone_tells_of_its_letters(tmp_path: Path, empty_postgres_url: str) -> None:
    async with mail_server() as mail:
        installation = install(tmp_path, empty_postgres_url, mail)
        places = ("--data", tmp_path, "--config", tmp_path / "lingpai.toml")
        assert (await lingpai("migrate", *places)).code == 0
        with (tmp_path / "log").open("w+b") as log:
            process = await start(("worker", *places), WATCHED, log)
            async with serving("--no-worker", *places) as running:
                node = await watched(Running(process, log))
                async with caller(running) as ada:
                    assert (await ada.post("/register", json={"email": EMAIL, "password": PASSWORD})).json()["code"] == 200
                await installation.link(EMAIL, "/activate_account")
            found = await node.reaches(1, "lingpai_letters_total", channel="email", outcome="delivered")
            assert value(found, "lingpai_pool_size") == 10
            skew = value(found, "lingpai_clock_skew_seconds")
            assert skew is not None
            assert abs(skew) < 5
            assert value(found, "lingpai_letter_overdue_seconds") == 0
            assert value(found, "lingpai_backup_age_seconds") is None
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def test_it_is_off_unless_asked_for_and_says_what_does_not_fit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        there = f"127.0.0.1:{busy.getsockname()[1]}"
        taken = await lingpai("serve", "--dev", "--port", "0", "--data", tmp_path / "d", LINGPAI_METRICS__LISTEN=there)
    assert (taken.code, f"cannot listen on {there} (metrics.listen)" in taken.err) == (1, True), taken
    async with serving("--dev", "--data", tmp_path / "d", LINGPAI_LOG__FORMAT="json") as running:
        assert await running.end() == 0
        assert not [line for line in running.events if line["event"].startswith("metrics.")]


@pytest.mark.parametrize("kind", ["rules", "config"])
def test_prometheus_takes_the_files(kind: str) -> None:
    file = {"rules": "alerts.yaml", "config": "prometheus.yml"}[kind]
    ended = subprocess.run((needed("promtool"), "check", kind, file), cwd=MONITORING, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_has_a_day_on_which_it_is_raised_and_one_on_which_it_is_not() -> None:
    examples = (MONITORING / "alerts.test.yaml").read_text("utf-8")
    assert [name for name, _ in alerts() if f'alertname="{name}"' not in examples] == []
    call = (needed("promtool"), "test", "rules", "alerts.test.yaml")
    ended = subprocess.run(call, cwd=MONITORING, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_alert_is_told_of() -> None:
    told = (MONITORING.parents[1] / "docs" / "production.md").read_text("utf-8")
    assert [name for name, _ in alerts() if f"`{name}`" not in told] == []


def queries() -> list[tuple[str, str]]:
    """Each panel of the dashboard, and what it asks for."""
    board = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    asked = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", ())]
    return [(title, expression.replace("$__rate_interval", "1m").replace("$instance", ".*")) for title, expression in asked]


ONLY_WHEN_LOST = "Why a store cannot serve"


async def test_each_query_of_the_dashboard_and_of_the_alerts_reads_what_the_processes_of_a_node_tell(tmp_path: Path) -> None:
    async with serving("--dev", "--workers", "2", "--data", tmp_path / "d", **WATCHED) as running:
        node = await watched(running)
        async with prometheus(tmp_path, node.url) as asked:
            made = await lingpai("backup", "--to", tmp_path, "--data", tmp_path / "d")
            assert made.code == 0, made.err
            await asked.once("lingpai_process_start_time_seconds")
            await story(running)
            await told(node)
            await asked.once('lingpai_logins_total{outcome="ok"} > 0')
            for title, expression in queries():
                if title == ONLY_WHEN_LOST:
                    assert await asked.query(expression) == []
                else:
                    assert await asked.once(expression), title
            for _, expression in alerts():
                await asked.query(expression)
        text = (await node.get("/metrics")).text
    assert len(re.findall("^lingpai_process_start_time_seconds{", text, re.MULTILINE)) == 2
    assert "lingpai_processes 2.0\n" in text
    asked_for = set().union(*(names(expression) for _, expression in [*queries(), *alerts()]))
    offered = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    assert {name for name in asked_for if not {name, re.sub("_(bucket|count)$", "", name)} & offered} == set()
    assert {name for name in offered if not {name, f"{name}_bucket", f"{name}_count"} & asked_for} == set(), "told, and asked by nobody"

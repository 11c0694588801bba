"""The compose file, by the reading of compose itself; and what it sets are settings that there are."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lingpai.assembly.configuration import load
from needed import needed

COMPOSE = Path(__file__).parents[2] / "deploy/compose"
SECRETS = {
    "secret": "a sentence that is long enough to be the secret of a test",
    "database_url": "postgresql://lingpai:of-a-test@postgres/lingpai",
    "smtp_url": "smtp://lingpai:of-a-test@mail.example.com:587",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder as its first lines ask for it: `cp example.env .env`."""
    folder = tmp_path / "compose"
    shutil.copytree(COMPOSE, folder)
    shutil.copy(folder / "example.env", folder / ".env")
    return folder


def read(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([needed("docker-compose"), "config"], cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture
def services(project: Path) -> dict[str, Any]:
    """What compose makes of the file."""
    got = read(project)
    assert got.returncode == 0, got.stderr
    found: dict[str, Any] = yaml.safe_load(got.stdout)["services"]
    return found


def test_two_nodes_a_worker_the_stores_and_a_proxy_start_after_the_migration(services: dict[str, Any]) -> None:
    assert set(services) == {"migrate", "node1", "node2", "worker", "postgres", "valkey", "proxy"}
    for name in ("node1", "node2", "worker"):
        assert services[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["node1"] == services["node2"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_only_the_proxy_is_reached_from_outside_and_ours_can_write_nothing_but_memory(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    for name in ("migrate", "node1", "node2", "worker"):
        ours = services[name]
        assert (ours["read_only"], ours["cap_drop"], ours["user"]) == (True, ["ALL"], "10001:10001")
        assert "volumes" not in ours
    assert services["postgres"]["networks"] == services["valkey"]["networks"] == {"inside": None}


def test_what_it_sets_are_settings_that_fit(services: dict[str, Any], tmp_path: Path) -> None:
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(f"{text}\n")
    for name in ("migrate", "node1", "worker"):
        given = {key: value.replace("/run/secrets", str(tmp_path)) for key, value in services[name]["environment"].items()}
        loaded = load(None, given, data=tmp_path, hosts=["0.0.0.0"])  # noqa: S104 - as the file says
        assert loaded.settings.secret == SECRETS["secret"]
        assert loaded.settings.mail.smtp_url == SECRETS["smtp_url"]
        assert [doubt for doubt in loaded.warnings if not doubt.startswith("default: ")] == []


def test_whoever_has_not_said_their_own_name_is_told_to(project: Path) -> None:
    (project / ".env").write_text("LINGPAI_SENDER=no-reply@example.com\n")
    refused = read(project)
    assert refused.returncode != 0
    assert "under which name people reach it" in refused.stderr

"""The Helm chart, rendered by Helm's own code, and held against the schemas of Kubernetes. `make deploy-checks` brings both."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from lingpai.assembly.configuration import load

helm = pytest.importorskip("helm_python", reason="`make deploy-checks` brings Helm")
kubernetes = pytest.importorskip("kubernetes_validate", reason="`make deploy-checks` brings the schemas")

pytestmark = pytest.mark.deploy

CHART = Path(__file__).parents[2] / "deploy/helm/lingpai"
NEEDED: dict[str, Any] = {
    "existingSecret": "lingpai",
    "settings": {
        "public_url": "https://id.example.com",
        "trusted_proxies": ["10.0.0.0/8"],
        "mail": {"sender": "no-reply@example.com"},
    },
}
EVERYTHING: dict[str, Any] = NEEDED | {
    "ingress": {"enabled": True, "className": "nginx", "host": "id.example.com", "tlsSecret": "tls", "annotations": {"a/b": "c"}},
    "networkPolicy": {"enabled": True, "from": [{"podSelector": {}}]},
    "imagePullSecrets": [{"name": "mine"}],
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "podAnnotations": {"a": "b"},
}
SECRETS = {
    "secret": "a sentence that is long enough to be the secret of a test",
    "database_url": "postgresql://lingpai:of-a-test@postgres/lingpai",
    "valkey_url": "valkey://valkey:6379/0",
    "smtp_url": "smtp://lingpai:of-a-test@mail.example.com:587",
}


def rendered(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What Kubernetes is given, by kind and name."""
    files = helm.Chart.load(CHART).render(values, name="demo", namespace="prod")
    texts = (text for name, text in files.items() if not name.endswith("NOTES.txt"))
    found = (document for text in texts for document in yaml.safe_load_all(text) if document)
    return {f"{document['kind']} {document['metadata']['name']}": document for document in found}


@pytest.mark.parametrize("values", [NEEDED, EVERYTHING], ids=["what is needed", "everything"])
def test_every_document_is_one_that_kubernetes_takes(values: dict[str, Any]) -> None:
    documents = rendered(values)
    assert {"Deployment demo-lingpai", "Deployment demo-lingpai-worker", "Job demo-lingpai-migrate"} <= documents.keys()
    for document in documents.values():
        for version in ("1.27", kubernetes.latest_version()):
            kubernetes.validate(document, version, strict=True)


def test_the_linter_has_nothing_to_say_but_that_an_icon_is_missing() -> None:
    found = helm.lint(CHART, NEEDED, strict=True)
    assert [message["error"] for message in found["messages"]] == ["icon is recommended"]
    assert found["errors"] == []


@pytest.mark.parametrize(
    ("left_out", "word"), [("existingSecret", "existingSecret is required"), ("settings", "settings.public_url is required")]
)
def test_what_is_left_out_is_asked_for_by_name(left_out: str, word: str) -> None:
    with pytest.raises(helm.HelmError, match=word):
        rendered({name: value for name, value in NEEDED.items() if name != left_out})


def test_the_settings_and_the_secrets_of_the_chart_are_ones_that_the_service_takes(tmp_path: Path) -> None:
    documents = rendered(NEEDED)
    config = tmp_path / "lingpai.toml"
    config.write_text(documents["ConfigMap demo-lingpai"]["data"]["lingpai.toml"])
    assert tomllib.loads(config.read_text())["mail"] == {"sender": "no-reply@example.com"}
    (container,) = documents["Deployment demo-lingpai"]["spec"]["template"]["spec"]["containers"]
    for name, text in SECRETS.items():
        (tmp_path / name).write_text(text)
    environ = {entry["name"]: entry["value"].replace("/etc/lingpai/secrets", str(tmp_path)) for entry in container["env"]}
    loaded = load(config, environ, data=tmp_path)
    assert loaded.settings.secret == SECRETS["secret"]
    assert loaded.settings.valkey_url == SECRETS["valkey_url"]


def test_nothing_runs_as_root_or_writes_outside_memory() -> None:
    for name, document in rendered(EVERYTHING).items():
        if not name.startswith(("Deployment", "Job")):
            continue
        pod = document["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {volume["name"]: volume for volume in pod["volumes"]}["scratch"]["emptyDir"]["medium"] == "Memory"


def test_other_settings_are_other_pods_and_a_node_goes_only_when_another_is_ready() -> None:
    def sums(values: dict[str, Any]) -> str:
        template = rendered(values)["Deployment demo-lingpai"]["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/settings"])

    assert sums(NEEDED) == sums(NEEDED)
    assert sums(NEEDED) != sums(NEEDED | {"settings": NEEDED["settings"] | {"product": "Another"}})
    assert rendered(NEEDED)["Deployment demo-lingpai"]["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}

"""Secrets that lie in files, and what Kubernetes puts into the environment by itself (contract, R14, R15)."""

from pathlib import Path

import pytest

from lingpai.assembly.configuration import defaults, load
from lingpai.settings.keys import keys
from lingpai.settings.load import SettingsError
from lingpai.settings.reference import in_force

FULL = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://mail.example.com"}
SECRET = "0123456789abcdef" * 2
ALL = [key.file_variable for key in keys(defaults()) if key.file_variable]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "held"


def refused(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(None, FULL | environ)
    return caught.value.problems


def test_every_secret_and_every_url_that_may_hold_a_password_can_lie_in_a_file(file: Path) -> None:
    assert {key.file_variable for key in keys(defaults()) if key.secret} < set(ALL)
    assert {"LINGPAI_DATABASE_URL_FILE", "LINGPAI_VALKEY_URL_FILE", "LINGPAI_MAIL__SMTP_URL_FILE"} < set(ALL)
    assert "LINGPAI_SMS__ALIYUN__ACCESS_KEY_SECRET_FILE" in ALL
    file.write_text("valkey://:word@cache/0")
    assert load(None, FULL | {"LINGPAI_VALKEY_URL_FILE": str(file)}).settings.valkey_url == "valkey://:word@cache/0"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_one_newline_at_the_end_of_a_file_is_not_part_of_the_secret(file: Path, end: str) -> None:
    file.write_bytes(f" {SECRET}\t{end}".encode())
    assert load(None, FULL | {"LINGPAI_SECRET_FILE": str(file)}).settings.secret == f" {SECRET}\t"
    file.write_bytes(f"{SECRET}\n{end}".encode())
    assert load(None, FULL | {"LINGPAI_SECRET_FILE": str(file)}).settings.secret == SECRET + ("\n" if end else "")


def test_where_a_secret_came_from_is_shown_and_the_secret_is_not(file: Path) -> None:
    file.write_text(SECRET)
    shown = {path: (value, source) for path, value, source in in_force(load(None, FULL | {"LINGPAI_SECRET_FILE": str(file)}))}
    assert shown["secret"] == ("********", f"LINGPAI_SECRET_FILE ({file})")


def test_a_secret_that_is_given_twice_is_refused_in_words(file: Path) -> None:
    file.write_text(SECRET)
    there = {"LINGPAI_SECRET_FILE": str(file)}
    assert refused(there | {"LINGPAI_SECRET": SECRET}) == ["LINGPAI_SECRET_FILE: LINGPAI_SECRET is set too; expected one of the two"]
    assert load(None, FULL | there | {"LINGPAI_SECRET": ""}).settings.secret == SECRET, "an empty one is not set"
    assert load(None, FULL | {"LINGPAI_SECRET_FILE": "", "LINGPAI_SECRET": SECRET}).settings.secret == SECRET, "and so is an empty name"


def test_what_is_wrong_with_a_file_is_told_with_its_name_and_the_variable(file: Path) -> None:
    wanted = "expected a file with 32 bytes or more, such as `openssl rand -base64 32` prints"
    there = {"LINGPAI_SECRET_FILE": str(file)}
    assert refused(there) == [f"LINGPAI_SECRET_FILE: {file} cannot be read (No such file or directory); {wanted}"]
    file.write_text("\n")
    assert refused(there) == [f"LINGPAI_SECRET_FILE: {file} is empty; {wanted}"]
    file.write_bytes(b"\xff" * 40)
    assert refused(there) == [f"LINGPAI_SECRET_FILE: {file} is not UTF-8; {wanted}"]
    file.write_text("short")
    (found,) = refused(there)
    assert found.startswith(f"LINGPAI_SECRET_FILE ({file}): ******** does not fit; expected 32 bytes or more")


def test_what_is_no_secret_has_no_file_of_its_own() -> None:
    assert refused({"LINGPAI_PRODUCT_FILE": "/tmp/product"}) == [  # noqa: S108 - nobody opens it
        "LINGPAI_PRODUCT_FILE: unknown variable; only what is secret is read from a file of its own, expected LINGPAI_PRODUCT"
    ]


KUBERNETES = {
    "LINGPAI_SERVICE_HOST": "10.96.0.17",
    "LINGPAI_SERVICE_PORT": "80",
    "LINGPAI_SERVICE_PORT_HTTP": "80",
    "LINGPAI_PORT": "tcp://10.96.0.17:80",
    "LINGPAI_PORT_80_TCP": "tcp://10.96.0.17:80",
    "LINGPAI_PORT_80_TCP_PROTO": "tcp",
    "LINGPAI_PORT_80_TCP_PORT": "80",
    "LINGPAI_PORT_80_TCP_ADDR": "fd00::17",
    "LINGPAI_WEB_2_SERVICE_HOST": "10.96.0.18",
    "LINGPAI_WEB_2_PORT": "udp://10.96.0.18:53",
}


def test_what_kubernetes_sets_for_its_services_is_left_aside_and_named() -> None:
    loaded = load(None, FULL | KUBERNETES)
    assert loaded.settings == load(None, FULL).settings
    assert loaded.aside == tuple(sorted(KUBERNETES))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LINGPAI_PORT", "8000"),
        ("LINGPAI_PORT_80_TCP", "80"),
        ("LINGPAI_SERVICE_HOST", "id.example.com"),
        ("LINGPAI_SERVICE_PORT", "tcp://10.96.0.17:80"),
        ("LINGPAI_SERVICE_HOSTS", "10.96.0.17"),
        ("LINGPAI_SMS__PORT", "tcp://10.96.0.17:80"),
        ("LINGPAI_TRUSTED_PROXY", "10.0.0.0/8"),
    ],
)
def test_what_only_looks_like_it_is_refused_as_ever(name: str, text: str) -> None:
    (found,) = refused(KUBERNETES | {name: text})
    assert found.startswith(f"{name}: unknown variable; ")

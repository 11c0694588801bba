"""Settings: what is taken, what is refused and in which words."""

import threading
from pathlib import Path
from typing import Any

import pytest

from fakes import FakeChance
from lingpai.assembly.configuration import defaults, load
from lingpai.core.chance import SystemChance
from lingpai.settings import Rate, Settings, sqlite_file
from lingpai.settings.check import same_site
from lingpai.settings.keys import REALMS, keys, value_at
from lingpai.settings.load import SettingsError
from lingpai.settings.reference import in_force, markdown
from lingpai.settings.secret import secret_of

FULL = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://mail.example.com"}
SECRET = "0123456789abcdef" * 2


def taken(environ: dict[str, str], config: Path | None = None) -> Settings:
    return load(config, FULL | environ).settings


def refused(environ: dict[str, str], config: Path | None = None, **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(config, environ, **more)
    return caught.value.problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lingpai.toml"


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(file: Path) -> None:
    file.write_text('product = "File"\n[hashing]\ntime = 3\nqueue = 7\n')
    loaded = load(file, {**FULL, "LINGPAI_HASHING__TIME": "4"})
    assert (loaded.settings.product, loaded.settings.hashing.time, loaded.settings.hashing.queue) == ("File", 4, 7)
    assert loaded.settings.hashing.memory_kib == 19_456
    assert loaded.sources["hashing.time"] == "LINGPAI_HASHING__TIME"
    assert loaded.sources["hashing.queue"] == str(file)


def test_every_kind_of_value_can_stand_in_a_variable() -> None:
    settings = taken(
        {
            "LINGPAI_TRUSTED_PROXIES": "127.0.0.1/32, 2001:db8::/32",
            "LINGPAI_MAILLINK__REVEAL_ACCOUNTS": "true",
            "LINGPAI_LIMITS__LOGIN_ADDRESS": "3/hour",
            "LINGPAI_MAILLINK__ACTIVATION": "confirm",
            "LINGPAI_HASHING__THREADS": "2",
        }
    )
    assert settings.trusted_proxies == ("127.0.0.1/32", "2001:db8::/32")
    assert settings.dialects["maillink"].reveal_accounts is True
    assert settings.limits.login_address == Rate(3, 3_600)
    assert settings.dialects["maillink"].activates_by_click
    assert settings.hashing.threads == 2


def test_every_default_passes_its_own_check_when_it_is_written_down(file: Path) -> None:
    tables: dict[str, list[str]] = {"": []}
    for key in keys(defaults()):
        table, _, name = key.path.rpartition(".")
        if key.shown(key.default) and not key.path.startswith(REALMS):
            tables.setdefault(table, []).append(f"{name} = {key.shown(key.default)}")
    file.write_text("\n".join((f"[{table}]\n" if table else "") + "\n".join(lines) for table, lines in tables.items()))
    assert taken({}, file) == taken({})


def test_an_empty_variable_is_one_that_is_not_set() -> None:
    settings = taken({"LINGPAI_VALKEY_URL": "", "LINGPAI_TRUSTED_PROXIES": "", "LINGPAI_HASHING__TIME": ""})
    assert (settings.valkey_url, settings.trusted_proxies, settings.hashing.time) == (None, (), 2)


def test_a_closing_slash_of_the_public_url_is_taken_off() -> None:
    assert taken({"LINGPAI_PUBLIC_URL": "https://id.example.com/"}).public_url == "https://id.example.com"


def test_all_that_is_wrong_is_told_at_once(file: Path) -> None:
    file.write_text('[limits]\nlogin_adress = "1/day"\n[hashing]\ntime = 0\n')
    found = refused({"LINGPAI_LOG__LEVEL": "loud"}, file)
    assert found == [
        f"{file}: unknown key limits.login_adress; did you mean limits.login_address?",
        f"{file}: hashing.time = 0 does not fit; expected a whole number from 1 to 64",
        "LINGPAI_LOG__LEVEL: 'loud' does not fit; expected debug or info or warning or error",
        "public_url: not set, neither in a file (--config) nor as LINGPAI_PUBLIC_URL; required outside dev mode; "
        "expected such as https://id.example.com",
        "mail.smtp_url: not set, neither in a file (--config) nor as LINGPAI_MAIL__SMTP_URL; required outside dev mode; "
        "expected such as smtp://user:password@host:587",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('smtp_url = "smtp://mail.example.com"', "unknown key smtp_url; did you mean mail.smtp_url?"),
        ("[mial]\nx = 1", "unknown key mial; did you mean mail?"),
        ("[hashing]\nzzzz = 1", "unknown key hashing.zzzz; expected one of hashing.memory_kib, hashing.time, hashing.parallelism, "),
        ("mail = 3", "mail does not fit; expected a table, [mail]"),
        ("[hashing]\ntime = true", "hashing.time = True does not fit; expected a whole number from 1 to 64"),
        ('[hashing]\ntime = "3"', "hashing.time = '3' does not fit; expected a whole number from 1 to 64"),
        ("[limits]\nclient = 10", "limits.client = 10 does not fit; expected a count and a unit, such as 10/minute, 5/hour or 3/day"),
        ('[maillink]\nenabled = "yes"', "maillink.enabled = 'yes' does not fit; expected true or false"),
        ('[maillink]\nprefix = "/a/"', "maillink.prefix = '/a/' does not fit; expected a path without a closing slash"),
        ('trusted_proxies = "10.0.0.0/8"', "trusted_proxies = '10.0.0.0/8' does not fit; expected a list of texts"),
        ("dev = true", "unknown key dev; "),
    ],
)
def test_what_does_not_fit_in_the_file_is_told_with_what_would(file: Path, line: str, told: str) -> None:
    file.write_text(line)
    (found,) = refused(FULL, file)
    assert found.startswith(f"{file}: {told}")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LINGPAI_MAIL_SMTP_URL", "x", "LINGPAI_MAIL_SMTP_URL: unknown variable; did you mean LINGPAI_MAIL__SMTP_URL?"),
        ("LINGPAI_PORT", "80", "LINGPAI_PORT: unknown variable; it is given on the command line only, --port"),
        ("LINGPAI_ZZZ", "80", "LINGPAI_ZZZ: unknown variable; `lingpai settings` lists the ones there are"),
        ("LINGPAI_PUBLIC_URL", "https://a.example.com/x", "'https://a.example.com/x' does not fit; expected an http or https URL of"),
        ("LINGPAI_PUBLIC_URL", "https://a.example.com?x=1", "'https://a.example.com?x=1' does not fit; expected an http or https URL"),
        ("LINGPAI_PUBLIC_URL", "id.example.com", "'id.example.com' does not fit; expected an http or https URL"),
        ("LINGPAI_DATABASE_URL", "mysql://h/x", "'mysql://h/x' does not fit; expected sqlite:///file, or postgresql://"),
        ("LINGPAI_DATABASE_URL", "sqlite://file.db", "'sqlite://file.db' does not fit; expected sqlite:///file, or postgresql://"),
        ("LINGPAI_VALKEY_URL", "redis://h", "'redis://h' does not fit; expected valkey://host:6379/0"),
        ("LINGPAI_SECRET", SECRET[:31], "******** does not fit; expected 32 bytes or more"),
        ("LINGPAI_TRUSTED_PROXIES", "10.0.0.1/8", "expected a network, such as 10.0.0.0/8 or 2001:db8::/32 (here perhaps 10.0.0.0/8)"),
        ("LINGPAI_ALLOWED_ORIGINS", "https://A.example.com:443/", "(here perhaps https://a.example.com)"),
        ("LINGPAI_ALLOWED_ORIGINS", "null", "expected an origin as browsers send it"),
        ("LINGPAI_MAIL__SMTP_URL", "http://h", "'http://h' does not fit; expected smtp://"),
        ("LINGPAI_MAIL__SMTP_URL", "smtps://h?tls=off", "'smtps://h?tls=off' does not fit; expected smtp://"),
        ("LINGPAI_MAIL__SENDER", "nobody", "'nobody' does not fit; expected an address"),
        ("LINGPAI_MAILLINK__HOSTS", "a.example.com:80", "expected a host name in lower case without a port"),
        ("LINGPAI_MAILLINK__REALM", "Main", "'Main' does not fit; expected 1 to 32 lower-case letters"),
        ("LINGPAI_HASHING__TIME", "two", "'two' does not fit; expected a whole number from 1 to 64"),
    ],
)  # fmt: skip
def test_what_does_not_fit_in_a_variable_is_told_with_what_would(name: str, value: str, told: str) -> None:
    (found,) = refused(FULL | {name: value})
    assert found.startswith(f"{name}: ")
    assert told in found


def test_a_file_that_is_missing_or_broken_is_told(file: Path) -> None:
    assert refused(FULL, file) == [f"{file}: cannot be read (No such file or directory); expected a TOML file"]
    file.write_text("a = 1\na = 2")
    assert refused(FULL, file)[0].startswith(f"{file}: is not TOML in UTF-8 (Cannot overwrite a value")
    file.write_bytes(b'product = "\xff"')
    assert refused(FULL, file)[0].startswith(f"{file}: is not TOML in UTF-8 (")


def test_a_value_that_does_not_fit_shows_no_password(file: Path) -> None:
    file.write_text('secret = "tooshortsecret"\ndatabase_url = "mysql://u:s3s/ame@h/x"\nvalkey_url = "redis://h?password=s3same"')
    found = "\n".join(refused(FULL, file))
    assert "tooshortsecret" not in found
    assert "s3s" not in found
    assert "ame@" not in found


def test_dev_mode_needs_nothing_and_stays_on_this_machine() -> None:
    assert load(None, {}, dev=True).settings.dev
    for host in ("127.0.0.9", "::1", "localhost"):
        load(None, {}, dev=True, host=host)
    for host in ("::", "192.168.1.5", "id.example.com"):
        assert refused({}, dev=True, host=host) == [
            f"--host {host}: dev mode listens on this machine only, for it shows every mail; expected 127.0.0.1, ::1 or localhost"
        ]


def test_postgresql_requires_a_secret() -> None:
    url = {"LINGPAI_DATABASE_URL": "postgresql://u@h/lingpai"}
    told = ["secret: not set, neither in a file (--config) nor as LINGPAI_SECRET; required on PostgreSQL, where all nodes must share it; "
            "expected 32 bytes or more"]  # fmt: skip
    assert refused(FULL | url) == told
    assert refused(url, need="operate") == told
    assert load(None, url, need="look").settings.secret is None
    assert taken(url | {"LINGPAI_SECRET": SECRET}).secret == SECRET


def test_a_cookie_for_other_sites_needs_https() -> None:
    none = {"LINGPAI_COOKIE_SAME_SITE": "none"}
    assert taken(none).cookie_same_site == "none"
    (found,) = refused(FULL | none | {"LINGPAI_PUBLIC_URL": "http://id.example.com"})
    assert found.startswith('LINGPAI_COOKIE_SAME_SITE: cookie_same_site = "none" does not fit; browsers take it only with https')


def test_an_allowed_origin_of_another_site_is_told_while_the_cookie_is_lax() -> None:
    origins = FULL | {"LINGPAI_ALLOWED_ORIGINS": "https://app.example.com,https://app.example.org", "LINGPAI_SESSION__QUESTIONS": "off"}
    (found,) = load(None, origins).warnings
    assert found.startswith("LINGPAI_ALLOWED_ORIGINS: allowed_origins: https://app.example.org is another site than https://id.example.com")
    assert load(None, origins | {"LINGPAI_COOKIE_SAME_SITE": "none"}).warnings == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://id.example.com", "https://app.example.com:8443", True),
        ("https://id.example.com", "http://id.example.com", False),
        ("https://a.com.cn", "https://b.com.cn", False),
        ("https://a.x.com.cn", "https://b.x.com.cn", True),
        ("http://127.0.0.1:8000", "http://127.0.0.1:3000", True),
        ("http://10.0.0.1", "http://11.0.0.1", False),
        ("http://localhost:8000", "http://localhost:3000", True),
    ],
)
def test_two_origins_are_one_site_by_scheme_and_registrable_domain(one: str, other: str, same: bool) -> None:
    assert same_site(one, other) is same


def test_the_database_lies_in_the_data_folder_unless_its_path_is_absolute(tmp_path: Path) -> None:
    def file(url: str) -> Path | None:
        return sqlite_file(defaults(data=tmp_path, database_url=url))

    assert file("") == tmp_path / "lingpai.db"
    assert file("sqlite:///other.db") == tmp_path / "other.db"
    assert file("sqlite:////var/x.db") == Path("/var/x.db")
    assert file("postgresql://h/x") is None


def test_the_secret_is_made_once_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = defaults(data=tmp_path / "new")
    made = secret_of(settings, FakeChance())
    assert len(made) >= 32
    assert secret_of(settings, SystemChance()) == made
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret"]


def test_racing_starts_agree_on_one_secret(tmp_path: Path) -> None:
    for folder in map(str, range(20)):
        seen: list[bytes] = []
        settings = defaults(data=tmp_path / folder)
        racers = [threading.Thread(target=lambda s=settings, to=seen: to.append(secret_of(s, SystemChance()))) for _ in range(8)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert len(seen) == 8
        assert len(set(seen)) == 1


def test_a_configured_secret_makes_no_file(tmp_path: Path) -> None:
    assert secret_of(defaults(data=tmp_path, secret=SECRET), FakeChance()) == SECRET.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_secret_file_that_holds_too_little_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(ValueError, match=r"secret: the secret does not fit; expected 32 bytes or more"):
        secret_of(defaults(data=tmp_path), FakeChance())


def test_the_reference_names_every_key_with_its_variable_and_says_what_it_is() -> None:
    page = markdown(defaults())
    for key in keys(defaults()):
        assert f"| `{key.path}` | `{key.variable}` |" in page
        assert key.description


def test_the_page_in_docs_is_the_reference() -> None:
    assert Path(__file__).parents[2].joinpath("docs", "settings.md").read_text() == markdown(defaults())


def test_what_is_in_force_is_shown_with_its_source_and_without_secrets(file: Path) -> None:
    file.write_text(f'secret = "{SECRET}"\ndatabase_url = "postgresql://u:pa@ss@h/x?host=/s&password=passw0rd"\n')
    loaded = load(file, FULL | {"LINGPAI_MAIL__SMTP_URL": "smtps://u:passw0rd@h"})
    shown = {path: (value, source) for path, value, source in in_force(loaded)}
    assert shown["secret"] == ("********", str(file))
    assert shown["database_url"] == ('"postgresql://u:********@h/x?host=/s&password=********"', str(file))
    assert shown["mail.smtp_url"] == ('"smtps://u:********@h"', "LINGPAI_MAIL__SMTP_URL")
    assert shown["limits.client"] == ('"600/minute"', "default")


def test_a_key_that_has_moved_is_refused_with_its_new_place(file: Path) -> None:
    """It means something else there, so that it is not taken over in silence."""
    file.write_text("[sms]\ncode_length = 4\n")
    for given in ({"environ": FULL, "config": file}, {"environ": {**FULL, "LINGPAI_SMS__CODE_LENGTH": "4"}}):
        [why] = refused(**given)
        assert "it is now hiyouth.code_length" in why


def test_start_up_says_what_four_digits_are_worth() -> None:
    loaded = load(None, {**FULL, "LINGPAI_HIYOUTH__CODE_LENGTH": "4"})
    assert any("hiyouth.code_length = 4: " in warning for warning in loaded.warnings)
    assert not any("code_length" in warning for warning in load(None, FULL).warnings)


@pytest.mark.parametrize("home", ["/", "/index.html?a=b#c", "https://www.example.com", "http://www.example.com/members"])
def test_a_home_is_a_path_or_a_url(home: str) -> None:
    loaded = taken({"LINGPAI_HIYOUTH__HOME": home})
    assert value_at(loaded, "hiyouth.home") == home


@pytest.mark.parametrize(
    "home", ["index.html", "//evil.example", "/\\evil.example", "javascript:alert(1)", "https://a@b/", "/a b", "/a\r\nb"]
)
def test_what_is_neither_is_refused_as_a_home(home: str) -> None:
    [why] = refused({**FULL, "LINGPAI_HIYOUTH__HOME": home})
    assert "a path such as /index.html" in why

"""Settings: what is taken, what is refused and in which words."""

import re
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal, get_args, get_origin
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import FakeChance
from lingpai.assembly.configuration import defaults, load
from lingpai.core.chance import SystemChance
from lingpai.post import sms as sms_gateways
from lingpai.settings import Rate, Settings, sqlite_file
from lingpai.settings.check import same_site
from lingpai.settings.keys import REALMS, Key, keys, value_at
from lingpai.settings.load import SettingsError
from lingpai.settings.realms import home, query_name, realm_named, recovery_questions, served
from lingpai.settings.reference import in_force, markdown
from lingpai.settings.secret import secret_of
from lingpai.web import dialects as web_dialects
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.dialects.mailcode.settings import MailcodeSettings
from lingpai.web.dialects.maillink import MaillinkSettings
from lingpai.web.dialects.session.settings import SessionDialectSettings

FULL = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://mail.example.com"}
QUIET = {"LINGPAI_SESSION__QUESTIONS": "off", "LINGPAI_MAILLINK__ACTIVATION": "confirm"}
"""Without what is doubtful by default."""
ENCODE = "percent-encoded: %40 for @"
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
        ("[traces]\nratio = 2", "traces.ratio = 2 does not fit; expected a number from 0 to 1"),
        ("[traces]\nratio = nan", "traces.ratio = nan does not fit; expected a number from 0 to 1"),
        ('[traces]\nheaders = "authorization=Bearer canary"', "traces.headers = ******** does not fit; expected names and percent-encoded"),
        ('[traces]\nheaders = "a=b%0ac"', "traces.headers = ******** does not fit; expected names and percent-encoded"),
        ('trusted_proxies = "10.0.0.0/8"', "trusted_proxies = '10.0.0.0/8' does not fit; expected a list of texts"),
        ("dev = true", "unknown key dev; "),
        ('[pages]\nregister = "sms"', "pages.register = 'sms' does not fit; expected a list of texts, each link or code or phone"),
        ('[pages]\nregister = ["sms"]', "pages.register = ['sms'] does not fit; expected a list of texts, each link or code or phone"),
        (
            'insecure = ["https"]',
            "insecure = ['https'] does not fit; expected a list of texts, each public_url or trusted_proxies or pages.n",
        ),
        (
            '[realms.boss.invites]\npolicy = "never"',
            "realms.boss.invites.policy = 'never' does not fit; expected open or required or closed",
        ),
        ("[realms.boss]\nnam = 1", "unknown key realms.boss.nam; did you mean realms.boss.name?"),
        ("[realms.boss]\nzzzz = 1", "unknown key realms.boss.zzzz; expected one of realms.boss.name, realms.boss.invites"),
        ("[realms.Boss]\nname = []", "unknown key realms.Boss; expected a realm's name: 1 to 32 lower-case letters"),
        ("[hiyouth]\ncode_length = 5", "hiyouth.code_length = 5 does not fit; expected 4 or 6"),
        ("secret = 3", "secret = ******** does not fit; expected 32 bytes or more"),
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
        ("LINGPAI_REALMS__BOSS__NAM", "x", "LINGPAI_REALMS__BOSS__NAM: unknown variable; did you mean LINGPAI_REALMS__BOSS__NAME?"),
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
    """And nothing besides: what it sets is not missing."""
    assert refused({}, file) == [f"{file}: cannot be read (No such file or directory); expected a TOML file"]
    for text, told in ((b"a = 1\na = 2", "Cannot overwrite a value"), (b'product = "\xff"', "'utf-8' codec")):
        file.write_bytes(text)
        (found,) = refused({}, file)
        assert found.startswith(f"{file}: is not TOML in UTF-8 ({told}")


def test_a_value_that_does_not_fit_shows_no_password(file: Path) -> None:
    file.write_text('secret = "tooshortsecret"\ndatabase_url = "mysql://u:s3s/ame@h/x"\nvalkey_url = "redis://h?password=s3same"')
    found = "\n".join(refused(FULL, file))
    assert "tooshortsecret" not in found
    assert "s3s" not in found
    assert "ame@" not in found


@pytest.mark.parametrize("key", list(keys(defaults())), ids=lambda key: key.path)
def test_every_key_says_what_would_fit_it(file: Path, key: Key) -> None:
    """For a value of a kind that no key takes (contract, R7)."""
    path = key.path.replace("NAME", "boss")
    table, _, name = path.rpartition(".")
    file.write_text(f"[{table}]\n{name} = 1.5" if table else f"{name} = 1.5")
    (found,) = refused({}, file, need="look")
    wanted = found.partition("does not fit; expected ")[2]
    assert wanted not in ("", "text", "a list of texts")
    assert all(word in wanted for word in literals(key.type))


def literals(kind: Any) -> list[str]:
    """The words that a type's declaration allows."""
    own = list(map(str, get_args(kind))) if get_origin(kind) is Literal else []
    return own + [word for part in get_args(kind) if get_origin(kind) is not Literal for word in literals(part)]


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("database_url", "postgresql://ada:p@ss@db.example.com/lingpai"),
        ("database_url", "postgresql://ada:p/ss@db.example.com/lingpai"),
        ("database_url", "postgresql://ada:12#3@db.example.com/lingpai"),
        ("database_url", "postgresql://ada:12?3@db.example.com/lingpai"),
        ("database_url", "postgresql://ada:12/3@db.example.com/lingpai"),
        ("database_url", "postgresql://ada:50%off@db.example.com/lingpai"),
        ("database_url", "postgresql://ada:p ss@db.example.com/lingpai"),
        ("valkey_url", "valkey://ada:12#3@db.example.com/0"),
        ("valkey_url", "valkey://ada:p[ss@db.example.com/0"),
        ("mail.smtp_url", "smtp://ada:12#3@mail.example.com"),
        ("mail.smtp_url", "smtp://ada@example.com:p@mail.example.com"),
        ("mail.smtp_url", "smtps://ada:100%@mail.example.com"),
    ],
)
def test_a_password_that_spoils_a_url_is_refused_with_how_it_is_written(key: str, url: str) -> None:
    variable = f"LINGPAI_{key.replace('.', '__').upper()}"
    (found,) = refused(FULL | {"LINGPAI_SECRET": SECRET, variable: url})
    assert ENCODE in found
    encoded = re.sub(r"(?<=://).*(?=@)", lambda userinfo: ":".join(quote(part, safe="") for part in userinfo[0].split(":")), url)
    assert taken({"LINGPAI_SECRET": SECRET, variable: encoded})


# What is unsafe, and meant to be

UNSAFE = [
    ("LINGPAI_PUBLIC_URL", "public_url", "http://id.example.com", "expected an https URL, or insecure = "),
    ("LINGPAI_TRUSTED_PROXIES", "trusted_proxies", "0.0.0.0/0", "expected the proxies' own networks, or insecure = "),
    ("LINGPAI_TRUSTED_PROXIES", "trusted_proxies", "10.0.0.0/8,::/0", "expected the proxies' own networks, or insecure = "),
    ("LINGPAI_TRUSTED_PROXIES", "trusted_proxies", "0.0.0.0/1,128.0.0.0/1", "expected the proxies' own networks, or insecure = "),
    ("LINGPAI_PAGES__NEXT", "pages.next", "https://a.example.com,http://b.example.com", "expected https origins, or insecure = "),
]


@pytest.mark.parametrize(("variable", "key", "value", "told"), UNSAFE)
def test_what_is_unsafe_is_refused_unless_it_is_meant_and_then_told(variable: str, key: str, value: str, told: str) -> None:
    (found,) = refused(FULL | {variable: value})
    assert found.startswith(f"{variable}: {key}")
    assert found.endswith(f'{told}["{key}"]')
    other = next(one for one in ("public_url", "trusted_proxies", "pages.next") if one != key)
    assert refused(FULL | {variable: value, "LINGPAI_INSECURE": other}) == [found]
    (doubt,) = load(None, FULL | QUIET | {variable: value, "LINGPAI_INSECURE": key}).warnings
    assert found.startswith(doubt)


@pytest.mark.parametrize("home", ["https://www.example.com/app?from=id", "/app", "http://localhost:3000"])
def test_the_products_home_is_a_path_or_an_https_url(home: str) -> None:
    assert taken({"LINGPAI_PAGES__HOME": home}).pages.home == home


@pytest.mark.parametrize(
    "home",
    [
        "http://www.example.com",
        "//www.example.com",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\\www.example.com",
        "app",
        "https://a@b.example.com",
    ],
)
def test_no_other_home_is_taken(home: str) -> None:
    (found,) = refused(FULL | {"LINGPAI_PAGES__HOME": home})
    assert found.startswith("LINGPAI_PAGES__HOME: ")


def test_an_origin_that_people_are_led_back_to_may_have_a_name() -> None:
    pages = taken({"LINGPAI_PAGES__NEXT": "https://a.example.com = 课程 <商店> ,https://b.example.com"}).pages
    assert pages.origins == ("https://a.example.com", "https://b.example.com")
    assert pages.app_at("https://a.example.com/cart?x=1") == "课程 <商店>"
    for address in ("https://b.example.com/", "https://a.example.com.evil.example/", "https://a.example.com:8443/", "/me", ""):
        assert pages.app_at(address) == ""


@pytest.mark.parametrize(
    "text", ["https://a.example.com=", "https://a.example.com=a\tb", "https://a.example.com=" + "x" * 41, "a.example.com=Shop"]
)
def test_a_name_that_shows_nothing_or_has_no_origin_is_refused(text: str) -> None:
    (found,) = refused(FULL | {"LINGPAI_PAGES__NEXT": text})
    assert found.startswith("LINGPAI_PAGES__NEXT: ")


GATEWAYS = {
    "aliyun": {"ACCESS_KEY_ID": "k", "ACCESS_KEY_SECRET": "s", "SIGN_NAME": "n", "TEMPLATES__CODE": "SMS_1"},
    "tencent": {"SECRET_ID": "k", "SECRET_KEY": "s", "APP_ID": "1", "SIGN_NAME": "n", "TEMPLATES__CODE": "1"},
    "webhook": {"URL": "https://sms.example.com", "SECRET": SECRET},
}


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_gateway_without_a_template_of_a_long_code_is_doubtful_where_it_sends_by_templates(gateway: str) -> None:
    keys = {f"LINGPAI_SMS__{gateway.upper()}__{key}": value for key, value in GATEWAYS[gateway].items()}
    chosen = FULL | QUIET | keys | {"LINGPAI_SMS__PROVIDER": gateway}
    found = load(None, chosen).warnings
    if gateway == "webhook":
        assert found == (), "it is given the text itself"
        return
    (doubt,) = found
    assert doubt.startswith(f"default: sms.{gateway}.templates.code_long = '': a code of 8 characters")
    assert load(None, chosen | {f"LINGPAI_SMS__{gateway.upper()}__TEMPLATES__CODE_LONG": "SMS_4"}).warnings == ()
    assert load(None, FULL | QUIET | keys).warnings == (), "nobody sends by it"
    assert load(None, QUIET | keys | {"LINGPAI_SMS__PROVIDER": gateway}, dev=True).warnings == (), "nothing is sent"


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://id.localhost", "http://127.0.0.1", "http://[::1]:8000"])
def test_what_stays_on_this_machine_needs_no_https(url: str) -> None:
    assert load(None, FULL | QUIET | {"LINGPAI_PUBLIC_URL": url, "LINGPAI_PAGES__NEXT": url}).warnings == ()


def test_an_operators_command_does_not_judge_how_the_service_is_reached() -> None:
    assert load(None, {"LINGPAI_PUBLIC_URL": "http://id.example.com"}, need="operate")


@pytest.mark.parametrize("url", ["https://id.example.com", "http://192.168.1.5:8000"])
def test_dev_mode_is_reached_from_this_machine_only(url: str) -> None:
    (found,) = refused({"LINGPAI_PUBLIC_URL": url}, dev=True)
    assert found.startswith(f"LINGPAI_PUBLIC_URL: public_url = '{url}' does not fit; dev mode is reached from this machine only")
    assert load(None, {"LINGPAI_PUBLIC_URL": "http://localhost:8000"}, dev=True)


def test_a_realm_that_nobody_serves_is_told(file: Path) -> None:
    file.write_text('[realms.bos]\nname = ["en=Employers"]\n[realms.boss]\nname = ["en=Employers"]\n')
    (found,) = load(file, FULL | QUIET).warnings
    assert found.startswith(f"{file}: [realms.bos]: no dialect that is served has this realm; there are main, ")


def test_start_up_says_that_scanners_open_links_but_in_dev_mode() -> None:
    (found,) = load(None, FULL | QUIET | {"LINGPAI_MAILLINK__ACTIVATION": "open"}).warnings
    assert found.startswith('LINGPAI_MAILLINK__ACTIVATION: maillink.activation = "open" activates')
    assert "mail scanners" in found
    assert load(None, {"LINGPAI_SESSION__QUESTIONS": "off"}, dev=True).warnings == ()


def test_dev_mode_needs_nothing_and_stays_on_this_machine() -> None:
    assert load(None, {}, dev=True).settings.dev
    for host in ("127.0.0.9", "::1", "localhost"):
        load(None, {}, dev=True, hosts=(host,))
    for host in ("::", "192.168.1.5", "id.example.com"):
        assert refused({}, dev=True, hosts=(host,)) == [
            f"--host {host}: dev mode listens on this machine only, for it shows every mail; expected 127.0.0.1, ::1 or localhost"
        ]


def test_the_secret_beside_the_one_in_use_is_another_one_and_is_shown_to_nobody() -> None:
    both = {"LINGPAI_SECRET": SECRET, "LINGPAI_SECRET_PREVIOUS": SECRET}
    assert refused(FULL | both) == ["LINGPAI_SECRET_PREVIOUS: secret_previous is secret itself; expected the other one, or none"]
    (short,) = refused(FULL | {"LINGPAI_SECRET_PREVIOUS": "tooshortsecret"})
    assert short.startswith("LINGPAI_SECRET_PREVIOUS: ******** does not fit; expected 32 bytes or more")
    shown = {path: value for path, value, _ in in_force(load(None, FULL | {"LINGPAI_SECRET_PREVIOUS": SECRET}))}
    assert shown["secret_previous"] == "********"


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
    (found,) = refused(FULL | none | {"LINGPAI_PUBLIC_URL": "http://id.example.com", "LINGPAI_INSECURE": "public_url"})
    assert found.startswith('LINGPAI_COOKIE_SAME_SITE: cookie_same_site = "none" does not fit; browsers take it only with https')


def test_an_allowed_origin_of_another_site_is_told_while_the_cookie_is_lax() -> None:
    origins = FULL | QUIET | {"LINGPAI_ALLOWED_ORIGINS": "https://app.example.com,https://app.example.org"}
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
        assert f"| `{key.path}` | `{key.variable}`{f', `{key.file_variable}`' if key.file_variable else ''} |" in page
        assert key.description


def test_the_page_in_docs_is_the_reference() -> None:
    assert Path(__file__).parents[2].joinpath("docs", "settings.md").read_text() == markdown(defaults())


def test_what_is_in_force_is_shown_with_its_source_and_without_secrets(file: Path) -> None:
    file.write_text(f'secret = "{SECRET}"\ndatabase_url = "postgresql://u:pa%40ss@h/x?host=/s&password=passw0rd"\n')
    loaded = load(file, FULL | {"LINGPAI_MAIL__SMTP_URL": "smtps://u:passw0rd@h"})
    shown = {path: (value, source) for path, value, source in in_force(loaded)}
    assert shown["secret"] == ("********", str(file))
    assert shown["database_url"] == ('"postgresql://u:********@h/x?host=/s&password=********"', str(file))
    assert shown["mail.smtp_url"] == ('"smtps://u:********@h"', "LINGPAI_MAIL__SMTP_URL")
    assert shown["limits.client"] == ('"600/minute"', "default")


REALM_NAMES = st.sampled_from(["main", "boss", "member", "people"])


@given(maillink=REALM_NAMES, mailcode=REALM_NAMES, member=REALM_NAMES, boss=REALM_NAMES)
def test_what_stands_for_a_realm_in_a_query_leads_back_to_it(maillink: str, mailcode: str, member: str, boss: str) -> None:
    """Also where a dialect's word for one realm (`boss`) is another realm's name."""
    settings = defaults(
        maillink=MaillinkSettings(realm=maillink),
        mailcode=MailcodeSettings(realm=mailcode),
        hiyouth=HiyouthSettings(realm=member, boss_realm=boss),
    )
    for realm in served(settings):
        name = query_name(settings, realm)
        assert realm_named(settings, name) == realm if name else realm == home(settings)


def test_questions_are_good_for_the_realms_alone_of_the_dialect_that_has_them() -> None:
    settings = defaults(session=SessionDialectSettings(realm="people", questions="with_code"))
    found = {realm: recovery_questions(settings, realm) for realm in served(settings)}
    assert found.pop("people") == "with_code"
    assert found.keys() >= {"main", "boss"}
    assert set(found.values()) == {"off"}


@pytest.mark.parametrize(("given_name", "kept"), [("zh-CN=老板", "zh-Hans=老板"), ("EN=Employers", "en=Employers")])
def test_a_realms_name_is_for_the_language_that_its_tag_means(given_name: str, kept: str) -> None:
    assert taken({"LINGPAI_REALMS__BOSS__NAME": given_name}).realms["boss"].name == (kept,)


def test_a_realms_name_in_a_language_that_nobody_is_spoken_to_in_is_refused() -> None:
    assert "expected a language that is spoken, zh-Hans or zh-Hant or en" in refused({"LINGPAI_REALMS__BOSS__NAME": "fr=Patrons"})[0]


def test_a_key_that_has_moved_is_refused_with_its_new_place(file: Path) -> None:
    """It means something else there, so that it is not taken over in silence."""
    file.write_text("[sms]\ncode_length = 4\n")
    for asked in ({"environ": FULL, "config": file}, {"environ": {**FULL, "LINGPAI_SMS__CODE_LENGTH": "4"}}):
        [why] = refused(**asked)
        assert "it is now hiyouth.code_length" in why


def test_start_up_says_what_four_digits_are_worth() -> None:
    loaded = load(None, {**FULL, "LINGPAI_HIYOUTH__CODE_LENGTH": "4"})
    assert any("hiyouth.code_length = 4: " in warning for warning in loaded.warnings)
    assert not any("code_length" in warning for warning in load(None, FULL).warnings)


APPS = (
    "capacitor://localhost",
    "ionic://localhost",
    "tauri://localhost",
    "app://bundle.0",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
)
SITES = ("https://app.example.com", "http://localhost", "http://127.0.0.1:5173", "https://[2001:db8::1]:8443", "https://app.example.com.")


def test_apps_own_origins_may_be_listed_beside_those_of_sites() -> None:
    assert taken({"LINGPAI_ALLOWED_ORIGINS": ",".join((*APPS, *SITES))}).allowed_origins == (*APPS, *SITES)


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "null", "https://*", "https://*.example.com", "capacitor://*", "*://localhost", "file://", "file:///app", "capacitor://"),
        *("data:text/html,x", "javascript://localhost", "ws://app.example.com", "capacitor:localhost", "Capacitor://localhost"),
        *(
            "capacitor://localhost/",
            "capacitor://localhost/app",
            "capacitor://user@localhost",
            "capacitor://localhost?x",
            "app.example.com",
        ),
        *(
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://APP.example.com",
            "https://app..example.com",
            "https://-.example.com",
        ),
        *("https://app%2eexample.com", "https://127.1", "http://0x7f.0.0.1", "http://127.0.0.01", "http://[2001:DB8::1]", "http://[0::1]"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    (found,) = refused({**FULL, "LINGPAI_ALLOWED_ORIGINS": origin})
    assert found.startswith("LINGPAI_ALLOWED_ORIGINS: ")
    assert "an origin as browsers send it" in found


@pytest.mark.parametrize("origin", ["capacitor://localhost", "https://*.example.com"])
def test_next_leads_to_sites_alone(origin: str) -> None:
    (found,) = refused({**FULL, "LINGPAI_PAGES__NEXT": origin})
    assert "an origin as browsers send it" in found


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


# Tables that dialects and gateways bring


def found(monkeypatch: pytest.MonkeyPatch, package: ModuleType, module: str, **holds: Any) -> Callable[[], object]:
    """The package's own search, where it has that one module."""
    monkeypatch.setattr(package, "iter_modules", lambda path: [SimpleNamespace(name=module)])
    monkeypatch.setattr(package, "import_module", lambda name: SimpleNamespace(**holds))
    search: Any = package.dialects if hasattr(package, "dialects") else package.gateways
    past_its_cache: Callable[[], object] = search.__wrapped__
    return past_its_cache


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [("plain", "other", "expected its module's name, 'plain'"), ("log", "log", "as a setting"), ("realms", "realms", "as a setting")],
)
def test_a_dialect_is_called_as_its_module_and_as_no_setting(monkeypatch: pytest.MonkeyPatch, module: str, name: str, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        found(monkeypatch, web_dialects, module, DIALECT=SimpleNamespace(name=name))()
    assert found(monkeypatch, web_dialects, "plain", DIALECT=SimpleNamespace(name="plain"))()


@pytest.mark.parametrize("module", ["provider", "countries", "none"])
def test_a_gateway_is_called_as_no_setting(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    with pytest.raises(TypeError, match="as a setting"):
        found(monkeypatch, sms_gateways, module, GATEWAY=object())()
    assert found(monkeypatch, sms_gateways, "pigeon", GATEWAY=object())()

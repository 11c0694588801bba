"""What this machine alone knows: the settings, the secret, the data folder, names of hosts, what a hash costs."""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.assembly import hash_cost, hashing_threads
from lingpai.assembly.configuration import load
from lingpai.assembly.doctor.finding import Fact, Finding, doubt, not_asked, ok, wrong
from lingpai.assembly.doctor.subject import Subject
from lingpai.assembly.hash_cost import HashCost
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
    """Which build of Argon2 runs, what memory it works in, and what a hash costs here."""
    settings = subject.settings
    built = ok("hashing", hash_cost.build(), version=hash_cost.version())
    try:
        found = await asyncio.to_thread(hash_cost.measure, settings.hashing)
    except Unavailable:
        return [built, wrong("hashing", "no_memory", mib=settings.hashing.memory_kib // 1_024)]
    return [built, ok("hashing", found.memory), *judged_cost(settings.hashing, found, hashing_threads(settings, 1))]


def judged_cost(hashing: Hashing, found: HashCost, threads: int) -> Iterator[Finding]:
    """Too little work, or too much."""
    if hashing.memory_kib * hashing.time < LEAST_WORK:
        yield doubt("hashing", "weak", memory_kib=hashing.memory_kib, time=hashing.time)
    slow = found.ms > hash_cost.SLOW
    yield (doubt if slow else ok)("hashing", "slow" if slow else "cost", ms=found.ms, threads=threads, rate=found.rate(threads))


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
    texts = (*pages.origins, pages.home, pages.terms.url, pages.privacy.url, pages.support)
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

"""The only place where things are made and joined: settings become a house.

Imports what the settings ask for inside its functions: everything at once would be 134 MiB and 0.8 s.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from lingpai.build import carriers, front
from lingpai.core.chance import Chance, Clock, SystemChance, SystemClock
from lingpai.settings import Settings, sqlite_file
from lingpai.settings.load import SettingsError
from lingpai.settings.secret import secret_of

if TYPE_CHECKING:
    from lingpai.ephemeral import Ephemeral
    from lingpai.flows import Kit
    from lingpai.guard.budgets import Budgets
    from lingpai.guard.captcha.offered import Captchas
    from lingpai.guard.captcha.picture import Draw
    from lingpai.guard.seals import Seals
    from lingpai.guard.tokens import Tokens
    from lingpai.social import Provider, ProviderName
    from lingpai.store.database import Database
    from lingpai.web.app import App
    from lingpai.worker import Worker


class WrongSchema(Exception):
    """The database's schema is another than this version works with. `found` is None for an empty database."""

    def __init__(self, found: str | None, known: str) -> None:
        super().__init__(found, known)
        self.found = found
        self.known = known

    @property
    def newer(self) -> bool:
        """Whether a later version made it. Revisions are numbered, all with as many digits."""
        return self.found is not None and self.found > self.known


@dataclass(frozen=True, slots=True)
class House:
    """What serves and works. `close` lets go of everything, in the reverse order of its making."""

    kit: "Kit"
    app: "App"
    worker: "Worker"
    _stack: AsyncExitStack

    async def close(self) -> None:
        """Once the app answers no more and the worker has ended."""
        await self._stack.aclose()


async def build(settings: Settings, clock: Clock | None = None, chance: Chance | None = None, *, processes: int = 1) -> House:
    """The whole house. `processes`: how many share this machine's cores for hashing.

    Raises SettingsError for what only the parts can judge, WrongSchema, and StoreDown.
    """
    clock, chance = clock or SystemClock(), chance or SystemChance()
    async with AsyncExitStack() as stack:
        kit, seals = await _kit(stack, settings, clock, chance, threads=hashing_threads(settings, processes))
        worker = await _worker(stack, kit, seals)
        return House(kit, front.app(kit), worker, stack.pop_all())
    raise AssertionError  # for mypy: the stack could swallow an exception, and does not


@asynccontextmanager
async def open_kit(settings: Settings) -> AsyncIterator["Kit"]:
    """As much of the house as an operator's command needs. Raises as `build` does."""
    async with AsyncExitStack() as stack:
        kit, _ = await _kit(stack, settings, SystemClock(), SystemChance(), threads=1)
        yield kit


@asynccontextmanager
async def open_worker(settings: Settings) -> AsyncIterator["Worker"]:
    """The back door alone. Raises as `build` does."""
    async with AsyncExitStack() as stack:
        kit, seals = await _kit(stack, settings, SystemClock(), SystemChance(), threads=1)
        yield await _worker(stack, kit, seals)


@asynccontextmanager
async def open_store(settings: Settings, clock: Clock | None = None, chance: Chance | None = None) -> AsyncIterator["Database"]:
    """The database, its schema known to fit. Raises WrongSchema and StoreDown."""
    from lingpai.store.migrate import latest

    if _absent(settings):
        raise WrongSchema(None, latest())
    store = await _connect(settings, clock or SystemClock(), chance or SystemChance())
    try:
        found = await store.version()
        if found != latest():
            raise WrongSchema(found, latest())
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_budgets(settings: Settings, store: "Database") -> AsyncIterator["Budgets | None"]:
    """The budgets of text messages, on an open store; None where nobody carries any. What is asked of them may raise StoreDown."""
    clock = SystemClock()
    ephemeral = _ephemeral(settings, store, clock, SystemChance())
    try:
        yield _budgets(settings, ephemeral, clock)
    finally:
        await ephemeral.close()


async def schema(settings: Settings) -> str | None:
    """The revision of the database; None where there is no database or nothing in it. Raises StoreDown."""
    if _absent(settings):
        return None
    store = await _connect(settings, SystemClock(), SystemChance())
    try:
        return await store.version()
    finally:
        await store.close()


def _absent(settings: Settings) -> bool:
    """Whether there is no file yet. Opening it would make one, and others might read that."""
    file = sqlite_file(settings)
    return file is not None and not file.exists()


def database_url(settings: Settings) -> str:
    """Where the database is, for migrations: an absolute path or PostgreSQL's URL. Makes the data folder where there is none."""
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = sqlite_file(settings)
    return f"sqlite:///{file}" if file else settings.database_url


def hashing_threads(settings: Settings, processes: int) -> int:
    """This process's share of the hashing threads, at least one."""
    return max(1, (settings.hashing.threads or len(os.sched_getaffinity(0))) // processes)


async def _connect(settings: Settings, clock: Clock, chance: Chance) -> "Database":
    file = sqlite_file(settings)
    if file:
        from lingpai.store.sqlite import open_sqlite

        return await open_sqlite(file, clock, chance)
    from lingpai.store.postgres import open_postgres

    return await open_postgres(settings.database_url)


def _ephemeral(settings: Settings, store: "Database", clock: Clock, chance: Chance) -> "Ephemeral":
    if settings.valkey_url:
        from lingpai.ephemeral.valkey import ValkeyEphemeral

        return ValkeyEphemeral(settings.valkey_url, clock, chance)
    from lingpai.ephemeral.sql import SqlEphemeral

    file = sqlite_file(settings)
    return SqlEphemeral(store, clock, file.with_name("counters.db") if file else None)


async def _kit(stack: AsyncExitStack, settings: Settings, clock: Clock, chance: Chance, *, threads: int) -> "tuple[Kit, Seals]":
    from lingpai.flows import Kit
    from lingpai.guard import codes, decoys, devices, grants, leaves, letters, limits, logins, messages, passwords, seals, streaks, tickets
    from lingpai.store.outbox import Bell

    store = await stack.enter_async_context(open_store(settings, clock, chance))
    keys = seals.Seals(_secret(settings, chance), chance)
    ephemeral = _ephemeral(settings, store, clock, chance)
    stack.push_async_callback(ephemeral.close)
    hashing = passwords.Passwords(settings.hashing, settings.passwords.min_score, threads, clock, chance, familiar=(settings.product,))
    stack.callback(hashing.close)
    rates = limits.Limits(ephemeral, settings.limits, clock)
    known = devices.Devices(keys, chance)
    tokens = _tokens(settings, store, keys, clock, chance) if settings.mailcode.enabled else None
    given = grants.Grants(ephemeral, chance)
    kit = Kit(
        settings=settings,
        clock=clock,
        chance=chance,
        store=store,
        ephemeral=ephemeral,
        passwords=hashing,
        proofs=codes.Proofs(ephemeral, keys, chance),
        limits=rates,
        messages=messages.Messages(ephemeral, rates, clock, _budgets(settings, ephemeral, clock)),
        streaks=streaks.Streaks(ephemeral, settings.limits, clock),
        devices=known,
        letters=letters.Letters(keys, clock),
        grants=given,
        leaves=leaves.Leaves(given, clock, chance),
        tickets=tickets.Tickets(keys),
        logins=logins.Logins(store, known, tokens, clock, chance, settings.sessions.hours),
        # They stand on a large library. Where no dialect that is served reaches them, they are not there.
        tokens=cast("Tokens", tokens),
        captchas=_captchas(stack, settings, ephemeral, keys, clock, chance),
        providers=_providers(stack, settings),
        decoys=decoys.Decoys(keys),
        bell=Bell(),
    )
    return kit, keys


def _tokens(settings: Settings, store: "Database", seals: "Seals", clock: Clock, chance: Chance) -> "Tokens":
    from lingpai.guard.keys import KeyRing
    from lingpai.guard.tokens import Tokens

    issuer = settings.jwt.issuer or settings.public_url
    ring = KeyRing(store, seals, clock, chance, settings.jwt.alg)
    return Tokens(ring, store, issuer, settings.jwt.audience or issuer, clock, chance)


def _captchas(
    stack: AsyncExitStack, settings: Settings, ephemeral: "Ephemeral", seals: "Seals", clock: Clock, chance: Chance
) -> "Captchas":
    from lingpai.guard.captcha import Answers, OpenAnswers
    from lingpai.guard.captcha.easel import Easel
    from lingpai.guard.captcha.offered import Captchas
    from lingpai.guard.captcha.picture import Pictures
    from lingpai.guard.captcha.speaker import Speaker
    from lingpai.guard.captcha.spoken import Spoken

    answers = (OpenAnswers if settings.dev else Answers)(ephemeral, seals, chance)
    easel = Easel(settings.captcha.queue, clock, chance)
    stack.callback(easel.close)
    speaker = Speaker(settings.captcha.queue, clock, chance)
    stack.push_async_callback(speaker.close)
    work = None
    if settings.captcha.pow:
        from lingpai.guard.captcha.work import Work

        work = Work(ephemeral, seals, easel, clock, chance, cost=settings.captcha.pow_cost)
    return Captchas(answers, Pictures(answers, easel, chance, _artist), Spoken(answers, speaker.say, chance), work)


def _budgets(settings: Settings, ephemeral: "Ephemeral", clock: Clock) -> "Budgets | None":
    """Those of text messages; None where nobody carries any."""
    if settings.sms.provider == "none" and not settings.dev:
        return None
    from lingpai.guard.budgets import Budgets

    return Budgets(ephemeral, settings.sms, clock)


def _providers(stack: AsyncExitStack, settings: Settings) -> "Mapping[ProviderName, Provider]":
    """Those that the operator has keys for. Without any, what they stand on is not loaded."""
    social = settings.social
    if not any((social.qq.app_id, social.weibo.app_id, social.wechat.app_id, social.wechat.inapp_id, social.wechat.mini_id)):
        return {}
    from lingpai.social.offered import providers

    made = providers(social)
    for provider in made.values():
        stack.push_async_callback(provider.close)
    return made


def _artist() -> "Draw":
    """Called for the first picture: until then Pillow is not there."""
    from lingpai.guard.captcha.artist import artist

    return artist()


def _secret(settings: Settings, chance: Chance) -> bytes:
    try:
        return secret_of(settings, chance)
    except ValueError as error:
        raise SettingsError([str(error)]) from None


async def _worker(stack: AsyncExitStack, kit: "Kit", seals: "Seals") -> "Worker":
    from lingpai.worker import BLUR, Worker

    senders = carriers.senders(kit)
    for sender in senders.values():
        stack.push_async_callback(sender.close)
    return Worker(kit.store, kit.ephemeral, seals, senders, kit.clock, kit.chance, bell=kit.bell, settings=kit.settings, blur=BLUR)

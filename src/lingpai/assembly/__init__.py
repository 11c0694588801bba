"""The only place where things are made and joined: settings become a service.

Imports what the settings ask for inside its functions: everything at once would be 134 MiB and 0.8 s.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from lingpai.assembly import ephemeral as minutes
from lingpai.assembly import front, secrets, senders
from lingpai.assembly.schema import FoundSchema, WrongSchema, found_in
from lingpai.core.chance import Chance, Clock, SystemChance, SystemClock
from lingpai.core.metrics import Metrics
from lingpai.core.tracing import Recorder
from lingpai.settings import Settings, sqlite_file
from lingpai.settings.realms import with_jwts

if TYPE_CHECKING:
    from lingpai.ephemeral import Ephemeral
    from lingpai.ephemeral.readiness import Readiness
    from lingpai.flows import Services
    from lingpai.flows.secret import Keeper
    from lingpai.guard.captcha.captchas import Captchas
    from lingpai.guard.captcha.picture import Draw
    from lingpai.guard.crypto import SecretBox
    from lingpai.guard.one_time.codes import OneTimeSecrets
    from lingpai.guard.one_time.decoy_questions import DecoyQuestions
    from lingpai.guard.one_time.not_me import NotMeLinks
    from lingpai.guard.passwords.hashing import PasswordHasher
    from lingpai.guard.sessions.jwt import JwtTokens
    from lingpai.guard.throttling.lockout import Lockout
    from lingpai.guard.throttling.messages import MessageThrottle
    from lingpai.guard.throttling.rates import RateLimiter
    from lingpai.guard.throttling.sms_budgets import SmsBudgets
    from lingpai.social import Provider, ProviderName
    from lingpai.store.database import Database
    from lingpai.web.http.app import App
    from lingpai.worker import Worker


@dataclass(frozen=True, slots=True)
class Service:
    """What serves and works. `close` lets go of everything, in the reverse order of its making."""

    services: "Services"
    app: "App"
    worker: "Worker"
    _stack: AsyncExitStack

    async def close(self) -> None:
        """Once the app answers no more and the worker has ended."""
        await self._stack.aclose()


async def build(settings: Settings, clock: Clock | None = None, chance: Chance | None = None, *, processes: int = 1) -> Service:
    """The whole service. `processes`: how many share this machine's cores for hashing. Without a clock it keeps the database's time.

    Raises SettingsError for what only the parts can judge, WrongSchema, and StoreDown.
    """
    chance = chance or SystemChance()
    async with AsyncExitStack() as stack:
        services, base = await _services(stack, settings, clock, chance, threads=hashing_threads(settings, processes), traced=True)
        worker = await _worker(stack, services, base)
        return Service(services, front.app(services), worker, stack.pop_all())
    raise AssertionError  # for mypy: the stack could swallow an exception, and does not


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator["Services"]:
    """As much of the service as an operator's command needs. Raises as `build` does."""
    async with AsyncExitStack() as stack:
        services, _ = await _services(stack, settings, None, SystemChance(), threads=1)
        yield services


@asynccontextmanager
async def open_worker(settings: Settings) -> "AsyncIterator[tuple[Services, Worker]]":
    """The worker alone, and what it works with. Raises as `build` does."""
    async with AsyncExitStack() as stack:
        services, base = await _services(stack, settings, None, SystemChance(), threads=1, traced=True)
        yield services, await _worker(stack, services, base)


@asynccontextmanager
async def open_store(settings: Settings, clock: Clock | None = None, chance: Chance | None = None) -> AsyncIterator["Database"]:
    """The database, its schema known to fit. Raises WrongSchema and StoreDown."""
    if absent(settings):
        raise WrongSchema(FoundSchema(None))
    store = await connect(settings, clock or SystemClock(), chance or SystemChance())
    try:
        found = await found_in(store)
        if not found.fits:
            raise WrongSchema(found)
        yield store
    finally:
        await store.close()


async def admit(settings: Settings) -> None:
    """Whether the database lets this node's secret in. Raises SettingsError, WrongSchema and StoreDown."""
    async with open_store(settings) as store:
        await secrets.admitted(settings, store, SystemChance())


@asynccontextmanager
async def open_keeper(settings: Settings, *, lost: bool = False) -> AsyncIterator["Keeper"]:
    """What the commands about the secret need, whoever the database lets in. `lost`: where none is there, one is made.

    Raises SettingsError, WrongSchema and StoreDown.
    """
    from lingpai.flows.secret import Keeper
    from lingpai.store.timekeeping import database_clock

    chance = SystemChance()
    async with open_store(settings) as store, database_clock(store, chance) as clock:
        if not lost:
            await secrets.require_file(settings, store)
        secret_box = secrets.box(settings, chance)
        with secrets.in_words(settings, secret_box):
            yield Keeper(store, clock, secret_box)


@asynccontextmanager
async def open_sms_budgets(settings: Settings, store: "Database") -> AsyncIterator["SmsBudgets | None"]:
    """The budgets of text messages, on an open store; None where nobody carries any. What is asked of them may raise StoreDown."""
    from lingpai.store.timekeeping import database_clock

    async with database_clock(store, chance := SystemChance()) as clock:
        ephemeral = minutes.ephemeral(settings, store, clock, chance)
        try:
            yield _sms_budgets(settings, ephemeral, clock)
        finally:
            await ephemeral.close()


async def find_schema(settings: Settings) -> FoundSchema:
    """What the database says of its schema, as of an empty one where there is no database. Raises StoreDown."""
    if absent(settings):
        return FoundSchema(None)
    store = await connect(settings, SystemClock(), SystemChance())
    try:
        return await found_in(store)
    finally:
        await store.close()


def absent(settings: Settings) -> bool:
    """Whether there is no file yet. Opening it would make one, and others might read that."""
    file = sqlite_file(settings)
    return file is not None and not file.exists()


def database_url(settings: Settings) -> str:
    """Where the database is, for migrations: an absolute path or PostgreSQL's URL. Makes the data folder where there is none.

    Raises SettingsError where it cannot be made.
    """
    with secrets.in_folder(settings):
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = sqlite_file(settings)
    return f"sqlite:///{file}" if file else settings.database_url


def hashing_threads(settings: Settings, processes: int) -> int:
    """This process's share of the hashing threads, at least one."""
    return max(1, (settings.hashing.threads or len(os.sched_getaffinity(0))) // processes)


async def connect(settings: Settings, clock: Clock, chance: Chance) -> "Database":
    """The database, whatever its schema. Raises StoreDown."""
    file = sqlite_file(settings)
    if file:
        from lingpai.store.sqlite import open_sqlite

        return await open_sqlite(file, clock, chance)
    from lingpai.store.postgres import open_postgres

    connections = settings.database
    return await open_postgres(settings.database_url, clock, chance, size=connections.pool_size, pgbouncer=connections.pgbouncer)


async def _services(
    stack: AsyncExitStack, settings: Settings, clock: Clock | None, chance: Chance, *, threads: int, traced: bool = False
) -> "tuple[Services, Base]":
    from lingpai.guard.one_time.decoy_questions import DecoyQuestions, decoy_key
    from lingpai.guard.passwords.hashing import PasswordHasher
    from lingpai.store.timekeeping import database_clock

    store = await stack.enter_async_context(open_store(settings, clock, chance))
    if clock is None:
        clock = await stack.enter_async_context(database_clock(store, chance))
    secret_box = await secrets.admitted(settings, store, chance)
    ephemeral = minutes.ephemeral(settings, store, clock, chance)
    stack.push_async_callback(ephemeral.close)
    metrics = Metrics()
    traces = _recorder(stack, settings, clock, chance, metrics) if traced and settings.traces.endpoint else None
    passwords = PasswordHasher(
        settings.hashing,
        settings.passwords.min_score,
        threads,
        clock,
        chance,
        longest=settings.passwords.max,
        familiar=(settings.product,),
        metrics=metrics,
        # A registration commits three times within the time of a request, some 4 ms each on a busy disk.
        crowded=lambda: store.use.waiting > settings.hashing.queue * store.use.most,
    )
    stack.callback(passwords.close)
    captchas = _captchas(stack, settings, ephemeral, secret_box, clock, chance)
    unforgetting = minutes.unforgetting(stack, settings, store, clock, ephemeral)
    decoys = DecoyQuestions(await decoy_key(store, secret_box, chance), chance)
    base = Base(settings, clock, chance, store, ephemeral, unforgetting, secret_box, decoys, metrics, traces)
    return _joined(base, passwords, captchas, _providers(stack, settings)), base


@dataclass(frozen=True, slots=True)
class Base:
    """What everything else stands on."""

    settings: Settings
    clock: Clock
    chance: Chance
    store: "Database"
    ephemeral: "Ephemeral"
    unforgetting: "Ephemeral"
    secret_box: "SecretBox"
    decoy_questions: "DecoyQuestions"
    metrics: Metrics
    traces: Recorder | None


def _recorder(stack: AsyncExitStack, settings: Settings, clock: Clock, chance: Chance, metrics: Metrics) -> Recorder:
    from lingpai.assembly.traces import TraceRecorder

    recorder = TraceRecorder(settings, clock, chance, metrics)
    stack.push_async_callback(recorder.close)
    return recorder


def _joined(base: Base, passwords: "PasswordHasher", captchas: "Captchas", providers: "Mapping[ProviderName, Provider]") -> "Services":
    """The services, each made of what it needs."""
    from lingpai.flows import Services
    from lingpai.guard.one_time.grants import Grants
    from lingpai.guard.one_time.operator_proofs import OperatorProofs
    from lingpai.guard.one_time.reset_grants import ResetGrants
    from lingpai.guard.one_time.sealed_links import SealedLinks
    from lingpai.guard.sessions.device_cookie import DeviceCookies
    from lingpai.guard.sessions.issuing import SessionIssuer
    from lingpai.steps.letters import Letters
    from lingpai.store.audit import AuditTrail
    from lingpai.store.outbox import Bell

    settings, clock, chance, ephemeral, box = base.settings, base.clock, base.chance, base.ephemeral, base.secret_box
    cookies, grants, (rates, messages, lockout) = DeviceCookies(box, chance), Grants(ephemeral, chance), _throttling(base)
    not_me = _not_me(base)
    tokens = _tokens(settings, base.store, box, clock, chance) if with_jwts(settings) else None
    return Services(
        *(settings, clock, chance, base.store, ephemeral, _readiness(base), passwords),
        one_time=_one_time(base),
        limits=rates,
        messages=messages,
        lockout=lockout,
        device_cookies=cookies,
        operator_proofs=OperatorProofs(box, clock),
        letters=Letters(box, clock, not_me, f"{settings.public_url}/me/security"),
        grants=grants,
        reset_grants=ResetGrants(grants, chance),
        sealed_links=SealedLinks(box),
        not_me=not_me,
        session_issuer=SessionIssuer(base.store, cookies, tokens, clock, chance, settings.sessions),
        tokens=cast("JwtTokens", tokens),
        captchas=captchas,
        providers=providers,
        decoy_questions=base.decoy_questions,
        audit=AuditTrail(clock),
        bell=Bell(),
        metrics=base.metrics,
        traces=base.traces,
    )


def _readiness(base: Base) -> "Readiness":
    from lingpai.ephemeral.readiness import Readiness

    return Readiness(base.store, base.ephemeral, base.clock)


def _one_time(base: Base) -> "OneTimeSecrets":
    from lingpai.guard.one_time.codes import OneTimeSecrets
    from lingpai.guard.one_time.rolling import RollingSecrets

    box = base.secret_box
    if box.beside:
        return RollingSecrets(base.ephemeral, box, box.beside, base.chance)
    return OneTimeSecrets(base.ephemeral, box, base.chance)


def _not_me(base: Base) -> "NotMeLinks":
    from lingpai.guard.one_time.not_me import NotMeLinks

    return NotMeLinks(base.secret_box, base.unforgetting, base.clock, base.settings.public_url)


def _throttling(base: Base) -> "tuple[RateLimiter, MessageThrottle, Lockout]":
    from lingpai.guard.throttling.lockout import Lockout
    from lingpai.guard.throttling.messages import MessageThrottle
    from lingpai.guard.throttling.rates import RateLimiter

    settings, clock, ephemeral, metrics = base.settings, base.clock, base.ephemeral, base.metrics
    rates = RateLimiter(ephemeral, settings.limits, clock, metrics)
    messages = MessageThrottle(ephemeral, rates, clock, _sms_budgets(settings, ephemeral, clock, metrics))
    return rates, messages, Lockout(ephemeral, settings.limits, clock, metrics)


def _tokens(settings: Settings, store: "Database", secret_box: "SecretBox", clock: Clock, chance: Chance) -> "JwtTokens":
    from lingpai.guard.sessions.jwt import JwtTokens
    from lingpai.guard.sessions.signing_keys import SigningKeyRing

    issuer = settings.jwt.issuer or settings.public_url
    ring = SigningKeyRing(store, secret_box, clock, chance, settings.jwt.alg)
    return JwtTokens(ring, store, issuer, settings.jwt.audience or issuer, clock, chance)


def _captchas(
    stack: AsyncExitStack, settings: Settings, ephemeral: "Ephemeral", secret_box: "SecretBox", clock: Clock, chance: Chance
) -> "Captchas":
    from lingpai.guard.captcha import AnswerStore, OpenAnswers
    from lingpai.guard.captcha.captchas import Captchas
    from lingpai.guard.captcha.picture import Pictures
    from lingpai.guard.captcha.render_queue import RenderQueue
    from lingpai.guard.captcha.spoken import Spoken
    from lingpai.guard.captcha.tts_client import TtsClient

    answers = (OpenAnswers if settings.dev else AnswerStore)(ephemeral, secret_box, chance)
    render_queue = RenderQueue(settings.captcha.queue, clock, chance)
    stack.callback(render_queue.close)
    speaker = TtsClient(settings.captcha.queue, clock, chance)
    stack.push_async_callback(speaker.close)
    work = None
    if settings.captcha.pow:
        from lingpai.guard.captcha.work import Work

        work = Work(ephemeral, secret_box, render_queue, clock, chance, cost=settings.captcha.pow_cost)
    return Captchas(answers, Pictures(answers, render_queue, chance, _renderer), Spoken(answers, speaker.say, chance), work)


def _sms_budgets(settings: Settings, ephemeral: "Ephemeral", clock: Clock, metrics: Metrics | None = None) -> "SmsBudgets | None":
    """Those of text messages; None where nobody carries any."""
    if settings.sms.provider == "none" and not settings.dev:
        return None
    from lingpai.guard.throttling.sms_budgets import SmsBudgets

    return SmsBudgets(ephemeral, settings.sms, clock, metrics)


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


def _renderer() -> "Draw":
    """Called for the first picture: until then Pillow is not there."""
    from lingpai.guard.captcha.renderer import renderer

    return renderer()


async def _worker(stack: AsyncExitStack, services: "Services", base: Base) -> "Worker":
    from lingpai.worker import SEND_JITTER, Worker

    made = senders.senders(services)
    for sender in made.values():
        stack.push_async_callback(sender.close)
    return Worker(
        base.store,
        base.unforgetting,
        base.secret_box,
        made,
        base.clock,
        base.chance,
        bell=services.bell,
        settings=base.settings,
        send_jitter=SEND_JITTER,
        hashes_wait=lambda: services.passwords.waiting > 0,
        metrics=base.metrics,
        traces=base.traces,
    )

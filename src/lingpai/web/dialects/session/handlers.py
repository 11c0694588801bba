"""What each of session's calls does: reads one struct, calls the flows, wraps the answer."""

import base64
from typing import Any

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, WeakPassword
from lingpai.flows import Services, captcha, contacts, login, questions, recover, register, sessions
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.guard.crypto import digest
from lingpai.web.dialects.session.settings import SessionDialectSettings
from lingpai.web.dialects.session.shapes import (
    Binding,
    LoggedIn,
    SessionAnswers,
    SessionAsked,
    SessionCard,
    SessionCredentials,
    SessionDone,
    SessionDrawn,
    SessionNewPassword,
    SessionNumber,
    SessionPerson,
    SessionProof,
    SessionRegistration,
    SessionUser,
    SessionWhose,
    Setting,
    SignedUp,
    Three,
    Token,
    Whither,
)
from lingpai.web.request.calls import Mount, Nothing, Reply
from lingpai.web.request.request import Request

FRAME = captcha.PictureSize(220, 80)
LEAST = 8
"""Characters of a new password (contract, rule 9); fewer are too weak, not malformed."""
STRENGTH = 2
"""The lowest zxcvbn score of a new password: this seed asks for strength (contract, rule 9)."""


def _reply(body: msgspec.Struct, **more: Any) -> Reply:
    return Reply(msgspec.json.encode(body), **more)


def _captcha_scope(prelogin_token: str) -> str:
    """What a login token serves: this dialect's login, in the browser that asked for it. Elsewhere it is worth nothing (login CSRF)."""
    return f"session/{digest(prelogin_token).hex()}"


def _strong(password: str) -> str:
    """Raises WeakPassword for one that is too short; the rest is judged where it is hashed."""
    if len(password) < LEAST:
        raise WeakPassword("short")
    return password


def _settings(mount: Mount) -> SessionDialectSettings:
    assert isinstance(mount.settings, SessionDialectSettings)
    return mount.settings


async def login_token(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET login_token. HEAD, prefetch and preview draw nothing."""
    if not request.spends:
        raise BadInput("purpose", "prefetch")
    prelogin_token = services.prelogin_token(request.ctx)
    drawn = await captcha.draw(services, request.ctx, _captcha_scope(prelogin_token), "picture", FRAME)
    token = Token(drawn.id, base64.b64encode(drawn.content).decode())
    return _reply(SessionDrawn(token), prelogin_token=None if request.ctx.prelogin_token else prelogin_token)


async def log_in(services: Services, mount: Mount, request: Request, form: SessionCredentials) -> Reply:
    """POST login: of a browser without its pre-login cookie no token is right."""
    answer = CaptchaAnswer(_captcha_scope(request.ctx.prelogin_token), form.token, form.code)
    attempt = login.Try(form.account, form.password, "always", answer, steps=mount.steps)
    opened = mount.finished(await login.for_cookie(services, request.ctx, attempt))
    person = SessionPerson(opened.account.id, opened.account.name or "")
    return _reply(LoggedIn(person), session=opened.token, device=opened.device)


async def sign_up(services: Services, mount: Mount, request: Request, form: SessionRegistration) -> Reply:
    """POST sign_up: logged in at once, so that an address and questions can follow."""
    application = register.Application(form.account, _strong(form.password), invite=form.invite)
    opened = await register.by_name(services, request.ctx, application, min_score=STRENGTH)
    return _reply(SignedUp(SessionNumber(opened.account.id)), session=opened.token, device=opened.device)


async def send_bind(services: Services, mount: Mount, request: Request, form: Whither) -> Reply:
    """POST SignUp_email_send: only a login that has proved the owner itself, within ten minutes."""
    owner = await sessions.full(services, request.ctx)
    await contacts.ask(services, request.ctx, owner, form.email, own_proof=True)
    return _reply(SessionDone())


async def bind(services: Services, mount: Mount, request: Request, form: Binding) -> Reply:
    """POST SignUp_email: the code is bound to the account that asked for it."""
    owner = await sessions.full(services, request.ctx)
    await contacts.bind(services, request.ctx, owner, form.email, form.code)
    return _reply(SessionDone())


async def set_questions(services: Services, mount: Mount, request: Request, form: Setting) -> Reply:
    """POST SignUp_question: with the password again, unless the login is younger than 10 minutes."""
    texts = _different(form)
    owner = await sessions.full(services, request.ctx)
    answers = (form.answer_one, form.answer_two, form.answer_three)
    mode = _settings(mount).questions
    await questions.put(services, request.ctx, owner, texts, answers, mode=mode, password=form.password)
    return _reply(SessionDone())


def _different(form: Setting) -> tuple[str, str, str]:
    """The questions; BadInput names the first that says what another one says already."""
    texts = (form.question_one, form.question_two, form.question_three)
    folded = [rules.folded(text) for text in texts]
    for field, number in (("question_two", 1), ("question_three", 2)):
        if folded[number] in folded[:number]:
            raise BadInput(field, "questions-same")
    return texts


async def send_recovery(services: Services, mount: Mount, request: Request, form: SessionWhose) -> Reply:
    """POST Forget_pass_send: always 200; inside the interval, or past what one address gets, nothing is sent."""
    await recover.ask_code_silently(services, request.ctx, form.who, reveal=mount.settings.reveal_accounts)
    return _reply(SessionDone())


async def earn_by_code(services: Services, mount: Mount, request: Request, form: SessionProof) -> Reply:
    """POST Forget_pass_EmailAccount."""
    return _reply(SessionDone(), prelogin_token=await recover.earn(services, request.ctx, form.who, form.code))


async def ask_questions(services: Services, mount: Mount, request: Request, form: SessionWhose) -> Reply:
    """GET and POST Forget_pass_Question: real ones or decoys."""
    mode = _settings(mount).questions
    texts, prelogin_token = await questions.ask(services, request.ctx, form.who, mode=mode, remember=request.spends)
    return _reply(SessionAsked(Three(*texts)), prelogin_token=prelogin_token if prelogin_token != request.ctx.prelogin_token else None)


async def earn_by_answers(services: Services, mount: Mount, request: Request, form: SessionAnswers) -> Reply:
    """POST Forget_pass_answer: about the account whose questions this browser asked for."""
    mode = _settings(mount).questions
    if mode == "with_code" and not form.code:
        raise BadInput("code", "missing")
    answers = (form.answer_one, form.answer_two, form.answer_three)
    prelogin_token = await questions.answer(services, request.ctx, answers, mode=mode, code=form.code)
    return _reply(SessionDone(), prelogin_token=prelogin_token)


async def reset(services: Services, mount: Mount, request: Request, form: SessionNewPassword) -> Reply:
    """POST Forget_pass_reset: by the grant that this browser has earned."""
    done = await recover.by_reset_grant(services, request.ctx, _strong(form.password), min_score=STRENGTH)
    return _reply(SessionDone(), device=done.device)


async def user_info(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET user_info."""
    account = (await sessions.current(services, request.ctx)).account
    email = account.email if account.email_proved_at else None
    return _reply(SessionCard(SessionUser(account.id, account.name or "", email, await questions.has_questions(services, account))))


async def log_out(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST logout."""
    await sessions.end(services, request.ctx)
    return _reply(SessionDone(), session="")

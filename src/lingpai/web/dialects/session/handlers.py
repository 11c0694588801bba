"""What each of session's calls does: reads one struct, calls the flows, wraps the answer."""

import base64
from typing import Any

import msgspec

from lingpai.core import rules
from lingpai.core.errors import BadInput, Limited, StaleLogin, TooSoon, WeakPassword
from lingpai.flows import Kit, captcha, confirm, contacts, login, questions, recover, register, sessions
from lingpai.guard.captcha import Answer
from lingpai.guard.codes import digest
from lingpai.settings import Session
from lingpai.web.dialect import Door, Nothing, Reply
from lingpai.web.dialects.session.shapes import (
    Answers,
    Asked,
    Binding,
    Card,
    Credentials,
    Done,
    Drawn,
    LoggedIn,
    NewPassword,
    Number,
    Person,
    Proof,
    Registration,
    Setting,
    SignedUp,
    Three,
    Token,
    User,
    Whither,
    Whose,
)
from lingpai.web.exchange import Exchange

FRAME = captcha.Frame(220, 80)
LEAST = 8
"""Characters of a new password (contract, rule 9); fewer are too weak, not malformed."""
STRENGTH = 2
"""The lowest zxcvbn score of a new password: this seed asks for strength (contract, rule 9)."""


def _reply(said: msgspec.Struct, **more: Any) -> Reply:
    return Reply(msgspec.json.encode(said), **more)


def _shop(visit: str) -> str:
    """What a login token serves: this dialect's login, in the browser that asked for it. Elsewhere it is worth nothing (login CSRF)."""
    return f"session/{digest(visit).hex()}"


def _strong(password: str) -> str:
    """Raises WeakPassword for one that is too short; the rest is judged where it is hashed."""
    if len(password) < LEAST:
        raise WeakPassword("short")
    return password


def _settings(door: Door) -> Session:
    assert isinstance(door.settings, Session)
    return door.settings


async def login_token(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET login_token. HEAD, prefetch and preview draw nothing."""
    if not exchange.spends:
        raise BadInput("purpose", "prefetch")
    visit = kit.now_visiting(exchange.origin)
    drawn = await captcha.draw(kit, _shop(visit), "picture", FRAME, exchange.origin)
    token = Token(drawn.id, base64.b64encode(drawn.content).decode())
    return _reply(Drawn(token), visit=None if exchange.origin.visit else visit)


async def log_in(kit: Kit, door: Door, exchange: Exchange, wish: Credentials) -> Reply:
    """POST login: of a browser without its pre-login cookie no token is right."""
    answer = Answer(_shop(exchange.origin.visit), wish.token, wish.code)
    attempt = login.Try(door.settings.realm, wish.account, wish.password, "always", answer)
    opened = await login.for_cookie(kit, attempt, exchange.origin)
    person = Person(opened.account.id, opened.account.name or "")
    return _reply(LoggedIn(person), session=opened.token, device=opened.device)


async def sign_up(kit: Kit, door: Door, exchange: Exchange, wish: Registration) -> Reply:
    """POST sign_up: logged in at once, so that an address and questions can follow."""
    application = register.Application(wish.account, _strong(wish.password), invite=wish.invite)
    opened = await register.by_name(kit, door.settings.realm, application, exchange.origin, min_score=STRENGTH)
    return _reply(SignedUp(Number(opened.account.id)), session=opened.token, device=opened.device)


async def send_bind(kit: Kit, door: Door, exchange: Exchange, wish: Whither) -> Reply:
    """POST SignUp_email_send."""
    session, account = await sessions.full(kit, door.settings.realm, exchange.origin)
    if contacts.replaces(account, wish.email):
        await confirm.require(kit, session, exchange.origin)
    await contacts.ask(kit, account, wish.email, exchange.origin)
    return _reply(Done())


async def bind(kit: Kit, door: Door, exchange: Exchange, wish: Binding) -> Reply:
    """POST SignUp_email: the code is bound to the account that asked for it."""
    session, account = await sessions.full(kit, door.settings.realm, exchange.origin)
    fresh = await confirm.fresh(kit, session, exchange.origin)
    await contacts.bind(kit, account, wish.email, wish.code, exchange.origin, door.links, fresh=fresh)
    return _reply(Done())


async def set_questions(kit: Kit, door: Door, exchange: Exchange, wish: Setting) -> Reply:
    """POST SignUp_question: with the password again, unless the login is younger than 10 minutes."""
    texts = _different(wish)
    session, account = await sessions.full(kit, door.settings.realm, exchange.origin)
    if not await confirm.fresh(kit, session, exchange.origin):
        if not wish.password:
            raise StaleLogin
        await confirm.by_password(kit, account, wish.password, exchange.origin)
    answers = (wish.answer_one, wish.answer_two, wish.answer_three)
    await questions.put(kit, account, texts, answers, exchange.origin, door.links, mode=_settings(door).questions)
    return _reply(Done())


def _different(wish: Setting) -> tuple[str, str, str]:
    """The questions; BadInput names the first that says what another one says already."""
    texts = (wish.question_one, wish.question_two, wish.question_three)
    folded = [rules.folded(text) for text in texts]
    for field, number in (("question_two", 1), ("question_three", 2)):
        if folded[number] in folded[:number]:
            raise BadInput(field, "questions-same")
    return texts


async def send_recovery(kit: Kit, door: Door, exchange: Exchange, wish: Whose) -> Reply:
    """POST Forget_pass_send: always 200; inside the interval, or past what one address gets, nothing is sent."""
    try:
        await recover.ask_code(kit, door.settings.realm, wish.who, exchange.origin, reveal=door.settings.reveal_accounts)
    except TooSoon:
        return _reply(Done())
    except Limited as why:
        if why.limit == "message_client":
            raise
    return _reply(Done())


async def earn_by_code(kit: Kit, door: Door, exchange: Exchange, wish: Proof) -> Reply:
    """POST Forget_pass_EmailAccount."""
    return _reply(Done(), visit=await recover.earn(kit, door.settings.realm, wish.who, wish.code, exchange.origin))


async def ask_questions(kit: Kit, door: Door, exchange: Exchange, wish: Whose) -> Reply:
    """GET and POST Forget_pass_Question: real ones or decoys."""
    mode = _settings(door).questions
    texts, visit = await questions.ask(kit, door.settings.realm, wish.who, exchange.origin, mode=mode, remember=exchange.spends)
    return _reply(Asked(Three(*texts)), visit=visit if visit != exchange.origin.visit else None)


async def earn_by_answers(kit: Kit, door: Door, exchange: Exchange, wish: Answers) -> Reply:
    """POST Forget_pass_answer: about the account whose questions this browser asked for."""
    mode = _settings(door).questions
    if mode == "with_code" and not wish.code:
        raise BadInput("code", "missing")
    said = (wish.answer_one, wish.answer_two, wish.answer_three)
    visit = await questions.answer(kit, door.settings.realm, said, exchange.origin, door.links, mode=mode, code=wish.code)
    return _reply(Done(), visit=visit)


async def reset(kit: Kit, door: Door, exchange: Exchange, wish: NewPassword) -> Reply:
    """POST Forget_pass_reset: by the leave that this browser has earned."""
    await recover.by_leave(kit, door.settings.realm, _strong(wish.password), exchange.origin, door.links, min_score=STRENGTH)
    return _reply(Done())


async def user_info(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET user_info."""
    account = (await sessions.current(kit, door.settings.realm, exchange.origin))[1]
    email = account.email if account.email_proved_at else None
    return _reply(Card(User(account.id, account.name or "", email, await questions.there(kit, account))))


async def log_out(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """POST logout."""
    await sessions.end(kit, door.settings.realm, exchange.origin)
    return _reply(Done(), session="")

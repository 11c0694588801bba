"""Security questions: setting them, and getting back in by their answers.

They are weak by nature (NIST SP 800-63B-4 bars them; ASVS 5.0, 6.4.2), so they are fenced: all three at once, few tries, the owner told
of each, and nobody learns whether there are any (contract, session).
"""

from contextlib import nullcontext
from typing import Literal

import msgspec
from msgspec.structs import replace

from lingpai.core.chance import SECOND
from lingpai.core.errors import BadCode, BadGrant, Limited, NotOffered, StaleLogin, WrongAnswers
from lingpai.core.model import Account, Address, Kind, RequestContext
from lingpai.flows import Services
from lingpai.guard.one_time.decoy_questions import ThreeTexts
from lingpai.steps.account_change import NothingChanged, changing
from lingpai.steps.authentication import Authenticated, Fresh, confirm_by_password, device_of, fresh
from lingpai.steps.guesses import guesser, peek_code
from lingpai.steps.spending import spending_code
from lingpai.store import accounts, questions

Mode = Literal["on", "with_code", "off"]
"""Whether recovery by them is offered, alone or together with a mailed code."""
WAIT = 24 * 3_600
"""Seconds until questions work that an old login has set (contract, S31): the owner can take them away before."""
LIFE = 600
"""Seconds for which a browser may answer what it was asked."""


class AskedQuestions(msgspec.Struct, frozen=True):
    """Whose questions a browser was asked; `account_id` 0: nobody's, they were decoys."""

    account_id: int
    realm: str
    kind: Kind
    key: str


async def put(
    services: Services, ctx: RequestContext, login: Authenticated, texts: ThreeTexts, answers: ThreeTexts, *, mode: Mode, password: str = ""
) -> None:
    """Sets the questions and their clean answers (`rules.answer`); older ones are gone, and the owner is told.

    A login that is older than ten minutes takes the password too, but for a first set by a login by password: that works from 24 hours
    later, and every proved address is told (contract, S30 to S32). Raises StaleLogin where the password is missing, WrongPassword,
    NotOffered where questions are off, Limited, Overloaded.
    """
    proved: Authenticated | None = await fresh(services, ctx, login)
    if proved is None and password:
        proved = await confirm_by_password(services, ctx, login, password)
    if proved is None and not await _may_be_first(services, login):
        raise StaleLogin
    if mode == "off":
        raise NotOffered("questions")
    async with services.passwords.slot() as slot:
        await services.limits.spend("change_account", f"{login.account.realm}:{login.account.id}")
        hashed = await slot.make(joined(answers))
    await _put(services, ctx, login, texts, hashed, late=proved is None)


async def _may_be_first(services: Services, login: Authenticated) -> bool:
    """Whether an old login may set them: it was opened by the password, and there are none."""
    by_password = login.session.kind != "link" and "pwd" in login.session.amr.split()
    return by_password and not await has_questions(services, login.account)


async def _put(services: Services, ctx: RequestContext, login: Authenticated, texts: ThreeTexts, hashed: str, *, late: bool) -> None:
    """`late`: by an old login, while there are none; judged again under the lock."""
    account, now = login.account, services.clock.now()
    phone = await services.messages.reached(_by_phone(account)) if late and account.email_proved_at and account.phone_proved_at else None
    async with changing(services, ctx, account, "questions", login=login, refusal=StaleLogin, notice="questions_changed") as change:
        if late and await questions.of(change.tx, account_id=account.id):
            raise StaleLogin
        works_at = now + WAIT * SECOND if late else None
        await questions.put(change.tx, account_id=account.id, texts=texts, answers=hashed, at=now, works_at=works_at)
        change.added = ("questions", now)
        if phone:
            await services.letters.notice(change.tx, ctx, "questions_changed", phone)


def _by_phone(account: Account) -> Account:
    """The account as one that is reached by its phone."""
    return replace(account, email=None, email_proved_at=None, email_key=None)


async def remove(services: Services, ctx: RequestContext, login: Fresh) -> None:
    """Takes the questions away; the owner is told. Raises StaleLogin after a reset."""
    account = login.account
    await services.limits.spend("change_account", f"{account.realm}:{account.id}")
    async with changing(services, ctx, account, "questions.remove", login=login, refusal=StaleLogin, notice="questions_changed") as change:
        if not await questions.drop(change.tx, account_id=account.id):
            raise NothingChanged


async def has_questions(services: Services, account: Account) -> bool:
    """Whether the account has set any."""
    return await questions.of(services.store, account_id=account.id) is not None


async def ask(services: Services, ctx: RequestContext, who: Address, *, mode: Mode, remember: bool) -> tuple[ThreeTexts, str]:
    """The questions of an account, or decoys that are always the same for the same `who`; the same statements for both.

    `remember`: this browser may answer them for `LIFE` seconds. Returns its token too, empty where nothing is remembered. Raises Limited.
    """
    await services.limits.spend("check_client", ctx.client)
    found, kept = await questions.whose(services.store, realm=ctx.realm, kind=who.kind, key=who.key)
    decoy_questions = services.decoy_questions.of(ctx.realm, who)
    texts = kept.texts if kept and kept.works(services.clock.now()) and mode != "off" else decoy_questions
    if not remember:
        return texts, ""
    token = services.prelogin_token(ctx)
    await services.grants.store_under("questions", token, AskedQuestions(found, ctx.realm, who.kind, who.key), LIFE)
    return texts, token


async def answer(services: Services, ctx: RequestContext, answers: ThreeTexts, *, mode: Mode, code: str = "") -> str:
    """All three right answers earn a grant to set a new password. Returns the browser's new token.

    Raises BadGrant where this browser was asked nothing, Limited past the client's tries, BadCode (`with_code`), WrongAnswers past the
    account's tries too, and NotOffered where they are off: each but the first two after the same work, whoever was asked about.
    """
    async with services.passwords.slot() as slot:
        asked = await services.grants.peek("questions", ctx.prelogin_token, AskedQuestions) if ctx.prelogin_token else None
        if asked is None or asked.realm != ctx.realm:
            raise BadGrant
        await services.limits.spend("questions_client", ctx.client)
        account = await accounts.by_id(services.store, asked.account_id)
        within = await _counted(services, ctx, asked, account)
        kept = await questions.of(services.store, account_id=asked.account_id)
        proved = mode != "with_code" or await _proved(services, ctx, asked, account, code)
        verdict = await slot.verify(kept.answers if kept else None, joined(answers))
    works = kept is not None and kept.works(services.clock.now())
    watched = account if works and mode != "off" else None
    if account and kept and works and verdict.right and within and proved and mode != "off" and account.locked_at is None:
        return await _earn(services, ctx, asked, account, kept.set_at, code if mode == "with_code" else "")
    why = BadCode() if not proved else NotOffered("questions") if mode == "off" else WrongAnswers()
    await _tell(services, ctx, asked, watched, result="wrong")
    raise why


def joined(answers: ThreeTexts) -> str:
    """One text of all three, each after its length, so that no other three read the same."""
    return "".join(f"{len(answer)}:{answer}" for answer in answers)


async def _counted(services: Services, ctx: RequestContext, asked: AskedQuestions, account: Account | None) -> bool:
    """Counts the try before it is judged; whether it was within the account's own. A stranger's count like anybody's.

    The browsers that the account knows share tries of their own, so that strangers use up nothing of the owner's.
    """
    who = str(asked.account_id) if asked.account_id else f"{asked.kind}:{asked.key}"
    if device_of(ctx, account):
        who = f"{who}/known"
    try:
        await services.limits.spend("questions_account", f"{asked.realm}:{who}")
    except Limited:
        return False
    return True


async def _proved(services: Services, ctx: RequestContext, asked: AskedQuestions, account: Account | None, code: str) -> bool:
    """Whether the code that was mailed for a reset is right; a wrong one costs it a try, nothing spends it."""
    who = guesser(ctx, "reset", account, Address(asked.kind, asked.key, asked.key))
    entry = await peek_code(services, who, _mailed(asked, account), code)
    return entry is not None and services.one_time.binds(entry, account)


def _mailed(asked: AskedQuestions, account: Account | None) -> str:
    """The key under which a code that was asked for by the same name or address waits."""
    return account.reset_mail.key if account and account.reset_mail else asked.key


async def _tell(services: Services, ctx: RequestContext, asked: AskedQuestions, account: Account | None, *, result: str) -> None:
    """To the owner where there are questions to try, past the tries that count too; by SMS only while there is a budget for it."""
    recipient = await services.messages.reached(account) if account else None
    async with services.store.begin() as tx:
        await services.letters.notice(tx, ctx, "questions_tried", recipient)
        await services.audit.note(tx, ctx, "questions.answer", result, account_id=asked.account_id or None)
    services.bell.ring()


async def _earn(services: Services, ctx: RequestContext, asked: AskedQuestions, account: Account, questions_at: int, code: str) -> str:
    """Spends what was asked, and the code; of racing callers one gets the grant, and the trail has nobody else's answer as right."""
    mailed = spending_code(services, ctx, "reset", _mailed(asked, account), code) if code else nullcontext()
    try:
        async with services.grants.spending("questions", ctx.prelogin_token, AskedQuestions) as taken:
            if taken != asked:
                raise BadGrant
            async with mailed:
                token = await services.reset_grants.give(account, account.reset_mail if code else None, questions_at=questions_at)
                await _tell(services, ctx, asked, account, result="ok")
    except (BadGrant, BadCode):
        await _tell(services, ctx, asked, account, result="late")
        raise
    return token

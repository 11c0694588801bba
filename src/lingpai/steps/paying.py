"""What a message costs whoever asks for it at a page without being logged in: the answer to a captcha."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lingpai.core.errors import BadCaptcha, Limited, StoreUnsure
from lingpai.core.model import Address, RequestContext
from lingpai.core.undoing import undo
from lingpai.guard.captcha import CaptchaAnswer
from lingpai.steps.services import Services


@asynccontextmanager
async def paid(services: Services, ctx: RequestContext, answer: CaptchaAnswer, to: Address) -> AsyncIterator[None]:
    """Around a message that somebody who is not logged in asks for at a page: the answer is spent first, whatever comes of the message.

    A text message costs money: of a client's in a day, work alone pays for as many as `limits.work_text_client` says; the others take what
    a person answers. One that is refused in the block is not counted. Raises BadCaptcha, with `person` 1 where work is not enough.
    """
    await services.captchas.spend(answer)
    if to.kind != "phone":
        yield
        return
    try:
        await services.limits.spend("work_text_client", ctx.client)
    except Limited:
        if answer.by_work:
            raise BadCaptcha(person=1) from None
    try:
        yield
    except StoreUnsure:
        raise  # the message may be on its way
    except BaseException:
        await undo(services.limits.give_back("work_text_client", ctx.client))
        raise

"""What the server thinks of a password while it is typed: the rule is its own, so that no script has another."""

from typing import Annotated

import msgspec

from lingpai.core import rules, words
from lingpai.core.errors import BadInput, WeakPassword
from lingpai.flows import Services
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request


class StrengthDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A password that nobody has yet, and what its account will be known by."""

    password: Annotated[str, Text(1, 512, rules.password)]
    account: Annotated[str, Text(1, 320, optional=True)] = ""


class StrengthJudged(msgspec.Struct, frozen=True):
    """Whether it will be taken; if not, why, in words."""

    ok: bool
    reason: str = ""


async def judge(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/strength: judged on the hashing threads, never hashed, kept or logged."""
    try:
        draft = read(request.fields, StrengthDraft)
        async with services.passwords.slot() as slot:
            await services.limits.spend("strength_client", request.ctx.client)
            await slot.judge(draft.password, (draft.account,))
    except (BadInput, WeakPassword) as why:
        label = words.label("password", request.locale)
        return Reply(
            msgspec.json.encode(StrengthJudged(False, words.sentence(words.refusal(why, request.locale, label=label), request.locale)))
        )
    return Reply(msgspec.json.encode(StrengthJudged(True)))


CALLS = (Call(("POST",), "/page/strength", judge, gives=StrengthJudged, quiet=True),)

"""What has just been done in a browser where nobody is logged in, for the page that says it: a reload says it again."""

from contextlib import suppress
from typing import Literal

import msgspec

from lingpai.core.errors import BadGrant, StoreDown
from lingpai.core.model import Account, RequestContext
from lingpai.steps.services import Services
from lingpai.store import accounts

OutcomeKind = Literal["reset", "disowned", "disowned_elsewhere", "kept", "closed", "activated"]
"""`disowned`: and the browser may set a new password; `disowned_elsewhere`: it may not, for the notice went to a former address."""
LIFE = 600
"""Seconds for which it is said again."""


class ShownOutcome(msgspec.Struct, frozen=True):
    """What was done, and to whose account."""

    kind: OutcomeKind
    account_id: int
    detail: str = ""
    """What the kind alone does not say."""


async def remember(services: Services, kind: OutcomeKind, account: Account, detail: str = "", *, token: str = "") -> str:
    """The browser's new token, under which its page knows it: never its old one, which somebody may have planted.

    `token`: a new one that stands for something else already. Raises nothing: what is done is done, and the page leads on without.
    """
    outcome, token = ShownOutcome(kind, account.id, detail), token or services.chance.token()
    with suppress(StoreDown):
        await services.grants.store_under("outcome", token, outcome, LIFE)
    return token


async def remembered(services: Services, ctx: RequestContext, *kinds: OutcomeKind) -> tuple[ShownOutcome, Account]:
    """What this browser has done, and the account as it is now; spends nothing. Raises BadGrant where it has not, or too long ago."""
    outcome = await services.grants.peek("outcome", ctx.prelogin_token, ShownOutcome) if ctx.prelogin_token else None
    account = await accounts.by_id(services.store, outcome.account_id) if outcome and outcome.kind in kinds else None
    if outcome is None or account is None:
        raise BadGrant
    return outcome, account

"""Letting in whoever has proved an account's address by a code: its session, and what its owner is told of it elsewhere."""

from collections.abc import Sequence

from lingpai.core.errors import Refusal
from lingpai.core.model import Account, Address, Kind, RequestContext
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.steps.authentication import is_known
from lingpai.steps.services import Services
from lingpai.store import accounts


def amr_of(address: Address) -> str:
    """How a login by a code to there was proved (`store/schema.py`)."""
    return "sms" if address.kind == "phone" else "otp"


async def let_in(
    services: Services, ctx: RequestContext, account: Account, address: Address, refusal: type[Refusal], *, remember: bool
) -> IssuedSession:
    """A session, if the account still is what the code was bound to; else raises `refusal`, and nobody is let in.

    Here, and nowhere else on the way in by a code, an account with a second factor will be asked for it. A browser that the account does
    not know is told to the owner's other addresses.
    """
    notified = () if is_known(ctx, account) else await _notified(services, account, address)
    async with services.store.begin() as tx:
        # Read once more: another login may have put a stronger hash of the same password there.
        current = await accounts.by_id(tx, account.id) if await accounts.lock_if_unchanged(tx, account) else None
        if current is None:
            raise refusal
        issued = await services.session_issuer.cookie_within(tx, current, ctx, amr=amr_of(address), remember=remember)
        for kind in notified:
            await services.letters.notice(tx, ctx, "new_login", account, by=kind)
    services.bell.ring()
    return issued


async def _notified(services: Services, account: Account, address: Address) -> Sequence[Kind]:
    """Where its owner reads of it: what they have proved, beside the address that let them in; a text while the budgets have one left."""
    proved: dict[Kind, bool] = {"email": account.proved_mail is not None, "phone": account.phone_proved_at is not None}
    others = [kind for kind, is_proved in proved.items() if is_proved and kind != address.kind]
    return [kind for kind in others if await services.messages.reached(account, by=kind)]

"""A login as a flow is handed it: of an account that was read before, and the session that the request brings."""

from lingpai.core.model import Account, RequestContext, Session
from lingpai.flows import Services
from lingpai.guard.crypto import digest
from lingpai.steps.authentication import Fresh


def login_of(services: Services, account: Account, ctx: RequestContext) -> Fresh:
    """One that has just been proved, whatever has become of it since."""
    now = services.clock.now()
    session = Session(0, account.id, now, now + 86_400_000, now, ctx.ip, ctx.agent, proved_at=now)
    return Fresh(session, account, digest(ctx.session))

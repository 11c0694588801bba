"""Whom a request of hiyouth is about: members or bosses, and whose session came along."""

from lingpai.core.errors import BadGrant
from lingpai.core.model import RequestContext
from lingpai.flows import Services, sessions
from lingpai.steps.authentication import Authenticated
from lingpai.web.dialects.hiyouth.settings import Role, realm_of, role_of
from lingpai.web.dialects.hiyouth.verification import links_of, settings_of
from lingpai.web.request.calls import Mount
from lingpai.web.request.request import Request


def enter(services: Services, mount: Mount, request: Request, role: Role) -> RequestContext:
    """The request is about this kind of users from here on."""
    settings = settings_of(mount)
    request.enter(realm_of(settings, role), links_of(services, settings, role), settings.code_length)
    return request.ctx


def enter_realm(services: Services, mount: Mount, request: Request, realm: str) -> RequestContext:
    """The request is about whoever lives in this realm from here on. Raises BadGrant where none of this dialect's users does."""
    role = role_of(settings_of(mount), realm)
    if role is None:
        raise BadGrant
    return enter(services, mount, request, role)


async def who(services: Services, mount: Mount, request: Request) -> tuple[Role, Authenticated]:
    """Whose session came along, in whichever of the realms; the request is about that realm from here on. Raises NotLoggedIn."""
    settings = settings_of(mount)
    owner = await sessions.current_in(services, request.ctx, settings.realms)
    role = role_of(settings, owner.account.realm) or "member"
    enter(services, mount, request, role)
    return role, owner

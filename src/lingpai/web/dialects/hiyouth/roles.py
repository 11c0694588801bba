"""hiyouth's two kinds of users, and the realm that each lives in."""

from typing import Literal, get_args

from lingpai.settings import Hiyouth

Role = Literal["member", "boss"]
ROLES: tuple[Role, ...] = get_args(Role)


def realm_of(settings: Hiyouth, role: Role) -> str:
    """The set of users that `type` means."""
    return settings.boss_realm if role == "boss" else settings.realm


def role_of(settings: Hiyouth, realm: str) -> Role | None:
    """Who lives there; a member where both do; None where neither does."""
    return next((role for role in ROLES if realm_of(settings, role) == realm), None)


def realms(settings: Hiyouth) -> tuple[str, ...]:
    """Each of them once, the members' first."""
    return tuple(dict.fromkeys(realm_of(settings, role) for role in ROLES))

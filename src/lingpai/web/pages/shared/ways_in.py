"""The ways that `/login` offers, as the operator says (`pages.login`)."""

from typing import Literal

from lingpai.core.errors import NotOffered
from lingpai.flows import Services

LoginWay = Literal["code", "password"]


def way_in(services: Services, asked: object) -> LoginWay:
    """The way that is asked for, where it is offered; else the first."""
    ways = services.settings.pages.login
    return next((way for way in ways if way == asked), ways[0])


def offered(services: Services, way: LoginWay) -> None:
    """Raises NotOffered where it is not."""
    if way not in services.settings.pages.login:
        raise NotOffered("login")

"""What other services ask: is this JWT good, and whose is it (RFC 7662)."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lingpai.core.errors import BadClient, BadInput, BadToken
from lingpai.core.model import RequestContext
from lingpai.flows import Services
from lingpai.guard.crypto import digest
from lingpai.store import clients

if TYPE_CHECKING:
    from lingpai.guard.sessions.jwt import Claims


DEV = ("dev", "dev")
"""The name and secret of the one client that dev mode knows besides (contract, dev mode); stored nowhere."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a service says it is."""

    name: str
    secret: str


async def ask(
    services: Services, ctx: RequestContext, caller: ClientCredentials | None, realms: Iterable[str], token: str
) -> "Claims | None":
    """What a live JWT of one of the realms says; None for any other token, and for one whose session has ended.

    Raises BadClient, then BadInput where there is no token; Limited after too many wrong credentials from one client, whom the right ones
    still let in.
    """
    await _admit(services, ctx, caller)
    if not token:
        raise BadInput("token", "missing")
    for realm in realms:
        try:
            return (await services.tokens.holder(realm, token)).claims
        except BadToken:
            continue
    return None


async def _admit(services: Services, ctx: RequestContext, caller: ClientCredentials | None) -> None:
    if caller is None:
        raise BadClient
    if not await _known(services, caller):
        await services.limits.spend("auth_client", ctx.client)
        raise BadClient


async def _known(services: Services, caller: ClientCredentials) -> bool:
    if services.settings.dev and (caller.name, caller.secret) == DEV:
        return True
    # SHA-256 is enough for a secret of 256 random bits. An unknown name is compared with nothing, which no digest equals.
    kept = await clients.digest(services.store, name=caller.name)
    return hmac.compare_digest(kept or b"", digest(caller.secret))

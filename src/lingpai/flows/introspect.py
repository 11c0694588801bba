"""What other services ask: is this JWT good, and whose is it (RFC 7662)."""

import hmac
from dataclasses import dataclass

from lingpai.core.errors import BadClient, BadToken
from lingpai.core.model import Origin
from lingpai.flows import Kit
from lingpai.guard.codes import digest
from lingpai.guard.tokens import Claims
from lingpai.store import clients

DEV = ("dev", "dev")
"""The name and secret of the one client that dev mode knows besides (contract, dev mode); stored nowhere."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a service says it is."""

    name: str
    secret: str


async def ask(kit: Kit, realm: str, caller: Credentials | None, token: str, origin: Origin) -> Claims | None:
    """What a live JWT says; None for any other token, and for one whose session has ended.

    Raises BadClient; Limited after too many wrong credentials from one client, whom the right ones still let in.
    """
    await _admit(kit, caller, origin)
    try:
        return (await kit.tokens.holder(realm, token)).claims
    except BadToken:
        return None


async def _admit(kit: Kit, caller: Credentials | None, origin: Origin) -> None:
    if caller is None:
        raise BadClient
    if not await _known(kit, caller):
        await kit.limits.spend("auth_client", origin.client)
        raise BadClient


async def _known(kit: Kit, caller: Credentials) -> bool:
    if kit.settings.dev and (caller.name, caller.secret) == DEV:
        return True
    # SHA-256 is enough for a secret of 256 random bits. An unknown name is compared with nothing, which no digest equals.
    kept = await clients.digest(kit.store, name=caller.name)
    return hmac.compare_digest(kept or b"", digest(caller.secret))

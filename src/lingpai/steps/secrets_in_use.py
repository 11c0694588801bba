"""Which secrets this installation is used with: their fingerprints lie in the database, and a node that has another is kept out.

One is in use, or two while one rolls: from when the first node seals with the new one until all is sealed anew. Who comes must know all of
them, and must not seal with one that was rolled away. Every change is one conditional statement on the whole value.
"""

from typing import Literal

import msgspec

from lingpai.guard.crypto import SecretBox
from lingpai.steps import sealed
from lingpai.steps.sealed import Census, SealedKind
from lingpai.store import installation
from lingpai.store.database import Database, Transaction

NAME = "secret_fingerprints"
"""What it is called in the table of what all nodes agree on."""


class SecretsInUse(msgspec.Struct, frozen=True):
    """Fingerprints, never secrets. No field is ever added: a version that knew it not could put nothing in such a value's place."""

    in_use: tuple[str, ...]
    """One, or two while one rolls."""
    retired: str = ""
    """The one that was rolled away last; empty: none was."""
    rotated_at: int = 0
    """When that was."""


class ForeignSecret(Exception):
    """This node's secrets do not fit what the database is used with.

    `reason`: it knows `none` that is in use, only one of two (`half`), seals with one that was rolled away (`retired`), or what lies
    sealed opens with none of its secrets (`unopened`, counted by kind).
    """

    def __init__(
        self, reason: Literal["none", "half", "retired", "unopened"], in_use: tuple[str, ...], left: dict[SealedKind, int] | None = None
    ) -> None:
        super().__init__(reason, in_use)
        self.reason = reason
        self.in_use = in_use
        self.left = left or {}


async def find(tx: Transaction) -> SecretsInUse | None:
    """What the database is used with; None where no node has come yet."""
    text = await installation.find(tx, NAME)
    return msgspec.json.decode(text, type=SecretsInUse) if text else None


def judge(known: SecretsInUse, secret_box: SecretBox) -> SecretsInUse:
    """The same, where a node with these secrets may come. Raises ForeignSecret."""
    mine = set(secret_box.fingerprints)
    if secret_box.fingerprint == known.retired:
        raise ForeignSecret("retired", known.in_use)
    if not mine & set(known.in_use):
        raise ForeignSecret("none", known.in_use)
    if not mine >= set(known.in_use):
        raise ForeignSecret("half", known.in_use)
    return known


async def admit(store: Database, secret_box: SecretBox) -> SecretsInUse:
    """Lets a node in that will seal: from now on its secret is in use. Raises ForeignSecret."""
    while True:
        known = judge(await settle(store, secret_box), secret_box)
        more = msgspec.structs.replace(known, in_use=(*known.in_use, secret_box.fingerprint))
        if secret_box.fingerprint in known.in_use or await put(store, known, more):
            return known


async def settle(store: Database, secret_box: SecretBox) -> SecretsInUse:
    """What the database is used with; its first node says so, once it has opened whatever an older version left. Raises ForeignSecret."""
    if known := await find(store):
        return known
    found = await openable(store, secret_box)
    used = {secret_box.fingerprint, *(sealer for _, sealer in found if sealer)}
    text = await installation.settle(store, NAME, _written(SecretsInUse(tuple(sorted(used)))))
    return msgspec.json.decode(text, type=SecretsInUse)


async def openable(store: Database, secret_box: SecretBox) -> Census:
    """What lies under which secret. Raises ForeignSecret where any of it opens with none of ours."""
    found = await sealed.census(store, secret_box)
    if left := sealed.unopened(found):
        raise ForeignSecret("unopened", (), left)
    return found


async def put(tx: Transaction, known: SecretsInUse, new: SecretsInUse) -> bool:
    """The new one in the place of the one that was read. False: something else stands there by now."""
    return await installation.replace(tx, NAME, old=_written(known), new=_written(new))


def _written(value: SecretsInUse) -> str:
    return msgspec.json.encode(value).decode()

"""A backup as a file: what it is of, then the database's own bytes, packed, and all of it sealed (`guard/sealed_file.py`)."""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

import msgspec

from lingpai.guard.crypto import SecretBox
from lingpai.guard.sealed_file import BadFile, SealedWriter, unsealed

LENGTH = 4
"""Bytes that say how long the contents are."""
MOST = 1024 * 1024
"""Bytes that one step unpacks at most, whatever is in it."""
FAST = 1
"""How hard zlib tries: three quarters of what it could save, at a third of the time."""

BytesDone = Callable[[int, int], None]
"""Hears how many bytes are done, and of how many; 0: nobody knows."""


class BackupContents(msgspec.Struct, frozen=True):
    """What a backup is of. New fields have defaults: an older one has to be readable for years."""

    product: str
    """The version of Lingpai that made it."""
    revision: str
    database: str
    """`sqlite` or `postgres`."""
    made_at: int
    accounts: dict[str, int]
    """How many each realm has."""


@dataclass(frozen=True, slots=True)
class OpenBackup:
    """A backup that is being read."""

    contents: BackupContents
    portions: Iterator[bytes]
    """The database's bytes. Only where they come to their end without BadFile are they all, and as they were."""


async def write(writer: SealedWriter, contents: BackupContents, portions: AsyncIterator[bytes], progress: BytesDone, size: int) -> None:
    """All of it, to its end. `size`: how many bytes will come, as BytesDone has it."""
    packer, done = zlib.compressobj(FAST), 0
    head = msgspec.json.encode(contents)
    writer.write(len(head).to_bytes(LENGTH) + head)
    async for portion in portions:
        writer.write(packer.compress(portion))
        done += len(portion)
        progress(done, size)
    writer.write(packer.flush())
    writer.finish()


def read(file: BinaryIO, secret_box: SecretBox) -> OpenBackup:
    """Raises BadFile, as the portions do."""
    pieces = unsealed(file, secret_box)
    begun = next(pieces)
    end = LENGTH + int.from_bytes(begun[:LENGTH])
    try:
        contents = msgspec.json.decode(begun[LENGTH:end], type=BackupContents)
    except msgspec.DecodeError:
        # Sealed by us, and yet nothing that we know: a later version's.
        raise BadFile("form", secret_box.fingerprint) from None
    return OpenBackup(contents, _unpacked(chain([begun[end:]], pieces)))


def verify(file: BinaryIO, secret_box: SecretBox) -> BackupContents:
    """Reads it from end to end. Raises BadFile."""
    backup = read(file, secret_box)
    for _ in backup.portions:
        pass
    return backup.contents


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packed = zlib.decompressobj()
    for piece in pieces:
        yield packed.decompress(piece, MOST)
        while packed.unconsumed_tail:
            yield packed.decompress(packed.unconsumed_tail, MOST)
    yield packed.flush()

"""Memory that Argon2 works in: each hashing thread keeps its own from one hash to the next, in huge pages where the system has them.

Fresh memory for each hash costs up to a tenth of it: pages to be found and cleared, and addresses to be looked up. libargon2
wipes what it has used before it gives it back; where it fails it does not, and then it is wiped here.
"""

import ctypes
import mmap
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from argon2.low_level import Type, core, ffi

HUGE = 2 * 1_024 * 1_024
"""Bytes of a huge page (x86-64, and arm64 with small pages of 4 KiB)."""
MOST = 64 * 1_024
"""The most KiB that a thread keeps: the memory of RFC 9106's second choice. What needs more gets its memory anew each time."""

Memory = Literal["huge", "kept", "fresh"]
"""Kept in huge pages, some of it at least; kept in ordinary ones; made anew for each hash by the C library."""


class Arena:
    """Bytes at a fixed place, which begins where a huge page may begin."""

    def __init__(self, size: int) -> None:
        """Raises OSError where there is no memory for it."""
        self.size = size
        pages = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        start = int(ffi.cast("uintptr_t", ffi.from_buffer(pages)))
        offset = -start % HUGE
        self.address = start + offset
        """Its address."""
        self.view = memoryview(pages)[offset : offset + size]
        _ask_for_huge_pages(pages, offset, size)

    def wipe(self) -> None:
        """Zeros; takes no memory for it, for there may be none."""
        ctypes.memset(self.address, 0, self.size)

    @property
    def huge(self) -> bool:
        """Whether the kernel has given huge pages to what was used of it: that it takes the advice promises none (proc(5), smaps)."""
        with suppress(OSError):  # not Linux
            return _huge_pages_at(self.address, Path("/proc/self/smaps").read_text("ascii", "replace"))
        return False


def _ask_for_huge_pages(memory: mmap.mmap, offset: int, size: int) -> None:
    """Only for whole ones: what is over would be one more, half of it for nothing."""
    with suppress(AttributeError, OSError):  # not Linux; a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE, offset, size - size % HUGE)


def _huge_pages_at(address: int, smaps: str) -> bool:
    inside = False
    for line in smaps.splitlines():
        name, _, value = line.partition(" ")
        if not name.endswith(":"):
            low, _, high = name.partition("-")
            inside = int(low, 16) <= address < int(high, 16)
        elif inside and name == "AnonHugePages:":
            return value.split()[0] != "0"
    return False


class _Current(threading.local):
    """Each thread sees its own."""

    arena: Arena | None = None


_current = _Current()


def current(kib: int) -> Arena | None:
    """This thread's, with room for so many KiB; None where there is none to be had."""
    if _callbacks and (_current.arena is None or _current.arena.size < kib * 1_024):
        _current.arena = None  # the smaller one goes first
        with suppress(OSError):
            _current.arena = Arena(kib * 1_024)
    return _current.arena


def run(context: Any, kept: int) -> int:
    """Argon2id with the parameters of an `argon2_context`; returns libargon2's code, 0 where all went well.

    It is made in this thread's arena, unless it takes more than `kept` KiB, or more than MOST: then in fresh memory.
    """
    arena = current(context.m_cost) if context.m_cost <= min(kept, MOST) else None
    if arena and _callbacks:
        context.allocate_cbk, context.free_cbk = _callbacks.addresses
    code = core(context, Type.ID.value)
    if code and arena:
        arena.wipe()
    return code


def memory() -> Memory:
    """What this thread's hashes have been made in."""
    if _current.arena is None:
        return "fresh"
    return "huge" if _current.arena.huge else "kept"


def _take(where: Any, size: int) -> int:
    # Nothing is written where there is no room, and libargon2 then says that there is no memory.
    if _current.arena and size <= _current.arena.size:
        where[0] = _current.arena.address
    return 0


def _leave(address: int, size: int) -> None:
    """It stays."""


class _Callbacks:
    """The two for a context, and what keeps them alive. Raises MemoryError where the system lets nobody make a function while it runs.

    By ctypes and not by cffi, which wants memory that is written and then run: the units in `deploy/` forbid that. libffi has another
    way then, whose pages are shared with processes that are forked later and may not be written to by two: so `serve` imports this
    before it forks, and no process makes any later.
    """

    def __init__(self) -> None:
        self._take = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t)(_take)
        self._leave = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_size_t)(_leave)
        take, leave = (ctypes.cast(one, ctypes.c_void_p).value or 0 for one in (self._take, self._leave))
        self.addresses = ffi.cast("allocate_fptr", take), ffi.cast("deallocate_fptr", leave)


def _made() -> _Callbacks | None:
    with suppress(MemoryError, OSError):
        return _Callbacks()
    return None


_callbacks = _made()

"""What hardened kernels refuse, asked of the real one, for the rest of the calling process's life: only in processes of their own."""

import ctypes
import errno
import platform
import struct

NUMBERS = {
    "x86_64": {"mmap": 9, "madvise": 28, "clone": 56, "clone3": 435},
    "aarch64": {"mmap": 222, "madvise": 233, "clone": 220, "clone3": 435},
}
"""Of system calls."""
EXECUTABLE = 4
"""PROT_EXEC."""
_LOAD, _AND, _EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _THIRD = 0, 32
"""Where the kernel shows a filter the call's number, and its third argument (seccomp(2))."""
_libc = ctypes.CDLL(None, use_errno=True)


def refuse_memory_that_is_written_and_then_run() -> None:
    """prctl(2), PR_SET_MDWE: what systemd's `MemoryDenyWriteExecute=` asks for (Linux 6.3)."""
    _ask(65, 1, 0, 0, 0)


def refuse(*calls: str) -> None:
    """These system calls say EPERM."""
    _filter([(_instruction(_LOAD, _NUMBER), _instruction(_EQUAL, _number(call), skip=1), _refusal()) for call in calls])


def refuse_all_new_code() -> None:
    """No memory is mapped that can be run."""
    read = (_instruction(_LOAD, _NUMBER), _instruction(_EQUAL, _number("mmap"), skip=4))
    judge = (_instruction(_LOAD, _THIRD), _instruction(_AND, EXECUTABLE), _instruction(_EQUAL, EXECUTABLE, skip=1), _refusal())
    _filter([(*read, *judge)])


def _number(call: str) -> int:
    return NUMBERS[platform.machine()][call]


def _refusal() -> bytes:
    return _instruction(_RETURN, _REFUSE | errno.EPERM)


def _instruction(code: int, value: int, *, skip: int = 0) -> bytes:
    """`skip`: how many of the next are left out where two values are not equal."""
    return struct.pack("HBBI", code, 0, skip, value)


def _filter(rules: list[tuple[bytes, ...]]) -> None:
    program = b"".join(instruction for rule in rules for instruction in rule) + _instruction(_RETURN, _ALLOW)
    kept = ctypes.create_string_buffer(program)
    whole = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(kept)))
    _ask(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, without which only root may
    _ask(22, 2, ctypes.addressof(whole))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def _ask(*words: int) -> None:
    if _libc.prctl(*map(ctypes.c_ulong, words)):
        raise SystemExit(77)

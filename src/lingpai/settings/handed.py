"""What whoever started this process hands over beside the settings: sockets and an address to report to (sd_listen_fds(3), sd_notify(3)).

A process that becomes a newer one of itself hands over in the same way, and says so in a variable of its own.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FIRST = 3
"""The descriptor of the first socket."""
_SUCCESSION = "_LINGPAI_SUCCEEDS"
"""`lent:descriptor:pid,pid`: whose the sockets are (`lent` or `own`); of a supervisor the lifeline of its workers, and who they are."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What this process was given."""

    sockets: int = 0
    """Listening ones, from descriptor FIRST on."""
    notify: str = ""
    """Where the service manager listens: a path, or one in the abstract namespace that begins with `@`."""
    watchdog_seconds: float = 0
    """How often it wants to hear from us; 0: it does not."""
    lent: bool = False
    """Whether the sockets are somebody else's, who goes on listening when we end."""
    succeeds: bool = False
    """Whether it was this very process, in an earlier life, that handed the sockets over."""
    lifeline: int | None = None
    workers: tuple[int, ...] = ()
    """Those of that earlier life, which serve until others do."""


def handed(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> Handed:
    """Read once, at the start. What is meant for another process counts for nothing. Raises ValueError for what cannot be read."""
    pid = pid or os.getpid()
    ours = environ.get("LISTEN_PID") == str(pid)
    watched = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
    succession = environ.get(_SUCCESSION, "") if ours else ""
    whose, lifeline, workers = succession.split(":") if succession else ("lent", "", "")
    sockets = _number(environ, "LISTEN_FDS") if ours else 0
    return Handed(
        sockets=sockets,
        notify=environ.get("NOTIFY_SOCKET", ""),
        watchdog_seconds=_number(environ, "WATCHDOG_USEC") / 1_000_000 if watched else 0,
        lent=sockets > 0 and whose == "lent",
        succeeds=bool(succession),
        lifeline=int(lifeline) if lifeline else None,
        workers=tuple(map(int, filter(None, workers.split(",")))),
    )


def to_successor(sockets: int, *, lent: bool, lifeline: int | None, workers: Sequence[int]) -> dict[str, str]:
    """The environment in which this process becomes its successor."""
    succession = f"{'lent' if lent else 'own'}:{'' if lifeline is None else lifeline}:{','.join(map(str, workers))}"
    return {**os.environ, "LISTEN_FDS": str(sockets), "LISTEN_PID": str(os.getpid()), _SUCCESSION: succession}


def to_others() -> dict[str, str]:
    """The environment of a process that is handed nothing."""
    return {name: value for name, value in os.environ.items() if name not in ("LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", _SUCCESSION)}


def _number(environ: Mapping[str, str], name: str) -> int:
    text = environ.get(name, "0")
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{name}: {text!r} does not fit; expected a whole number")
    return int(text)

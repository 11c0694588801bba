"""The sockets that are served on: made where the operator says, or handed over by whoever started this process."""

import array
import errno
import socket
import stat
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from lingpai.settings.check import SOCKET
from lingpai.settings.handed import FIRST

_URL_OF_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only printed
BACKLOG = 2_048
_TRIES = 5
"""A free port on one address may be taken on another: so often another one is tried."""

_SO_ATTACH_FILTER = 26
_SYN_FLAGS, _SYN = 0x12, 0x02
_DROP_SYN = ((0x30, 0, 0, 13), (0x54, 0, 0, _SYN_FLAGS), (0x15, 0, 1, _SYN), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF_FFFF))
"""Classic BPF upon a TCP segment (kernel documentation, networking/filter): drop what has SYN and not ACK, keep the rest."""


def listen(host: str, port: int, mode: int = 0o600) -> socket.socket:
    """A listening socket; port 0: one that the system picks. `mode`: who may connect to a socket's file. Raises OSError."""
    if host.startswith(SOCKET):
        return _listen_at(Path(host.removeprefix(SOCKET)), mode)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def listen_on(hosts: Iterable[str], port: int, mode: int = 0o600) -> list[socket.socket]:
    """A socket for each host, all on one port; `localhost` is both loopback addresses, or the one that this machine has.

    Raises OSError whose `filename` is the host that failed.
    """
    hosts = tuple(hosts)
    tries = _TRIES if port == 0 else 1
    while True:
        tries -= 1
        made: list[socket.socket] = []
        try:
            for host in hosts:
                made += _of_host(host, port or _port(made), mode)
        except OSError as error:
            for one in made:
                one.close()
            if not tries or error.errno != errno.EADDRINUSE or not _port(made):
                raise
        else:
            return made


def _of_host(host: str, port: int, mode: int) -> list[socket.socket]:
    try:
        if host != "localhost":
            return [listen(host, port, mode)]
        both = [listen("127.0.0.1", port)]
        if socket.has_dualstack_ipv6():
            both.append(_on_ipv6(both[0]))
        return both
    except OSError as error:
        error.filename = host
        raise


def _on_ipv6(first: socket.socket) -> socket.socket:
    try:
        return listen("::1", _port([first]))
    except OSError:
        first.close()
        raise


def _port(made: Sequence[socket.socket]) -> int:
    return next((one.getsockname()[1] for one in made if one.family != socket.AF_UNIX), 0)


def _listen_at(path: Path, mode: int) -> socket.socket:
    """Nobody can connect before the file's mode is right: it listens afterwards."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if _is_stale(path):
            path.unlink()
        made.bind(str(path))
        path.chmod(mode)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _is_stale(path: Path) -> bool:
    """Whether it is the file of a socket on which nobody listens any more."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
            knocking.connect(str(path))
    except FileNotFoundError:
        return False
    except ConnectionRefusedError:
        return True
    return False


def handed_over(count: int) -> list[socket.socket]:
    """The sockets that were handed over. Raises ValueError for a descriptor that is no listening stream socket."""
    return [_handed(FIRST + number) for number in range(count)]


def _handed(descriptor: int) -> socket.socket:
    try:
        found = socket.socket(fileno=descriptor)
        listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ValueError(f"descriptor {descriptor}: {error.strerror}") from None
    if not listens or found.type != socket.SOCK_STREAM:
        raise ValueError(f"descriptor {descriptor}: is no listening stream socket")
    found.set_inheritable(False)
    return found


def address(listening: socket.socket) -> str:
    """Where it listens, as `--host` says it."""
    name = listening.getsockname()
    return f"{SOCKET}{name}" if listening.family == socket.AF_UNIX else str(name[0])


def url(listening: socket.socket) -> str:
    """Where it is reached from this machine."""
    if listening.family == socket.AF_UNIX:
        return address(listening)
    host, port = listening.getsockname()[:2]
    host = _URL_OF_ANY.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Listener:
    """A listening socket and its orderly end: nobody begins to connect any more, and whoever has begun gets in.

    What has connected and is not accepted when a socket closes is reset by the system; so is what is in the middle of its handshake.
    """

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._path = Path(listening.getsockname()) if listening.family == socket.AF_UNIX else None
        self._file = _identity(self._path) if self._path else None

    def quieten(self) -> None:
        """No new connection begins. A TCP client's first segment is dropped, and sent again when nobody listens; a file is removed.

        Where the system refuses the filter, connecting goes on to the end.
        """
        if self._path is None:
            _drop_beginnings(self._listening)
        elif self._file and _identity(self._path) == self._file:  # else it is a successor's by now
            self._path.unlink(missing_ok=True)

    def rest(self) -> list[socket.socket]:
        """Whoever has connected and was not accepted."""
        self._listening.setblocking(False)
        found = []
        with suppress(OSError):
            while True:
                found.append(self._listening.accept()[0])
        return found

    def close(self) -> None:
        """Nobody listens any more, unless another process does."""
        self._listening.close()


def _drop_beginnings(listening: socket.socket) -> None:
    program = array.array("B", b"".join(struct.pack("HBBI", *line) for line in _DROP_SYN))
    with suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", len(_DROP_SYN), program.buffer_info()[0]))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino

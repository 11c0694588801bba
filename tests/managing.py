"""A service manager's end of sd_notify: what a process says of itself."""

import asyncio
import socket
from pathlib import Path

from running import SECONDS


class Manager:
    """Hears what is said at a socket's file, or at a name in the abstract namespace that begins with `@`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._hearing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._hearing.setblocking(False)
        self._hearing.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    @classmethod
    def at(cls, folder: Path) -> "Manager":
        return cls(str(folder / "notify.sock"))

    async def hears(self, *wanted: str) -> dict[str, str]:
        """The next message that is one of these, such as READY; others between are passed over but for READY, RELOADING and STOPPING."""
        async with asyncio.timeout(SECONDS):
            while True:
                said = (await asyncio.get_running_loop().sock_recv(self._hearing, 4_096)).decode()
                lines = dict(line.split("=", 1) for line in said.split("\n"))
                if lines.keys() & set(wanted):
                    return lines
                assert not lines.keys() & {"READY", "RELOADING", "STOPPING"}, lines

    def close(self) -> None:
        self._hearing.close()

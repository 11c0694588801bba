"""Telling the service manager how we are (sd_notify(3)): ready, reloading, stopping, alive."""

import socket
from contextlib import suppress

from lingpai.core.chance import Clock


class ServiceManager:
    """Whoever started this process; without an address it hears nothing. What it does not take is not said again."""

    def __init__(self, address: str, watchdog_seconds: float, clock: Clock) -> None:
        """`address`: a socket's file, or one in the abstract namespace, which begins with `@`."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._clock = clock
        self.beat_seconds = watchdog_seconds / 3 if address else 0
        """How often `alive` is to be called; 0: never."""

    def ready(self, status: str) -> None:
        """All that was asked for is there: after a start, and after a reload."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Until `ready`."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={round(self._clock.monotonic() * 1_000_000)}", "STATUS=reading everything again")

    def stopping(self) -> None:
        self._tell("STOPPING=1", "STATUS=ending")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as telling:
            telling.setblocking(False)
            telling.sendto("\n".join(lines).encode(), self._address)

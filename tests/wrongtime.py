"""Processes whose own clock is wrong, by the library `faketime`; the steady one is left to them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from needed import needed


@pytest.fixture(scope="session")
def faketime() -> str:
    """The library behind that program; Debian's package brings both."""
    needed("faketime")
    return str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")))


@pytest.fixture
def off(faketime: str) -> Callable[..., dict[str, str]]:
    """Gives a process a clock of its own: so many hours off, or as a file says, which may change while it runs."""

    def variables(hours: int = 0, *, file: Path | None = None) -> dict[str, str]:
        reads = {"FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1"} if file else {"FAKETIME": f"{hours:+}h"}
        return {"LD_PRELOAD": faketime, "FAKETIME_DONT_FAKE_MONOTONIC": "1", **reads}

    return variables

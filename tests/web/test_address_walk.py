"""How many files somebody must open to follow one address from a request to its row."""

import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

import lingpai
from web.town import Town

PACKAGE = Path(lingpai.__file__).parent
ADDRESS = "walker@example.com"
GATE = "web/request/body.py"
"""What makes fields of a request's bytes, for every call alike, and knows no address."""


@pytest.fixture
def database_kind() -> str:
    """The walk is the same on both; on PostgreSQL it ends in that store's file."""
    return "sqlite"


def holds(value: Any, depth: int = 5) -> bool:
    """Whether the value is the address, raw or clean, or is made of something that is."""
    if isinstance(value, str | bytes):
        return value == ADDRESS or (isinstance(value, bytes) and ADDRESS.encode() in value)
    if not depth:
        return False
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list | tuple):
        inner = list(value)
    elif isinstance(value, msgspec.Struct):
        inner = [getattr(value, name, None) for name in value.__struct_fields__]
    elif is_dataclass(value):
        inner = [getattr(value, each.name, None) for each in fields(value)]
    return any(holds(each, depth - 1) for each in inner)


def holders(frame: FrameType | None) -> Iterator[str]:
    """The files of ours whose functions are under way just now, and have the address in their hands."""
    while frame:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE) and any(holds(value) for value in frame.f_locals.values()):
            yield str(path.relative_to(PACKAGE))
        frame = frame.f_back


class Walk:
    """Watches one request; knows afterwards which files had the address where it is read, made clean, and written."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.stops: set[str] = set()

    def __call__(self, frame: FrameType, event: str, result: Any) -> None:
        """What `sys.setprofile` calls. The frames of coroutines that await one another lie upon one another, as functions' do."""
        stop = self._stop(frame.f_code.co_filename, frame.f_code.co_name, event)
        if stop and (holds(result) or holds(frame.f_locals)) and (stop != "written" or "add_identifier" in callers(frame)):
            self.stops.add(stop)
            self.files |= set(holders(frame))

    @staticmethod
    def _stop(file: str, function: str, event: str) -> str:
        if event == "return" and function == "fields" and file.endswith(GATE):
            return "read"
        if event == "return" and function == "email" and file.endswith("core/rules.py"):
            return "clean"
        return "written" if event == "call" and function == "execute" and file.startswith(str(PACKAGE / "store")) else ""


def callers(frame: FrameType | None) -> set[str]:
    found = set()
    while frame:
        found.add(frame.f_code.co_name)
        frame = frame.f_back
    return found


async def test_an_address_is_followed_from_the_request_to_its_row_in_seven_files(town: Town) -> None:
    """A file is on the walk where one of its functions is under way, and has the address in its hands, at one of three instants: when it
    is read from the request, when it is made clean, and when the statement that writes its identifier is handed to the database.

    What is handed the address beside the walk and gives nothing of it on (its limits, its link, its letter) is not counted. Nor is the
    gate that makes fields of all bytes: with it there are eight.
    """
    walk = Walk()
    async with town.browser() as browser:
        sys.setprofile(walk)
        try:
            reply = await browser.post("/register", json={"email": ADDRESS, "phone": "", "password": "otters-play-late"})
        finally:
            sys.setprofile(None)
    assert reply.json()["code"] == 200
    assert walk.stops == {"read", "clean", "written"}, "the control: every instant came"
    assert len(walk.files - {GATE}) <= 7, sorted(walk.files)
    assert {"web/dialects/maillink.py", "flows/register.py", "store/accounts.py", GATE} <= walk.files, "the control"

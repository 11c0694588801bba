"""The settings of what is written down: the trail, the list of letters, and the log."""

import platform
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Audit(msgspec.Struct, frozen=True):
    """The trail of who did what."""

    keep_days: Annotated[int, Meta(ge=1, le=3_650, description="days until an entry is purged, with the address and the browser in it")] = (
        180
    )
    keep_letters_days: Annotated[
        int,
        Meta(ge=1, le=3_650, description="days until a letter that has ended is purged, with its recipient; its text is erased at once"),
    ] = 30


class BackupSettings(msgspec.Struct, frozen=True):
    """What a restored backup has to be told."""

    forget_file: Annotated[
        str,
        Meta(
            pattern="^(/.{1,1023})?$",
            extra={"fits": "an absolute path of at most 1024 characters, such as /var/lib/lingpai-forget/forget.jsonl"},
            description="a file, kept apart from the database, into which each deletion of an account writes a line: its time, realm and "
            "id; `lingpai restore` deletes those again. Empty: none",
        ),
    ] = ""


class Log(msgspec.Struct, frozen=True):
    """What the service writes to standard error."""

    format: Annotated[
        Literal["json", "console"],
        Meta(description="json: a line of JSON an event; console: for people (the default in dev mode)"),
    ] = "json"
    clients: Annotated[
        bool, Meta(description="write the address of the client into each request's line; the lines are kept by whoever collects them")
    ] = True
    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="the lowest level written")] = "info"


class Registrations(msgspec.Struct, frozen=True):
    """What waits for the proof of its address."""

    unproved_days: Annotated[int, Meta(ge=1, le=3_650, description="days after which a registration that nobody has proved is gone")] = 30


def node_name(node: str) -> str:
    """What the log calls this machine: the setting `node`, or where it is not set the host name."""
    return node or platform.node()

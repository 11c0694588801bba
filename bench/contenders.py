"""Who is measured side by side: ours and the peers, each started as an operator would, with accounts and live sessions."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode

import people
from crew import PATIENCE, Process, first_answer, free_port
from load import Kind
from service import House

MEMBERS = 100
"""Accounts of a peer, each with a live session."""
MANY = 3_000
"""Registrations that are written ahead for a round; none of them does so many."""


class Served(Protocol):
    """A service that answers."""

    port: int
    answered: float
    """Seconds from its start to its first answer."""

    def proportional(self) -> float:
        """Megabytes (10^6) over all processes, what they share counted once."""

    def stop(self) -> None:
        """Ends it."""


class Contender(Protocol):
    """One service on one database."""

    name: str
    database: str

    def serve(self) -> Served:
        """It is to be stopped."""

    def plan(self, kind: Kind) -> dict[str, Any]:
        """What the load generator must know to ask it."""


class Ours:
    """This service, as `make bench` has it."""

    def __init__(self, house: House, database: str) -> None:
        self.name = "Lingpai"
        self.database = database
        self._house = house
        self._newcomers = count(0, MANY)

    def serve(self) -> Served:
        return self._house.serve()

    def plan(self, kind: Kind) -> dict[str, Any]:
        return {"first": next(self._newcomers), "most": MANY} if kind == "registration" else {}


class Request(NamedTuple):
    """One request of HTTP."""

    method: str
    path: str
    headers: dict[str, str]
    body: str = ""

    def __str__(self) -> str:
        """As it goes over the wire."""
        headers = {"host": "127.0.0.1", **self.headers} | ({"content-length": str(len(self.body))} if self.body else {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{lines}\r\n{self.body}"

    def send(self, port: int) -> tuple[HTTPMessage, Any]:
        """The headers and the JSON of its answer, which says success."""
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request(self.method, self.path, self.body or None, self.headers)
            reply = connection.getresponse()
            said = reply.read()
        finally:
            connection.close()
        assert reply.status < 300, said[:600]
        return reply.headers, json.loads(said)


@dataclass(frozen=True)
class Speech:
    """How a product is spoken to."""

    register: str
    login: str
    check: Callable[[HTTPMessage, Any], Request]
    """By the answer to a login."""
    newcomer: dict[str, str] = field(default_factory=dict)
    """What a registration says beside address and password."""
    address: str = "email"
    """A login's name for the address."""
    form: bool = False
    """Whether a login is a form, not JSON."""
    mark: str = ""
    """What an answer that says success has in it, where the status does not tell."""

    def registration_of(self, email: str) -> Request:
        return _post(self.register, {"email": email, "password": people.PASSWORD} | self.newcomer)

    def login_of(self, email: str) -> Request:
        return _post(self.login, {self.address: email, "password": people.PASSWORD}, form=self.form)


class Running(Process):
    """A peer that answers."""

    def __init__(self, log: Path, port: int, request: bytes, start: bytes, *command: str | Path, **variables: str) -> None:
        with log.open("wb") as errors:
            super().__init__(*command, errors=errors, **variables)
        self.port = port
        try:
            self.answered = first_answer(self, port, request, start)
        except (RuntimeError, TimeoutError) as error:
            self.stop()
            error.add_note(log.read_text("utf-8", "replace")[-1_000:])
            raise


@dataclass(frozen=True)
class Peer:
    """Somebody else's service; `folder` is its own."""

    name: str
    database: str
    speech: Speech
    folder: Path
    command: Callable[[int], list[str | Path]]
    """By port."""
    variables: dict[str, str] = field(default_factory=dict)
    settling: dict[str, str] = field(default_factory=dict)
    """Others while members register."""
    newcomers: Iterator[int] = field(default_factory=lambda: count(0, MANY))

    def settle(self) -> None:
        """Registers members, and logs each in."""
        running = self._run(str(Request("GET", "/", {})), b"HTTP/1.1 ", **self.settling)
        try:
            with ThreadPoolExecutor(4) as pool:
                self._write("check", pool.map(lambda number: self._arrive(running.port, number), range(MEMBERS)))
        finally:
            running.stop()
        self._write("login", (self.speech.login_of(_member(number)) for number in range(MEMBERS)))

    def _arrive(self, port: int, number: int) -> Request:
        """The check of a new member's session."""
        self.speech.registration_of(_member(number)).send(port)
        return self.speech.check(*self.speech.login_of(_member(number)).send(port))

    def serve(self) -> Served:
        return self._run(json.loads(self._file("check").read_text())[0], b"HTTP/1.1 200")

    def _run(self, request: str, start: bytes, **variables: str) -> Running:
        port = free_port()
        return Running(self.folder / "log", port, request.encode(), start, *self.command(port), **self.variables | variables)

    def plan(self, kind: Kind) -> dict[str, Any]:
        if kind == "registration":
            first = next(self.newcomers)
            self._write(kind, (self.speech.registration_of(f"newcomer{number}@example.com") for number in range(first, first + MANY)))
        return {"requests": str(self._file(kind)), "mark": self.speech.mark}

    def _file(self, kind: Kind) -> Path:
        return self.folder / f"{kind}.json"

    def _write(self, kind: Kind, requests: Iterator[Request]) -> None:
        self._file(kind).write_text(json.dumps([str(request) for request in requests]))


def _member(number: int) -> str:
    return f"member{number}@example.com"


def _post(path: str, fields: dict[str, str], *, form: bool = False) -> Request:
    kind, body = ("application/x-www-form-urlencoded", urlencode(fields)) if form else ("application/json", json.dumps(fields))
    return Request("POST", path, {"content-type": kind}, body)

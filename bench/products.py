"""The peers as they run: each in production mode, with settings that its documentation gives for speed (`peers/` has what they run)."""

import os
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path
from subprocess import DEVNULL, run
from typing import Any

import people
from contenders import Peer, Request, Speech
from crew import environment
from installing import NODE, PINS, PYTHON

CORES = len(os.sched_getaffinity(0))


def _by_cookie(headers: HTTPMessage, _said: Any) -> Request:
    cookie = headers["set-cookie"].partition(";")[0]
    return Request("GET", "/api/auth/get-session", {"cookie": cookie})


def _by_bearer(_headers: HTTPMessage, said: Any) -> Request:
    return Request("GET", "/users/me", {"authorization": f"Bearer {said['access_token']}"})


def _by_session_token(_headers: HTTPMessage, said: Any) -> Request:
    return Request("GET", "/_allauth/app/v1/auth/session", {"x-session-token": said["meta"]["session_token"]})


def _by_signed_token(_headers: HTTPMessage, said: Any) -> Request:
    return Request("GET", f"/api/collections/users/records/{said['record']['id']}", {"authorization": said["token"]})


BETTER_AUTH, FASTAPI_USERS, ALLAUTH, POCKETBASE = "better-auth", "fastapi-users", "django-allauth", "PocketBase (bcrypt)"
SPEECHES = {
    BETTER_AUTH: Speech("/api/auth/sign-up/email", "/api/auth/sign-in/email", _by_cookie, {"name": "somebody"}, mark='"user":{'),
    FASTAPI_USERS: Speech("/register", "/login", _by_bearer, address="username", form=True),
    ALLAUTH: Speech("/_allauth/app/v1/auth/signup", "/_allauth/app/v1/auth/login", _by_session_token),
    POCKETBASE: Speech(
        "/api/collections/users/records",
        "/api/collections/users/auth-with-password",
        _by_signed_token,
        {"passwordConfirm": people.PASSWORD},
        address="identity",
    ),
}


def better_auth(folder: Path, database: str, where: str, processes: int) -> Peer:
    """On a file of SQLite or a PostgreSQL URL. On SQLite several processes fail some registrations, so members come to one."""
    command = ["node", NODE / "better_auth.mjs"]
    run([*command, "migrate", where], check=True, env=environment() | {"NODE_ENV": "production"})
    name = BETTER_AUTH if processes == 1 else f"{BETTER_AUTH}, {processes} processes"
    told, alone = {"NODE_ENV": "production", "PEER_PROCESSES": str(processes)}, {"PEER_PROCESSES": "1"}
    return Peer(name, database, SPEECHES[BETTER_AUTH], folder, lambda port: [*command, str(port), where], told, alone)


def on_python(folder: Path) -> Iterator[Peer]:
    """Those on Python, and PocketBase. All on SQLite."""
    for processes in (1, CORES):
        yield _fastapi_users(_made(folder / f"fastapi-users-{processes}"), processes)
    yield _allauth(_made(folder / "allauth"))
    yield _pocketbase(_made(folder / "pocketbase"))


def _fastapi_users(folder: Path, processes: int) -> Peer:
    run([PYTHON / "python", PINS / "fastapi_users_app.py"], check=True, env=environment() | _database(folder))
    told = ("--app-dir", PINS, "--no-access-log", "--log-level", "warning", "--workers", str(processes))
    command = [PYTHON / "python", "-m", "uvicorn", "fastapi_users_app:app", *told, "--port"]
    name = f"{FASTAPI_USERS}, {processes} {'process' if processes == 1 else 'processes'}"
    return Peer(name, "SQLite", SPEECHES[FASTAPI_USERS], folder, lambda port: [*command, str(port)], _database(folder))


def _allauth(folder: Path) -> Peer:
    """With as many processes as gunicorn's documentation advises."""
    run([PYTHON / "python", PINS / "allauth_app.py"], check=True, env=environment() | _database(folder))
    told = ("--chdir", PINS, "--worker-class", "gthread", "--threads", "4", "--workers", str(2 * CORES + 1), "--keep-alive", "60")
    command = [PYTHON / "python", "-m", "gunicorn", "allauth_app:application", *told, "--log-level", "warning", "--bind"]
    return Peer(ALLAUTH, "SQLite", SPEECHES[ALLAUTH], folder, lambda port: [*command, f"127.0.0.1:{port}"], _database(folder))


def _pocketbase(folder: Path) -> Peer:
    """With a superuser: without one each start opens a browser."""
    program, told = PYTHON / "pocketbase", ("--dir", folder / "data", "--migrationsDir", PINS / "pocketbase")
    run([program, "superuser", "upsert", "admin@example.com", people.PASSWORD, *told], check=True, stdout=DEVNULL, env=environment())
    command = [program, "serve", *told, "--http"]
    return Peer(POCKETBASE, "SQLite", SPEECHES[POCKETBASE], folder, lambda port: [*command, f"127.0.0.1:{port}"])


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _database(folder: Path) -> dict[str, str]:
    return {"PEER_DATABASE": str(folder / "peer.db"), "PYTHONDONTWRITEBYTECODE": ""}

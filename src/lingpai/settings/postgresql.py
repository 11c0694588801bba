"""How PostgreSQL is reached. Its URL may name several hosts, as libpq reads it (PostgreSQL manual, 34.1.1.3)."""

import os
from collections.abc import Iterator, Mapping
from typing import Annotated
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec
from msgspec import Meta

SCHEME = "postgresql://"
TARGETS = ("read-write", "primary", "any")
"""What `target_session_attrs` may ask of a host. The service writes: one that only reads is of no use to it."""


class DatabaseSettings(msgspec.Struct, frozen=True):
    """Connections to PostgreSQL; SQLite has none."""

    pool_size: Annotated[
        int,
        Meta(
            ge=1, le=1_000, description="connections to PostgreSQL that one process opens; checked at start against what the server gives"
        ),
    ] = 10
    pgbouncer: Annotated[
        bool,
        Meta(description="database_url leads to a PgBouncer in transaction mode: a connection keeps nothing between transactions"),
    ] = False


def each_host(url: str) -> tuple[str, ...]:
    """The URL once for each of its hosts, in their order. ValueError: it is none, or has neither one port nor as many as hosts."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        behind = url.removeprefix(SCHEME + parts.netloc)
        return tuple(f"{SCHEME}{user}{at}{host}{behind}" for host in hosts.split(","))
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if hosts or "," not in options.get("host", ""):
        return (url,)
    return tuple(f"{SCHEME}{parts.netloc}{parts.path}?{urlencode(one, quote_via=quote, safe='/')}" for one in _apart(options))


def target_of(url: str) -> str:
    """What the URL asks of a host; `read-write` where it asks for nothing."""
    return dict(parse_qsl(urlsplit(url).query)).get("target_session_attrs", TARGETS[0])


def for_programs(url: str, environ: Mapping[str, str] = os.environ) -> tuple[str, dict[str, str]]:
    """The URL for PostgreSQL's own programs, and their environment: the password is there, for everybody reads a command line.

    Of several hosts they take the one that we do, and not the first that answers.
    """
    parts = urlsplit(url)
    credentials, at, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = options.pop("password", "") or unquote(password)
    options["target_session_attrs"] = target_of(url)
    bare = parts._replace(netloc=f"{user}{at}{hosts}", query=urlencode(options, quote_via=quote, safe="/,"))
    return bare.geturl(), {**environ, **({"PGPASSWORD": known} if known else {})}


def shown(url: str) -> str:
    """The URL as anybody may see it: without name, password and options, but for where a socket lies."""
    parts = urlsplit(url)
    places = {name: value for name, value in parse_qsl(parts.query) if name in ("host", "port")}
    behind = f"?{urlencode(places, quote_via=quote, safe='/,')}" if places else ""
    return f"{SCHEME}{parts.netloc.rpartition('@')[2]}{parts.path}{behind}"


def _apart(options: dict[str, str]) -> Iterator[dict[str, str]]:
    """The options for each of the hosts in them."""
    hosts, ports = options.get("host", "").split(","), options.get("port", "").split(",")
    if len(ports) not in (1, len(hosts)):
        raise ValueError("as many ports as hosts")
    for number, host in enumerate(hosts):
        one_host = {"host": host, "port": ports[number % len(ports)]}
        yield {name: one_host.get(name, value) for name, value in options.items()}

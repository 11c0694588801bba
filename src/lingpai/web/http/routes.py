"""What stands at which path, on which host: dictionaries made once at start (a list of 46 routes cost a quarter of the rate)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lingpai.core.metrics import Series
from lingpai.web.http.error_replies import EnvelopeRenderer, ErrorRenderer, NegotiatedRenderer, PlainRenderer
from lingpai.web.request.calls import Call, Mount
from lingpai.web.request.request import About

EVERYWHERE = ""
"""Stands for every host that no dialect names."""


_CLASSES = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")


def series(counted_as: str, kind: str) -> tuple[Series, ...]:
    """The series of answers that are counted so, by the first digit of their status."""
    return tuple(("request_seconds", counted_as, kind, each) for each in _CLASSES)


@dataclass(frozen=True, slots=True)
class Route:
    """One call of a mounted dialect."""

    where: str
    """The path that it stands at."""
    call: Call
    mount: Mount
    errors: ErrorRenderer
    home_realm: str
    """The hosted pages' own realm: a page's path is about it whichever dialect claims the path."""
    counted_as: str
    """Whose it is: the dialect's name, `pages`, or `service`."""
    about: About = field(init=False)
    logs_in: bool = field(init=False)
    series: tuple[Series, ...] = field(init=False)
    """What its answers are counted as, by the first digit of their status (`core/metrics.py`)."""

    def __post_init__(self) -> None:
        realm = self.mount.settings.realm
        about = About(realm, self.mount.links, self.home_realm if self.call.rooted else realm, self.call.changes)
        object.__setattr__(self, "about", about)
        object.__setattr__(self, "logs_in", self.call.sets_session or self.call.logs_in)
        object.__setattr__(self, "series", series(self.counted_as, "check" if self.call.quiet else "call"))

    @property
    def template(self) -> str:
        """The same, with a star for the segment that may be anything."""
        return f"{self.where}*" if self.where.endswith("/") and self.where != "/" else self.where


@dataclass(slots=True)
class PathEntry:
    """What stands at a path: a route for each method, and who answers the others."""

    errors: ErrorRenderer
    routes: dict[str, Route] = field(default_factory=dict)
    allow: str = ""
    """The methods, as `Allow` lists them; empty where nothing stands."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Two dialects that claim the same path on the same host: `serve` refuses to start."""

    first: str
    second: str
    path: str
    host: str
    """Empty: every host."""


def path(mount: Mount, call: Call) -> str:
    """Where a dialect's call stands."""
    return call.path if call.rooted or call in mount.dialect.pages else mount.base_path + call.path


def clash(mounts: Sequence[Mount]) -> Clash | None:
    """The first path that two of the mounted dialects claim on one host, whatever the methods; None where all is well."""
    for host in _hosts(mounts):
        taken: dict[str, str] = {}
        for mine, where in ((mount.dialect.name, where) for mount in _open_on(host, mounts) for where in _claimed(mount)):
            name = taken.setdefault(where, mine)
            if name != mine:
                return Clash(name, mine, where, host)
    return None


def _claimed(mount: Mount) -> Iterator[str]:
    """Paths that a dialect cannot share with another: its calls', its pages', and those below which it says that there is nothing.

    At a hosted page's path a dialect has one method of several: what it cannot share there is that method.
    """
    for call in (*mount.dialect.calls, *mount.dialect.pages):
        yield from (f"{method} {call.path}" for method in call.methods) if call.rooted else (path(mount, call),)
    yield from (f"{mount.base_path}{root}*" for root in mount.dialect.roots)


class Routes:
    """Finds the place of a request."""

    def __init__(self, mounts: Sequence[Mount], pages: Iterable[Call], home: Mount, endpoints: Iterable[Call]) -> None:
        """`pages` are hosted pages, on every host, and give way to a dialect that claims the method; so do the service's own `endpoints`.

        `home` is the mount that the pages' handlers are given: the dialect whose accounts they are for.
        """
        self._realm = home.settings.realm
        self._plain = PlainRenderer(home.dialect.language)
        self._envelopes = {mount.dialect.name: EnvelopeRenderer(mount.dialect, self._plain) for mount in mounts}
        theirs = [self._extra(call, mount, mount.dialect.name) for mount in mounts for call in mount.dialect.pages]
        of_pages = (self._extra(call, home, "pages") for call in pages)
        extra = [*theirs, *of_pages, *(self._extra(call, home, "service") for call in endpoints)]
        self._tables = {host: self._table(_open_on(host, mounts), extra) for host in _hosts(mounts)}
        self._forgiven = {host: _as_mailed(table) for host, table in self._tables.items()}
        self._nowhere = {host: self._strangers(_open_on(host, mounts)) for host in _hosts(mounts)}

    def first(self) -> frozenset[bytes]:
        """The paths of what goes before others."""
        found = (table.items() for table in self._tables.values())
        return frozenset(where for table in found for where, entry in table if any(one.call.goes_first for one in entry.routes.values()))

    def find(self, host: str, raw_path: bytes) -> PathEntry:
        """The place at a path, spelled exactly as it was declared: an escaped letter or a closing slash is another path."""
        table = self._tables.get(host)
        if table is None:
            host, table = EVERYWHERE, self._tables[EVERYWHERE]
        folder = raw_path[: raw_path.rfind(b"/") + 1]
        # The root stands for itself alone.
        found = table.get(raw_path) or (table.get(folder) if len(folder) > 1 else None) or self._forgiven[host].get(raw_path)
        return found or self._stranger(host, raw_path)

    def _table(self, mounts: Sequence[Mount], extra: Sequence[Route]) -> dict[bytes, PathEntry]:
        table: dict[bytes, PathEntry] = {}
        for mount in mounts:
            for call in mount.dialect.calls:
                errors = self._renderer(mount, call)
                _stand(table, Route(path(mount, call), call, mount, errors, self._realm, mount.dialect.name))
        for route in extra:
            _stand(table, route)
        for entry in table.values():
            entry.allow = ", ".join(sorted(entry.routes))
        return table

    def _extra(self, call: Call, mount: Mount, counted_as: str) -> Route:
        """One that stands at its path whatever the mount's prefix."""
        return Route(call.path, call, mount, self._plain, self._realm, counted_as)

    def _renderer(self, mount: Mount, call: Call) -> ErrorRenderer:
        envelope = self._envelopes[mount.dialect.name]
        language = self._plain.language if call.rooted else envelope.language
        return NegotiatedRenderer(envelope, self._plain, language) if call.rooted or call.mailed else envelope

    def _strangers(self, mounts: Sequence[Mount]) -> list[tuple[bytes, PathEntry]]:
        """The prefixes, the longest first, and who says below them that there is nothing."""
        found = [
            (f"{mount.base_path}{root}".encode(), PathEntry(self._envelopes[mount.dialect.name]))
            for mount in mounts
            for root in (*mount.dialect.roots, *(("/",) if mount.base_path else ()))
        ]
        return sorted([*found, (b"", PathEntry(self._plain))], key=lambda pair: -len(pair[0]))

    def _stranger(self, host: str, raw_path: bytes) -> PathEntry:
        return next(entry for prefix, entry in self._nowhere[host] if raw_path.startswith(prefix))


def _stand(table: dict[bytes, PathEntry], route: Route) -> None:
    """Puts a route at its path. The first that claims a method keeps it; GET answers HEAD too (contract, rule 1)."""
    entry = table.setdefault(route.where.encode(), PathEntry(route.errors))
    for method in route.call.methods:
        entry.routes.setdefault(method, route)
        if method == "GET":
            entry.routes.setdefault("HEAD", route)


def _as_mailed(table: dict[bytes, PathEntry]) -> dict[bytes, PathEntry]:
    """Where links lead after a mail program lower-cased them or put a slash behind their paths: there GET alone (contract, 6.9)."""
    found: dict[bytes, PathEntry] = {}
    for where, entry in table.items():
        routes = {method: route for method, route in entry.routes.items() if method in ("GET", "HEAD") and route.call.mailed}
        for spelled in (where.lower(), where + b"/", where.lower() + b"/") if routes else ():
            if spelled not in table:
                found.setdefault(spelled, PathEntry(entry.errors, routes))
    return found


def _hosts(mounts: Iterable[Mount]) -> Iterator[str]:
    """Every host that a dialect names, and the rest."""
    yield from dict.fromkeys((EVERYWHERE, *(host for mount in mounts for host in mount.settings.hosts)))


def _open_on(host: str, mounts: Iterable[Mount]) -> list[Mount]:
    return [mount for mount in mounts if not mount.settings.hosts or host in mount.settings.hosts]

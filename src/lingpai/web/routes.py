"""What stands at which path, on which host: dictionaries made once at start (a list of 46 routes cost a quarter of the rate)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lingpai.web.dialect import Call, Door
from lingpai.web.voices import Either, Envelope, Plain, Voice

EVERYWHERE = ""
"""Stands for every host that no door names."""


@dataclass(frozen=True, slots=True)
class Route:
    """One call behind its door."""

    call: Call
    door: Door
    voice: Voice


@dataclass(slots=True)
class Place:
    """What stands at a path: a route for each method, and who answers the others."""

    voice: Voice
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


def path(door: Door, call: Call) -> str:
    """Where a dialect's call stands."""
    return call.path if call.rooted else door.base_path + call.path


def clash(doors: Sequence[Door]) -> Clash | None:
    """The first path that two of the doors claim on one host, whatever the methods; None where all is well."""
    for host in _hosts(doors):
        taken: dict[str, str] = {}
        for door in _open_on(host, doors):
            for call in door.dialect.calls:
                if call.rooted:
                    continue
                name = taken.setdefault(path(door, call), door.dialect.name)
                if name != door.dialect.name:
                    return Clash(name, door.dialect.name, path(door, call), host)
    return None


class Routes:
    """Finds the place of a request."""

    def __init__(self, doors: Sequence[Door], pages: Iterable[Call], home: Door, own: Iterable[Call]) -> None:
        """`pages` are hosted pages, on every host, and give way to a dialect that claims the method; so do the house's `own` calls.

        `home` is the door that the pages' handlers are given: the dialect whose accounts they are for.
        """
        self._plain = Plain(home.dialect.language)
        self._voices = {door.dialect.name: Envelope(door.dialect) for door in doors}
        extra = [Route(call, home, self._plain) for call in (*pages, *own)]
        self._tables = {host: self._table(_open_on(host, doors), extra) for host in _hosts(doors)}
        self._nowhere = {host: self._strangers(_open_on(host, doors)) for host in _hosts(doors)}

    def find(self, host: str, raw_path: bytes) -> Place:
        """The place at a path, spelled exactly as it was declared: an escaped letter or a closing slash is another path."""
        table = self._tables.get(host)
        if table is None:
            host, table = EVERYWHERE, self._tables[EVERYWHERE]
        folder = raw_path[: raw_path.rfind(b"/") + 1]
        # The root stands for itself alone.
        return table.get(raw_path) or (table.get(folder) if len(folder) > 1 else None) or self._stranger(host, raw_path)

    def _table(self, doors: Sequence[Door], extra: Sequence[Route]) -> dict[bytes, Place]:
        table: dict[bytes, Place] = {}
        for door in doors:
            for call in door.dialect.calls:
                _stand(table, path(door, call), Route(call, door, self._voice(door, call)))
        for route in extra:
            _stand(table, route.call.path, route)
        for place in table.values():
            place.allow = ", ".join(sorted(place.routes))
        return table

    def _voice(self, door: Door, call: Call) -> Voice:
        envelope = self._voices[door.dialect.name]
        return Either(envelope, self._plain) if call.rooted else envelope

    def _strangers(self, doors: Sequence[Door]) -> list[tuple[bytes, Place]]:
        """The prefixes, the longest first, and who says below them that there is nothing."""
        found = [
            (f"{door.base_path}{root}".encode(), Place(self._voices[door.dialect.name]))
            for door in doors
            for root in (*door.dialect.roots, *(("/",) if door.base_path else ()))
        ]
        return sorted([*found, (b"", Place(self._plain))], key=lambda pair: -len(pair[0]))

    def _stranger(self, host: str, raw_path: bytes) -> Place:
        return next(place for prefix, place in self._nowhere[host] if raw_path.startswith(prefix))


def _stand(table: dict[bytes, Place], where: str, route: Route) -> None:
    """Puts a route at its path. The first that claims a method keeps it; GET answers HEAD too (contract, rule 1)."""
    place = table.setdefault(where.encode(), Place(route.voice))
    for method in route.call.methods:
        place.routes.setdefault(method, route)
        if method == "GET":
            place.routes.setdefault("HEAD", route)


def _hosts(doors: Iterable[Door]) -> Iterator[str]:
    """Every host that a door names, and the rest."""
    yield from dict.fromkeys((EVERYWHERE, *(host for door in doors for host in door.settings.hosts)))


def _open_on(host: str, doors: Iterable[Door]) -> list[Door]:
    return [door for door in doors if not door.settings.hosts or host in door.settings.hosts]

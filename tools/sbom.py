"""What is in a release, as a CycloneDX list: the packages of the running lock, and which of them needs which."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, requires
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packageurl.validate import DEFINITIONS_BY_TYPE
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHON = next(kind for kind, definition in DEFINITIONS_BY_TYPE.items() if definition.description == "Python packages")
"""What a package URL calls them."""
PIN = re.compile(r"^([a-z0-9._-]+)==([^ ;]+)( ;.+?)? \\$", re.MULTILINE)


def sbom(version: str, lock: str, needs: Iterable[str], made_at: datetime) -> str:
    """The list as JSON, the same for the same arguments. `needs`: what our own package declares."""
    ours = _component("lingpai", version, ComponentType.APPLICATION)
    parts = {name: _component(name, at, optional=bool(marker)) for name, at, marker in PIN.findall(lock)}
    bom = Bom(components=parts.values(), serial_number=uuid5(NAMESPACE_URL, f"lingpai {version} {lock}"))
    bom.metadata.component, bom.metadata.timestamp = ours, made_at
    bom.register_dependency(ours, [parts[canonicalize_name(Requirement(need).name)] for need in needs])
    edges = dict(_edges(map(Requirement, needs)))
    for name, part in parts.items():
        bom.register_dependency(part, [parts[other] for other in sorted(edges.get(name, ())) if other in parts])
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _component(name: str, version: str, kind: ComponentType = ComponentType.LIBRARY, *, optional: bool = False) -> Component:
    """`optional`: in some environments it is not installed."""
    purl = PackageURL(PYTHON, name=name, version=version)
    scope = ComponentScope.OPTIONAL if optional else ComponentScope.REQUIRED
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl), scope=scope)


def _edges(asked: Iterable[Requirement]) -> Iterator[tuple[str, set[str]]]:
    """What each package that is needed needs itself, as its own metadata says here."""
    extras: dict[str, set[str]] = {}
    waiting = list(asked)
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in extras and one.extras <= extras[name]:
            continue
        extras.setdefault(name, set()).update(one.extras)
        found = [need for need in _needs(name) if _holds(need, extras[name])]
        waiting += found
        yield name, {canonicalize_name(need.name) for need in found}


def _needs(name: str) -> list[Requirement]:
    try:
        return [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:  # for another environment than this one
        return []


def _holds(need: Requirement, extras: set[str]) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))

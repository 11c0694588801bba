"""The login APIs that are spoken: each a module or a package of this folder, which declares it whole as `DIALECT`."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingpai.web.request.calls import Dialect


@cache
def dialects() -> "Mapping[str, Dialect]":
    """All that there are, by name, in the order of their names. Loads their modules, and with them most of the service."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    return {module.DIALECT.name: module.DIALECT for module in modules}

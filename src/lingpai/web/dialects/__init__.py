"""The login APIs that are spoken: each a module or a package of this folder, which declares it whole as `DIALECT`."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from lingpai.settings import Settings
from lingpai.settings.brought import refuse_name

if TYPE_CHECKING:
    from lingpai.web.request.calls import Dialect


@cache
def dialects() -> "Mapping[str, Dialect]":
    """All that there are, by name, in the order of their names. Loads their modules, and with them most of the service.

    Raises TypeError for one that is not called as its module is, or as a setting.
    """
    made = {found.name: import_module(f"{__name__}.{found.name}").DIALECT for found in iter_modules(__path__)}
    for module, dialect in made.items():
        refuse_name("dialect", module, dialect.name, Settings.__struct_fields__)
    return made

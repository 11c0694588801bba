"""Tables that parts of the house bring to the settings: a dialect's, a gateway's."""

from collections.abc import Collection


def refuse_name(kind: str, module: str, name: str, taken: Collection[str]) -> None:
    """Raises TypeError where a module's part could not be found again by its name, or would hide a key that there is.

    `name`: what the part calls itself; `taken`: the keys that stand beside its table.
    """
    if name != module:
        raise TypeError(f"the {kind} in {module}.py is called {name!r}: expected its module's name, {module!r}")
    if name in taken:
        raise TypeError(f"the {kind} {name!r} is called as a setting beside its table; expected another name")

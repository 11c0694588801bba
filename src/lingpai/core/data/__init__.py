"""Small tables, read once at import. `tools/make_tables.py` makes them; their licences are named in LICENSES.md."""

from pathlib import Path


def lines(name: str) -> list[str]:
    """The lines of the table with that file name. Raises FileNotFoundError where the package was not installed whole."""
    return (Path(__file__).parent / name).read_text("utf-8").split("\n")[:-1]

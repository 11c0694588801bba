"""`make statements`: compiles every statement of the store for both databases into `src/lingpai/store/ahead`.

With `--check` it writes nothing, and says what is not in step. Either way it says where one stands that nobody would find compiled.
"""

import argparse
import gc
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import lingpai.ephemeral
import lingpai.store
from lingpai.store import grammar
from lingpai.store.database import Query, named_queries

AHEAD = Path(lingpai.store.__file__).with_name("ahead")
MIGRATIONS = "lingpai.store.migrations."
"""What changes the schema has SQLAlchemy."""


def queries() -> Iterator[tuple[str, Query]]:
    """Each statement of a module's own, by its name."""
    for package in (lingpai.store, lingpai.ephemeral):
        for found in walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.startswith(MIGRATIONS):
                yield from ((query.name, query) for _, query in named_queries(vars(import_module(found.name))))


def unnamed() -> list[str]:
    """Modules with a statement where nobody would find it compiled: in a list, in a class, in a default."""
    dict(queries())
    made = (one for one in gc.get_objects() if isinstance(one, Query) and not one.name)
    return sorted({name for one in made if (name := one.module).startswith("lingpai.")})


def texts() -> dict[Path, str]:
    """Each file, and what is to stand in it."""
    found = dict(sorted(queries()))
    files = {
        AHEAD / f"{database}.py": _module(
            f"Statements in the words of {title}.",
            "STATEMENTS: dict[str, tuple[str, tuple[str, ...]]]",
            {name: grammar.compiled(query.statement, database) for name, query in found.items()},
        )
        for database, title in (("sqlite", "SQLite"), ("postgres", "PostgreSQL"))
    }
    answers = {name: columns for name, query in found.items() if (columns := grammar.answered(query.statement))}
    files[AHEAD / "answers.py"] = _module("What the columns of each answer are called.", "COLUMNS: dict[str, tuple[str, ...]]", answers)
    return files


def _module(title: str, variable: str, values: Mapping[str, object]) -> str:
    lines = [f'"""{title} Written by `make statements`."""', "", "# fmt: off", f"{variable} = {{"]
    return "\n".join([*lines, *(f"    {name!r}: {value!r}," for name, value in values.items()), "}", ""])


def main() -> int:
    """Returns 1 where it has found something to say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    files = texts()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale if check else ():
        print(f"{path.name} is not in step with the statements: make statements", file=sys.stderr)
    for path, text in () if check else files.items():
        path.write_text(text, "utf-8")  # each, for their times say which statements they know
    for module in (lost := unnamed()):
        print(f"{module} has a statement that stands neither at module level nor in a mapping or a tuple there", file=sys.stderr)
    return int(bool(lost) or (check and bool(stale)))


if __name__ == "__main__":
    sys.exit(main())

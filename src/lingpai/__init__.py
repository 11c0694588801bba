"""Lingpai: one account core behind login APIs that cannot change any more."""

import sys

# structlog takes rich and Pygments along for tracebacks that we do not use: 5.5 MB and 50 ms in each process that serves. It does without
# them where they cannot be found, so they are hidden while it is imported, here, before anything else of ours imports it.
if "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]  # not to be found (The Python Language Reference, 5.3.1)
    import structlog  # noqa: F401 - imported for its being there

    del sys.modules["rich"]

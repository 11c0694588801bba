"""Programs that tests use and Python does not bring."""

import os
import shutil

import pytest


def needed(*names: str) -> str:
    """Where the first of these is; skips where there is none, unless LINGPAI_REQUIRE_PROGRAMS says that there must be one."""
    # nginx and its like lie where only root looks.
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"  # noqa: TID251 - asked of the test run, not of the service
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if found is None and os.environ.get("LINGPAI_REQUIRE_PROGRAMS"):  # noqa: TID251 - as above
        pytest.fail(f"LINGPAI_REQUIRE_PROGRAMS is set, but there is no {' or '.join(names)}")
    return found or pytest.skip(f"no {' or '.join(names)}")

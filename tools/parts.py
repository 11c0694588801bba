"""`make test`: makes all targets beside one another, and says at the end how long each took.

What one says is printed in one piece when it has ended, in the order in which they end; the last target speaks as it goes.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def main(make: str, *targets: str) -> int:
    """The exit code of the first in their order that failed, else 0."""
    with ThreadPoolExecutor(len(targets)) as pool:
        made = list(pool.map(lambda target: _made(make, target, heard=target == targets[-1]), targets))
    for target, (code, seconds) in zip(targets, made, strict=True):
        print(f"{target:8} {seconds:6.1f} s{'  failed' if code else ''}", flush=True)
    return next((code for code, _ in made if code), 0)


def _made(make: str, target: str, *, heard: bool) -> tuple[int, float]:
    start = time.monotonic()  # noqa: TID251 - it tells how long real work took
    piped = {} if heard else {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    ended = subprocess.run([make, "--no-print-directory", target], check=False, **piped)  # noqa: S603 - make, by its own path
    if ended.stdout:
        sys.stdout.buffer.write(ended.stdout)
        sys.stdout.flush()
    return ended.returncode, time.monotonic() - start  # noqa: TID251 - as above


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

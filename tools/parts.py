"""`make test`: makes one target after the other up to the first that fails, and says at the end how long each took."""

import subprocess
import sys
import time


def main(make: str, *targets: str) -> int:
    """The exit code of the last one made."""
    code, told = 0, []
    for target in targets:
        start = time.monotonic()  # noqa: TID251 - it tells how long real work took
        code = subprocess.run([make, "--no-print-directory", target], check=False).returncode  # noqa: S603 - make, by its own path
        told.append(f"{target:8} {time.monotonic() - start:6.1f} s{'  failed' if code else ''}")  # noqa: TID251 - as above
        if code:
            break
    print(*told, sep="\n", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""Raw Argon2id, a process of its own: `[threads, seconds]` on each line of standard input, calls a second on standard output.

The same call as a login makes, of the same build, on plain threads of a machine that does nothing else meanwhile.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import people

from lingpai.core.chance import SystemChance
from lingpai.guard.passwords.argon2 import Argon2, Known
from lingpai.settings import Hashing

HASHES = Argon2(Hashing(), SystemChance())


def rate(known: Known, seconds: float) -> float:
    """Calls a second on this thread."""
    start = time.monotonic()
    calls = 0
    while (spent := time.monotonic() - start) < seconds:
        HASHES.matches(known, people.PASSWORD)
        calls += 1
    return calls / spent


def main() -> None:
    """Until standard input ends."""
    known = HASHES.known(people.password_hash().decode())
    assert known
    print("{}", flush=True)
    for line in sys.stdin:
        threads, seconds = json.loads(line)
        with ThreadPoolExecutor(threads) as pool:
            print(sum(pool.map(rate, [known] * threads, [seconds] * threads)), flush=True)


if __name__ == "__main__":
    main()

"""Which build of Argon2 each of the contenders hashes with, and what one hash costs by it: the same parameters are not the same work."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from crew import environment
from installing import NODE, PYTHON

TIMES = 8

_PYTHON = f"""
import time, _argon2_cffi_bindings as build, importlib.metadata as metadata
from argon2.low_level import Type, hash_secret_raw
def spent():
    before = time.thread_time()
    hash_secret_raw(b"a password", b"a salt of 16 by.", 2, 19456, 1, 32, Type.ID)
    return (time.thread_time() - before) * 1e3
kind = "built here for AVX2" if "/argon2" in build.__file__.partition("site-packages")[0] else "as installed"
version = metadata.version("argon2-cffi-bindings")
print(f"argon2-cffi-bindings {{version}}, {{kind}}: {{min(spent() for _ in range({TIMES})):.1f}} ms of CPU a hash")
"""
_NODE = f"""
const {{ Algorithm, hashSync }} = require("@node-rs/argon2");
const {{ version }} = require("@node-rs/argon2/package.json");
let least = Infinity;
for (let n = 0; n < {TIMES}; n++) {{
  const before = process.cpuUsage();
  hashSync("a password", {{ algorithm: Algorithm.Argon2id, memoryCost: 19456, timeCost: 2, parallelism: 1 }});
  const {{ user, system }} = process.cpuUsage(before);
  least = Math.min(least, (user + system) / 1e3);
}}
console.log(`@node-rs/argon2 ${{version}}: ${{least.toFixed(1)}} ms of CPU a hash`);
"""


def builds() -> Iterator[str]:
    """A line for each that is set up here. Memory that is kept from hash to hash, as ours is, comes on top of its build."""
    yield f"Lingpai: {_said(sys.executable, '-c', _PYTHON)}"
    if (PYTHON / "python").exists():
        yield f"fastapi-users and django-allauth: {_said(PYTHON / 'python', '-c', _PYTHON)}"
    if NODE.exists():
        yield f"better-auth: {_said('node', '-e', _NODE, cwd=NODE)}"


def _said(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
    return done.stdout.strip() if done.returncode == 0 else "not to be found out"

"""A node as whoever watches over it sees it: its own scrape, and a Prometheus that reads it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from needed import needed
from running import SECONDS, Running

MONITORING = Path(__file__).parents[2] / "deploy" / "monitoring"
WATCHED = {"LINGPAI_METRICS__LISTEN": "127.0.0.1:0", "LINGPAI_LOG__FORMAT": "json", "LINGPAI_MAILCODE__LOGIN_CAPTCHA": "never"}
"""On a port that the system picks; the log tells which."""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Watched:
    """The second port of a node."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def get(self, path: str) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.url, timeout=SECONDS, trust_env=False) as client:
            return await client.get(path)

    async def samples(self) -> Samples:
        """One scrape."""
        reply = await self.get("/metrics")
        assert reply.status_code == 200
        return read(reply.text)

    async def reaches(self, wanted: float, name: str, **labels: str) -> Samples:
        """The first scrape in which the series has this value: other processes say within a second what they have counted."""
        found: Samples = {}
        try:
            async with asyncio.timeout(SECONDS):
                while value(found := await self.samples(), name, **labels) != wanted:  # noqa: ASYNC110 - as below
                    await asyncio.sleep(0.1)  # noqa: TID251 - another process counts, and nothing tells when
        except TimeoutError:
            raise AssertionError(sorted(one for one in found.items() if one[0][0] == name and one[1])) from None
        return found


def read(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """Of the one series that has these labels; the sum of several."""
    found = [number for (called, has), number in samples.items() if called == name and labels.items() <= set(has)]
    return sum(found) if found else None


async def watched(running: Running) -> Watched:
    return Watched((await running.logged("metrics.served"))["url"])


def names(expression: str) -> set[str]:
    """The series of ours that a query names."""
    return set(re.findall(r"\blingpai_[a-z_]+", expression))


def alerts() -> Iterator[tuple[str, str]]:
    """Each rule's name, and its query."""
    text = (MONITORING / "alerts.yaml").read_text("utf-8")
    for name, body in re.findall(r"- alert: (\w+)\n((?:(?! +- alert:).*\n)*)", text):
        yield name, re.split(r"\n +(?:for|labels):", body.partition("expr:")[2])[0].strip(" |\n")


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator["Prometheus"]:
    """One that asks the node twice a second; it is ready to be asked itself."""
    program = needed("prometheus")
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
        f'scrape_configs: [{{job_name: lingpai, static_configs: [{{targets: ["{target.removeprefix("http://")}"]}}]}}]\n'
    )
    call = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}", "--web.listen-address=127.0.0.1:0")
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(program, *call, stdout=nothing, stderr=pipe)
    reading: asyncio.Task[bytes] | None = None
    try:
        assert process.stderr
        async with asyncio.timeout(SECONDS):
            while not (found := re.search(rb'msg="?Listening on"? address=(\S+)', line := await process.stderr.readline())):
                assert line, "it ended"
            while b"Server is ready" not in line:
                line = await process.stderr.readline()
        reading = asyncio.create_task(process.stderr.read())
        yield Prometheus(f"http://{found[1].decode()}")
    finally:
        process.terminate()
        await process.wait()
        if reading:
            await reading


class Prometheus:
    """What it answers."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def query(self, expression: str) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            reply = await client.get(f"{self.url}/api/v1/query", params={"query": expression})
        said = reply.json()
        assert said["status"] == "success", (expression, said)
        found: list[dict[str, Any]] = said["data"]["result"]
        return found

    async def once(self, expression: str) -> list[dict[str, Any]]:
        """The answer, once there is one."""
        async with asyncio.timeout(SECONDS):
            while not (found := await self.query(expression)):  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.1)  # noqa: TID251 - another program scrapes, and nothing tells when
        return found

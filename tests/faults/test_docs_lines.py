"""Every line that /docs and the start page show, run by a shell against the real command, in the order of the page."""

import asyncio
import html
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from lingpai.web.dialects import dialects
from running import INHERITED, SECONDS, Running, serving

PAGE = "<h1"
CUT = 11
"""Characters by which an answer that is cut off, for the picture in it, is told from a refusal."""
BLOCK = re.compile(r'((?:<p class="hint">[^<]*</p>\s*)?)<div class="command">\s*<pre id="(?![^"]*-answer")([^"]+)">([^<]*)</pre>')
EXAMPLE = re.compile(
    r'<section class="panel part" id="([^"]+)">(?:(?!</section>).)*?<h3>On success</h3>\s*'
    r'(?:<div class="command">\s*<pre id="[^"]*-answer">([^<]*)</pre>|<p>)',
    re.DOTALL,
)


@dataclass(frozen=True)
class Shown:
    """One block of a page: lines that fill variables, then the line itself."""

    anchor: str
    before: tuple[str, ...]
    line: str
    refused: bool


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    assert shutil.which("curl")
    async with serving("--dev", "--data", tmp_path / "data") as ready:
        yield ready


def body(running: Running, path: str) -> str:
    request = Request(running.url + path, headers={"Accept-Language": "en", "Accept": "text/html"})  # noqa: S310 - our own service
    with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - as above
        return str(answer.read().decode())


def blocks(page: str) -> list[Shown]:
    found = []
    for hint, anchor, text in BLOCK.findall(page):
        *before, line = html.unescape(text).splitlines()
        found.append(Shown(anchor, tuple(before), line, "Refused" in hint))
    return found


class Shell:
    """One shell that is told line after line, as somebody pastes them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._filled: dict[str, str] = {}
        self._before: set[str] = set()

    async def say(self, line: str) -> str:
        """What the line prints."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\necho; echo :end:\n".encode())
        async with asyncio.timeout(SECONDS):
            return (await self._process.stdout.readuntil(b"\n:end:\n")).decode().removesuffix("\n:end:\n")

    async def fill(self, lines: tuple[str, ...]) -> None:
        """Fills the variables of a block. A machine pastes faster than mail comes, and reads again until there is something new.

        The block that comes next may read the same message.
        """
        for line in lines:
            old = self._filled.get(line, "") if "/dev/inbox" in line and line not in self._before else ""
            async with asyncio.timeout(SECONDS):
                while (value := await self._value(line)) in ("", old):
                    assert "/dev/inbox" in line, line
            self._filled[line] = value
        self._before = set(lines)

    async def _value(self, line: str) -> str:
        return (await self.say(f'{line.replace("sleep 1", "sleep 0.1")}; echo "${line.partition("=")[0]}"')).strip()


@asynccontextmanager
async def open_shell(folder: Path) -> AsyncIterator[Shell]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "sh", cwd=folder, env=INHERITED, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
    )
    yield Shell(process)
    process.kill()
    await process.wait()


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        yield opened


def shape(value: Any) -> Any:
    """The names in an answer, without its values; of a list the first item, if there is one."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(one) for one in value[:1]] if isinstance(value, list) else ...


def same(example: Any, answer: Any) -> bool:
    """Whether an answer has the example's names; a list may be empty."""
    if isinstance(example, dict) and isinstance(answer, dict):
        return example.keys() == answer.keys() and all(same(example[name], answer[name]) for name in example)
    return example == answer or answer in ([], ...)


def is_yes(name: str, said: str, example: str) -> bool:
    """Whether it is what the dialect says where it is a yes, whole or cut off."""
    yes = dialects()[name].walk.yes if name in dialects() else {}
    if said.endswith("}"):
        return dict(json.loads(said)).items() >= yes.items()
    return said.startswith(json.dumps(json.loads(example), separators=(",", ":"))[:CUT] if example else "{")


@pytest.mark.parametrize("name", [*dialects(), "house"])
async def test_every_line_of_the_reference_works_in_the_order_of_the_page(running: Running, shell: Shell, name: str) -> None:
    await go_through(running, shell, name)


async def go_through(running: Running, shell: Shell, name: str) -> None:
    """Says every line of one page of the reference."""
    page = await asyncio.to_thread(body, running, f"/docs/{name}")
    examples = {anchor: html.unescape(text) for anchor, text in EXAMPLE.findall(page)}
    shown = blocks(page)
    assert {one.anchor.rpartition("-")[0] for one in shown} == set(examples)
    for one in shown:
        await shell.fill(one.before)
        said = await shell.say(one.line)
        example = examples[one.anchor.rpartition("-")[0]]
        if one.line.endswith("grep '<h1'"):
            assert said.startswith(PAGE), (one.line, said)
        else:
            assert is_yes(name, said, example) is not one.refused, (one.line, said)
        if one.anchor.endswith("-1") and not one.refused and said.endswith("}") and example:
            assert same(shape(json.loads(example)), shape(json.loads(said))), (example, said)


async def test_each_line_of_the_start_page_works_on_a_fresh_service_and_so_does_the_reference_after_it(
    running: Running, shell: Shell
) -> None:
    shown = blocks(await asyncio.to_thread(body, running, "/"))
    assert [one.anchor for one in shown] == [f"start-{name}" for name in dialects()]
    for one in shown:
        page = await asyncio.to_thread(body, running, f"/docs/{one.anchor.removeprefix('start-')}")
        example = html.unescape(EXAMPLE.findall(page)[0][1])
        said = await shell.say(one.line)
        assert is_yes(one.anchor.removeprefix("start-"), said, example), (one.line, said)
        again = await shell.say(blocks(page)[0].line)
        assert is_yes(one.anchor.removeprefix("start-"), again, example), again

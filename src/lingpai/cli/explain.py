"""`lingpai explain`: what became of one request, in words."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from lingpai.cli.listing import in_json, instant, print_json
from lingpai.cli.options import in_language, places, read

if TYPE_CHECKING:
    from lingpai.core.journal import Check
    from lingpai.core.model import Letter, Locale
    from lingpai.store.audit import Event

    Letters = dict[int, Letter | None]

_TOLD_BY_LOG = ("timestamp", "event", "level", "node", "method", "path", "status", "ms", "exception", "checks")


@click.command()
@click.argument("request_id", metavar="REQUEST-ID")
@in_language
@click.option("--log", type=click.File("rb"), help="A file of log lines (log.format = json), or - for standard input, to look in too.")
@in_json("One object: when it came, the trail's entries, the log's lines, and the words")
@places
def explain(request_id: str, language: "Locale", log: IO[bytes] | None, as_json: bool, data: Path, config: Path | None) -> None:
    """Say what became of a request: which checks it passed, which refused it, and where the letter is that it wrote.

    REQUEST-ID is what a page of an error shows, what each answer has in its head X-Request-Id, and what the log calls request_id.
    Exit codes: 0; 1 where nothing of it is found, or it could not be done; 2 for wrong usage or settings.
    """
    from lingpai.core.request_ids import second_of

    entries, letters = asyncio.run(_of_request(data, config, request_id))
    lines = list(logged(log, request_id)) if log else []
    sentences = list(explained(request_id, entries, letters, lines, language))
    if as_json:
        from lingpai.cli.audit import entry

        found = {"entries": [entry(one) for one in entries], "letters": _in_json(letters), "log": lines, "words": sentences}
        print_json({"request_id": request_id, "at": instant(second_of(request_id)), **found})
    else:
        click.echo("\n".join(sentences))
    raise SystemExit(0 if entries or lines else 1)


async def _of_request(data: Path, config: Path | None, request_id: str) -> "tuple[list[Event], Letters]":
    from lingpai.assembly import open_store
    from lingpai.store import request_trail

    async with open_store(read(data, config, need="look").settings) as store:
        entries = await request_trail.of_request(store, request_id)
        return entries, await request_trail.letters_of(store, entries)


def _in_json(letters: "Letters") -> list[dict[str, Any]]:
    from lingpai.cli.outbox import letter_fields

    return [letter_fields(one) if one else {"id": number, "state": None} for number, one in letters.items()]


def logged(log: Iterable[bytes], request_id: str) -> Iterator[dict[str, Any]]:
    """The log's lines of this request; what is no line of ours is passed over."""
    for line in log:
        if request_id.encode() in line:
            try:
                fields = json.loads(line[line.index(b"{") :])
            except ValueError:
                continue
            if fields.get("request_id") == request_id:
                yield {name: fields[name] for name in _TOLD_BY_LOG if name in fields}


def explained(request_id: str, entries: "list[Event]", letters: "Letters", lines: list[dict[str, Any]], locale: "Locale") -> Iterator[str]:
    """What is known of the request, a line for each thing."""
    from lingpai.cli.table import when
    from lingpai.core.request_ids import second_of
    from lingpai.core.words import text

    at = second_of(request_id)
    yield text("explain.came", locale, id=request_id, at=when(at)) if at is not None else text("explain.undated", locale, id=request_id)
    for one in entries:
        yield from _entry(one, locale)
    for number, letter in letters.items():
        yield from _letter(number, letter, locale)
    for line in lines:
        yield from _line(line, locale)
    if not entries and not any("checks" in line for line in lines):
        yield text("explain.nothing", locale)


def _line(line: dict[str, Any], locale: "Locale") -> Iterator[str]:
    from lingpai.core import journal
    from lingpai.core.words import text

    what = " ".join(f"{name}={value}" for name, value in line.items() if name not in ("timestamp", "event", "checks"))
    yield text("explain.logged", locale, at=str(line.get("timestamp", "")), event=str(line.get("event", "")), what=what)
    yield from (_check(check, locale) for check in journal.read(str(line.get("checks", ""))) if check.name != journal.LETTER)


def _entry(one: "Event", locale: "Locale") -> Iterator[str]:
    from lingpai.cli.table import when
    from lingpai.core import journal
    from lingpai.core.words import text

    detail, checks = journal.from_trail(one.detail)
    event = _word("explain.event.", one.event.replace(".", "-"), locale)
    yield text("explain.entry", locale, at=when(one.at), event=event, result=_result(one.result, locale))
    whom = {"realm": one.realm or "-", "ip": one.ip}
    yield text("explain.account", locale, account=one.account_id, **whom) if one.account_id else text("explain.nobody", locale, **whom)
    if detail:
        yield text("explain.detail", locale, detail=detail)
    checks = [check for check in checks if check.name != journal.LETTER]
    yield from (_check(check, locale) for check in checks)
    if one.result == "ok" and all(check.passed for check in checks):
        yield text("explain.all_passed", locale)


def _letter(number: int, letter: "Letter | None", locale: "Locale") -> Iterator[str]:
    """What became of a letter that it wrote. Of one to nobody no more is said than of one that is gone: it soon is."""
    from lingpai.cli.table import when
    from lingpai.core.masked import masked
    from lingpai.core.words import text

    if letter is None or not letter.recipient:
        yield text("explain.letter.gone", locale, number=number)
        return
    channel = text(f"explain.channel.{letter.channel}", locale)
    facts: dict[str, str | int] = {"number": number, "channel": channel, "attempts": letter.attempts, "due": when(letter.due_at)}
    yield text(f"explain.letter.{letter.state}", locale, **facts)
    if letter.error:
        yield text("explain.letter.error", locale, error=masked(letter.error))


def _result(result: str, locale: "Locale") -> str:
    """What came of it: a word of the trail's own, or a check that refused."""
    word = _word("explain.result.", result, locale)
    return word if word != result else _word("explain.refused.", result, locale)


def _check(check: "Check", locale: "Locale") -> str:
    from lingpai.core.words import text

    if check.passed:
        return text("explain.passed", locale, check=_word("explain.check.", check.name, locale, check.subject))
    return text("explain.refusal", locale, check=_word("explain.refused.", check.name, locale, check.subject))


def _word(beginning: str, name: str, locale: "Locale", subject: str = "") -> str:
    """What we call it; its bare name where an entry is another version's, and we have no word for it."""
    from lingpai.core.languages import LANGUAGES
    from lingpai.core.words import text

    word = text(beginning + name, locale) if beginning + name in LANGUAGES[locale] else name
    return f"{word} [{subject}]" if subject else word

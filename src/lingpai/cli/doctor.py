"""`lingpai doctor`: what is wrong with this installation, and what to do."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lingpai.cli.options import in_language, places

if TYPE_CHECKING:
    from structlog.typing import EventDict

    from lingpai.assembly.doctor.finding import Finding, Grade
    from lingpai.core.model import Locale

EXIT: "dict[Grade, int]" = {"ok": 0, "wrong": 1, "doubt": 3}


@click.command()
@click.option("--url", default="", metavar="URL", help="Ask the service at its own public URL too, through whatever stands in front of it.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="As for `serve` on this machine.")
@in_language
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@places
def doctor(*, url: str, workers: int, language: "Locale", as_json: bool, data: Path, config: Path | None) -> None:
    """Look at all that this installation stands on, and say what to do about what is wrong.

    Run it where the service runs, as its user, with its settings. Nothing is changed and no message sent; it may run beside the service.

    Exit codes: 0 all is fine, 1 something is wrong, 3 there are doubts only; 2 is wrong usage.
    """
    from lingpai.assembly.doctor import examine
    from lingpai.assembly.doctor.finding import worst

    with _quiet():
        findings = asyncio.run(examine(config, data, processes=workers, url=url))
    _print_json(findings, language) if as_json else _print(findings, language)
    raise SystemExit(EXIT[worst(findings)])


@contextmanager
def _quiet() -> Iterator[None]:
    """What stores log of themselves is said by the findings."""
    import structlog

    before = structlog.get_config()
    structlog.configure(processors=[_drop])
    try:
        yield
    finally:
        structlog.configure(**before)


def _drop(*_: object) -> "EventDict":
    import structlog

    raise structlog.DropEvent


def _print(findings: "list[Finding]", locale: "Locale") -> None:
    """A block for each check: its name, and a line for each thing that was found."""
    from lingpai.assembly.doctor.finding import sentence, worst
    from lingpai.core import words

    check = ""
    for one in findings:
        if one.check != check:
            check = one.check
            click.secho(words.text(f"doctor.check.{check}", locale), bold=True)
        grade = words.text(f"doctor.grade.{one.grade}", locale)
        click.echo(f"  {click.style(grade, fg=_COLOURS.get(one.grade))}: {sentence(one, locale)}")
    click.echo()
    click.echo(words.text(f"doctor.result.{worst(findings)}", locale))


_COLOURS = {"ok": "green", "doubt": "yellow", "wrong": "red"}


def _print_json(findings: "list[Finding]", locale: "Locale") -> None:
    import msgspec

    from lingpai.assembly.doctor.finding import sentence, worst

    lines = [msgspec.to_builtins(one) | {"text": sentence(one, locale)} for one in findings]
    click.echo(msgspec.json.encode({"result": worst(findings), "findings": lines}).decode())

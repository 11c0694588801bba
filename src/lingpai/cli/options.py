"""What every command takes, and how a command says that it failed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lingpai.settings.check import Need
from lingpai.settings.load import Loaded

if TYPE_CHECKING:
    from lingpai.core.model import Locale
    from lingpai.flows import Services
    from lingpai.settings import Settings

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])


class Failure(click.ClickException):
    """The command could not do it; the text says why. Exit code 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(f"lingpai: {self.message}", file=file, err=True)


def places(command: Command) -> Command:
    """Gives a command `--data` and `--config`, its parameters `data` and `config`."""
    data = click.option(
        "--data",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("lingpai-data"),
        show_default=True,
        help="The folder for the database and the secret.",
    )
    config = click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="A TOML file of settings; variables LINGPAI_… win over it.",
    )
    return data(config(command))


def in_language(command: Command) -> Command:
    """Gives a command `--language`, its parameter `language` one that we speak."""
    return click.option(
        "--language", default="en", show_default=True, metavar="TAG", callback=_locale, help="In which language: en, zh-Hans or zh-Hant."
    )(command)


def _locale(_context: click.Context, _parameter: click.Parameter, tag: str) -> "Locale":
    from lingpai.core import words

    locale = words.locale_of(tag)
    if locale is None:
        raise click.BadParameter(f"expected {' or '.join(words.LOCALES)}")
    return locale


def in_realm(what: str) -> Callable[[Command], Command]:
    """Gives a command `--realm`, its parameter `realm`: empty where it is not given."""
    return click.option("--realm", default="", help=f"{what}; default the hosted pages' own.")


def realm_of(settings: "Settings", given: str) -> str:
    """The realm that is meant: the pages' own where none is given. Raises Failure for one that no dialect serves."""
    from lingpai.settings import realms

    served = realms.served(settings)
    if given and given not in served:
        raise Failure(f"there is no realm {given}; expected {' or '.join(served)}")
    return given or realms.home(settings)


def read(data: Path, config: Path | None, need: Need = "operate") -> Loaded:
    """The settings of an operator's command. Raises SettingsError."""
    from lingpai.assembly.configuration import load

    return load(config, data=data, need=need)


def warn_of_connections(settings: "Settings", processes: int = 1) -> None:
    """Logs that the database may have no room for so many processes. Raises SettingsError where it never has, and StoreDown."""
    import structlog

    from lingpai.assembly.connections import connection_doubt

    if doubt := asyncio.run(connection_doubt(settings, processes)):
        structlog.get_logger().warning("settings.doubtful", what=doubt)


def opened(data: Path, config: Path | None, deed: "Callable[[Services], Awaitable[T]]") -> T:
    """Opens the service as far as a flow needs it, and does the deed. Raises SettingsError, WrongSchema and StoreDown."""
    from lingpai.assembly import open_services

    settings = read(data, config).settings

    async def run() -> T:
        async with open_services(settings) as services:
            return await deed(services)

    return asyncio.run(run())

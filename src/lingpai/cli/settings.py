"""`lingpai settings`: what there is to set, and what is in force."""

from pathlib import Path

import click

from lingpai.cli.options import places, read


@click.command()
@click.option("--markdown", is_flag=True, help="Only the reference, as the page docs/settings.md.")
@places
def settings(markdown: bool, data: Path, config: Path | None) -> None:
    """Print the reference of all settings, and what is in force with secrets masked."""
    from lingpai.assembly.configuration import defaults
    from lingpai.settings import reference

    if markdown:
        click.echo(reference.markdown(defaults()), nl=False)
        return
    click.echo(reference.text(defaults()))
    click.echo("In force:\n")
    for path, value, source in reference.in_force(read(data, config, need="look")):
        click.echo(f"{path} = {value or '(not set)'}    # {source}")

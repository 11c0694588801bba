"""The settings as the whole service has them: with a table for each dialect and each gateway that there is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lingpai.assembly.monitoring import require_extras
from lingpai.settings import Settings
from lingpai.settings import load as loading
from lingpai.settings.check import Need
from lingpai.settings.outside import Sms


def defaults(**given: Any) -> Settings:
    """What each key is where nothing sets it, but for what is given: fields of Settings, and tables by their dialects' names."""
    from lingpai.post.sms import gateways
    from lingpai.web.dialects import dialects

    tables = {name: given.pop(name, None) or dialect.settings() for name, dialect in dialects().items()}
    sms = given.pop("sms", Sms())
    carried = {name: gateway.settings() for name, gateway in gateways().items()}
    return Settings(dialects=tables, sms=msgspec.structs.replace(sms, gateways=carried | sms.gateways), **given)


def load(
    config: Path | None,
    environ: Mapping[str, str] | None = None,
    *,
    data: Path = Path("lingpai-data"),
    dev: bool = False,
    hosts: Sequence[str] = ("127.0.0.1",),
    need: Need = "serve",
) -> loading.Loaded:
    """As `settings/load.py` does, upon these defaults. Who serves needs the extras that the settings ask for, too."""
    given = {} if environ is None else {"environ": environ}
    loaded = loading.load(defaults(), config, **given, data=data, dev=dev, hosts=hosts, need=need)
    if need == "serve":
        require_extras(loaded.settings)
    return loaded

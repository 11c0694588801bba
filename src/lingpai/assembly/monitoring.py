"""Whether what metrics need is there: it is an extra."""

from importlib.util import find_spec

from lingpai.settings.load import SettingsError


def require_extra() -> None:
    """Raises SettingsError where it is not installed."""
    if find_spec("prometheus_client") is None:
        raise SettingsError(["metrics.listen: prometheus-client is not installed; expected lingpai[metrics]"])

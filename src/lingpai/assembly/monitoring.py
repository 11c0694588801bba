"""Whether what watching over a node needs is there: extras."""

from importlib.metadata import PackageNotFoundError, distribution

from lingpai.settings import Settings
from lingpai.settings.load import SettingsError


def require_extras(settings: Settings) -> None:
    """Raises SettingsError where one that the settings ask for is not installed."""
    asked = (
        (settings.metrics.listen, "metrics.listen", "prometheus-client", "metrics"),
        (settings.traces.endpoint, "traces.endpoint", "opentelemetry-exporter-otlp-proto-http", "traces"),
    )
    missing = [
        f"{key}: {package} is not installed; expected lingpai[{extra}]"
        for value, key, package, extra in asked
        if value and not _installed(package)
    ]
    if missing:
        raise SettingsError(missing)


def _installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True

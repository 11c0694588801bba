"""Where mails lead for a dialect that has no pages of its own, and for one that is moved: to pages that always stand."""

from lingpai.core.model import Links
from lingpai.settings import Settings


def links(settings: Settings) -> Links:
    """The hosted pages behind a mailed link; the same ones that maillink shows at its own paths."""
    base = settings.public_url
    return Links(activate=f"{base}/page/activate", reset=f"{base}/page/reset", forgot=f"{base}/forgot")

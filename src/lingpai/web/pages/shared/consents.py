"""What one agrees to by having an account: the operator's terms and privacy policy, as far as there are any."""

from lingpai.core import words
from lingpai.core.errors import BadInput
from lingpai.core.model import Locale
from lingpai.flows import Services


def agreed(services: Services, *, agree: bool) -> tuple[tuple[str, str], ...]:
    """The documents and their versions, for a form whose box is ticked. Raises BadInput where there are any and it is not."""
    legal = (("terms", services.settings.pages.terms), ("privacy", services.settings.pages.privacy))
    consents = tuple((document, paper.version) for document, paper in legal if paper.url)
    if consents and not agree:
        raise BadInput("agree", "agree")
    return consents


def papers(services: Services, locale: Locale) -> str:
    """What has to be agreed to, as people call it; only what there is."""
    legal = (("pages.terms", services.settings.pages.terms), ("pages.privacy", services.settings.pages.privacy))
    return words.text("pages.form.and", locale).join(words.text(key, locale) for key, paper in legal if paper.url)

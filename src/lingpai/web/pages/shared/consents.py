"""What one agrees to by having an account: the operator's terms and privacy policy, as far as there are any."""

from lingpai.core import words
from lingpai.core.errors import BadInput
from lingpai.core.model import Locale
from lingpai.flows import Services


def agreed(services: Services, *, agree: bool) -> tuple[tuple[str, str], ...]:
    """The documents and their versions, for a form whose box is ticked. Raises BadInput where there are any and it is not."""
    if why := unagreed(services, agree=agree):
        raise why
    legal = (("terms", services.settings.pages.terms), ("privacy", services.settings.pages.privacy))
    return tuple((document, paper.version) for document, paper in legal if paper.url)


def unagreed(services: Services, *, agree: bool) -> BadInput | None:
    """What is wrong with a box that is not ticked; None where it is, or nothing has to be agreed to."""
    pages = services.settings.pages
    return BadInput("agree", "agree") if (pages.terms.url or pages.privacy.url) and not agree else None


def papers(services: Services, locale: Locale) -> str:
    """What has to be agreed to, as people call it; only what there is."""
    legal = (("pages.terms", services.settings.pages.terms), ("pages.privacy", services.settings.pages.privacy))
    return words.text("pages.form.and", locale).join(words.text(key, locale) for key, paper in legal if paper.url)

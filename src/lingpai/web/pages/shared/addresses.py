"""A field for an address: mail or phone, by the look of what is typed; before a number stands the prefix of its country."""

import unicodedata
from dataclasses import dataclass
from typing import Any

from lingpai.core import countries, pasted, rules, words
from lingpai.core.countries import Country
from lingpai.core.errors import BadInput
from lingpai.core.model import Address
from lingpai.flows import Services
from lingpai.web.pages.shared.forms import TYPED_LENGTH
from lingpai.web.request.request import Request

_COLUMN = 5
"""Characters of the longest prefix: `+1264`, but for a few that nobody offers beside others."""
_FIGURE_SPACE, _EM_SPACE = "\u2007", "\u2003"


@dataclass(frozen=True, slots=True)
class PhonePrefix:
    """What stands before a number in its field (`parts/form.html`, `address_field`)."""

    countries: tuple[tuple[Country, str], ...]
    """The countries that get text messages, each as a list shows it: the prefix, alone where the list is closed, and the name."""
    region: str
    """The one that is chosen."""
    typed: str
    """What stands in the field: of a number that has the prefix of one of these countries, what stands behind it."""


def reachable(text: str, field: str = "account") -> Address:
    """A mail address or a phone, by the look of it. Reasons: those of `rules`, and `contact` for what is neither, such as a name."""
    clean = pasted.address(unicodedata.normalize("NFC", text))
    if "@" in clean:
        return rules.email(clean, field)
    if any(character.isalpha() for character in pasted.number(clean)):
        raise BadInput(field, "contact")
    return rules.phone(clean, field)


def is_reachable(text: str) -> bool:
    """Whether a code can have gone there: no page says so of words that somebody has put into its address."""
    try:
        return bool(reachable(text))
    except BadInput:
        return False


def prefixed(services: Services, request: Request, name: str = "account") -> dict[str, Any]:
    """The request's fields; a number without a prefix has the one that was chosen, or that stood before its field."""
    typed = request.fields.get(name)
    if not isinstance(typed, str) or len(typed) > TYPED_LENGTH:
        return request.fields
    return {**request.fields, name: countries.with_prefix(typed, _region(services, request))}


def phone_prefix(services: Services, request: Request, typed: Any) -> PhonePrefix:
    """What a field shows that holds what was typed, or the address that is known by now."""
    offered = [country for country in map(countries.country, services.settings.sms.countries) if country.prefix]
    text, chosen = typed[:TYPED_LENGTH] if isinstance(typed, str) else "", _region(services, request)
    region, national = countries.split(_in_e164(text, chosen))
    named = tuple((country, _listed(country, request)) for country in offered)
    if region in (country.region for country in offered):
        return PhonePrefix(named, region, national)
    return PhonePrefix(named, chosen, rules.in_groups(text))


def to_carry(address: Address, typed: Any) -> str:
    """An address as the next pages have it in theirs: a number in E.164, anything else as it was typed."""
    return address.value if address.kind == "phone" else str(typed)[:TYPED_LENGTH]


def texts(services: Services) -> bool:
    """Whether anybody carries text messages; in dev mode the inbox does."""
    return services.settings.dev or services.settings.sms.provider != "none"


def _in_e164(text: str, region: str) -> str:
    try:
        return rules.phone(text, region=region).value
    except BadInput:
        return text


def _listed(country: Country, request: Request) -> str:
    return country.prefix.ljust(_COLUMN, _FIGURE_SPACE) + 2 * _EM_SPACE + words.country(country.region, request.locale)


def _region(services: Services, request: Request) -> str:
    offered = services.settings.sms.countries
    return next((region for region in offered if region == request.fields.get("country")), offered[0] if offered else rules.HOME)

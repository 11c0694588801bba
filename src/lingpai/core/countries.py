"""What stands in front of a phone number: its country's prefix; and how that country groups the digits behind it."""

from dataclasses import dataclass
from functools import cache

from lingpai.core import pasted, rules
from lingpai.core.errors import BadInput

_SHORTEST = 7
"""Digits from which on a number cannot be an account's name (`rules.account_name`)."""


@dataclass(frozen=True, slots=True)
class Country:
    """A region (ISO 3166-1) that people have phones in."""

    region: str
    prefix: str
    """With its plus: `+86`; empty where nobody has a phone."""
    groups: tuple[int, ...]
    """How many digits of a mobile number stand together; empty where nobody has said."""


@cache
def country(region: str) -> Country:
    """What is known of it."""
    import phonenumbers  # noqa: PLC0415 - as in `rules.phone`

    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    shown = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL) if example else ""
    national = shown.partition(" ")[2]
    groups = "".join(character if character.isdecimal() else " " for character in national).split()
    code = phonenumbers.country_code_for_region(region)
    return Country(region, f"+{code}" if code else "", tuple(map(len, groups)))


def split(number: str) -> tuple[str, str]:
    """The region of an E.164 number, and what stands behind the prefix, in its groups. Two empty texts for any other text."""
    import phonenumbers  # noqa: PLC0415 - as in `rules.phone`

    shown = rules.in_groups(number)
    if shown == number:
        return "", ""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or "", shown.partition(" ")[2].replace("-", " ")


def with_prefix(text: str, region: str) -> str:
    """A number that was typed behind a region's prefix, in E.164; a wrong one with that prefix, to be refused as what it is.

    What is no number, or brings a prefix of its own, is as it was typed.
    """
    digits = pasted.number(text)
    if not (digits.isascii() and digits.isdecimal()) or digits.startswith("00"):
        return text
    try:
        return rules.phone(digits, region=region).value
    except BadInput:
        return text if region == rules.HOME or len(digits) < _SHORTEST else country(region).prefix + digits

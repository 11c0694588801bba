"""The words of a letter: one sheet of sentences, set twice, as text and as HTML, so that both say the same.

Nothing remote but the logo, where the operator allows it; well under 20 KB; light and dark as the reader's screen is.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.core import words
from lingpai.core.device_names import device
from lingpai.core.languages import LANGUAGES
from lingpai.core.model import Letter, Locale
from lingpai.post import Message
from lingpai.settings import Pages
from lingpai.settings.theme import Theme, reach
from lingpai.settings.theme import theme as themed

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LetterValues = Mapping[str, str | int]

PLAIN = themed(Pages())
"""The colours of a product that has chosen none."""
_ADDRESS = re.compile(r"\S*(?:@|://)\S*")
_LINKED = re.compile(r"[@/:]|[.。．｡]\w")
"""What an address has and a name has not."""
_JOINTS = re.compile(r"(&amp;|[@.?=]|(?<![:/])/(?!/))")


@dataclass(frozen=True, slots=True)
class Dress:
    """What the operator has chosen beside the words."""

    logo: str = ""
    """Where the product's picture is fetched; empty: mails show none."""
    autofill: str = ""
    """The host whose pages a texted code is for, in a last line that phones read; empty: there is none."""


UNDRESSED = Dress()


@dataclass(frozen=True, slots=True)
class LetterForm:
    """Which of a letter's values stands where."""

    link: str | None = None
    """Where the button leads; None for a letter that brings a code instead."""
    when: str | None = None
    """The instant of what the letter tells of; `ip` tells from where."""
    way_out: str | None = None
    """A second link, for the reader who did not ask for this."""
    code: bool = True
    """Whether it brings a code where it has no button."""
    help: bool = False
    """Whether only the operator can help a reader who did not ask for this."""


FORMS = {
    "activate": LetterForm(link="url", when="registered_at", way_out="reset_url"),
    "reset": LetterForm(link="url"),
    "register_code": LetterForm(),
    "reset_code": LetterForm(),
    "bind_code": LetterForm(),
    "login_code": LetterForm(),
    "confirm_code": LetterForm(),
    "questions_tried": LetterForm(link="reset_url", when="at"),
    "questions_changed": LetterForm(link="reset_url", when="at"),
    "email_changed": LetterForm(when="at", code=False, help=True),
    "phone_changed": LetterForm(link="reset_url", when="at"),
    "linked": LetterForm(link="reset_url", when="at"),
    "unlinked": LetterForm(link="reset_url", when="at"),
    "new_login": LetterForm(link="reset_url", when="at"),
    "new_device": LetterForm(link="reset_url", when="at"),
    "name_changed": LetterForm(link="reset_url", when="at"),
    "phone_left": LetterForm(link="reset_url", when="at"),
    "closing": LetterForm(link="url", when="at"),
    "taken": LetterForm(link="reset_url", when="at"),
    "password_changed": LetterForm(link="reset_url", when="at"),
}

OF_THIRDS = ("linked", "unlinked")
"""They name a third party's account."""
UNSAID = frozenset(
    (
        "questions_tried",
        "questions_changed",
        "email_changed",
        "phone_changed",
        "linked",
        "unlinked",
        "phone_left",
        "new_device",
        "name_changed",
    )
)
"""Notices that share one text message: what exactly was changed is seen after logging in."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A letter's sentences, in the order of reading."""

    locale: Locale
    line_height: float
    fonts: tuple[str, ...]
    product: str
    subject: str
    why: str
    facts: tuple[str, ...]
    """When and from where that was; nothing for what has no such moment."""
    code: str | None
    button: str | None
    named_link: str | None
    """Introduces the link by the button's name, where there are no buttons."""
    link: str | None
    bare: str
    """Introduces the link as text."""
    holds: str | None
    otherwise: str
    way_out: str | None
    support: str
    """Where the operator helps, as a link; empty where nobody is named."""
    ways: tuple[tuple[str, tuple[str, ...]], ...]
    """After a reset: what sleeps and what stays, each a sentence with what it introduces (contract, 10.6)."""
    security: tuple[str, str] | None
    """Where each of them is confirmed or removed: a sentence and a link."""
    not_me: tuple[str, str] | None
    """By which the reader undoes what a notice tells of: a sentence and a link (contract, 10.14); None for what was asked for."""
    footer: str


# Two environments: what is written as text must not be escaped, what is written as HTML must.
@cache
def _templates() -> "tuple[Environment, Environment]":
    """Those of the text, and of the HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - as in `web/pages`

    text = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 - plain text; `_line` keeps a value in its line
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = text.overlay(autoescape=True)
    html.globals.update(reach=reach, broken=broken)
    return text, html


def render(letter: Letter, values: LetterValues, brand: str, theme: Theme = PLAIN, support: str = "", dress: Dress = UNDRESSED) -> Message:
    """The letter in its own language and the product's colours; `support` as the settings have it.

    Raises KeyError for a letter or a value that is not there.
    """
    if letter.channel == "sms":
        return _text_message(letter, values, _line(brand), dress.autofill)
    sheet = _sheet(letter, values, _line(brand), _line(support))
    text, html = _templates()
    words_alone = text.get_template("letter.txt").render(sheet=sheet)
    return Message(sheet.subject, words_alone, html.get_template("letter.html").render(sheet=sheet, theme=theme, dress=dress))


def _sheet(letter: Letter, values: LetterValues, product: str, support: str) -> Sheet:
    form = FORMS[letter.template]
    known: dict[str, str | int] = {"product": product, "recipient": _line(letter.recipient)}
    known |= {name: values[name] for name in ("hours", "minutes", "days") if name in values}
    known |= {"page": _link(values["page"])} if "page" in values else {}
    if form.when:
        known |= {"at": words.date_time(int(values[form.when]), letter.locale, str(values.get("zone", ""))), "ip": _line(str(values["ip"]))}

    if letter.template in OF_THIRDS:
        known["third"] = _third(values, letter.locale)
    if "agent" in values:
        known["device"] = _line(device(str(values["agent"]), letter.locale))

    def line(key: str) -> str:
        return words.text(f"letter.{key}", letter.locale, **known)

    button = line(f"{letter.template}.button") if form.link else None
    return Sheet(
        locale=letter.locale,
        line_height=LANGUAGES[letter.locale].traits.line_height,
        fonts=LANGUAGES[letter.locale].traits.fonts,
        product=product,
        subject=line(f"{letter.template}.subject"),
        why=line(f"{letter.template}.why"),
        facts=_facts(line, form, values),
        code=_line(str(values["code"])) if form.code and not form.link else None,
        button=button,
        named_link=words.text("letter.link", letter.locale, button=button) if button else None,
        link=_link(values[form.link]) if form.link else None,
        bare=line("bare"),
        holds=line(f"{letter.template}.holds") if "hours" in values or "minutes" in values else None,
        otherwise=line(f"{letter.template}.contact" if form.help and support else f"{letter.template}.otherwise"),
        way_out=_link(values[form.way_out]) if form.way_out else None,
        support=support if form.help else "",
        ways=_ways(letter.locale, values),
        security=(line("security"), _link(values["security_url"])) if "security_url" in values else None,
        not_me=(line("not_me"), _link(values["not_me"])) if "not_me" in values else None,
        footer=line("footer"),
    )


def _third(values: LetterValues, locale: Locale) -> str:
    """Who was linked. A nickname that mail programs would make a link of is left out: whoever links may be somebody else than who reads."""
    nickname = _line(str(values.get("nickname", "")))
    return words.third(str(values.get("provider", "")), "" if _LINKED.search(nickname) else nickname, locale)


def _ways(locale: Locale, values: LetterValues) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What sleeps, then what stays; nothing of a kind that there is none of."""
    labels = {"asleep": words.text("letter.asleep", locale), "stays": words.text("letter.stays", locale)}
    return tuple((introduced, _named(locale, str(values[name]))) for name, introduced in labels.items() if values.get(name))


def _named(locale: Locale, listed: str) -> tuple[str, ...]:
    pairs = [line.partition(" ") for line in listed.split("\n")]
    return tuple(_line(f"- {words.text(key, locale)} {value}".rstrip()) for key, _, value in pairs)


def _facts(line: Callable[[str], str], form: LetterForm, values: LetterValues) -> tuple[str, ...]:
    """When, on what and from where that was; or which page takes a code that a client's own field may not take."""
    if form.when:
        return line("when"), *((line("device"),) if "agent" in values else ()), line("from")
    return (line("page"),) if "page" in values else ()


def broken(text: str) -> "Markup":
    """The text as HTML; an address in it goes on in the next line behind a joint of its own, not inside a word."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - with the templates

    parts = [(found.group(), found.span()) for found in _ADDRESS.finditer(text)]
    html, at = Markup(), 0
    for address, (start, end) in parts:
        html += escape(text[at:start]) + Markup(_JOINTS.sub(r"\1<wbr>", str(escape(address))))  # noqa: S704 - escaped, and marked at joints
        at = end
    return html + escape(text[at:])


def _text_message(letter: Letter, values: LetterValues, product: str, autofill: str) -> Message:
    """One line without HTML; behind a code perhaps one that phones read (Origin-bound one-time codes, WICG).

    Beside it the values alone, for gateways that have a template of their own.
    """
    form = FORMS[letter.template]
    known: dict[str, str | int] = {name: int(values[name]) for name in ("minutes", "days") if name in values}
    if "code" in values:
        known["code"] = _line(str(values["code"]))
    if form.link == "url":
        known["url"] = _link(values["url"])
    key = "letter.sms" if letter.template in UNSAID else f"letter.{letter.template}.sms"
    filled: dict[str, str] = {name: str(known[name]) for name in ("code", "minutes") if name in known}
    content = words.text(key, letter.locale, product=product, **known)
    if "page" in values:
        content = f"{content} {words.text('letter.page', letter.locale, page=_link(values['page']))}"
    if form.when and values.get("reset_url"):
        content = f"{content} {words.text('letter.forgot', letter.locale, forgot=_link(values['reset_url']))}"
    if autofill and "code" in known and "page" not in values:
        content = f"{content}\n\n@{autofill} #{known['code']}"
    return Message("", content, values=filled, page=str(values.get("page", "")))


def _link(value: str | int) -> str:
    url = _line(str(value))
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("a letter links to web pages only")
    return url


def _line(value: str) -> str:
    """One line: no control, no line end, no invisible mark that turns the order of reading (Unicode C*, Zl, Zp)."""
    if value.isprintable():
        return value  # none of these is
    return "".join(" " if unicodedata.category(character)[0] == "C" or character in "\u2028\u2029" else character for character in value)

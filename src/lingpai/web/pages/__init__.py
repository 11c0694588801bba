"""The hosted pages: one file a page here, templates and static files beside the package.

A page works without JavaScript; all that it loads comes from `/static/`.
"""

import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup, escape

from lingpai.core import rules, words
from lingpai.core.chance import moment
from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.web.pages.shared.assets import link
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request

if TYPE_CHECKING:
    from jinja2 import Environment

HTML = "text/html; charset=utf-8"
_LINE = 24
"""Characters of an address that any line has room for."""
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_AT = re.compile(r"([@.])")


def page(template: str, request: Request, *, here: str = "", **values: Any) -> Reply:
    """The template filled in for this request.

    A template knows `t(key, **values)` for words in the request's language, `when(instant)`, `spaced(phone)`, `breakable(address)`,
    `static(name)` for the address of a file in `/static/`, `locale`, `brand`, `product`, `request_id`, and the values given; a name that
    it does not know raises.
    `here` is where the switch of languages leads back to, where that is not the request's own address (see `readable_at`); a browser with
    scripts has the answer to a form stand there too, so that Back and a reload send nothing once more.
    """
    html = (
        templates()
        .get_template(template)
        .render(
            t=partial(_word, request),
            when=partial(when, locale=request.locale, zone=request.ctx.zone),
            locale=request.locale,
            brand=request.brand,
            product=request.brand.product,
            here=here or _stands_at(request),
            answered=request.method == "POST",
            request_id=request.ctx.request_id,
            **values,
        )
    )
    return Reply(html.encode(), media_type=HTML)


def readable_at(request: Request) -> str:
    """Where a page can be had again by GET: its own address; of what was posted to `/page/forgot`, the address `/forgot`."""
    if request.method == "POST":
        return request.path.removeprefix("/page")
    return request.path + ("?" + urlencode(request.query) if request.query else "")


def _stands_at(request: Request) -> str:
    """The same; where a form answers without saying which page it stands on, its own address leads there (`reload.py`)."""
    if request.method != "POST":
        return readable_at(request)
    return request.path if request.path.startswith("/page/") else "/"


def when(instant: int, locale: Locale = DEFAULT_LOCALE, *, zone: str = "", date: bool = False) -> Markup:
    """An instant for people, to the minute or as a date alone: in the reader's zone.

    Where the request does not say which that is (`words.date_time`), and the first time, `form.js` puts it right.
    """
    at = moment(instant)
    shown = words.date(instant, locale, zone) if date else words.date_time(instant, locale, zone)
    kind = Markup(" data-date") if date else ""
    return Markup('<time datetime="{}"{}>{}</time>').format(at.strftime("%Y-%m-%dT%H:%M:%SZ"), kind, shown)


def _word(request: Request, key: str, **values: str | int | Markup) -> str:
    """The text: a phone number in it is in groups of digits, and what is marked up stays so between what is escaped."""
    grouped = {name: spaced(value) if isinstance(value, str) and not isinstance(value, Markup) else value for name, value in values.items()}
    marked = {value.striptags(): value for value in grouped.values() if isinstance(value, Markup)}
    plain = {name: value.striptags() if isinstance(value, Markup) else value for name, value in grouped.items()}
    shown = words.text(key, request.locale, **plain)
    if not marked:
        return shown
    html = escape(shown)
    for text, markup in marked.items():
        html = html.replace(escape(text), markup)
    return html


def spaced(text: str) -> str:
    """A phone number as people read it, `+86 139 9526 5229`; a long address may be broken; any other text as it is."""
    return breakable(text) if len(text) > _LINE else rules.in_groups(text)


def breakable(text: str) -> str:
    """A mail address that goes on in the next line after its `@` or a dot, not inside a word; a phone number in its groups."""
    if isinstance(text, Markup) or not _ADDRESS.fullmatch(text):
        return rules.in_groups(text)
    return Markup(_AT.sub(r"\1<wbr>", str(escape(text))))  # noqa: S704 - escaped, and marked at dots and `@` alone


@cache
def templates() -> "Environment":
    """All of them, compiled as they are needed."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - 12 ms, which the first answer does without

    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(
        spaced=spaced, breakable=breakable, static=link, tongues={locale: words.text("pages.tongue", locale) for locale in words.LOCALES}
    )
    return made

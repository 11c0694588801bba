"""The hosted pages: one file a page here, templates and static files beside the package.

A page works without JavaScript; all that it loads comes from `/static/`.
"""

from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lingpai.core import words
from lingpai.core.chance import moment
from lingpai.web.assets import link
from lingpai.web.dialect import Reply
from lingpai.web.exchange import Exchange

HTML = "text/html; charset=utf-8"


def page(template: str, exchange: Exchange, *, here: str = "", **values: Any) -> Reply:
    """The template filled in for this request.

    A template knows `t(key, **values)` for words in the request's language, `when(instant)`, `static(name)` for the address of a
    file in `/static/`, `locale`, `brand`, `product`, `request_id`, and the values given; a name that it does not know raises.
    `here` is where the switch of languages leads back to, where that is not the request's own address (see `place`).
    """
    html = _TEMPLATES.get_template(template).render(
        t=partial(_word, exchange),
        locale=exchange.locale,
        brand=exchange.brand,
        product=exchange.brand.product,
        here=here or place(exchange),
        request_id=exchange.origin.request_id,
        **values,
    )
    return Reply(html.encode(), media_type=HTML)


def place(exchange: Exchange) -> str:
    """Where a page can be had again by GET: its own address; of what was posted to `/page/forgot`, the address `/forgot`."""
    if exchange.method == "POST":
        return exchange.path.removeprefix("/page")
    return exchange.path + ("?" + urlencode(exchange.query) if exchange.query else "")


def when(instant: int) -> str:
    """An instant for people, to the minute; in UTC, as no page knows where its reader is."""
    return moment(instant).strftime("%Y-%m-%d %H:%M UTC")


def _word(exchange: Exchange, key: str, **values: str | int) -> str:
    return words.text(key, exchange.locale, **values)


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals.update(when=when, static=link, tongues={locale: words.text("pages.tongue", locale) for locale in words.LOCALES})

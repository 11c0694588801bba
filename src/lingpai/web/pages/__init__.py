"""The hosted pages: one file a page here, templates and static files beside the package.

A page works without JavaScript; all that it loads comes from `/static/`.
"""

from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lingpai.core import words
from lingpai.core.chance import moment
from lingpai.web.assets import link
from lingpai.web.dialect import Reply
from lingpai.web.exchange import Exchange

HTML = "text/html; charset=utf-8"


def page(template: str, exchange: Exchange, **values: Any) -> Reply:
    """The template filled in for this request.

    A template knows `t(key, **values)` for words in the request's language, `when(instant)`, `static(name)` for the address of a
    file in `/static/`, `locale`, `product`, `request_id`, and the values given; a name that it does not know raises.
    """
    html = _TEMPLATES.get_template(template).render(
        t=partial(_word, exchange),
        locale=exchange.locale,
        product=exchange.product,
        request_id=exchange.origin.request_id,
        **values,
    )
    return Reply(html.encode(), media_type=HTML)


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
_TEMPLATES.globals.update(when=when, static=link)

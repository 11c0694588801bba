"""A page that has every part of a form, for tests of the parts."""

from pathlib import Path

from lingpai.core.errors import BadCode, BadInput, Limited, Refusal, TooSoon
from lingpai.flows import Kit
from lingpai.web import pages
from lingpai.web.app import App
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.dialects import maillink
from lingpai.web.exchange import Exchange
from lingpai.web.pages import activation, authorization, forms, language, recovery, strength
from web.town import Town

TEMPLATE = pages._TEMPLATES.from_string((Path(__file__).parents[1] / "data" / "sample.html").read_text("utf-8"))
WHY: dict[str, Refusal] = {
    "email": BadInput("email", "email"),
    "long": BadInput("password", "too-short", low=8, high=40),
    "code": BadCode(),
    "soon": TooSoon(42),
}


async def show(kit: Kit, door: Door, exchange: Exchange, _: Nothing) -> Reply:
    if exchange.query.get("why") == "limited":
        raise Limited("login_client", 42)
    why = WHY.get(exchange.query.get("why", ""))
    return forms.form_page(TEMPLATE, exchange, why, typed=exchange.fields, field_of={BadCode: "code"})


def app(town: Town) -> App:
    """The town's house with the sample at `/sample`, and all pages that lie at a root of their own."""
    settings = town.house.kit.settings
    home = Door(maillink.MAILLINK, settings.maillink, "", maillink.links(settings))
    sample = [Call(("GET",), "/sample", show, changes=False), Call(("POST",), "/page/sample", show)]
    parts = (activation, authorization, language, recovery, strength)
    return App(town.house.kit, [home], home, [*sample, *(call for part in parts for call in part.CALLS)])

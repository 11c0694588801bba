"""A page that has every part of a form, for tests of the parts."""

from pathlib import Path

from lingpai.assembly.front import application
from lingpai.core.errors import BadCode, BadInput, Limited, Refusal, TooSoon, WrongPassword
from lingpai.flows import Services
from lingpai.web import pages
from lingpai.web.dialects import maillink
from lingpai.web.http.app import App
from lingpai.web.pages import activation, authorization, language, recovery, strength
from lingpai.web.pages.shared import forms
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.request import Request
from web.town import Town

TEMPLATE = pages.templates().from_string((Path(__file__).parents[1] / "data" / "sample.html").read_text("utf-8"))
WHY: dict[str, Refusal] = {
    "email": BadInput("email", "email"),
    "long": BadInput("password", "too-short", low=8, high=40),
    "code": BadCode(),
    "soon": TooSoon(42),
    "credentials": WrongPassword(),
}


async def show(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    if request.query.get("why") == "limited":
        raise Limited("login_client", 42)
    why = WHY.get(request.query.get("why", ""))
    return forms.form_page(TEMPLATE, request, why, typed=request.fields, field_of={BadCode: "code"})


def app(town: Town) -> App:
    """The town's house with the sample at `/sample`, and all pages that lie at a root of their own."""
    settings = town.house.services.settings
    own = settings.dialects["maillink"]
    home = Mount(maillink.DIALECT, own, "", maillink.links(town.house.services, own))
    sample = [Call(("GET",), "/sample", show, changes=False), Call(("POST",), "/page/sample", show)]
    parts = (activation, authorization, language, recovery, strength)
    return application(town.house.services, [home], home, [*sample, *(call for part in parts for call in part.CALLS)])

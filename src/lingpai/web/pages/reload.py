"""Where a form was sent to, opened as a page: a reload after a failed form, a restored tab, an address out of the history.

A form's own address changes something, and shows nothing by itself. Whoever opens it is led to the page that the form stands on.
"""

from collections.abc import Collection, Iterable
from functools import partial

from lingpai.flows import Services
from lingpai.web.pages.shared.return_context import onward, return_context
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.request import Request

FORMS = "/page"
_ELSEWHERE = "/login"
"""Where one goes on from a form that stands on a page of nobody's."""


def calls(pages: Iterable[Call]) -> tuple[Call, ...]:
    """A way back for each form of these pages whose address is no page itself."""
    declared = tuple(pages)
    readable = {call.path for call in declared if "GET" in call.methods}
    forms = {call.path for call in declared if call.path.startswith(f"{FORMS}/") and call.gives is None} - readable
    return tuple(Call(("GET",), path, partial(_lead_back, page_of(path, readable)), changes=False) for path in sorted(forms))


def page_of(form: str, readable: Collection[str]) -> str:
    """The page whose path the form's begins with, the longest: `/login` for `/page/login/code`."""
    path = form.removeprefix(FORMS)
    while path and path not in readable and FORMS + path not in readable:
        path = path.rpartition("/")[0]
    return _ELSEWHERE if not path else path if path in readable else FORMS + path


async def _lead_back(page: str, services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """With whose account it is about, and where one wanted to be: clean, as every page carries them."""
    return onward(return_context(services, request).to(page))

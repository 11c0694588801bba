"""The page of a code: where it went, the code alone, and behind "didn't get it?" what else helps (`templates/code.html`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lingpai.core.errors import BadCode, Refusal
from lingpai.flows import Services
from lingpai.web.pages.shared import puzzles
from lingpai.web.pages.shared.forms import form_page, left
from lingpai.web.pages.shared.return_context import ReturnContext, anybody
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code that was asked for, as its page's own address says it."""

    path: str
    to: str
    """Where it went; where a name was typed, that."""
    keeps: Mapping[str, str]
    """What the form carries and the address has: nothing secret is among it."""
    here: Mapping[str, str]
    """What the address alone has."""


def code_step(
    services: Services, request: Request, context: ReturnContext, template: str, sent: CodeSent, why: Refusal | None, **values: Any
) -> Reply:
    """The template of this page, a child of `code.html`. A code of letters is typed with `letters` in the page's address."""
    seconds, letters = left(services, request.fields), bool(request.fields.get("letters"))
    keeps = {**sent.keeps, "again": str(request.fields.get("again") or ""), "letters": "yes" if letters else ""}
    here = {**sent.here, **keeps}
    return form_page(
        template,
        request,
        why,
        typed=request.fields,
        field_of={BadCode: "code"},
        here=context.to(sent.path, **here),
        context=context,
        to=sent.to,
        by="phone" if anybody(sent.to).kind == "phone" else "email",
        early=bool(request.fields.get("early")) and seconds > 0 and not why,
        seconds=seconds,
        carried={**context.carried, **{name: value for name, value in keeps.items() if value}},
        letters=letters,
        puzzle=puzzles.offered(services),
        letters_at=context.to(sent.path, **{**here, "letters": "yes"}),
        **values,
    )

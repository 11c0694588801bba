"""What a page before the login says to whoever is logged in by now: in another tab, or for long."""

from lingpai.core.model import Account
from lingpai.flows import Services
from lingpai.web.pages import page
from lingpai.web.pages.shared.return_context import ReturnContext, inside, shown_as
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request


async def signed_in(services: Services, request: Request, context: ReturnContext, path: str) -> Reply | None:
    """Says who is, and leads on to where the person was going; None where nobody is, or they want to be somebody else.

    `path`: the page, as it can be had again.
    """
    account = None if context.switching else await inside(services, request)
    if account is None:
        return None
    return page("signed_in.html", request, here=context.to(path), context=context, who=shown_as(account))


def staying(account: Account | None) -> str:
    """For a page about something else, which leads on whoever is logged in (`stay_here` of `templates/parts/proofs.html`)."""
    return shown_as(account) if account else ""

"""The page that shows the step of an owner whose account waits for its deletion."""

from lingpai.core.steps import Step
from lingpai.web.pages import page
from lingpai.web.pages.shared.return_context import ReturnContext
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request


def cancel_deletion_page(request: Request, context: ReturnContext, step: Step) -> Reply:
    """Says when the account will be gone, and offers to keep it."""
    return page("closing.html", request, here=context.to("/login"), token=step.state, at=step.at, context=context)

"""Where an owner is led whose account waits for its deletion."""

from lingpai.core.steps import Step
from lingpai.web.pages.shared.return_context import ReturnContext, onward
from lingpai.web.request.calls import Reply

PATH = "/page/keep"


def to_cancel_deletion(context: ReturnContext, step: Step) -> Reply:
    """On to the page that says when the account will be gone, and offers to keep it: in this browser, which may ask for it again."""
    return onward(context.to(PATH), prelogin_token=step.state)

"""Whoever was logged in and is not any more is told so at the login, and led back from there.

By what the browser has itself, and in one sentence for every end: a session that is over is not kept, so nobody can say why, and whoever
brings a cookie of their own invention reads the same. Nothing of it says whether there is an account (contract, rule 8).
"""

from lingpai.flows import Services
from lingpai.settings.realms import realm_named
from lingpai.web.pages.shared.return_context import ReturnContext, at, onward
from lingpai.web.request import cookies
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request


def to_login(services: Services, request: Request, back: str) -> Reply:
    """To the login of the realm that this browser was last logged in to, and back afterwards.

    `ended`: its cookie is gone as well, as a browser lets it go when its time is over; that it has logged in before it knows all the same.
    """
    remembered = request.cookies.get(cookies.KIND, "")
    kind = remembered if realm_named(services.settings, remembered) else ""
    ended = "yes" if cookies.DEVICE in request.cookies and not request.ctx.session else ""
    return onward(at("/login", type=kind, next=back, ended=ended))


def session_ended(request: Request, context: ReturnContext) -> bool:
    """Whether a login page that is asked for is one for somebody whose session has ended. Asked where nobody is logged in."""
    if request.method == "POST" or context.switching:
        return False
    led_here = request.query.get("ended") == "yes" and cookies.DEVICE in request.cookies
    return bool(request.ctx.session) or led_here

"""Registering: `/register`, by a mailed link, or by a code that is mailed or texted; which of them, the operator says.

One field for the address: what is typed there says how it is proved. By a code, password and papers come once it is; by a link, before.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec.structs import replace

from lingpai.core import pasted, rules, words
from lingpai.core.errors import (
    BadCaptcha,
    BadCode,
    BadGrant,
    BadInput,
    Limited,
    MessagesSpent,
    NotInvited,
    NotOffered,
    Refusal,
    RegistrationClosed,
    TooSoon,
    WeakPassword,
)
from lingpai.core.model import Address
from lingpai.flows import Services, code_login, create_account, register
from lingpai.settings.realms import invites_in
from lingpai.steps.proved_address import ProvedAddress
from lingpai.web.pages import page, puzzles
from lingpai.web.pages.activation import sent_page
from lingpai.web.pages.shared.addresses import is_reachable, phone_prefix, prefixed, reachable, to_carry
from lingpai.web.pages.shared.code_step import CodeSent, code_step
from lingpai.web.pages.shared.consents import agreed, papers
from lingpai.web.pages.shared.forms import TYPED_LENGTH, again, digits, form_page
from lingpai.web.pages.shared.logged_in import logged_in
from lingpai.web.pages.shared.return_context import ReturnContext, onward, return_context, typed_email
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.fields import Text, read
from lingpai.web.request.request import Request

RegisterBy = Literal["link", "code", "phone"]
INTERVAL = 60
"""Seconds between two messages for one purpose (contract, rule 7)."""
_FIELD_OF = {BadCaptcha: "captcha", NotInvited: "invite"}


class RegisterOpened(msgspec.Struct, frozen=True, kw_only=True):
    """GET /register."""

    way: Annotated[str, Text(1, 16, optional=True)] = ""
    """How a mail address is proved, where that is offered; else by what is offered first."""
    account: Annotated[str, Text(1, 16_384, optional=True)] = ""
    email: Annotated[str, Text(1, 16_384, optional=True)] = ""
    invite: Annotated[str, Text(1, 16_384, optional=True)] = ""
    """From a link that somebody gave away together with it."""
    again: Annotated[str, Text(1, 32, optional=True)] = ""
    """A message has been asked for, and when another may be."""
    step: Annotated[str, Text(1, 16, optional=True)] = ""
    """This browser has proved an address, and goes on from there."""


class RegisterMail(msgspec.Struct, frozen=True, kw_only=True):
    """Whose mail it is to be."""

    email: Annotated[Address, Text(1, 512, typed_email)]


class RegisterAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the code is to go, mail or phone."""

    account: Annotated[Address, Text(1, 512, reachable)]


class RegisterMailAddress(msgspec.Struct, frozen=True, kw_only=True):
    """The same, where no phones are taken."""

    account: Annotated[Address, Text(1, 512, typed_email)]


class RegisterPhone(msgspec.Struct, frozen=True, kw_only=True):
    """The same, where no mail is taken."""

    account: Annotated[Address, Text(1, 64, rules.phone)]


class RegisterCode(RegisterAddress, frozen=True, kw_only=True):
    """The code that went there, alone."""

    code: Annotated[str, Text(1, 64, digits)]


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What one chooses beside the address."""

    password: Annotated[str, Text(1, 512, rules.password)]
    invite: Annotated[str, Text(1, 64, optional=True, pasted=pasted.plain)] = ""
    agree: Annotated[str, Text(1, 16, optional=True)] = ""


async def show(services: Services, mount: Mount, request: Request, opened: RegisterOpened) -> Reply:
    """GET /register: the address; by a link alone, with a password; with `again`, what a request for a message has led to."""
    context = return_context(services, request)
    if invites_in(services.settings, context.realm).policy == "closed":
        return _closed(request, context)
    if opened.step:
        return await _further(services, request, context)
    if _by_link(services, request) and (opened.way or opened.email or "phone" not in services.settings.pages.register):
        return _sent(services, request, context, opened.email) if opened.again else _link_form(services, request, context)
    if opened.again and is_reachable(opened.account):
        return _code_page(services, request, context)
    return await _address_form(services, request, context)


async def by_link(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/register: says the same for a taken address as for a free one, whose owner is told."""
    context = return_context(services, request)
    early, seconds = "", INTERVAL
    try:
        if "link" not in services.settings.pages.register:
            raise NotOffered("registration")
        email, chosen = read(request.fields, RegisterMail).email, read(request.fields, Chosen)
        consents = agreed(services, agree=bool(chosen.agree))
        form = register.Application(email, chosen.password, invite=chosen.invite.strip(), consents=consents)
        # Inside the interval the page says that a mail went out, as after a success.
        await register.by_link(services, request.ctx, form, succeeds=(TooSoon,))
    except RegistrationClosed:
        return _closed(request, context)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    except (BadInput, NotInvited, NotOffered, WeakPassword, Limited, MessagesSpent) as why:
        return _link_form(services, request, context, why)
    # On to the page that says it: a reload of that sends nothing.
    query = {"email": str(request.fields["email"]), "invite": _invite(request), "early": early, "again": again(services, seconds)}
    return onward(context.to("/register", way="link", **query))


async def send_code(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/register/code: sends it, and asks for it. A text message costs money, so that only people get one: behind a captcha."""
    context = return_context(services, request)
    keeps, early, seconds = _keeps(request), "", INTERVAL
    try:
        to = _address(services, request)
        keeps["account"] = to_carry(to, request.fields["account"])
        if to.kind == "email" and _by_link(services, request):
            return onward(context.to("/register", way="link", email=str(request.fields["account"]), invite=_invite(request)))
        if to.kind == "phone" and ("show" in request.fields or "captcha_id" not in request.fields):
            return await _puzzled(services, request, context)
        await register.ask_code(services, request.ctx, to, answer=_answered(request) if to.kind == "phone" else None)
    except RegistrationClosed:
        return _closed(request, context)
    except TooSoon as wait:
        early, seconds = "yes", wait.seconds
    except (BadInput, BadCaptcha, NotOffered, Limited, MessagesSpent) as why:
        return await (_puzzled if "captcha_id" in request.fields else _address_form)(services, request, context, why)
    return onward(context.to("/register", **keeps, early=early, again=again(services, seconds)))


async def enter(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/register/enter: the code is the proof; what else it takes is asked for on the next page, in this browser alone."""
    context = return_context(services, request)
    try:
        form = read(request.fields, RegisterCode)
        step = await create_account.prove(services, request.ctx, form.account, form.code)
    except (BadInput, BadCode, Limited) as why:
        if isinstance(why, BadInput) and why.field == "account":
            return await _address_form(services, request, context, why)
        return _code_page(services, request, context, why)
    return onward(_at_new(request, context), prelogin_token=step.state)


async def finish(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """POST /page/register/finish: an account for the address that this browser has proved, and in."""
    context = return_context(services, request)
    try:
        to, chosen = read(request.fields, RegisterAddress).account, read(request.fields, Chosen)
        consents = agreed(services, agree=bool(chosen.agree))
        new = create_account.NewAccount(invite=chosen.invite.strip(), consents=consents, password=chosen.password)
        opened = await create_account.create(services, request.ctx, to, new)
    except RegistrationClosed:
        return _closed(request, context)
    except BadGrant as why:
        return replace(onward(_at_new(request, context)), refused=why.code)
    except (BadInput, NotInvited, WeakPassword, Limited) as why:
        return await _further(services, request, context, why)
    return logged_in(request, opened, context.end)


def _by_link(services: Services, request: Request) -> bool:
    """Whether a mail address is proved by a link: as the page's address says, where that is offered; else by what is offered first."""
    ways = [way for way in services.settings.pages.register if way != "phone"]
    return bool(ways) and next((way for way in ways if way == request.fields.get("way")), ways[0]) == "link"


def _takes(services: Services) -> Literal["email", "phone", "both"]:
    ways = set(services.settings.pages.register)
    return "phone" if ways == {"phone"} else "both" if "phone" in ways else "email"


def _address(services: Services, request: Request) -> Address:
    fields, takes = prefixed(services, request), _takes(services)
    if takes == "both":
        return read(fields, RegisterAddress).account
    return read(fields, RegisterPhone).account if takes == "phone" else read(fields, RegisterMailAddress).account


def _answered(request: Request) -> Any:
    found = puzzles.answer(request)
    if found is None:
        raise BadInput("captcha", "captcha-missing")
    return found


def _link_form(services: Services, request: Request, context: ReturnContext, why: Refusal | None = None) -> Reply:
    """Address and password."""
    return form_page(
        "register.html",
        request,
        why,
        typed=request.fields,
        field_of=_FIELD_OF,
        label_of={"agree": papers(services, request.locale)},
        here=context.to("/register", way="link", email=_text(request, "email"), invite=_invite(request)),
        context=context,
        policy=invites_in(services.settings, context.realm).policy,
    )


def _code_page(services: Services, request: Request, context: ReturnContext, why: Refusal | None = None) -> Reply:
    keeps = _keeps(request)
    to = keeps["account"]
    link = context.to("/register", way="link", email=to, invite=_invite(request))
    by_link = "link" in services.settings.pages.register and "@" in pasted.address(to)
    return code_step(services, request, context, "register_code.html", CodeSent("/register", to, keeps, {}), why, link=by_link and link)


async def _further(services: Services, request: Request, context: ReturnContext, why: Refusal | None = None) -> Reply:
    """Password and papers for the address that this browser has proved; without a proof, the address once more."""
    proof = await code_login.proved(services, request.ctx)
    if proof is None:
        return replace(await _address_form(services, request, context, BadGrant()), status=200)
    if proof.need != "create_account":
        return onward(context.to("/login", step="new"))
    return _new_form(services, request, context, proof, why)


def _new_form(services: Services, request: Request, context: ReturnContext, proof: ProvedAddress, why: Refusal | None) -> Reply:
    return form_page(
        "register_new.html",
        request,
        why,
        typed=request.fields,
        field_of=_FIELD_OF,
        label_of={"agree": papers(services, request.locale)},
        here=_at_new(request, context),
        context=context,
        way=_text(request, "way"),
        to=proof.address.value,
        waiting=not create_account.asks_invite(proof),
        policy=invites_in(services.settings, context.realm).policy,
    )


def _at_new(request: Request, context: ReturnContext) -> str:
    """Where the page is that asks for the rest; whoever comes too late begins again as they had begun."""
    return context.to("/register", step="new", way=_text(request, "way"), invite=_invite(request))


def _text(request: Request, name: str) -> str:
    value = request.fields.get(name)
    return value[:TYPED_LENGTH] if isinstance(value, str) else ""


def _invite(request: Request) -> str:
    """What an invite link brought, for as long as one registers."""
    return _text(request, "invite")


def _keeps(request: Request) -> dict[str, str]:
    """What the page of a code needs to know: where it went, and with which invite one registers."""
    return {name: _text(request, name) for name in ("way", "account", "invite")}


async def _puzzled(services: Services, request: Request, context: ReturnContext, why: Refusal | None = None) -> Reply:
    """The address once more, with a captcha."""
    puzzle = await puzzles.puzzle_after(services, request, why)
    mended = puzzles.mended(why, request) if isinstance(why, BadCaptcha) else why
    reply = await _address_form(services, request, context, mended, puzzle)
    return replace(reply, prelogin_token=puzzle.prelogin_token) if puzzle else reply


async def _address_form(
    services: Services,
    request: Request,
    context: ReturnContext,
    why: Refusal | None = None,
    puzzle: puzzles.CaptchaPuzzle | None = None,
) -> Reply:
    """The first of three steps: where the code is to go."""
    takes = _takes(services)
    label = words.text({"email": "pages.email", "phone": "pages.phone", "both": "pages.by_code.account"}[takes], request.locale)
    account = _text(request, "account") or _text(request, "email") or _text(request, "phone")
    return form_page(
        "register_address.html",
        request,
        why,
        typed={**request.fields, "account": account},
        field_of=_FIELD_OF,
        label_of={"account": label},
        here=context.to(
            "/register", way=_text(request, "way"), account=account, country=_text(request, "country"), invite=_invite(request)
        ),
        context=context,
        takes=takes,
        label=label,
        prefix=phone_prefix(services, request, account) if takes != "email" else None,
        way=_text(request, "way"),
        links=_by_link(services, request),
        policy=invites_in(services.settings, context.realm).policy,
        puzzle=puzzle,
    )


def _closed(request: Request, context: ReturnContext) -> Reply:
    return page("register_closed.html", request, here=context.to("/register"), context=context)


def _sent(services: Services, request: Request, context: ReturnContext, email: str) -> Reply:
    elsewhere = context.to("/register", way="link", email=email, invite=_invite(request))
    by_code = context.to("/register", way="code", account=email, invite=_invite(request))
    offered = by_code if "code" in services.settings.pages.register else ""
    return sent_page(services, request, context, "register", email, elsewhere=elsewhere, by_code=offered)


CALLS: tuple[Call, ...] = (
    Call(("GET",), "/register", show, RegisterOpened, changes=False),
    Call(("POST",), "/page/register", by_link),
    Call(("POST",), "/page/register/code", send_code),
    Call(("POST",), "/page/register/enter", enter),
    Call(("POST",), "/page/register/finish", finish, sets_session=True),
)

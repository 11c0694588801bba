"""What the web site's own pages show of whoever is logged in, and what they change: name, phone and mail address."""

from typing import Literal

from lingpai.core.errors import BadCode, BadInput, NotLoggedIn, StaleLogin
from lingpai.core.model import Account, Address
from lingpai.flows import Services, contacts, reauthenticate
from lingpai.steps.authentication import activated
from lingpai.web.dialects.hiyouth import shapes
from lingpai.web.dialects.hiyouth.envelope import info, reply, telling
from lingpai.web.dialects.hiyouth.visitor import who
from lingpai.web.request.calls import Mount, Nothing, Reply
from lingpai.web.request.request import Request

NO_PASSWORD: Literal[-2] = -2
NONE: Literal[-1] = -1
_PLAIN = str.maketrans(dict.fromkeys("<>"))
"""The web site writes what it is given into its page as it is."""


def shown_name(account: Account) -> str:
    """Nickname, else name, else the masked address or phone, else the number: never empty, and without `<` and `>` (contract, H52)."""
    ways = (account.nickname, account.name or "", _masked_mail(account.email or ""), _masked_phone(account.phone or ""))
    return next(filter(None, (way.translate(_PLAIN).strip() for way in ways)), f"#{account.id}")


def _masked_mail(email: str) -> str:
    local, at, domain = email.partition("@")
    return f"{local[:1]}***{at}{domain}" if at else ""


def _masked_phone(phone: str) -> str:
    digits = _without_country(phone)
    return f"{digits[:3]}****{digits[-4:]}" if phone else ""


def _without_country(phone: str) -> str:
    """11 digits, as this site knows them; a number of another country as it is."""
    return phone.removeprefix("+86")


async def for_settings(services: Services, mount: Mount, request: Request, _: Nothing) -> Reply:
    """/api/getPersonForSet. A phone that nobody has proved is none: the page offers to bind one."""
    _role, owner = await who(services, mount, request)
    account = owner.account
    data = shapes.PersonForSet(
        account=NO_PASSWORD if account.password is None else shown_name(account),
        phone=_without_country(account.phone) if account.phone and account.phone_proved_at else NONE,
        email=account.email or NONE,
    )
    return reply(shapes.HiyouthOwnData(1, info(request, "done"), data))


async def set_phone(services: Services, mount: Mount, request: Request, form: shapes.NewPhone) -> Reply:
    """/api/setPhone."""
    return await _set(services, mount, request, form.phone, form.verid)


async def set_email(services: Services, mount: Mount, request: Request, form: shapes.NewEmail) -> Reply:
    """/api/setEmail."""
    return await _set(services, mount, request, form.email, form.verid)


async def _set(services: Services, mount: Mount, request: Request, address: Address, verid: str) -> Reply:
    """The first step sends a code to the address, whoever has it; the second one binds it, and only then says that it is taken."""
    with telling(NotLoggedIn, "log_in_again"), telling(StaleLogin, "log_in_again"), telling(BadCode, "wrong_code"):
        _role, owner = await who(services, mount, request)
        login = activated(owner)
        if "verid" not in request.fields:
            await contacts.ask(services, request.ctx, await reauthenticate.require(services, request.ctx, login), address)
            return reply(shapes.HiyouthResult(1, info(request, "texted")))
        if not verid:
            raise BadInput("verid", "missing")
        await contacts.bind(services, request.ctx, login, address, verid.zfill(request.ctx.code_length))
    return reply(shapes.HiyouthResult(1, info(request, "bound")))

"""Pages with a form. One pattern for all of them.

    async def show(services, mount, request, opened: ForgotOpened) -> Reply:      # GET /forgot
        return form_page("forgot.html", request, typed={"email": opened.email})

    async def send(services, mount, request, _: Nothing) -> Reply:                # POST /page/forgot, Call(..., takes=Nothing)
        try:
            form = read_form(request.fields, ForgotForm)                    # read here, so that bad fields stay on this page, all at once
            await recover.ask_code(services, request.ctx, ...)
        except (BadInput, BadCode, TooSoon) as why:                          # what a person can mend here, and nothing else
            return form_page("forgot.html", request, why, typed=request.fields, field_of={BadCode: "code"})
        return page("sent.html", request, ...)

    {% from "parts/form.html" import error_summary, field, submit with context %}
    <form method="post" action="/page/forgot">{{ error_summary(form) }}{{ field(form, "email", t("pages.email"), type="email") }}…

`Unavailable` is not caught: the application answers it with problem.html, 503, and how long to wait.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from msgspec.structs import replace

from lingpai.core import journal, pasted, words
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadCode, BadCredentials, BadInput, Limited, Refusal, Taken, TooSoon, WeakPassword
from lingpai.core.model import DEFAULT_LOCALE, Locale
from lingpai.flows import Services
from lingpai.guard.one_time.codes import is_word
from lingpai.web.pages import page
from lingpai.web.request.calls import Reply
from lingpai.web.request.fields import BadForm
from lingpai.web.request.request import Request

DAY = 24 * 3_600
_INSTANT = 15
"""Digits of an instant that are read."""
TYPED_LENGTH = 320
"""Characters of a field that are shown again: the longest address."""
_SECRET = ("password", "code", "captcha", "answer", "token", "authorization")
"""A field whose name has one of these in it is not shown again, but for those that stay."""
_STAYING = ("code", "password", "old_password")
"""These stay in the page that answers their own request for as long as nothing is wrong with them."""
_APART = dict.fromkeys(map(ord, "-\u2010\u2011\u2013"))
Lead: TypeAlias = tuple[str, str]
"""A way on: an address of ours, and the words of its link."""
LeadsOf: TypeAlias = Callable[[Refusal], Sequence[Lead]]
"""What helps after a refusal, to stand behind its sentence."""


def nowhere(_: Refusal) -> Sequence[Lead]:
    """The form itself is the way on."""
    return ()


@dataclass(frozen=True, slots=True)
class Form:
    """What a form shows beside its labels; empty before anything was sent."""

    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    """A sentence for each field that was not taken."""
    problem: str = ""
    """What was refused and belongs to no field."""
    notice: str = ""
    """That it was too soon, or that one step more is needed: nobody's mistake, and nothing to look over."""
    leads: Mapping[str, Sequence[Lead]] = field(default_factory=dict)
    """Ways on behind what is said at a field; behind the problem under an empty name."""
    locale: Locale = DEFAULT_LOCALE
    labels: Mapping[str, str] = field(default_factory=dict)
    """What a sentence calls a field, where it is not as the locale has it."""

    def fault(self, name: str, reason: str, **values: int) -> str:
        """What would be said at the field, for a check before anything is sent; empty where there is no word for the field."""
        label = _label(name, self.labels, self.locale)
        return _sentence(BadInput(name, reason, **values), label, self.locale) if label or reason == name else ""

    @property
    def failed(self) -> bool:
        """Whether anything was refused."""
        return bool(self.errors or self.problem)


def form_page(
    template: str,
    request: Request,
    why: Refusal | None = None,
    *,
    typed: Mapping[str, Any] | None = None,
    field_of: Mapping[type[Refusal], str] | None = None,
    label_of: Mapping[str, str] | None = None,
    leads_of: LeadsOf = nowhere,
    notice: str = "",
    kept: tuple[str, ...] = (),
    **values: Any,
) -> Reply:
    """The page with its form: 200, or 422 with what was typed and why it was not taken (RFC 9110, 15.5.21); 429 for a rate limit.

    `typed` may be all fields of the request: secrets and what is no text are left out. `field_of` says at which field a refusal
    stands (BadInput, Taken and WeakPassword know their own); `label_of` calls a field otherwise than the locale's `field.…`;
    `leads_of` says what helps, behind what was refused; `notice` what is to be known though nothing was.
    `kept` names secrets that are shown again: those of the very request that is answered, with which they go; they are stored nowhere.
    A password or a code is shown again too, where that request brought it and nothing is wrong with it (`docs/why.md`).
    """
    if why:
        journal.answered(why.code, why.details)
    kept = (*kept, *_STAYING) if request.method == "POST" else kept
    form = _form(why, typed or {}, field_of or {}, label_of or {}, leads_of, request.locale, kept)
    if notice and not form.notice:
        form = dataclasses.replace(form, notice=notice)
    reply = page(template, request, form=form, **values)
    if isinstance(why, Limited):
        return replace(reply, status=429, retry_after=why.seconds, refused=why.code)
    return replace(reply, status=422, refused=why.code) if why else reply


def again(services: Services, seconds: int) -> str:
    """When another message may be asked for, as a page of a code carries it: an instant."""
    return str(services.clock.now() + seconds * SECOND)


def left(services: Services, fields: Mapping[str, Any]) -> int:
    """Whole seconds until what the page carries as `again`, at most a day; 0 where that is past, or is none."""
    instant = fields.get("again")
    if not isinstance(instant, str) or not (instant.isascii() and instant.isdecimal()) or len(instant) > _INSTANT:
        return 0
    return min(max(0, -(-(int(instant) - services.clock.now()) // SECOND)), DAY)


def _form(
    why: Refusal | None,
    typed: Mapping[str, Any],
    field_of: Mapping[type[Refusal], str],
    label_of: Mapping[str, str],
    leads_of: LeadsOf,
    locale: Locale,
    kept: tuple[str, ...],
) -> Form:
    faults = why.faults if isinstance(why, BadForm) else (why,) if why else ()
    errors, leads = {}, {}
    for fault in faults:
        where = _field(fault, field_of)
        errors[where] = _sentence(fault, _label(where, label_of, locale), locale)
        leads[where] = tuple(leads_of(fault))
    wrong = _STAYING if "" in errors and isinstance(why, BadCredentials | BadCode) else tuple(name for name in _STAYING if name in errors)
    shown = _shown(typed, kept=tuple(name for name in kept if name not in wrong))
    problem, notice = errors.pop("", ""), ""
    if isinstance(why, TooSoon):
        problem, notice = "", problem
    return Form(shown, errors, problem, notice, leads, locale, label_of)


def _sentence(why: Refusal, label: str, locale: Locale) -> str:
    return words.sentence(words.refusal(why, locale, label=label), locale)


def digits(text: str, name: str = "code") -> str:
    """A code of digits as it was typed or pasted, without hyphens and what came along (contract, 2.8). Raises BadInput.

    Or one of 8 letters and digits (contract, 6.7).
    """
    clean = compact(text, name)
    if is_word(clean.lower()):
        return clean.lower()
    if not (clean.isascii() and clean.isdecimal()):
        raise BadInput(name, "characters")
    return clean


def compact(text: str, name: str = "code") -> str:
    """A code that may hold letters, as `digits`. Raises BadInput where nothing is left."""
    clean = pasted.plain(text).translate(_APART)
    if not clean:
        raise BadInput(name, "missing")
    return clean


def _field(why: Refusal, field_of: Mapping[type[Refusal], str]) -> str:
    if isinstance(why, BadInput) and why.field == "captcha":
        return why.field
    chosen = next((field_of[kind] for kind in type(why).__mro__ if kind in field_of), "")
    if chosen:
        return chosen
    if isinstance(why, BadInput | Taken):
        return str(why.details.get("field", ""))
    return "password" if isinstance(why, WeakPassword) else ""


def _label(name: str, label_of: Mapping[str, str], locale: Locale) -> str:
    """As it stands in the midst of a sentence: what an account is known by has a capital as a page's label, if its language has any."""
    given = label_of.get(name) or words.label(name, locale)
    return given[:1].lower() + given[1:] if name == "account" else given


def _shown(typed: Mapping[str, Any], *, kept: tuple[str, ...] = ()) -> dict[str, str]:
    """What is too long is cut; a secret would be another one then, and goes."""
    texts = {name: value for name, value in typed.items() if isinstance(value, str)}
    secret = {name for name in texts if any(part in name for part in _SECRET)}
    return {
        name: value[:TYPED_LENGTH] for name, value in texts.items() if name not in secret or (name in kept and len(value) <= TYPED_LENGTH)
    }

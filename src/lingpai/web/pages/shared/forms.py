"""Pages with a form. One pattern for all of them.

    async def show(services, mount, request, opened: ForgotOpened) -> Reply:      # GET /forgot
        return form_page("forgot.html", request, typed={"email": opened.email})

    async def send(services, mount, request, _: Nothing) -> Reply:                # POST /page/forgot, Call(..., takes=Nothing)
        try:
            form = read(request.fields, ForgotForm)                         # read here, so that a bad field stays on this page
            await recover.ask_code(services, request.ctx, ...)
        except (BadInput, BadCode, TooSoon) as why:                          # what a person can mend here, and nothing else
            return form_page("forgot.html", request, why, typed=request.fields, field_of={BadCode: "code"})
        return page("sent.html", request, ...)

    {% from "parts/form.html" import error_summary, field, submit with context %}
    <form method="post" action="/page/forgot">{{ error_summary(form) }}{{ field(form, "email", t("pages.email"), type="email") }}…

`Unavailable` is not caught: the application answers it with problem.html, 503, and how long to wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from lingpai.core import journal, pasted, words
from lingpai.core.chance import SECOND
from lingpai.core.errors import BadInput, Limited, Refusal, Taken, TooSoon, WeakPassword
from lingpai.core.model import Locale
from lingpai.flows import Services
from lingpai.guard.one_time.codes import is_word
from lingpai.web.pages import page
from lingpai.web.request.calls import Reply
from lingpai.web.request.request import Request

DAY = 24 * 3_600
_INSTANT = 15
"""Digits of an instant that are read."""
TYPED_LENGTH = 320
"""Characters of a field that are shown again: the longest address."""
_SECRET = ("password", "code", "captcha", "answer", "token", "authorization")
"""A field whose name has one of these in it is never shown again; but a code that was not what was wrong stays in its field."""
_CODE = "code"
_APART = dict.fromkeys(map(ord, "-\u2010\u2011\u2013"))


@dataclass(frozen=True, slots=True)
class Form:
    """What a form shows beside its labels; empty before anything was sent."""

    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    """A sentence for each field that was not taken."""
    problem: str = ""
    """What was refused and belongs to no field."""
    notice: str = ""
    """That it was too soon: nobody's mistake, and nothing to look over."""

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
    kept: tuple[str, ...] = (),
    **values: Any,
) -> Reply:
    """The page with its form: 200, or 422 with what was typed and why it was not taken (RFC 9110, 15.5.21); 429 for a rate limit.

    `typed` may be all fields of the request: secrets and what is no text are left out. `field_of` says at which field a refusal
    stands (BadInput, Taken and WeakPassword know their own); `label_of` calls a field otherwise than the locale's `field.…`.
    `kept` names secrets that are shown again: those of the very request that is answered, with which they go; they are stored nowhere.
    """
    if why:
        journal.answered(why.code, why.details)
    where = _field(why, field_of or {})
    form = _form(why, where, _sentence(why, _label(where, label_of or {}, request.locale), request.locale), typed or {}, kept)
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


def _form(why: Refusal | None, where: str, sentence: str, typed: Mapping[str, Any], kept: tuple[str, ...]) -> Form:
    shown = _shown(typed, kept=(*kept, _CODE) if why is not None and where != _CODE else kept)
    if where:
        return Form(shown, {where: sentence})
    return Form(shown, notice=sentence) if isinstance(why, TooSoon) else Form(shown, problem=sentence)


def _sentence(why: Refusal | None, label: str, locale: Locale) -> str:
    return words.sentence(words.refusal(why, locale, label=label), locale) if why else ""


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


def _field(why: Refusal | None, field_of: Mapping[type[Refusal], str]) -> str:
    if why is None:
        return ""
    chosen = next((field_of[kind] for kind in type(why).__mro__ if kind in field_of), "")
    if chosen:
        return chosen
    if isinstance(why, BadInput | Taken):
        return str(why.details.get("field", ""))
    return "password" if isinstance(why, WeakPassword) else ""


def _label(name: str, label_of: Mapping[str, str], locale: Locale) -> str:
    return label_of.get(name) or words.label(name, locale)


def _shown(typed: Mapping[str, Any], *, kept: tuple[str, ...] = ()) -> dict[str, str]:
    return {
        name: value[:TYPED_LENGTH]
        for name, value in typed.items()
        if isinstance(value, str) and (name in kept or not any(part in name for part in _SECRET))
    }

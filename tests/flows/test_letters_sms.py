"""Letters as text messages: one line, and beside it the values for a gateway's own template."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from fakes import START
from lingpai.core.model import Letter, Locale
from lingpai.core.words import LOCALES
from lingpai.post import Message
from lingpai.post.letters import FORMS, render

URL = "https://id.example.com/keep?vcode=Xk2p9QfZ7mNtB4vYc8Lw"
VALUES: dict[str, str | int] = {
    "url": URL,
    "reset_url": "https://id.example.com/forgot",
    "at": START,
    "ip": "203.0.113.7",
    "days": 7,
}
CODE: dict[str, str | int] = {"code": "048213", "minutes": 10}
CODES = ("register_code", "reset_code", "bind_code", "login_code", "confirm_code")
NOTICES = [template for template in FORMS if template not in (*CODES, "activate", "reset")]
EVIL = "\"'><b>{{7*7}}{code}\r\n\u2028\u202eevil\x1b[31m"


@pytest.fixture(params=LOCALES)
def locale(request: pytest.FixtureRequest) -> Any:
    return request.param


def texted(template: str, locale: Locale, brand: str = "Lingpai", values: Mapping[str, str | int] | None = None) -> Message:
    letter = Letter(
        id=1,
        channel="sms",
        template=template,
        recipient="+8613800138000",
        locale=locale,
        sealed=b"",
        account_id=1,
        created_at=START,
        due_at=START,
        expires_at=START + 1,
        attempts=1,
        state="waiting",
        error="",
    )
    return render(letter, values or (CODE if template in CODES else VALUES), brand)


@pytest.mark.parametrize("template", [*CODES, *NOTICES])
def test_a_text_message_is_one_line_in_the_letters_language(template: str, locale: Locale) -> None:
    message = texted(template, locale)
    assert (message.subject, message.html) == ("", None)
    assert len(message.text.splitlines()) == 1
    assert bool(re.search(r"[\u4e00-\u9fff]", message.text)) == locale.startswith("zh")
    assert message.text.startswith("【Lingpai】" if locale.startswith("zh") else "Lingpai: ")


@pytest.mark.parametrize("template", CODES)
def test_a_texted_code_and_its_life_stand_in_the_text_and_among_the_values(template: str, locale: Locale) -> None:
    message = texted(template, locale)
    assert message.values == {"code": "048213", "minutes": "10"}
    assert re.findall(r"[0-9]+", message.text) == ["048213", "10"]


@pytest.mark.parametrize(("minutes", "said"), [(1, "valid for 1 minute."), (10, "valid for 10 minutes.")])
def test_the_life_of_a_texted_code_takes_the_form_of_its_number(minutes: int, said: str) -> None:
    assert said in texted("login_code", "en", values={**CODE, "minutes": minutes}).text


@pytest.mark.parametrize("template", NOTICES)
def test_a_texted_notice_has_no_values_and_names_forgot_instead_of_a_not_me(template: str, locale: Locale) -> None:
    message = texted(template, locale)
    assert message.values == {}
    assert re.findall(r"https?://\S+", message.text) == [*([URL] if template == "closing" else []), VALUES["reset_url"]]


def test_no_brand_gets_out_of_its_line(locale: Locale) -> None:
    text = texted("register_code", locale, EVIL).text
    assert len(text.splitlines()) == 1
    assert text.count("048213") == 1
    assert not re.search(r"[\x00-\x1f\u2028\u202e]", text)


@pytest.mark.parametrize("template", ["activate", "reset"])
def test_a_link_that_proves_an_address_is_never_texted(template: str, locale: Locale) -> None:
    with pytest.raises(KeyError):
        texted(template, locale)

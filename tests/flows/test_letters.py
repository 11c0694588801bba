"""The letters' words: both parts say the same, in every language, and no value gets out of its place."""

import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fakes import START
from lingpai.core import words
from lingpai.core.model import Letter, Locale
from lingpai.core.words import LOCALES
from lingpai.post import Message
from lingpai.post.letters import FORMS, Dress, broken, render
from lingpai.settings import MailSettings, Pages, Settings, theme
from lingpai.settings.check import problems

URL = "https://id.example.com/activate_account?email=ada%40example.com&vcode=Xk2p9QfZ7mNtB4vYc8Lw"
NOT_ME = "https://id.example.com/page/not-me?token=ahk2p7qfz5mntb4vyc2lw"
HELP = "https://id.example.com/forgot?email=ada%40example.com"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
VALUES: dict[str, dict[str, str | int]] = {
    "activate": {"url": URL, "reset_url": HELP, "registered_at": START, "ip": "2001:db8::1", "hours": 24},
    "reset": {"url": URL, "hours": 3},
    "register_code": {"code": "048213", "minutes": 10},
    "reset_code": {"code": "k7m3p9xa", "minutes": 10},
    "bind_code": {"code": "048213", "minutes": 10},
    "login_code": {"code": "048213", "minutes": 10},
    "confirm_code": {"code": "048213", "minutes": 10},
    "questions_tried": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "questions_changed": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "email_changed": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "phone_changed": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "linked": {"reset_url": HELP, "at": START, "ip": "203.0.113.7", "provider": "wechat", "nickname": "Ada"},
    "unlinked": {"reset_url": HELP, "at": START, "ip": "203.0.113.7", "provider": "qq", "nickname": ""},
    "new_login": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "new_device": {"reset_url": HELP, "at": START, "ip": "203.0.113.7", "agent": CHROME},
    "name_changed": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "phone_left": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "closing": {"url": URL, "days": 7, "at": START, "ip": "203.0.113.7"},
    "taken": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
    "password_changed": {"reset_url": HELP, "at": START, "ip": "203.0.113.7"},
}
NOTICES = [template for template, values in VALUES.items() if "at" in values]
for each in NOTICES:
    VALUES[each]["not_me"] = NOT_ME
RESET: dict[str, str | int] = {
    "asleep": "pages.phone +8613***00\nprovider.qq \npages.me.questions.title ",
    "stays": "pages.email a***@example.com",
    "security_url": "https://id.example.com/me/security",
}
LINKS = {template: form.link for template, form in FORMS.items() if form.link}
LETTER = Letter(
    id=1,
    channel="email",
    template="activate",
    recipient="ada@example.com",
    locale="en",
    sealed=b"",
    account_id=1,
    created_at=START,
    due_at=START,
    expires_at=START + 1,
    attempts=1,
    state="waiting",
    error="",
)
EVIL = "\"'><img src=x onerror=alert(1)>{{7*7}}{product}\r\nBcc: v@example.com\n.\n\u2028\u202eevil\x1b[31m\ud800"


class Page(HTMLParser):
    """What a mail program would show, follow and fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._hidden = False
        self.feed(html.replace("<wbr>", ""))  # where a line may break, nobody reads a blank

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += f" {data}"

    @property
    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]


def written(
    template: str, locale: Locale = "en", brand: str = "Lingpai", recipient: str = "ada@example.com", **values: str | int
) -> Message:
    return render(replace(LETTER, template=template, locale=locale, recipient=recipient), VALUES[template] | values, brand)


def page(message: Message) -> Page:
    assert message.html is not None
    return Page(message.html)


@pytest.fixture(params=VALUES)
def template(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=LOCALES)
def locale(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_there_are_values_here_for_every_letter() -> None:
    assert VALUES.keys() == FORMS.keys()


def test_text_and_html_say_the_same(template: str, locale: Locale) -> None:
    message = written(template, locale)
    shown = " ".join(page(message).words.split())
    for line in message.text.splitlines():
        if line not in ("", "-- "):
            assert line.rstrip(":：") in shown, line


def test_a_code_stands_in_both_parts_and_not_in_the_subject(template: str, locale: Locale) -> None:
    message = written(template, locale)
    if code := VALUES[template].get("code"):
        assert str(code) in message.text
        assert str(code) in Page(message.html or "").words
        assert str(code) not in message.subject


@pytest.mark.parametrize("template", LINKS)
def test_the_button_and_the_bare_text_lead_to_the_same_place(template: str, locale: Locale) -> None:
    message = written(template, locale)
    link = VALUES[template][LINKS[template]]
    assert page(message).links[:2] == [link, link]
    assert link in page(message).words.split()
    assert link in message.text.splitlines()


def test_the_language_is_marked_and_is_the_letters_own(template: str, locale: Locale) -> None:
    message = written(template, locale)
    assert {attributes["lang"] for _, attributes in page(message).tags if "lang" in attributes} == {locale}
    chinese = re.search(r"[\u4e00-\u9fff]", message.subject + message.text)
    assert bool(chinese) == locale.startswith("zh")


def test_nothing_is_fetched_and_nothing_is_big(template: str, locale: Locale) -> None:
    message = written(template, locale, recipient=f"{'a' * 64}@{'b' * 60}.{'c' * 60}.example.com")
    assert message.html is not None
    assert len(message.html.encode()) < 20_000
    assert {tag for tag, _ in page(message).tags} <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "table",
        "tr",
        "td",
        "a",
        "br",
        "div",
    }
    assert all(attributes.keys().isdisjoint({"src", "background", "srcset", "poster"}) for _, attributes in page(message).tags)
    assert not re.search(r"url\(|@import|@font-face", message.html)


def test_dark_and_light_are_both_meant(template: str, locale: Locale) -> None:
    html = written(template, locale).html or ""
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    classes = set(re.findall(r'class="([^"]+)"', html))
    named = {name for group in classes for name in group.split()}
    assert all(f".{name} {{" in html for name in named)


@pytest.mark.parametrize("support", ["help@example.com", "https://example.com/help"])
@pytest.mark.parametrize("lang", words.LOCALES)
def test_who_did_not_change_the_address_is_told_whom_to_ask(lang: Locale, support: str) -> None:
    letter, values = replace(LETTER, template="email_changed", locale=lang), VALUES["email_changed"]
    alone, named = render(letter, values, "Star"), render(letter, values, "Star", support=support)
    assert words.text("letter.email_changed.contact", lang) in named.text
    assert f"\n{support}\n" in named.text
    assert f'href="{theme.reach(support)}"' in (named.html or "")
    assert words.text("letter.email_changed.otherwise", lang) in alone.text
    assert page(alone).links == [NOT_ME], "no button leads to nothing"


def test_after_a_reset_the_notice_lists_what_sleeps_and_what_stays_and_where_each_is_removed(locale: Locale) -> None:
    message = written("password_changed", locale, **RESET)
    lines, shown = message.text.splitlines(), " ".join(page(message).words.split())
    named = [words.text(key, locale) for key in ("pages.phone", "provider.qq", "pages.me.questions.title", "pages.email")]
    asleep = lines.index(words.text("letter.asleep", locale))
    assert lines[asleep + 1 : asleep + 4] == [f"- {named[0]} +8613***00", f"- {named[1]}", f"- {named[2]}"]
    assert lines[lines.index(words.text("letter.stays", locale)) + 1] == f"- {named[3]} a***@example.com"
    assert lines[lines.index(words.text("letter.security", locale)) + 1] == RESET["security_url"]
    assert RESET["security_url"] in page(message).links
    assert all(line in shown for line in lines if line not in ("", "-- ") and not line.endswith((":", "：")))
    nothing = written("password_changed", locale, **{**RESET, "asleep": ""})
    assert words.text("letter.asleep", locale) not in nothing.text, "of what there is none of, nothing is said"


@pytest.mark.parametrize("template", NOTICES)
def test_every_notice_by_mail_carries_a_not_me_at_its_end(template: str, locale: Locale) -> None:
    message = written(template, locale)
    assert page(message).links[-1] == NOT_ME
    lines = message.text.splitlines()
    assert lines[lines.index(NOT_ME) - 1] == words.text("letter.not_me", locale)


def test_a_letter_that_was_asked_for_carries_none_and_a_notice_from_before_is_still_written(locale: Locale) -> None:
    asked = VALUES.keys() - set(NOTICES)
    older = {name: value for name, value in VALUES["linked"].items() if name != "not_me"}
    old = render(replace(LETTER, template="linked", locale=locale), older, "Lingpai")
    for message in [*(written(template, locale) for template in asked), old]:
        assert words.text("letter.not_me", locale) not in message.text


@pytest.mark.parametrize(
    ("provider", "nickname", "shown"),
    [
        ("wechat", "艾达", 'the WeChat account "艾达"'),
        ("qq", "Dr. <b>Ada", 'the QQ account "Dr. <b>Ada"'),
        ("qq", "", "a QQ account"),
        ("", "", "a third-party account"),
        *(("weibo", lure, "a Weibo account") for lure in ("evil.example", "http://evil", "www。evil。example", "eve@evil", "evil/x")),
    ],
)
def test_the_letter_names_whom_it_is_about_and_no_nickname_makes_a_link(provider: str, nickname: str, shown: str) -> None:
    """Written by a release that named nobody yet, too. Whoever links may have taken the account over, and would speak to its owner."""
    named = {name: value for name, value in (("provider", provider), ("nickname", nickname)) if value}
    values = {name: value for name, value in VALUES["linked"].items() if name not in ("provider", "nickname")} | named
    message = render(replace(LETTER, template="linked", locale="en"), values, "Lingpai")
    assert f"just linked to {shown}, which" in message.text
    assert "<b>" not in (message.html or "")


def test_a_letter_wears_the_products_colours(template: str, locale: Locale) -> None:
    chosen = theme.theme(Pages(accent="#7a1f5c", accent_dark="#f0a3d2"))
    html = render(replace(LETTER, template=template, locale=locale), VALUES[template], "Star", chosen).html or ""
    assert theme.theme(Pages()).light not in html
    assert ".button { background: #f0a3d2 !important; border-color: #f0a3d2 !important; color: #000000 !important; }" in html
    assert ("background: #7a1f5c; border: 1px solid #7a1f5c; border-radius: 6px; color: #ffffff;" in html) is (template in LINKS)


@pytest.mark.parametrize(("template", "ip"), [("activate", "2001:db8::1"), ("taken", "203.0.113.7"), ("password_changed", "203.0.113.7")])
def test_it_says_when_and_from_where(template: str, ip: str, locale: Locale) -> None:
    message = written(template, locale)
    for part in (message.text, page(message).words):
        assert {"en": "2026-09-21 14:13 UTC", "zh-Hans": "2026-09-21 22:13（北京时间）", "zh-Hant": "2026/09/21 22:13（台北時間）"}[
            locale
        ] in part
        assert ip in part


def test_a_mail_is_drawn_in_the_fonts_of_its_language(template: str, locale: Locale) -> None:
    stack = re.findall(r"'([^']+)'", html.unescape(re.findall(r"system-ui,[^;]*", written(template, locale).html or "")[0]))
    assert ("PingFang TC" in stack[: stack.index("PingFang SC")]) is (locale == "zh-Hant")


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        (
            "Asia/Shanghai",
            {"en": "2026-09-21 22:13 UTC+8", "zh-Hans": "2026-09-21 22:13（北京时间）", "zh-Hant": "2026/09/21 22:13（UTC+8）"},
        ),
        (
            "America/New_York",
            {"en": "2026-09-21 10:13 UTC−4", "zh-Hans": "2026-09-21 10:13（UTC−4）", "zh-Hant": "2026/09/21 10:13（UTC−4）"},
        ),
        (
            "Asia/Kathmandu",
            {"en": "2026-09-21 19:58 UTC+5:45", "zh-Hans": "2026-09-21 19:58（UTC+5:45）", "zh-Hant": "2026/09/21 19:58（UTC+5:45）"},
        ),
        (
            "Nowhere/At_All",
            {"en": "2026-09-21 14:13 UTC", "zh-Hans": "2026-09-21 22:13（北京时间）", "zh-Hant": "2026/09/21 22:13（台北時間）"},
        ),
    ],
)
def test_a_time_is_told_as_its_reader_reads_it_and_says_in_which_zone(zone: str, said: dict[str, str], locale: Locale) -> None:
    values = {**VALUES["password_changed"], "zone": zone}
    message = render(replace(LETTER, template="password_changed", locale=locale), values, "Star")
    for part in (message.text, page(message).words):
        assert said[locale] in part


def test_a_login_in_an_unknown_browser_names_it(locale: Locale) -> None:
    message = written("new_device", locale)
    for part in (message.text, page(message).words):
        assert {"en": "Device: Chrome, Windows", "zh-Hans": "设备：Chrome，Windows", "zh-Hant": "裝置：Chrome，Windows"}[locale] in part


@pytest.mark.parametrize(("template", "hours"), [("activate", "24"), ("reset", "3")])
def test_it_says_how_long_the_link_holds(template: str, hours: str, locale: Locale) -> None:
    message = written(template, locale)
    for part in (message.text, page(message).words):
        assert re.search(rf"\b{hours} (hours|小时|小時)", part)


def test_an_activation_letter_offers_a_reset_to_the_owner_who_did_not_register(locale: Locale) -> None:
    message = written("activate", locale)
    assert page(message).links[2] == HELP
    assert HELP in message.text.splitlines()


def test_the_product_and_the_recipient_are_named(template: str, locale: Locale) -> None:
    message = written(template, locale, brand="星河 Passport")
    assert "星河 Passport" in message.subject
    for part in (message.text, page(message).words):
        assert "星河 Passport" in part
        assert "ada@example.com" in part


def test_no_value_gets_out_of_its_place(template: str, locale: Locale) -> None:
    evil = {"ip": EVIL} if "ip" in VALUES[template] else {}
    message = written(template, locale, brand=EVIL, recipient=EVIL, **evil)
    plain = written(template, locale)
    assert [tag for tag, _ in page(message).tags] == [tag for tag, _ in page(plain).tags]
    assert len(message.text.splitlines()) == len(plain.text.splitlines())
    assert "\n" not in message.subject
    assert "49" not in message.text
    for part in (message.subject, message.text, message.html or ""):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u2028\u2029\u202e\ud800-\udfff]", part)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.example.com", "mailto:a@example.com", ""])
@pytest.mark.parametrize("template", LINKS)
def test_a_link_leads_to_a_web_page_or_there_is_no_letter(template: str, locale: Locale, url: str) -> None:
    with pytest.raises(ValueError, match="web pages"):
        written(template, locale, **{LINKS[template]: url})


def test_an_unknown_letter_and_a_missing_value_are_told() -> None:
    with pytest.raises(KeyError):
        render(replace(LETTER, template="unheard-of"), {}, "Lingpai")
    with pytest.raises(KeyError):
        render(LETTER, {"url": URL}, "Lingpai")


# What the operator allows beside the words


def test_no_mail_loads_anything_until_the_operator_allows_the_logo(template: str, locale: Locale) -> None:
    letter = replace(LETTER, template=template, locale=locale)
    assert "<img" not in (render(letter, VALUES[template], "Star").html or "")
    html = render(letter, VALUES[template], "Star", dress=Dress(logo="https://id.example.com/static/logo-1.png")).html or ""
    assert re.findall(r'src="([^"]*)"', html) == ["https://id.example.com/static/logo-1.png"]
    assert len(html.encode()) < 20_000


def test_a_picture_that_mails_cannot_show_is_refused_at_start(tmp_path: Path) -> None:
    picture = tmp_path / "logo.svg"
    picture.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    pages, mail = Pages(logo=str(picture)), MailSettings(logo=True)
    for chosen in (pages, Pages()):
        told = problems(Settings(dev=True, pages=chosen, mail=mail), {}, hosts=(), need="serve", refused=frozenset())
        assert [one for one in told if "mail.logo" in one]
    assert not problems(Settings(dev=True, pages=pages), {}, hosts=(), need="serve", refused=frozenset())


def test_an_address_goes_on_behind_a_joint_and_reads_the_same() -> None:
    assert broken("from ada.l@a.example, see <https://x.example/a?b=1&c=2>") == (
        "from ada.<wbr>l@<wbr>a.<wbr>example, see &lt;https://x.<wbr>example/<wbr>a?<wbr>b=<wbr>1&amp;<wbr>c=<wbr>2&gt;"
    )
    assert broken("<b> a.b") == "&lt;b&gt; a.b"


def test_a_texted_code_may_end_with_the_line_that_phones_read(locale: Locale) -> None:
    letter = replace(LETTER, template="login_code", channel="sms", recipient="+8613995265229", locale=locale)
    plain = render(letter, VALUES["login_code"], "Star").text
    bound = render(letter, VALUES["login_code"], "Star", dress=Dress(autofill="id.example.com")).text
    assert bound == f"{plain}\n\n@id.example.com #048213"
    notice = replace(letter, template="password_changed")
    assert "@id" not in render(notice, VALUES["password_changed"], "Star", dress=Dress(autofill="id.example.com")).text


def test_the_code_stands_alone(locale: Locale) -> None:
    """On a line of its own in the text, and in a box of its own that one click takes."""
    message = written("login_code", locale)
    assert "\n048213\n" in message.text
    assert re.search(r"<div[^>]*user-select: all;[^>]*>048213</div>", message.html or "")

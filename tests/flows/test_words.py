"""What people read: complete in every language, and chosen as rule 12 of the contract says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lingpai.core import errors, words
from lingpai.core.errors import BadInput, Limited, Overloaded, Refusal, Taken, TooSoon, WeakPassword
from lingpai.core.languages import LANGUAGES, placeholders
from lingpai.core.model import Locale

SOURCE = Path(words.__file__).parents[1]
KEY = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+")
TEMPLATES = [path for path in SOURCE.rglob("*") if path.suffix in (".html", ".txt", ".j2") and path.parent.name != "data"]
BUILT = ("refusal.", "reason.", "beside.", "weak.", "wait.", "field.")
"""Beginnings of the keys that words.py itself puts together."""


def trees() -> Iterator[ast.AST]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text("utf-8")))


def literals() -> set[str]:
    """Every string in the source and the templates, and the beginnings of those that are put together."""
    in_code = {node.value for node in trees() if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    in_templates = {found for path in TEMPLATES for found in re.findall(r"(?<=[\"'])[a-z0-9_.-]+(?=[\"'])", path.read_text("utf-8"))}
    return in_code | in_templates


def asked() -> set[str]:
    """Every key that is written out where a text is asked for."""
    calls = [node for node in trees() if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)]
    named = [call.args[0].value for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) == "text"]
    summaries = [
        node.value.value
        for node in trees()
        if isinstance(node, ast.keyword) and node.arg == "summary" and isinstance(node.value, ast.Constant)
    ]
    in_templates = [found for path in TEMPLATES for found in re.findall(r"\bt\(\s*[\"']([^\"']+)[\"']\s*[,)]", path.read_text("utf-8"))]
    return {key for key in [*named, *summaries, *in_templates] if isinstance(key, str) and KEY.fullmatch(key)}


def kinds(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


def forms(locale: Locale) -> dict[str, tuple[str, ...]]:
    """Every text by its key, in each of its forms."""
    language = LANGUAGES[locale]
    plain = {key: (text,) for key, text in language.texts.items()}
    return plain | {key: tuple(plural.forms.values()) for key, plural in language.plurals.items()}


def filled(texts: tuple[str, ...]) -> set[str]:
    return {name for text in texts for name in placeholders(text)}


ENGLISH = forms("en")


@pytest.mark.parametrize("locale", words.LOCALES)
def test_every_language_has_the_same_keys(locale: Locale) -> None:
    assert forms(locale).keys() ^ ENGLISH.keys() == set()


@pytest.mark.parametrize("locale", words.LOCALES)
def test_every_language_fills_the_same_values_into_a_text(locale: Locale) -> None:
    assert {key for key, texts in forms(locale).items() if filled(texts) != filled(ENGLISH[key])} == set()


def test_no_text_is_empty() -> None:
    assert [key for locale in words.LOCALES for key, texts in forms(locale).items() if not all(text.strip() for text in texts)] == []


def test_every_key_that_the_source_asks_for_is_there() -> None:
    assert asked() - ENGLISH.keys() == set()


def test_every_text_is_used() -> None:
    found = literals()
    beginnings = (*BUILT, *(part for part in found if re.fullmatch(r"[a-z_]+(\.[a-z0-9_-]+)*\.", part)))
    assert [key for key in ENGLISH if key not in found and not key.startswith(beginnings)] == []


def test_every_refusal_has_its_words() -> None:
    spoken = {kind.code for kind in kinds() if not issubclass(kind, BadInput | WeakPassword) and kind.__module__ == errors.__name__}
    assert {key.removeprefix("refusal.") for key in ENGLISH if key.startswith("refusal.")} == spoken


def test_every_reason_that_the_source_gives_has_its_words() -> None:
    given = {
        call.args[1].value
        for call in trees()
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", "") in ("BadInput", "PasswordsDiffer")
        and len(call.args) > 1
        and isinstance(call.args[1], ast.Constant)
    }
    assert len(given) > 10
    assert {reason for reason in given if f"reason.{reason}" not in ENGLISH} == set()


def test_a_missing_key_or_value_raises() -> None:
    with pytest.raises(KeyError):
        words.text("maillink.no-such-text", "en")
    with pytest.raises(KeyError):
        words.text("field.named", "en", label="name")


def test_braces_in_a_value_stay_as_they_are() -> None:
    assert words.text("field.named", "en", label="{name}", name="{0}") == "{name} ({0})"


@pytest.mark.parametrize(
    ("key", "values", "said"),
    [
        ("pages.me.unlink.title", {"provider": "QQ"}, "解除关联 QQ"),
        ("pages.me.unlink.title", {"provider": "微博"}, "解除关联微博"),
        ("pages.connect.missing", {"provider": "QQ"}, "暂不支持 QQ 登录。"),
        ("pages.connect.missing", {"provider": "微信"}, "暂不支持微信登录。"),
        ("letter.activate.subject", {"product": "青柠志愿"}, "激活您的青柠志愿账号"),
        ("letter.activate.subject", {"product": "Star"}, "激活您的 Star 账号"),
        ("pages.signed_in.button", {"who": "小明2"}, "继续使用小明2"),
        ("pages.signed_in.text", {"who": "小明"}, "此浏览器已登录小明。"),
        ("pages.signed_in.text", {"who": "ada@example.com"}, "此浏览器已登录 ada@example.com。"),
        ("pages.me.delete.text", {"who": "小明（志愿者）"}, "您将注销账号小明（志愿者）："),
        ("letter.bind_code.sms", {"product": "青柠", "code": "482913", "minutes": 10}, "【青柠】验证码 482913，用于绑定手机号，10 分钟"),
        ("pages.form.resend_in", {"seconds": "#"}, "# 秒后可重新发送"),
        ("refusal.unavailable", {"wait": "3 分钟"}, "服务暂时不可用，请在 3 分钟后再试"),
        ("letter.from", {"ip": "::1"}, "来自 IP：::1"),
    ],
)
def test_in_chinese_a_blank_stands_between_han_and_latin_alone(key: str, values: dict[str, str | int], said: str) -> None:
    assert words.text(key, "zh-Hans", **values).startswith(said)


def test_what_a_value_has_inside_is_left_alone() -> None:
    assert words.text("pages.signed_in.text", "zh-Hans", who="a 中b，  c") == "此浏览器已登录 a 中b，  c。"
    assert words.text("pages.me.unlink.title", "en", provider="微博") == "Unlink 微博"


def test_a_page_ends_a_chinese_sentence_with_its_full_stop() -> None:
    assert words.sentence("请稍后再试", "zh-Hans") == words.sentence("请稍后再试。", "zh-Hans") == "请稍后再试。"
    assert words.sentence("Try later", "en") == "Try later"


def test_a_refusal_names_the_field_in_words_and_as_the_api_does() -> None:
    why = BadInput("email", "too-short", low=4, high=60)
    assert words.refusal(why, "zh-Hans") == "邮箱（email）的长度应为 4 至 60 个字符"
    assert words.refusal(why, "en") == "Please use 4 to 60 characters: email address (email)."


def test_a_field_without_words_is_called_by_its_name() -> None:
    assert words.refusal(BadInput("HashId", "missing"), "zh-Hans") == "请填写 HashId"


def test_one_length_alone_is_not_told_as_a_range() -> None:
    assert words.refusal(BadInput("phone", "too-short", low=11, high=11), "zh-Hans") == "手机号（phone）的长度应为 11 个字符"


def test_what_is_taken_is_named() -> None:
    assert words.refusal(Taken(field="email"), "zh-Hans") == "邮箱（email）已被注册"


@pytest.mark.parametrize("reason", ["common", "personal", "guessable"])
@pytest.mark.parametrize("locale", words.LOCALES)
def test_a_weak_password_is_told_why(reason: str, locale: Locale) -> None:
    assert words.refusal(WeakPassword(reason), locale) == words.TEXTS[locale][f"weak.{reason}"]


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (1, "1 秒", "1 second."),
        (42, "42 秒", "42 seconds"),
        (120, "120 秒", "120 seconds"),
        (121, "3 分钟", "3 minutes"),
        (7_200, "120 分钟", "120 minutes"),
        (7_201, "3 小时", "3 hours"),
    ],
)
def test_who_has_to_wait_is_told_how_long(seconds: int, chinese: str, english: str) -> None:
    assert words.refusal(TooSoon(seconds), "zh-Hans").endswith(f"请在 {chinese}后再试")
    assert english in words.refusal(TooSoon(seconds), "en")
    assert chinese in words.refusal(Limited("login_client", seconds), "zh-Hans")
    assert chinese in words.refusal(Overloaded(seconds), "zh-Hans")


@pytest.mark.parametrize("tag", ["zh", "zh-CN", "zh-SG", "zh-Hans", "zh-Hans-CN", "ZH-hans-cn"])
def test_these_tags_mean_simplified_chinese(tag: str) -> None:
    assert words.locale_of(tag) == "zh-Hans"


@pytest.mark.parametrize("tag", ["zh-TW", "zh-HK", "zh-MO", "zh-tw", "zh-Hant", "zh-Hant-TW", "zh-Hant-HK", "ZH-hant-mo", "zh-Hant-CN"])
def test_these_tags_mean_traditional_chinese(tag: str) -> None:
    assert words.locale_of(tag) == "zh-Hant"


@pytest.mark.parametrize("tag", ["en", "EN", "en-US", "en-GB-oxendict"])
def test_these_tags_mean_english(tag: str) -> None:
    assert words.locale_of(tag) == "en"


@pytest.mark.parametrize(
    "tag",
    [None, "", "-", "zh-XX", "zh-TW-x", "zhx-Hant", "enx", "en-", "en_US", "fr", "english", "zh-" + "a" * 100_000, "en" + "-a" * 50],
)
def test_any_other_tag_means_the_default(tag: str | None) -> None:
    assert words.locale_of(tag) is None


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "zh-Hans"),
        ("", "zh-Hans"),
        ("en", "en"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0.5, en;q=0.9", "en"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("zh-HK,zh;q=0.9,en-US;q=0.8,en;q=0.7", "zh-Hant"),
        ("en-HK,en;q=0.9,zh-HK;q=0.8", "en"),
        ("fr, en;q=0.1", "en"),
        ("fr, *;q=0.5", "zh-Hans"),
        ("en;q=0", "zh-Hans"),
        ("en ; q=0.000", "zh-Hans"),
        ("*, en;q=0.9", "zh-Hans"),
        ("en;q=0.5, zh-CN;q=0.5", "en"),
        ("en;q=nonsense", "zh-Hans"),
        ("en;Q=1.000", "en"),
        (",,;;==,\ten", "en"),
        ("x" * 512 + ",en", "zh-Hans"),
    ],
)
def test_the_language_asked_for_most_is_spoken(header: str | None, locale: Locale) -> None:
    assert words.accepted(header, "zh-Hans") == locale


def test_where_none_of_ours_is_asked_for_the_default_is_spoken() -> None:
    assert words.accepted("fr", "en") == "en"
    assert words.accepted("*", "en") == "en"

"""A language is one file: its plural forms are those that the CLDR has, and all that is particular to it stands inside."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lingpai.core import languages, words
from lingpai.core.cldr import format_instant, plural_category
from lingpai.core.languages import COUNTS, LANGUAGES, Language, load, placeholders
from lingpai.core.model import DEFAULT_LOCALE, Locale

SOURCE = Path(words.__file__).parents[1]
FILES = Path(languages.__file__).parent / "locales"
NUMBERS = (*range(201), 1_000, 1_000_000)
"""Among them is each form that any language has for whole numbers."""
AFTERNOON = 1_790_000_000_000
"""2026-09-21 14:13:20 UTC."""
SAME_FOR_EVERY_NUMBER = {
    "reason.not-number": "names bounds, and nothing that would be counted",
    "reason.out-of-range": "the same",
    "pages.docs.limit.range": "the same",
    "pages.docs.found": "the browser counts as its reader types, and the number stands after a colon, which every number takes",
    "pages.form.resend_in": "the browser counts down in it, by a unit that every number takes",
    "pages.form.resend_minutes": "the same",
}
"""Texts with a number that have one form all the same, and why."""


def wrong_forms(language: Language) -> dict[str, tuple[set[str], set[str]]]:
    """Each text whose plural forms are not the language's: those that it lacks, and those that no number takes."""
    needed = {plural_category(number, language.tag) for number in NUMBERS}
    found = {key: set(plural.forms) for key, plural in language.plurals.items()}
    return {key: (needed - has, has - needed) for key, has in found.items() if has != needed}


def uncounted(language: Language) -> set[str]:
    """The texts that name a number and have no plural forms."""
    return {key for key, text in language.texts.items() if placeholders(text) & COUNTS}


def polish() -> str:
    """The English file in the forms that Polish has, with Polish where the tests look."""
    english = (FILES / "en.toml").read_text("utf-8")
    three = re.sub(r'^([\w-]+)\.other = (".*")$', r"\1.few = \2\n\1.many = \2", english, flags=re.MULTILINE)
    for one, many, real in (
        ("{count} minute", "{count} minutes", ("{count} minutę", "{count} minuty", "{count} minut")),
        ("{count} day ago", "{count} days ago", ("{count} dzień temu", "{count} dni temu", "{count} dni temu")),
        ("Logged in on {count} device", "Logged in on {count} devices", ("{count} urządzenie", "{count} urządzenia", "{count} urządzeń")),
    ):
        for category, before, after in zip(("one", "few", "many"), (one, many, many), real, strict=True):
            assert f'.{category} = "{before}"\n' in three
            three = three.replace(f'.{category} = "{before}"\n', f'.{category} = "{after}"\n')
    return three.replace("y-MM-dd HH:mm", "d MMMM y, HH:mm").replace('date = "y-MM-dd"', 'date = "d MMMM y"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of languages with Polish in it."""
    (tmp_path / "pl.toml").write_text(polish(), "utf-8")
    return tmp_path


def copy_of_the_package(tmp_path: Path, **files: str) -> Path:
    """A copy with more languages, so that their loading is the real one."""
    shutil.copytree(SOURCE, tmp_path / "lingpai", ignore=shutil.ignore_patterns("__pycache__"))
    for tag, text in files.items():
        (tmp_path / "lingpai" / "core" / "locales" / f"{tag.replace('_', '-')}.toml").write_text(text, "utf-8")
    return tmp_path


def said(program: str, path: Path = SOURCE.parent) -> list[str]:
    """What a program prints that finds the package there."""
    env = {"PYTHONPATH": str(path), "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run([sys.executable, "-c", program], env=env, cwd=path, capture_output=True, text=True, check=True, encoding="utf-8")
    return run.stdout.splitlines()


@pytest.mark.parametrize("locale", words.LOCALES)
def test_each_text_that_counts_has_exactly_the_forms_of_its_language(locale: Locale) -> None:
    assert wrong_forms(LANGUAGES[locale]) == {}
    assert len(LANGUAGES[locale].plurals) > 30


@pytest.mark.parametrize("locale", words.LOCALES)
def test_each_text_with_a_number_has_plural_forms(locale: Locale) -> None:
    assert uncounted(LANGUAGES[locale]) == SAME_FOR_EVERY_NUMBER.keys()


def test_a_text_with_a_number_and_without_forms_is_found(folder: Path) -> None:
    (folder / "pl.toml").write_text('left = "{count} left"\n' + polish(), "utf-8")
    assert uncounted(load("pl", folder)) - SAME_FOR_EVERY_NUMBER.keys() == {"left"}


def test_the_forms_of_three_are_taken_as_the_number_asks(folder: Path) -> None:
    language = load("pl", folder)
    assert wrong_forms(language) == {}
    told = {count: language.pattern("wait.minute", {"count": count}).format(count=count) for count in (0, 1, 2, 5, 12, 21, 22, 25)}
    assert told == {
        0: "0 minut",
        1: "1 minutę",
        2: "2 minuty",
        5: "5 minut",
        12: "12 minut",
        21: "21 minut",
        22: "22 minuty",
        25: "25 minut",
    }


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('minute.many = "{count} minut"\n', "", ({"many"}, set())),
        ('minute.many = "{count} minut"\n', 'minute.other = "{count} minut"\n', ({"many"}, {"other"})),
        ('minute.many = "{count} minut"\n', 'minute.many = "{count} minut"\nminute.two = "{count} minuty"\n', (set(), {"two"})),
    ],
)
def test_a_form_that_is_missing_or_never_taken_is_told(folder: Path, before: str, after: str, told: tuple[set[str], set[str]]) -> None:
    (folder / "pl.toml").write_text(polish().replace(before, after, 1), "utf-8")
    assert wrong_forms(load("pl", folder)) == {"wait.minute": told}


@pytest.mark.parametrize("form", ["no number", "{count} of {days}"])
def test_forms_that_do_not_count_exactly_one_thing_are_refused(folder: Path, form: str) -> None:
    (folder / "pl.toml").write_text(polish() + f'\n[more]\nthing.other = "{form}"\n', "utf-8")
    with pytest.raises(ValueError, match=r"more\.thing"):
        load("pl", folder)


def test_a_trait_that_nobody_knows_is_refused(folder: Path) -> None:
    (folder / "pl.toml").write_text(polish().replace("[language]\n", "[language]\nspacings = true\n"), "utf-8")
    with pytest.raises(msgspec.ValidationError, match="spacings"):
        load("pl", folder)


def test_a_language_of_three_forms_is_spoken_wherever_there_is_a_number(tmp_path: Path) -> None:
    program = f"""
from lingpai.core import words
from lingpai.core.errors import TooSoon
from lingpai.web.pages import when
from lingpai.web.pages.shared.relative_time import ago
for seconds in (1, 121, 241, 22 * 60, 25 * 60):
    print(words.refusal(TooSoon(seconds), "pl"))
for days in (1, 2, 5, 22, 25, 31):
    print(ago({AFTERNOON}, {AFTERNOON} - days * 86_400_000, "pl"))
for count in (1, 2, 5, 22, 25):
    print(words.text("pages.me.home.devices", "pl", count=count))
print(when({AFTERNOON}, "pl"))
"""
    assert said(program, copy_of_the_package(tmp_path, pl=polish())) == [
        "We just sent a message. Try again in 1 second.",
        "We just sent a message. Try again in 3 minuty.",
        "We just sent a message. Try again in 5 minut.",
        "We just sent a message. Try again in 22 minuty.",
        "We just sent a message. Try again in 25 minut.",
        "1 dzień temu",
        "2 dni temu",
        "5 dni temu",
        "22 dni temu",
        "25 dni temu",
        'on <time datetime="2026-08-21T14:13:20Z" data-date>21 sierpnia 2026</time>',
        "1 urządzenie",
        "2 urządzenia",
        "5 urządzeń",
        "22 urządzenia",
        "25 urządzeń",
        '<time datetime="2026-09-21T14:13:20Z">21 września 2026, 14:13 UTC</time>',
    ]


def test_a_new_language_is_one_new_file(tmp_path: Path) -> None:
    english = (FILES / "en.toml").read_text("utf-8")
    program = """
from lingpai.core import words
from lingpai.web import pages
print(words.LOCALES, words.locale_of("EO-001"), words.accepted("fr,eo;q=0.9,en;q=0.2", "zh-Hans"))
print(words.text("pages.tongue", "eo"), pages.templates().globals["tongues"])
"""
    esperanto = english.replace('tongue = "English"', 'tongue = "Esperanto"')
    assert said(program, copy_of_the_package(tmp_path, eo=esperanto)) == [
        "('zh-Hans', 'zh-Hant', 'en', 'eo') eo eo",
        "Esperanto {'zh-Hans': '简体中文', 'zh-Hant': '繁體中文', 'en': 'English', 'eo': 'Esperanto'}",
    ]


@pytest.mark.parametrize(
    ("locale", "date", "date_time"),
    [
        ("zh-Hans", "2026-09-21", "2026-09-21 22:13（北京时间）"),
        ("zh-Hant", "2026/09/21", "2026/09/21 22:13（台北時間）"),
        ("en", "2026-09-21", "2026-09-21 14:13 UTC"),
    ],
)
def test_an_instant_is_written_as_its_language_has_it_and_says_its_zone(locale: Locale, date: str, date_time: str) -> None:
    assert (words.date(AFTERNOON, locale), words.date_time(AFTERNOON, locale)) == (date, date_time)


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en", "21 September 2026"),
        ("pl", "21 września 2026"),
        ("de", "21 September 2026"),
        ("ar", "21 سبتمبر 2026"),
        ("zh-Hant", "21 9月 2026"),
    ],
)
def test_months_have_the_names_that_the_cldr_has(locale: Locale, told: str) -> None:
    assert format_instant(AFTERNOON, "d MMMM y", locale) == told


def test_a_texts_only_form_is_taken_without_the_cldr_which_is_loaded_for_the_first_other() -> None:
    program = """
import sys
from lingpai.core import words
words.text("wait.minute", "zh-Hans", count=2)
print("babel" in sys.modules)
words.text("wait.minute", "en", count=2)
print("babel" in sys.modules)
"""
    assert said(program) == ["False", "True"]


def compared(text: str) -> list[str]:
    """Where a text of the source asks whether something is one of our languages."""
    tag = f"""["'](?:{"|".join(words.LOCALES)})["']"""
    return re.findall(rf"[=!]=\s*{tag}|{tag}\s*[=!]=|\bin\s*[(\[{{][^)\]}}]*{tag}", text)


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in (".py", ".html", ".txt", ".js") and path.parent.name != "data":
            yield str(path.relative_to(SOURCE)), path.read_text("utf-8")


def test_nothing_asks_for_a_language_by_name() -> None:
    assert {path: found for path, text in sources() if (found := compared(text))} == {}


@pytest.mark.parametrize(
    "line",
    [
        'locale == "zh-Hans"',
        "':' if sheet.locale != 'en' else ''",
        '"zh-Hans" == locale',
        'if locale in ("zh-Hans", "zh-Hant"):',
        "{% if locale=='en' %}",
    ],
)
def test_such_a_question_would_be_found(line: str) -> None:
    assert compared(line)


def test_the_default_language_is_named_once() -> None:
    assert [path for path, text in sources() for _ in re.findall(rf"""["']{DEFAULT_LOCALE}["']""", text)] == ["core/model.py"]

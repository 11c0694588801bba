"""Addresses, names and passwords: parsed to a clean value, or refused with the field and the reason (contract, rules 4 and 9)."""

import string
import sys
import unicodedata
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingpai.core import rules, skeleton
from lingpai.core.errors import BadInput
from lingpai.core.model import Address
from lingpai.flows import social

VICTIM = "office.ffl.ss.abcdefghijklmnopqrstuvwxyz.0123456789@abcdefghijklmnopqrstuvwxyz.com"
POINTS = [chr(point) for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)) not in ("Cn", "Cs", "Co")]
FOLDINGS: dict[str, Callable[[str], str]] = {
    "upper": str.upper,
    "casefold": str.casefold,
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
}
IGNORABLE = [
    *"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u3164\ufeff\uffa0",
    *map(chr, [*range(0x180B, 0x1810), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10)]),
    *map(chr, [*range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), 0xE0001, *range(0xE0020, 0xE0080), *range(0xE0100, 0xE01F0)]),
]


def reason(rule: Callable[..., object], text: str, **bounds: int) -> str | None:
    """Why the rule refuses the text; None where it takes it."""
    try:
        rule(text, **bounds)
    except BadInput as why:
        return why.reason
    return None


def joined(spelling: str) -> bool:
    """Whether the spelling is the victim's address."""
    try:
        return rules.email(spelling).key == rules.email(VICTIM).key
    except BadInput:
        return False


def test_an_address_keeps_its_spelling_and_is_found_in_any_ascii_case() -> None:
    assert rules.email("Ada.L+x@Example.COM") == Address("email", "Ada.L+x@example.com", "ada.l+x@example.com")


LOCALS = st.text("aZ9_+-.", max_size=80)
DOMAINS = st.lists(st.text("aZ9-", max_size=64), max_size=5).map(".".join) | st.sampled_from(
    [
        "example.com",
        "xn--bcher-kva.com",
        "a.xn--b",
        "ab--c.com",
        "example.local",
        "test",
        "example.c0m",
        "a" * 250 + ".com",
        "1.2.3.4",
        "a_b.com",
    ]
)


@given(LOCALS, DOMAINS)
def test_an_address_at_a_domain_that_was_asked_about_is_judged_as_by_itself(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    if len(text) > rules.EMAIL_LENGTH:
        assert reason(rules.email, text) == "longest"
        return
    assert reason(rules.email, text) == (None if rules._checked(text) else "email")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("caf\u00e9@example.com", "cafe\u0301@example.com"),
        ("ada@b\u00fccher.com", "ADA@xn--bcher-kva.com"),
        ("ada@b\u00fccher.com", "ada@bu\u0308cher.COM"),
        ("ada@\u4f8b\u5b50.com", "ada@XN--fsqu00a.com"),
        ("support@example.com", "SUPPORT@example.com"),
    ],
)
def test_spellings_equal_after_nfc_idna_and_ascii_case_are_one_address(one: str, other: str) -> None:
    assert rules.email(one).key == rules.email(other).key


def test_the_domain_is_kept_as_smtp_carries_it() -> None:
    assert rules.email("Ada@b\u00fccher.com").value == "Ada@xn--bcher-kva.com"


def look_alikes(fold: Callable[[str], str]) -> Iterator[str]:
    """The victim's address with a piece replaced by a code point that folds to it, in the local part and in the domain.

    Left out is what NFC alone makes the same ASCII letter (the Kelvin sign): by the contract that is the same address.
    """
    for point in POINTS:
        piece = fold(point).lower()
        if not point.isascii() and piece and piece in VICTIM and not unicodedata.normalize("NFC", point).isascii():
            yield from {VICTIM.replace(piece, point, 1), point.join(VICTIM.rsplit(piece, 1))}


@pytest.mark.parametrize(("folding", "least"), [("upper", 10), ("casefold", 10), ("NFKC", 500)])
def test_no_wider_folding_reaches_another_accounts_address(folding: str, least: int) -> None:
    tried = list(look_alikes(FOLDINGS[folding]))
    assert len(tried) >= least
    assert [ascii(spelling) for spelling in tried if joined(spelling)] == []


def test_the_kelvin_sign_is_a_k_by_nfc_and_never_reaches_a_mail() -> None:
    assert rules.email("mi\u212ae@example.com") == Address("email", "miKe@example.com", "mike@example.com")


def test_a_dotless_i_is_another_address() -> None:
    assert rules.email("m\u0131ke@example.com").key != rules.email("mike@example.com").key


def test_what_nfkc_turns_into_an_at_sign_or_a_dot_is_refused() -> None:
    hidden = [point for point in POINTS if not point.isascii() and {"@", "."} & set(unicodedata.normalize("NFKC", point))]
    assert len(hidden) >= 30
    for point in hidden:
        assert reason(rules.email, f"mike{point}jones@example.com") == "email", ascii(point)
        assert reason(rules.email, f"mike@example{point}example.com") == "email", ascii(point)


@pytest.mark.parametrize(
    "text",
    [
        "victim@example.com,attacker@example.org",
        "victim@example.com;attacker@example.org",
        "victim@example.com attacker@example.org",
        "victim@example.com\r\nBcc: attacker@example.org",
        "victim@example.com\n",
        "victim\r@example.com",
        " victim@example.com",
        "Victim <victim@example.com>",
        "<victim@example.com>",
        '"victim@example.com <attacker@example.org>"',
        '"attacker@example.org"@example.com',
        '"victim"@example.com',
        '"a b"@example.com',
        "victim(comment)@example.com",
        "victim@example.com@example.org",
        "@example.com",
        "victim@",
        "victim",
        "victim@localhost",
        "victim@[127.0.0.1]",
        "victim@127.0.0.1",
        "victim@example.com.",
        "victim@-example.com",
        "victim@b\u00dcCHER.com",
        "victim@example\u3002com",
        "victim@\uff45xample.com",
        "victim@xn--a-.com",
        ".victim@example.com",
        "vic..tim@example.com",
        "vic\0tim@example.com",
        "vic\ud800tim@example.com",
        "vic\u202etim@example.com",
        "vic\u200btim@example.com",
    ],
)
def test_what_is_no_plain_address_is_refused(text: str) -> None:
    assert reason(rules.email, text) == "email"


@pytest.mark.parametrize(
    "domain", ["mail.test", "printer.local", "nowhere.invalid", "a.localhost", "hidden.onion", "1.0.0.127.in-addr.arpa"]
)
def test_special_use_domains_are_refused(domain: str) -> None:
    assert reason(rules.email, f"ada@{domain}") == "email"


@given(
    st.text(max_size=40)
    | st.tuples(st.text(max_size=12), st.text(max_size=12)).map("@".join)
    | st.text(max_size=12).map(lambda x: f"a@{x}.com")
)
def test_any_text_is_an_address_or_is_refused_and_an_address_is_its_own_spelling(text: str) -> None:
    try:
        found = rules.email(text)
    except BadInput:
        return
    assert rules.email(found.value) == found
    assert rules.email(found.key).key == found.key


@pytest.mark.parametrize(
    "rule", [rules.email, rules.phone, rules.mainland_phone, rules.account_name, rules.password, rules.normal, rules.nickname]
)
def test_length_is_judged_before_anything_is_normalised(rule: Callable[[str], object], monkeypatch: pytest.MonkeyPatch) -> None:
    def never(form: str, text: str) -> str:
        raise AssertionError(f"{form} of {len(text)} code points")

    monkeypatch.setattr(rules, "unicodedata", SimpleNamespace(normalize=never, is_normalized=never, category=never))
    assert reason(rule, "\ufdfa" * 1_000_000) in ("longest", "too-long")


@pytest.mark.parametrize("rule", [rules.email, rules.phone, rules.mainland_phone, rules.account_name, rules.password, rules.nickname])
def test_nothing_is_missing(rule: Callable[[str], object]) -> None:
    assert reason(rule, "") == "missing"


def test_an_address_that_was_refused_before_is_refused_in_the_field_of_this_call() -> None:
    for field in ("email", "account"):
        with pytest.raises(BadInput) as refused:
            rules.email("ada@@example.com", field)
        assert (refused.value.details["field"], refused.value.details["reason"]) == (field, "email")


def test_a_refusal_names_the_field_that_the_call_names() -> None:
    with pytest.raises(BadInput) as why:
        rules.email("nobody", "EmailAccount")
    assert why.value.details == {"field": "EmailAccount", "reason": "email"}


@pytest.mark.parametrize(
    "text",
    [
        *("13800138000", "+86 138 0013 8000", "0086-13800138000", "(138) 0013.8000", "8613800138000"),
        *("（+86）138 0013 8000", "\uff0b\uff18\uff16138\u00a00013\u20118000", "\u202d+86 138 0013 8000\u202c", "【13800138000】。"),
        "\uff11\uff13800138000\ufeff",
    ],
)
def test_a_phone_number_without_a_prefix_is_one_of_china(text: str) -> None:
    assert rules.phone(text) == Address("phone", "+8613800138000", "+8613800138000")


def test_another_countrys_number_keeps_its_prefix() -> None:
    assert rules.phone("+44 20 7946 0958").key == "+442079460958"


@pytest.mark.parametrize(
    "text",
    [
        "12345678901",
        "1380013800",
        "138001380000",
        "+86",
        "1-800-FLOWERS",
        "13800138000;ext=5",
        "tel:13800138000",
        "\uff11" * 11,
        "++8613800138000",
        "86+13800138000",
        "\u0661380013800",
    ],
)
def test_what_is_no_valid_phone_number_is_refused(text: str) -> None:
    assert reason(rules.phone, text) == "phone"


@pytest.mark.parametrize("text", ["+8613800138000", "138 0013 8000", "\uff11\uff13800138000", "13800138000\n"])
def test_a_mainland_phone_is_eleven_ascii_digits(text: str) -> None:
    assert rules.mainland_phone("13800138000").value == "+8613800138000"
    assert reason(rules.mainland_phone, text) == "phone"


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "Ada_L.99-x",
        "\u5f20\u4f1f",
        "\u5f20Ada\u4f1f2",
        "\u0430\u0434\u0430",
        "a" * 16,
        "123456",
        "26-10-01",
        "2026-10-01x",
        "\u30e9\u30fc\u30e1\u30f3",
    ],
)
def test_an_ordinary_name_is_taken_as_it_is_written(name: str) -> None:
    assert rules.account_name(name).value == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a", "too-short"),
        ("a" * 17, "too-long"),
        ("ada@home", "account-characters"),
        ("ada l", "account-characters"),
        ("ada/l", "account-characters"),
        ("ada\0", "account-characters"),
        ("\uff41da", "account-characters"),
        ("e\u0301va", "account-characters"),
        ("\u0661da\u0308", "account-characters"),
        ("p\u0430ypal", "account-scripts"),
        ("\u03b1da", "account-scripts"),
        ("\u5f20\u0430", "account-scripts"),
        ("13800138000", "account-digits"),
        ("1234567", "account-digits"),
        ("123456789012345", "account-digits"),
        ("139-9526-5229", "account-digits"),
        ("139.9526_5229.", "account-digits"),
        ("\u0966\u0967\u0968\u0966\u0967\u0968\u0966", "account-digits"),
        ("\u039d\u0399\u039a\u039f\u03a3", "account-capitals"),
        ("admin", "account-reserved"),
        ("AdMiN", "account-reserved"),
        ("adrnin", "account-reserved"),
        ("adm1n", "account-reserved"),
        ("r00t", "account-reserved"),
        ("SUPP0RT", "account-reserved"),
        ("administrator", "account-reserved"),
        ("\u7ba1\u7406\u5458", "account-reserved"),
    ],
)
def test_a_name_that_could_mislead_is_refused(name: str, why: str) -> None:
    assert reason(rules.account_name, name) == why


def test_no_name_holds_what_does_not_show() -> None:
    taken = [ascii(point) for point in IGNORABLE if reason(rules.account_name, f"\uac00{point}\uac00") is None]
    assert taken == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "PayPal"),
        ("paypal", "paypaI"),
        ("paypal", "paypa1"),
        ("modern", "rnodern"),
        ("bob", "b0b"),
        ("bob", "BOB"),
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),
        ("\u5de5\u571f", "\u5de5\u58eb"),
    ],
)
def test_names_that_look_the_same_or_differ_in_case_are_one(one: str, other: str) -> None:
    assert rules.account_name(one).key == rules.account_name(other).key


def test_different_names_stay_different() -> None:
    names = ["ada", "eda", "bob", "bod", "nn", "vv", "\u5f20\u4f1f", "\u5f20\u73ae", "a_b", "a-b", "a.b"]
    assert len({rules.account_name(name).key for name in names}) == len(names)


LETTERS = [point for point in POINTS if point.isalpha() and unicodedata.is_normalized("NFKC", point)]


def test_every_pair_of_letters_that_look_the_same_or_differ_in_case_has_one_key() -> None:
    alike: dict[str, set[str]] = {}
    for letter in filter(skeleton.faithful, LETTERS):
        alike.setdefault(skeleton.skeleton(letter), set()).add(skeleton.key(letter))
        alike.setdefault(letter.casefold(), set()).add(skeleton.key(letter))
    assert [look for look, keys in alike.items() if len(keys) > 1] == []


def test_a_key_is_its_own_key() -> None:
    assert [letter for letter in LETTERS if skeleton.key(skeleton.key(letter)) != skeleton.key(letter)] == []


def test_no_ascii_name_is_refused_for_its_capitals() -> None:
    assert all(map(skeleton.faithful, string.ascii_letters + string.digits + "_.-"))


@pytest.mark.parametrize(
    ("letter", "script"),
    [("a", "Latin"), ("Z", "Latin"), ("\u4e00", "Han"), ("\u0430", "Cyrillic"), ("\U000323b0", "Han"), ("1", None), ("\u0378", None)],
)
def test_a_letter_has_the_script_of_unicode_17(letter: str, script: str | None) -> None:
    assert skeleton.script(letter) == script


def test_a_password_is_measured_in_code_points_after_nfc() -> None:
    assert rules.password("e\u0301" * 8) == "\u00e9" * 8
    assert reason(rules.password, "e\u0301" * 7) == "too-short"
    assert rules.password("\u1f82".join([""] * 129)) == "\u1f82" * 128
    assert rules.password(unicodedata.normalize("NFD", "\u1f82" * 128)) == "\u1f82" * 128
    assert reason(rules.password, "\u1f82" * 129) == "too-long"
    assert reason(rules.password, "a" * 10_000) == "too-long"


@pytest.mark.parametrize(
    "text",
    [
        "        ",
        "aaaaaaaa",
        "\u6211\u7231\u5317\u4eac\u5929\u5b89\u95e8\u554a",
        "\U0001f600" * 8,
        "tab\there!",
        "\u0130\u0131\u00df\ufb01abcd",
    ],
)
def test_a_password_may_be_made_of_anything(text: str) -> None:
    assert rules.password(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", ["pass\0word1", "pass\ud800word1", "\udfffpassword1"])
def test_what_no_store_can_keep_is_no_password(text: str) -> None:
    assert reason(rules.password, text) == "characters"
    assert reason(rules.normal, text) == "characters"


def test_a_dialect_may_ask_for_other_lengths() -> None:
    with pytest.raises(BadInput) as why:
        rules.password("x" * 41, "pass", low=8, high=40)
    assert why.value.details == {"field": "pass", "reason": "too-long", "low": 8, "high": 40}


def test_a_password_to_compare_is_normalised_as_a_new_one_is() -> None:
    assert rules.normal("cafe\u0301") == "caf\u00e9"


def test_a_name_from_before_that_reads_as_a_phone_is_still_looked_up() -> None:
    assert reason(rules.account_name, "139-9526-5229", taken=True) is None


@pytest.mark.parametrize("rule", [rules.nickname, rules.question, rules.answer])
def test_what_shows_nothing_is_nothing(rule: Callable[..., object]) -> None:
    taken = [ascii(point) for point in [*IGNORABLE, "\u2800", "\U0001d159"] if reason(rule, f" {point}{point} ") is None]
    assert taken == []
    assert reason(rule, "a\ufe0f") is None


def test_a_providers_nickname_that_shows_nothing_is_none() -> None:
    assert {social.nickname(f" {point} \u200d") for point in [*IGNORABLE, "\u2800"]} == {""}


def test_a_nickname_is_one_visible_line() -> None:
    assert rules.nickname("  Ada \U0001f469\u200d\U0001f4bb ") == "Ada \U0001f469\u200d\U0001f4bb"
    assert reason(rules.nickname, "   ") == "missing"
    for bad in ("a\nb", "a\u202eb", "a\u2028b", "a\x1b[31mb", "a\0b", "a\ud800b"):
        assert reason(rules.nickname, bad) == "characters"

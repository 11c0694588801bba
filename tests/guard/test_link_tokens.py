"""What stands in mailed links, and how it is read again."""

import base64

import msgspec
import pytest

from fakes import FakeChance
from lingpai.core.chance import SystemChance
from lingpai.guard.crypto import SecretBox
from lingpai.guard.one_time import link_tokens
from lingpai.guard.one_time.link_tokens import ALPHABET, LENGTH, new, read
from lingpai.guard.one_time.sealed_links import SealedLink, SealedLinks

BOX = SecretBox(b"0123456789abcdef0123456789abcdef", FakeChance())
SPOILED = ["{}", "{}.", "{})", "{}>", '{}"', "{},", "{}。", "{}/", "{}&gt;", " {} ", "<{}>", "3D{}", "3d{}", "{}\u200b", "{}%22"]


def around(form: str, token: str) -> str:
    return form.format(token)


def test_a_token_is_lower_case_base32_of_more_than_128_random_bits() -> None:
    tokens = {new(SystemChance()) for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) == LENGTH and set(token) <= set(ALPHABET) for token in tokens)
    assert LENGTH * 5 >= 256


@pytest.mark.parametrize("form", SPOILED)
@pytest.mark.parametrize("token", ["a" * LENGTH, "3d" + "b" * (LENGTH - 2), "3d3d" + "7" * (LENGTH - 4)])
def test_a_token_is_read_whatever_stands_around_it_and_in_any_case(form: str, token: str) -> None:
    assert read(around(form, token)) == token
    assert read(around(form, token.upper())) == token
    assert read(around(form, f"{token[:20]}\r\n {token[20:]}")) == token


@pytest.mark.parametrize("token", ["A-b_" + "c" * 39, "3D" + "x" * 41, "3d" + "_" * 41])
@pytest.mark.parametrize("form", SPOILED)
def test_a_token_that_was_mailed_before_is_read_as_it_was(form: str, token: str) -> None:
    assert read(around(form, token)) == token


@pytest.mark.parametrize("text", ["", "x", "。", "a" * (LENGTH + 1), "a" * (LENGTH - 1), "0" * LENGTH])
def test_what_is_no_token_stays_as_it_is(text: str) -> None:
    assert read(text) == text


@pytest.mark.parametrize("form", SPOILED)
def test_a_sealed_word_is_opened_whatever_stands_around_it(form: str) -> None:
    links = SealedLinks(BOX)
    said = SealedLink("main", "ada@example.com", link_tokens.new(FakeChance()))
    word = links.seal(said.realm, said.email, said.token)
    assert set(word) <= set(ALPHABET)
    assert links.open(around(form, word)) == said
    assert links.open(around(form, word.upper())) == said


@pytest.mark.parametrize("form", SPOILED)
def test_a_sealed_word_that_was_mailed_before_is_opened(form: str) -> None:
    sealed = BOX.seal(msgspec.json.encode(["main", "ada@example.com", "A-b_" + "c" * 39]), "ticket")
    word = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    assert SealedLinks(BOX).open(around(form, word)) == SealedLink("main", "ada@example.com", "A-b_" + "c" * 39)


@pytest.mark.parametrize("word", ["", "a", "3D", "。", "a" * 200, "A-_" * 80])
def test_a_word_that_is_not_ours_opens_nothing(word: str) -> None:
    assert SealedLinks(BOX).open(word) is None


def test_the_longest_word_fits_its_field() -> None:
    assert len(SealedLinks(BOX).seal("r" * 32, "a" * 64 + "@" + "b" * 189, "t" * LENGTH)) < 1_024

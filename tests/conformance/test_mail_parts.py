"""The words of a mail, in two parts: read by Python's own reader they are what was written, whatever stands in them."""

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.test_mail_headers import ADDRESS, LETTER
from lingpai.post import Message
from lingpai.post.mime import compose, sender

FROM = sender(ADDRESS, "Lingpai")
_BOUNDARY = compose(LETTER, Message("", "a", "b"), FROM).content.partition(b'boundary="')[2].partition(b'"')[0].decode()


def read(text: str, html: str | None) -> list[str]:
    """The parts, in their order."""
    mail = compose(LETTER, Message("Hello", text, html), FROM)
    assert mail.content.isascii()
    assert max(map(len, mail.content.split(b"\r\n"))) <= 998
    assert b"\n" not in mail.content.replace(b"\r\n", b"")
    got = message_from_bytes(mail.content, policy=default)
    assert not got.defects
    parts = list(got.iter_parts()) if got.is_multipart() else [got]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"][: len(parts)]
    return [part.get_content().replace("\r\n", "\n") for part in parts]


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=30), max_size=5))
def test_what_is_written_is_read_in_both_parts_and_in_one_alone(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    assert read(text, f"<p>{text}</p>\n") == [text, f"<p>{text}</p>\n"]
    assert read(text, None) == [text]


@pytest.mark.parametrize(
    "text", [f"--{_BOUNDARY}\n", f"--{_BOUNDARY}--\n", f"so\n--{_BOUNDARY}\nContent-Type: text/html\n\n<b>\n", "x" * 999 + "\n"]
)
def test_no_text_ends_its_part_and_no_line_is_too_long(text: str) -> None:
    assert read(text, "<p>the other</p>\n") == [text, "<p>the other</p>\n"]


def test_a_nul_is_never_among_bytes_that_are_called_seven_bit() -> None:
    """RFC 2045, 2.7: a relay may refuse it, or take it away."""
    assert read("a\0b\n", "<p>\0</p>\n") == ["a\0b\n", "<p>\0</p>\n"]
    assert b"\0" not in compose(LETTER, Message("Hello", "a\0b\n", None), FROM).content

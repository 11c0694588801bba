"""What is read of a mail's header is what was set: judged by a reader of RFC 2047 and RFC 5322 of the test's own."""

import base64
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakes import START
from lingpai.core import hostnames
from lingpai.core.model import Letter
from lingpai.post import Message
from lingpai.post.mime import MimeMail, compose, sender
from lingpai.settings import forms

ADDRESS = "no-reply@example.com"
LETTER = Letter(1, "email", "reset", "ada@example.com", "en", b"", 1, START, START, START + 1, 1, "waiting", "")
MESSAGE = Message("Reset your password", "text\n", "<p>text</p>")
ENCODED = re.compile(r"=\?([^?\s]+)\?([BbQq])\?([^?\s]*)\?=")
OTHERS = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
TEXTS = st.text(st.one_of(OTHERS, st.sampled_from(' \u3000"\\<>@,=?_.智慧平台a')), min_size=1, max_size=90)


def field(mail: MimeMail, name: str) -> str:
    """A header's value, unfolded (RFC 5322, 2.2.3)."""
    head = mail.content.partition(b"\r\n\r\n")[0].decode("ascii")
    [value] = [line.partition(": ")[2] for line in re.sub(r"\r\n(?=[ \t])", "", head).split("\r\n") if line.startswith(f"{name}: ")]
    return value


def decoded(text: str) -> str:
    """Encoded words read, and the blanks between two of them dropped (RFC 2047, sections 4.1 and 6.2)."""
    joined = re.sub(rf"({ENCODED.pattern})\s+(?={ENCODED.pattern})", r"\1", text)

    def one(word: re.Match[str]) -> str:
        assert len(word[0]) <= 75
        assert word[2] in "Bb"
        return base64.b64decode(word[3], validate=True).decode(word[1])

    return ENCODED.sub(one, joined)


def name_of(mailbox: str) -> str:
    """The name before an address: quoted, or of atoms and encoded words."""
    name, _, address = mailbox.rpartition(" <")
    assert address == f"{ADDRESS}>"
    if name.startswith('"'):
        assert re.fullmatch(r'"([^"\\]|\\.)*"', name)
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    assert re.fullmatch(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+", name)
    return decoded(name)


def mailed(subject: str = "Hello", name: str = "Lingpai") -> MimeMail:
    return compose(LETTER, Message(subject, MESSAGE.text), sender(ADDRESS, name))


@given(TEXTS)
@example("Your code for 智慧校园 统一身份认证平台 登录中心")
@example("=?utf-8?q?not_a_word?=")
@example(" a  b ")
@example("x" * 90)
def test_a_subject_is_read_as_it_was_set(subject: str) -> None:
    assert decoded(field(mailed(subject), "Subject")) == subject


@given(TEXTS)
@example("智慧校园 统一身份认证平台 登录中心")
@example("Ada <eve@example.com>")
@example('The "Example", Inc. (Ltd.)')
@example("\\")
@example("👩\u200d👩\u200d👧")
def test_the_senders_name_is_read_as_it_was_set_and_is_one_mailbox(name: str) -> None:
    assert name_of(field(mailed(name=name), "From")) == name


@given(TEXTS, TEXTS)
def test_lines_are_as_short_as_encoded_words_want_and_none_is_blank(subject: str, name: str) -> None:
    lines = mailed(subject, name).content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert all(line.strip() for line in lines)
    assert all(len(line) <= 76 for line in lines if b"=?" in line)
    assert all(len(line) <= 998 for line in lines)


@given(st.text(st.characters(categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=4))
def test_what_ends_a_line_or_cannot_be_written_is_a_blank(signs: str) -> None:
    mail = mailed(f"a{signs}b", f"a{signs}b")
    assert decoded(field(mail, "Subject")) == name_of(field(mail, "From")) == f"a{' ' * len(signs)}b"


def test_a_sender_may_bring_its_own_name() -> None:
    mail = compose(LETTER, MESSAGE, sender("智慧校园 <no-reply@example.com>", "Lingpai"))
    assert name_of(field(mail, "From")) == "智慧校园"
    assert mail.sender == ADDRESS


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("faß.example.de", "xn--fa-hia.example.de"), ("βόλος.com", "xn--nxasmm1c.com"), ("例子.中国", "xn--fsqu00a.xn--fiqs8s")],
)
def test_host_names_are_read_by_idna_2008(typed: str, meant: str) -> None:
    assert forms.site(f"https://{typed}") == f"https://{meant}"
    assert sender(f"no-reply@{typed}", "").domain == meant
    assert hostnames.ascii_name(unicodedata.normalize("NFD", typed)) == meant


@pytest.mark.parametrize("name", ["a\u3002\u3002b", "\u3164.example.com", "-ß.example.com", "a\u200db.example.com"])
def test_what_is_no_host_name_is_refused_in_words(name: str) -> None:
    with pytest.raises(ValueError, match="URL of a host alone"):
        forms.site(f"https://{name}")
    with pytest.raises(ValueError, match="expected one such as no-reply@"):
        sender(f"no-reply@{name}", "")

"""A letter as a MIME message (RFC 5322, RFC 2045): the same bytes' meaning at each try, and no way to add a header or a recipient."""

import re
from base64 import encodebytes
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import format_datetime

from lingpai.core import hostnames, rules
from lingpai.core.chance import moment
from lingpai.core.model import Letter
from lingpai.post import Message
from lingpai.post.encoded_words import line, phrase, unstructured

_LONGEST = 998
"""Characters of a line, its end left out."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NAMED = re.compile(r"(?P<name>[^<>@]+) <(?P<address>[^<>]+)>")


@dataclass(frozen=True, slots=True)
class MimeMail:
    """What SMTP needs of a letter: the envelope and the content."""

    sender: str
    recipient: str
    content: bytes
    """CRLF line ends; 7-bit but for the header of a letter that needs SMTPUTF8."""
    utf8: bool
    """Whether an address holds characters beyond ASCII before its @, so that the server must offer SMTPUTF8 (RFC 6531)."""


def sender(address: str, name: str) -> Address:
    """The From mailbox; any host may stand after the @ (an operator's `localhost` too). Raises ValueError.

    `address` may bring a name of its own, which wins: `Example <no-reply@example.com>`.
    """
    named = _NAMED.fullmatch(address)
    try:
        found = Address(addr_spec=named["address"] if named else address)
        return Address(line(named["name"].strip() if named else name), found.username, hostnames.ascii_name(found.domain))
    except (MessageError, ValueError, IndexError):
        raise ValueError(f"the sender {address!r} is no mail address: expected one such as no-reply@example.com") from None


def recipient(address: str) -> Address:
    """The one mailbox that the text names, its domain in ASCII; raises ValueError for anything else.

    Quoted local parts are refused: they hide a second @. The local part stays as it was stored, whatever the check
    would normalise it to: mail goes to the stored spelling alone.
    """
    found = rules.mailbox(address)
    if found is None:
        raise ValueError("the recipient is no mail address")
    return Address("", address.rpartition("@")[0], found.ascii_domain)


def compose(letter: Letter, message: Message, origin: Address) -> MimeMail:
    """Raises ValueError where the recipient is no mailbox. `Date` is when the letter was written, so each try says the same."""
    target = recipient(letter.recipient)
    content = _content(message, f"=_letter-{letter.id}-{_base36(letter.created_at)}")
    utf8 = not (origin.username + target.username).isascii()
    return MimeMail(origin.addr_spec, target.addr_spec, _head(letter, message, origin, target).encode() + content, utf8)


def _content(message: Message, boundary: str) -> bytes:
    """The words, and where there are any the same as HTML (RFC 2046, 5.1.4). `email` takes longer for that than all the rest."""
    text = _part("plain", message.text, boundary)
    if message.html is None:
        return b"MIME-Version: 1.0\r\n" + text
    html, mark = _part("html", message.html, boundary), boundary.encode()
    head = b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="%b"\r\n\r\n' % mark
    return b"%b--%b\r\n%b\r\n--%b\r\n%b\r\n--%b--\r\n" % (head, mark, text, mark, html, mark)


def _part(subtype: str, text: str, boundary: str) -> bytes:
    """As it is, where SMTP takes it (RFC 5321, 4.5.3.1.6; RFC 2045, 2.7: no NUL) and it ends no part; else in base64, which cannot."""
    lines = text.encode().splitlines()
    body = b"".join(line + b"\r\n" for line in lines)
    plain = body.isascii() and b"\0" not in body and max(map(len, lines), default=0) <= _LONGEST and boundary.encode() not in body
    if not plain:
        body = encodebytes(body).replace(b"\n", b"\r\n")
    coding = "7bit" if plain else "base64"
    return f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {coding}\r\n\r\n'.encode() + body


def _head(letter: Letter, message: Message, origin: Address, target: Address) -> str:
    """The letter's own header, before that of its content."""
    lines = {
        "From": f"{phrase(origin.display_name)}\r\n <{origin.addr_spec}>" if origin.display_name else origin.addr_spec,
        "To": target.addr_spec,
        "Subject": unstructured(line(message.subject)),
        "Date": format_datetime(moment(letter.created_at)),
        "Message-ID": message_id(letter, origin.domain),
        "Auto-Submitted": "auto-generated",  # RFC 3834, section 5: no holiday notices come back
        "Content-Language": letter.locale,
    }
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items())


def message_id(letter: Letter, domain: str) -> str:
    """From the row's id, the same at each try, so that a mailbox can tell a letter that came twice."""
    return f"<letter-{letter.id}-{_base36(letter.created_at)}@{domain}>"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"

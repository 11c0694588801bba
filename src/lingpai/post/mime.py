"""A letter as a MIME message (RFC 5322, RFC 2045): the same bytes' meaning at each try, and no way to add a header or a recipient."""

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from email_validator import validate_email

from lingpai.core.chance import moment
from lingpai.core.model import Letter
from lingpai.post import Message

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_QUOTED = dict.fromkeys(map(ord, '()<>[]:;@\\,"'), " ")
"""What a display name holds only in quotes (RFC 5322, section 3.2.3)."""


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

    The name loses what would need quotes: Python 3.11 drops them when it folds the line, and `<` then opens another mailbox.
    """
    try:
        found = Address(addr_spec=address)
        return Address(_line(name.translate(_QUOTED)), found.username, _host(found.domain))
    except (MessageError, ValueError, IndexError):
        raise ValueError(f"the sender {address!r} is no mail address: expected one such as no-reply@example.com") from None


def _host(domain: str) -> str:
    if not domain:
        raise ValueError
    return domain.encode("idna").decode("ascii")


def recipient(address: str) -> Address:
    """The one mailbox that the text names, its domain in ASCII; raises ValueError for anything else.

    Quoted local parts are refused: they hide a second @. The local part stays as it was stored, whatever the check
    would normalise it to: mail goes to the stored spelling alone.
    """
    found = validate_email(address, check_deliverability=False)
    return Address("", address.rpartition("@")[0], found.ascii_domain)


def compose(letter: Letter, message: Message, origin: Address) -> MimeMail:
    """Raises ValueError where the recipient is no mailbox. `Date` is when the letter was written, so each try says the same."""
    target = recipient(letter.recipient)
    utf8 = not (origin.username + target.username).isascii()
    mime = EmailMessage(policy=(SMTPUTF8 if utf8 else SMTP).clone(cte_type="7bit"))
    mime["From"] = origin
    mime["To"] = target
    mime["Subject"] = _line(message.subject)
    mime["Date"] = moment(letter.created_at)
    mime["Message-ID"] = message_id(letter, origin.domain)
    mime["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5: no holiday notices come back
    mime.set_content(message.text)
    if message.html is not None:
        mime.add_alternative(message.html, subtype="html")
    mime["Content-Language"] = letter.locale  # last: the parts take such headers with them
    return MimeMail(origin.addr_spec, target.addr_spec, mime.as_bytes(), utf8)


def message_id(letter: Letter, domain: str) -> str:
    """From the row's id, the same at each try, so that a mailbox can tell a letter that came twice."""
    return f"<letter-{letter.id}-{_base36(letter.created_at)}@{domain}>"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"


def _line(text: str) -> str:
    """One line of printable characters: nothing that ends a header or an encoder could not write."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())

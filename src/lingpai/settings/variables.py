"""What may stand in the environment besides our settings: names of files that hold secrets, and what Kubernetes puts there by itself."""

import re
from ipaddress import ip_address
from pathlib import Path

FILE = "_FILE"
"""Ends the name of a variable that names a file; what stands before it is the variable that the file's text is for."""

_SERVICE = re.compile(
    r"LINGPAI(?:_[A-Z0-9]+)*?_(?:SERVICE_(HOST|PORT(?:_[A-Z0-9_]+)?)|PORT(?:_\d+_(?:TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)?)"
)
_PROTOCOLS = ("tcp", "udp", "sctp")


def held(path: str) -> str:
    """The text of a file but for one newline at its end, which editors and `echo` write. Raises ValueError that says what is wrong."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError:
        raise ValueError(f"{path} is not UTF-8") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError(f"{path} is empty")
    return text


def tells_of_service(name: str, text: str) -> bool:
    """Whether Kubernetes sets such a variable in every pod that starts beside a service whose name begins with `lingpai`.

    `LINGPAI_PORT=tcp://10.0.0.1:80` is one, `LINGPAI_PORT=80` is a person's.
    """
    found = _SERVICE.fullmatch(name)
    if not found:
        return False
    of_service, of_port = found.groups()
    match of_service or of_port or "":
        case "HOST" | "_ADDR":
            return _is_address(text)
        case "_PROTO":
            return text in _PROTOCOLS
        case "":
            return text.partition("://")[0] in _PROTOCOLS and "://" in text
        case _:
            return text.isascii() and text.isdigit()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

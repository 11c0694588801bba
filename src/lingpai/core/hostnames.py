"""Host names beyond ASCII, as IDNA 2008 has them (RFC 5891; UTS #46, non-transitional; contract, 4.5 and 4.6).

Python's own `idna` codec is that of 2003: to it `faß.example.de` is `fass.example.de`, which is somebody else's.
"""

import idna


def ascii_name(name: str) -> str:
    """The host name as DNS has it, in lower case: `xn--fa-hia.example.de`. Raises ValueError for what is none.

    One in ASCII is any that has no blanks: `localhost` and an address by number are as good as a name.
    """
    if name.isascii():
        return _plain(name)
    try:
        return idna.encode(name, uts46=True, transitional=False).decode()
    except idna.IDNAError:
        raise ValueError(f"{name!r} is no host name") from None


def _plain(name: str) -> str:
    if not name or len(name) > 253 or any(sign.isspace() for sign in name):
        raise ValueError(f"{name!r} is no host name")
    return name.lower()

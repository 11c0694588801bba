"""What one connection may ask for, and how many there may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may ask for. Sizes in bytes, spans in seconds."""

    head: int = 16_384
    target: int = 8_192
    flood: int = 1_048_576
    """Bytes of one body, chunk marks and trailers included, after which nothing more is parsed. The application refuses it long before."""
    head_seconds: float = 10
    body_seconds: float = 30
    idle_seconds: int = 75
    """A proxy must close first, or it sends a request into a connection that is just being closed: nginx does after 60 s."""
    linger_seconds: float = 2
    """How long a connection that was refused is still read and thrown away: closed at once, the refusal itself could be lost on its way."""
    sip_seconds: float = 0.01
    """How long nothing is read from it between two pieces of what is thrown away: a crowd that sends on and on must not keep the loop."""
    first_seconds: float = 2
    """How long a connection that has just been made may take, while its process ends, to begin its first request."""
    connections: int = 2_000
    """How many there may be at once."""
    in_a_row: int = 4
    """Requests that one may send before the first of them is answered; what is more is refused."""

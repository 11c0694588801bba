"""One more step: what a flow answers when it can neither do what it was asked nor refuses it yet."""

from typing import Literal

import msgspec

StepNeed = Literal["code", "cancel_deletion", "create_account", "recognise", "agree"]
"""What the step takes: the code that was just sent; the owner's word that the account, which waits for its deletion, is to stay; what an
account is made with, for an address that was just proved and is nobody's; whether an account that nobody has used for long is one's own;
what somebody new agrees to whom a third party vouches for."""


class Step(msgspec.Struct, frozen=True):
    """What is needed next, and under which state it goes on.

    The state is an unguessable token of 256 bits; what it stands for is kept by the service, so that nothing in it can be read or changed,
    and is spent when the step is done. Pages show the step; each dialect says which its clients can take (`Dialect.steps`).
    """

    need: StepNeed
    state: str
    at: int = 0
    """For `cancel_deletion`: when the account will be gone, in milliseconds since 1970 UTC."""

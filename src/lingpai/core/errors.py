"""The tree of refusals. Each has a stable code; the sentence for people is made in `words`, the envelope in a dialect.

    Refusal
    ├─ BadInput                  a field is missing, of the wrong shape, or over its length
    │  ├─ PasswordsDiffer
    │  └─ InvalidRequest
    ├─ WeakPassword
    ├─ BadCredentials
    │  ├─ UnknownAccount
    │  └─ WrongPassword
    ├─ NotLoggedIn
    │  └─ BadToken
    ├─ BadClient
    ├─ NotActivated              said only after a right password
    ├─ StaleLogin                the login is older than a sensitive step allows
    ├─ WrongAnswers              to security questions
    ├─ NotOffered                the operator has switched it off
    ├─ LastWayIn                 without it nobody could log into the account
    ├─ Closing                   said only after a right password: the account waits for its deletion
    ├─ ProviderSaysNo            a third party does not vouch for it
    │  └─ ProviderSilent         a third party does not answer
    ├─ CrossSite                 a browser sent it from another site
    ├─ NotInvited
    │  ├─ InviteRequired
    │  ├─ BadInvite
    │  └─ RegistrationClosed
    ├─ NoInvitesLeft
    ├─ LinkOutlivesLogin         a one-time link for longer than its maker may stay
    ├─ NoFurtherLink             a one-time link has opened the login that wants to make one
    ├─ Taken                     said only where a dialect reveals accounts, or the seed does
    ├─ NoSuchAccount             likewise
    ├─ BadProof
    │  ├─ BadCode
    │  ├─ BadLink
    │  ├─ BadCaptcha
    │  └─ BadGrant
    ├─ TooSoon                   a message was sent a moment ago; seconds to wait
    ├─ MessagesSpent             an address has had its messages of the hour; seconds to wait
    │  └─ MessagesSpentToday     of the day
    ├─ Limited                   a rate limit; seconds to wait
    └─ Unavailable               nothing was counted or spent, but perhaps by StoreUnsure; seconds to wait
       ├─ Overloaded
       └─ StoreDown             with the cause
          ├─ StoreMoving        its data is on its way to another database
          ├─ DeletionUnrecorded the forget file takes no line, so nobody is deleted
          ├─ StoreConflict      the same again may work: another transaction was in the way
          └─ StoreUnsure        nobody knows whether it is done

A dialect lists as much of the tree as its seed tells: `choose()` walks up from the leaf to what is listed.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal, TypeVar

from lingpai.core import journal

T = TypeVar("T")

Cause = Literal["down", "refusing", "read-only", "full", "slow", "failing", "moving"]
"""Why a store cannot serve: nobody answers; it answers and will have none of us (a login, a database or a right is missing, too many
connections); it takes no writes (a primary that was demoted); no room is left (disk or memory); it does not answer in time; what it stands
on is broken (an I/O error, a damaged file); its operator moves it to another database. Operators do something else about each."""


class Refusal(Exception):
    """The answer is no. `code` never changes; `details` are the values that the sentence needs."""

    code: ClassVar[str] = "refused"
    journaled: ClassVar[bool] = True
    """Whether it stands in the request's journal as soon as it is made (`journal.py`), and not only where it is the answer."""

    def __init__(self, **details: str | int) -> None:
        super().__init__(self.code, details)
        self.details = details
        if self.journaled:
            journal.refused(self.code, details)


class BadInput(Refusal):
    """A field is missing or does not fit. Details: `field` and `reason` (a key of `words`), and the numbers it names."""

    code = "bad-input"
    journaled = False  # what was typed may be tried as one kind of address after another

    def __init__(self, field: str, reason: str, **details: str | int) -> None:
        super().__init__(field=field, reason=reason, **details)
        self.field = field
        self.reason = reason


class PasswordsDiffer(BadInput):
    """The repetition is not the same as the password."""

    code = "passwords-differ"


class InvalidRequest(BadInput):
    """Another service's question is no question. The code is that of RFC 6749, 5.2."""

    code = "invalid_request"


class WeakPassword(Refusal):
    """The password could be guessed, or not be typed. `reason`: common, personal, guessable; or long, of more than `high` characters."""

    code = "weak-password"

    def __init__(self, reason: str, **details: int) -> None:
        super().__init__(reason=reason, **details)
        self.reason = reason


class BadCredentials(Refusal):
    """Unknown account or wrong password."""

    code = "bad-credentials"
    journaled = False  # what is told instead of one of these


class UnknownAccount(BadCredentials):
    """There is no such account (a dialect whose seed does not tell lists only the parent)."""

    code = "unknown-account"
    journaled = True


class WrongPassword(BadCredentials):
    """The account is there; the password is not its own, or it is locked."""

    code = "wrong-password"
    journaled = True


class NotLoggedIn(Refusal):
    """No live session."""

    code = "not-logged-in"
    journaled = False  # a login comes first: nothing has been tried yet


class BadToken(NotLoggedIn):
    """A JWT that is not ours, was changed, or is over. `reason` says which test it failed: for tests and logs, told to nobody."""

    code = "bad-token"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


class BadClient(Refusal):
    """Another service's name and secret are missing or wrong. The code is that of RFC 6749, 5.2."""

    code = "invalid_client"


class NotActivated(Refusal):
    """The address has not been proved yet."""

    code = "not-activated"


class StaleLogin(Refusal):
    """The login is too old for a step like this; its owner has to confirm that it is still them."""

    code = "stale-login"
    journaled = False  # likewise, a proof


class WrongAnswers(Refusal):
    """To security questions: one of them is wrong, or there have been too many tries, or there is nobody to ask."""

    code = "wrong-answers"


class NotOffered(Refusal):
    """The operator has switched it off. Detail: `what` (a key of `words`)."""

    code = "not-offered"

    def __init__(self, what: str) -> None:
        super().__init__(what=what)


class LastWayIn(Refusal):
    """Without it nobody could log into the account any more."""

    code = "last-way-in"


class ProviderSaysNo(Refusal):
    """A third party does not vouch for it. Detail: `provider`."""

    code = "provider-says-no"

    def __init__(self, provider: str) -> None:
        super().__init__(provider=provider)


class ProviderSilent(ProviderSaysNo):
    """A third party does not answer, or not so that it could be understood."""

    code = "provider-silent"


class CrossSite(Refusal):
    """A browser sent a state-changing call from another site."""

    code = "cross-site"


class NotInvited(Refusal):
    """Registration is not open to this one."""

    code = "not-invited"


class InviteRequired(NotInvited):
    """The realm takes nobody without an invite, and none was sent."""

    code = "invite-required"


class BadInvite(NotInvited):
    """Unknown, used up, expired or revoked."""

    code = "bad-invite"


class RegistrationClosed(NotInvited):
    """The realm takes nobody."""

    code = "registration-closed"


class NoInvitesLeft(Refusal):
    """The account has given all the invites it had."""

    code = "no-invites-left"


class LinkOutlivesLogin(Refusal):
    """What a one-time link would open would last longer than the login that makes it, which is not young."""

    code = "link-outlives-login"


class NoFurtherLink(Refusal):
    """A one-time link has opened the login: it makes none itself."""

    code = "no-further-link"


class Taken(Refusal):
    """The address or name belongs to an account already. Detail: `field`."""

    code = "taken"


class NoSuchAccount(Refusal):
    """There is no account at this address. Said only where the operator has asked for it."""

    code = "no-such-account"


class BadProof(Refusal):
    """Something that was to prove a right is wrong, spent or expired."""

    code = "bad-proof"


class BadCode(BadProof):
    """A mailed or texted code."""

    code = "bad-code"


class BadLink(BadProof):
    """A mailed link."""

    code = "bad-link"


class BadCaptcha(BadProof):
    """A captcha."""

    code = "bad-captcha"


class BadGrant(BadProof):
    """A leave to do one thing, given a moment ago."""

    code = "bad-grant"


class NotClosing(BadGrant):
    """The right to take back a deletion that is not to be any more."""


class DeadState(BadGrant):
    """A browser's way to a third party and back that nobody is on any more: it was ended, it is too old, or there never was one."""


class TooSoon(Refusal):
    """A message went to this address a moment ago; `seconds` (at least 1) until the next may."""

    code = "too-soon"

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds=seconds)
        self.seconds = seconds


class MessagesSpent(Refusal):
    """An address has had as many messages as it, or whoever asks for them, gets in an hour; `seconds` (at least 1) until the next may."""

    code = "messages-spent"

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds=seconds)
        self.seconds = seconds


class MessagesSpentToday(MessagesSpent):
    """The same for a day; how long it lasts is told to nobody."""

    code = "messages-spent-today"

    def __init__(self) -> None:
        Refusal.__init__(self)


class Limited(Refusal):
    """A rate limit. `limit` names it; `seconds` (at least 1) until a next try counts."""

    code = "limited"

    def __init__(self, limit: str, seconds: int) -> None:
        super().__init__(limit=limit, seconds=seconds)
        self.limit = limit
        self.seconds = seconds


class Unavailable(Refusal):
    """Not now; nothing was counted or spent, but perhaps by StoreUnsure. `seconds` (at least 1) until a next try makes sense."""

    code = "unavailable"
    journaled = False  # no check: counts go on without their store, for one

    def __init__(self, seconds: int = 2) -> None:
        super().__init__(seconds=seconds)
        self.seconds = seconds


class Overloaded(Unavailable):
    """A queue for slow work is full: hashing, or drawing captchas."""

    code = "overloaded"


class StoreDown(Unavailable):
    """A store cannot serve. `cause` is for the log and for `/readyz`; whoever asks is told only that it is so."""

    code = "store-down"

    def __init__(self, cause: Cause = "down", seconds: int = 2) -> None:
        super().__init__(seconds)
        self.cause = cause


class StoreMoving(StoreDown):
    """The store's operator moves it to another database: it is read as ever, and nothing is written. Waited for longer than for a loss."""

    code = "store-moving"

    def __init__(self) -> None:
        super().__init__("moving", 60)


class DeletionUnrecorded(StoreDown):
    """`backup.forget_file` takes no line, and who cannot be written down there is not deleted. The text says why, for an operator."""


class StoreConflict(StoreDown):
    """The store has undone a transaction because of another one, a deadlock for instance: nothing of it is left."""

    def __init__(self) -> None:
        super().__init__("slow")


class StoreUnsure(StoreDown):
    """A store was lost while it committed: it may be done. Anything else that a store raises means that it is not."""


def choose(table: Mapping[type[Refusal], T], refusal: Refusal) -> T:
    """The entry for the refusal's own class, else for its nearest listed parent. The table lists `Refusal` itself."""
    return next(table[kind] for kind in type(refusal).__mro__ if kind in table)

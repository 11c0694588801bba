"""What hiyouth can be set to, and its two kinds of users, each in a realm."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, get_args

from msgspec import Meta

from lingpai.settings import DialectSettings, forms

Role = Literal["member", "boss"]
ROLES: tuple[Role, ...] = get_args(Role)


class HiyouthSettings(DialectSettings, frozen=True):
    """Seed 002. Its `type` chooses the realm: `realm` is member's."""

    reveal_accounts: Annotated[bool, Meta(description="say in Login and Register whether an address has an account, as the seed does")] = (
        True
    )
    boss_realm: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_-]{0,31}$",
            description="the set of users that `boss` means",
            extra={"fits": forms.REALM},
        ),
    ] = "boss"
    unverified_login: Annotated[
        Literal["warn", "refuse"],
        Meta(description="a right password on an unverified mail: warn logs in to a session that may only look at itself"),
    ] = "warn"
    code_length: Annotated[
        Literal[4, 6],
        Meta(description="digits of the codes that its calls send, by SMS and by mail; 4 is what the original web client insists on"),
    ] = 6
    activation: Annotated[
        Literal["open", "confirm"],
        Meta(description="open: the mailed link verifies; confirm: its page asks for a click first"),
    ] = "open"
    home: Annotated[
        str,
        Meta(
            description="where a browser is led after a mail is verified, a QQ login and a logout; empty: to the hosted pages",
            extra={"form": forms.target},
        ),
    ] = ""

    @property
    def activates_by_click(self) -> bool:
        return self.activation == "confirm"

    @property
    def realms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.realm, self.boss_realm)))

    @property
    def realm_words(self) -> Mapping[str, str]:
        return {"boss": self.boss_realm}

    @property
    def acting_roots(self) -> tuple[str, ...]:
        return ("/api/",)

    def doubts(self, *, dev: bool) -> Iterator[tuple[str, str]]:
        if self.code_length < 6:
            yield (
                "code_length",
                f"{self.code_length}: a code of 4 digits is guessed a hundred times as easily as one of 6, and it sets new passwords too; "
                "only for clients that take no other",
            )


def realm_of(settings: HiyouthSettings, role: Role) -> str:
    """The set of users that `type` means."""
    return settings.boss_realm if role == "boss" else settings.realm


def role_of(settings: HiyouthSettings, realm: str) -> Role | None:
    """Who lives there; a member where both do; None where neither does."""
    return next((role for role in ROLES if realm_of(settings, role) == realm), None)

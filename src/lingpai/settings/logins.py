"""What a login is made with, and how long it lasts."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Passwords(msgspec.Struct, frozen=True):
    """What a password must be."""

    min_score: Annotated[int, Meta(ge=0, le=4, description="lowest zxcvbn score that is taken")] = 1
    max: Annotated[
        int,
        Meta(
            ge=16,
            le=128,
            description="characters that a new password has at most: no more than the fields of the product's older clients take",
        ),
    ] = 128


class Names(msgspec.Struct, frozen=True):
    """The names that accounts log in by, where a dialect knows such."""

    change_days: Annotated[
        int, Meta(ge=0, le=3_650, description="days that a chosen name stays as it is before its owner may change it again; 0: at once")
    ] = 30


class Sessions(msgspec.Struct, frozen=True):
    """How long logins last."""

    hours: Annotated[int, Meta(ge=1, le=720, description="hours from login to the session's end")] = 24
    remember_days: Annotated[
        int, Meta(ge=1, le=365, description="days until then for a browser whose person has ticked to stay logged in")
    ] = 30
    family_days: Annotated[
        int, Meta(ge=30, le=3_650, description="days after which a login ends however often its JWT was renewed; one made from now on")
    ] = 90
    tell_new_devices: Annotated[
        bool,
        Meta(
            description="mail the owner of each login in a browser that the account does not know, with a link to say that it was not them"
        ),
    ] = True


class Jwt(msgspec.Struct, frozen=True):
    """Logins by JWT."""

    alg: Annotated[
        Literal["ES256", "EdDSA", "RS256"],
        Meta(description="how keys made from now on sign (RFC 7518, RFC 8037); `lingpai key rotate` makes one"),
    ] = "ES256"
    issuer: Annotated[str, Meta(max_length=255, description="the iss of every JWT; default public_url")] = ""
    audience: Annotated[str, Meta(max_length=255, description="the aud of every JWT; default the issuer")] = ""

"""What mailcode can be set to."""

from typing import Annotated, Literal

from msgspec import Meta

from lingpai.settings import DialectSettings


class MailcodeSettings(DialectSettings, frozen=True):
    """Seed 000."""

    picture: Annotated[
        Literal["base64", "data-uri"], Meta(description="data-uri puts data:image/png;base64, before a captcha's picture")
    ] = "base64"
    default_expiry: Annotated[
        int, Meta(ge=0, le=2_592_000, description="seconds that a JWT lives where Expiry is missing, 5 or more; 0: Expiry is required")
    ] = 0
    login_captcha: Annotated[
        Literal["always", "after_failures", "never"],
        Meta(description="when a login takes a captcha; after_failures: from the third try on"),
    ] = "always"

    @property
    def gives_jwts(self) -> bool:
        return True

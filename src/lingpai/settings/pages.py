"""What the hosted pages show and lead to."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from lingpai.settings import forms


class Legal(msgspec.Struct, frozen=True):
    """What one agrees to by registering."""

    url: Annotated[str, Meta(description="where it can be read; empty: there is none", extra={"form": forms.base})] = ""
    version: Annotated[str, Meta(max_length=32, description="which text it is, such as 2026-11; recorded with each consent")] = "1"


class Pages(msgspec.Struct, frozen=True):
    """The hosted pages."""

    register: Annotated[
        tuple[Literal["link", "code", "phone"], ...],
        Meta(
            description="how one may register: a mailed link, a mailed code, a texted code; a mail address goes by the first of its two",
            extra={"form": forms.registration},
        ),
    ] = ("link",)
    login: Annotated[
        tuple[Literal["code", "password"], ...],
        Meta(min_length=1, description="how one may log in at /login, the first one first", extra={"form": forms.entrance}),
    ] = ("code", "password")
    logo: Annotated[str, Meta(max_length=1_024, description="a picture's file, SVG or PNG, 64 KiB at most, shown beside the name")] = ""
    accent: Annotated[
        str, Meta(description="the colour of buttons and links; its contrast is checked at start", extra={"form": forms.colour})
    ] = "#0b57d0"
    accent_dark: Annotated[
        str,
        Meta(description="the same on a dark ground; empty: a lighter accent that can be read there", extra={"form": forms.colour_or_none}),
    ] = ""
    support: Annotated[
        str,
        Meta(
            description="where people are helped, a mail address or an https URL: at the foot of the pages and in mails; empty: not shown",
            extra={"form": forms.support},
        ),
    ] = ""
    terms: Legal = Legal()
    privacy: Legal = Legal()
    docs: Annotated[bool, Meta(description="serve the reference of the enabled dialects at /docs (in dev mode always)")] = False
    home: Annotated[
        str,
        Meta(
            description="the product's own home, an https URL or a path: the logo leads there, and whoever is done here; empty: nowhere",
            extra={"form": forms.target},
        ),
    ] = ""
    next: Annotated[
        tuple[str, ...],
        Meta(
            description="other origins that next= may lead back to, such as https://app.example.com; with a name behind it, "
            "https://app.example.com=Shop, pages say where they lead",
            extra={"form": forms.led_to},
        ),
    ] = ()

    @property
    def origins(self) -> tuple[str, ...]:
        """Those of `next`, without their names."""
        return tuple(each.partition("=")[0] for each in self.next)

    def app_at(self, address: str) -> str:
        """What the operator calls the application that an address leads to, which `next=` may name; empty where it has no name."""
        named = (each.partition("=") for each in self.next)
        at = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        return next((name for origin, _, name in named if origin == at), "")

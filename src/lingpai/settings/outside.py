"""The settings of what others run for us: gateways for text messages, and the providers of third-party logins."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from lingpai.settings import forms


class Templates(msgspec.Struct, frozen=True):
    """The gateway's names for our texts; one that is empty is not sent."""

    code: Annotated[str, Meta(max_length=64, description="template of a code: takes code and minutes")] = ""
    code_long: Annotated[
        str,
        Meta(
            max_length=64,
            description="template of a code of 8 characters, which not every client's field takes: takes code and minutes, and names the "
            "addresses of /login, /forgot and /register; empty: the one of a code",
        ),
    ] = ""
    notice: Annotated[
        str, Meta(max_length=64, description="template that tells that the security of the account was changed: takes nothing")
    ] = ""
    taken: Annotated[str, Meta(max_length=64, description="template that tells of a registration with a taken number: takes nothing")] = ""

    def doubts(self) -> Iterator[tuple[str, str]]:
        """As `GatewaySettings.doubts`."""
        if not self.code_long:
            yield (
                "templates.code_long",
                "'': a code of 8 characters, which is sent after too many wrong ones, goes out with templates.code, whose text does not "
                "say that it is taken at /login, /forgot and /register; the field of an old client may take 6 digits and no more",
            )


class GatewaySettings(msgspec.Struct, frozen=True):
    """What reaches one gateway."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Keys of its table that it cannot do without: `templates.code`."""
        return ()

    def doubts(self) -> Iterator[tuple[str, str]]:
        """What works but ought to be known: a key of its table, and a sentence that goes on after the key's value."""
        yield from ()


class Sms(msgspec.Struct, frozen=True):
    """How text messages leave, and how many."""

    provider: Annotated[
        str,
        Meta(
            description="who carries them; none: nothing that needs a phone is offered (dev mode catches them)",
            extra={"one_of": "gateways"},
        ),
    ] = "none"
    countries: Annotated[
        tuple[str, ...],
        Meta(
            description="regions whose numbers get messages (ISO 3166-1); the pages offer their prefixes, the first one chosen",
            extra={"form": forms.region},
        ),
    ] = ("CN",)
    autofill: Annotated[
        bool,
        Meta(
            description="end a code's text with the line @host #code, by which phones offer it to that host's pages alone; for gateways "
            "that take a text as it is; an approved template has that line in itself"
        ),
    ] = False
    daily_budget: Annotated[int, Meta(ge=1, le=10_000_000, description="messages a day in all; past it nothing is sent")] = 1_000
    prefix_hourly: Annotated[
        int, Meta(ge=1, le=10_000_000, description="messages an hour to numbers that begin with the same 7 digits after the +")
    ] = 200
    recycled_days: Annotated[
        int,
        Meta(
            ge=1,
            le=3_650,
            description="days without a login after which a phone's code alone opens no account unasked, since the number may have a new "
            "owner; a login is remembered for audit.keep_days",
        ),
    ] = 180
    gateways: dict[str, GatewaySettings] = {}
    """By name, each a table of its own in the file: `[sms.aliyun]`. Which there are is known above (`assembly/configuration.py`)."""


class Keys(msgspec.Struct, frozen=True):
    """An app at QQ Connect or at Weibo; not offered while app_id is empty."""

    app_id: Annotated[str, Meta(max_length=128, description="the app's number")] = ""
    app_secret: Annotated[str, Meta(max_length=256, description="the app's secret", extra={"secret": True})] = ""
    base_url: Annotated[
        str, Meta(description="where the provider is asked, where it is not the usual place", extra={"form": forms.base})
    ] = ""
    redirect_uri: Annotated[
        str,
        Meta(
            description="the address that apps ask for their code with; default our own callback, /connect/…/callback",
            extra={"form": forms.base},
        ),
    ] = ""


class WechatKeys(Keys, frozen=True):
    """WeChat: app_id is that of the website; the other two only where there are such apps."""

    inapp_id: Annotated[str, Meta(max_length=128, description="the service account's app_id, for logins inside WeChat")] = ""
    inapp_secret: Annotated[str, Meta(max_length=256, description="its secret", extra={"secret": True})] = ""
    mini_id: Annotated[str, Meta(max_length=128, description="the mini-program's app_id")] = ""
    mini_secret: Annotated[str, Meta(max_length=256, description="its secret", extra={"secret": True})] = ""


class Social(msgspec.Struct, frozen=True):
    """Logins that a third party vouches for."""

    qq: Keys = Keys()
    weibo: Keys = Keys()
    wechat: WechatKeys = WechatKeys()
    timeout: Annotated[int, Meta(ge=1, le=30, description="seconds that a provider may take for one answer")] = 5

"""The settings of the serving processes themselves."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lingpai.settings import forms

SocketMode = Annotated[
    str,
    Meta(
        pattern="^0?[0-7]{3}$",
        description="who may connect to a socket's file (--host unix:/path): its mode, in octal",
        extra={"fits": "three octal digits, such as 660"},
    ),
]


class Drain(msgspec.Struct, frozen=True):
    """The end of a process that is told to stop."""

    delay_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=300,
            description="seconds in which it says that it is not ready, and still takes requests: as long as a balancer needs to notice "
            "(default 0 in dev mode)",
        ),
    ] = 5


class MetricsSettings(msgspec.Struct, frozen=True):
    """What whoever watches over a node may ask it."""

    listen: Annotated[
        str,
        Meta(
            description="where /metrics, /healthz and /readyz are served, on a port of their own: 127.0.0.1:9464, [::1]:9464, "
            "0.0.0.0:9464 or unix:/path; needs lingpai[metrics]. Empty: nowhere",
            extra={"form": forms.listening},
        ),
    ] = ""

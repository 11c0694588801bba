"""The settings of the serving processes themselves, and of what they draw."""

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

ConnectionCount = Annotated[
    int,
    Meta(
        ge=64,
        le=100_000,
        description="connections that one process holds at once; one more takes the place of an idle or a slow one, and is answered 503 "
        "where there is none",
    ),
]


class CaptchaSettings(msgspec.Struct, frozen=True):
    """What tells people from programs."""

    pow: Annotated[
        bool, Meta(description="work for the browser (ALTCHA) instead of pictures, on pages and for new clients; false: pictures alone")
    ] = True
    pow_cost: Annotated[
        int, Meta(ge=100, le=1_000_000, description="rounds of PBKDF2 in one try; there are 1,000 tries on average, and at most 1,500")
    ] = 2_000
    queue: Annotated[int, Meta(ge=1, le=1_000, description="captchas that may wait to be drawn; one more is answered 503")] = 16


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


class TracesSettings(msgspec.Struct, frozen=True):
    """Where what requests spend their time on is sent."""

    endpoint: Annotated[
        str,
        Meta(
            description="a collector of OpenTelemetry traces, by OTLP over HTTP, such as http://127.0.0.1:4318 (/v1/traces is added); "
            "needs lingpai[traces]. Empty: none",
            extra={"form": forms.base},
        ),
    ] = ""
    ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share of requests, and of tries to send a letter, that are recorded; those of a trusted proxy's "
            "traceparent are if it says so",
        ),
    ] = 0.05
    headers: Annotated[
        str,
        Meta(
            description="headers that the collector wants, such as authorization=Bearer%20token; several by commas",
            extra={"form": forms.headers, "secret": True},
        ),
    ] = ""

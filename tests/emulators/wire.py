"""What the emulators' tests ask with: plain HTTP, and a clock that they turn."""

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from lingpai_testing import LoginProvider

TRUST = ssl.create_default_context()
"""Read once: to read all authorities for each call costs more than the call."""
BACK = "https://login.example.com/back"


class Hands:
    """A clock in seconds that stands still until it is turned."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


def hands(provider: LoginProvider) -> Hands:
    """From now on the test turns this provider's clock."""
    provider.now = clock = Hands()
    return clock


def get(provider: LoginProvider, path: str, **query: Any) -> httpx.Response:
    return httpx.get(provider.base_url + path, params=query, trust_env=False, verify=TRUST)


def post(provider: LoginProvider, path: str, **form: Any) -> httpx.Response:
    return httpx.post(provider.base_url + path, data=form, trust_env=False, verify=TRUST)


def came_back(response: httpx.Response) -> dict[str, str]:
    """The query with which a browser comes back to BACK."""
    assert response.status_code == 302
    address = urlsplit(response.headers["Location"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == BACK
    return dict(parse_qsl(address.query, keep_blank_values=True))

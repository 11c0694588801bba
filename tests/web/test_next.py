"""Where `next=` may lead (A20): to paths of ours and to origins that the operator names, however it is spelled."""

from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from lingpai.assembly.configuration import defaults
from lingpai.settings import Pages
from lingpai.web.dialects.hiyouth.settings import HiyouthSettings
from lingpai.web.pages.shared.return_to import LENGTH, safe_next

OURS = defaults(public_url="https://id.example.com", pages=Pages(next=("https://app.example.com", "http://127.0.0.1:9000")))

GOOD = (
    "/",
    "/me",
    "/me/security",
    "/me?tab=sessions#top",
    "/login?next=/me",
    "/search?q=https://evil.example/",
    "/a%20b/%E4%BB%A4%E7%89%8C",
    "/me/?x=1&y=(2)",
    "/a;b=c/d@e:f",
    "https://id.example.com",
    "https://id.example.com/me",
    "https://app.example.com",
    "https://app.example.com/",
    "https://app.example.com/back?to=//there",
    "https://app.example.com?x=1",
    "http://127.0.0.1:9000/x#y",
)
BAD = (
    "",
    "me",
    "?x=1",
    "#x",
    "//evil.example",
    "///evil.example",
    "////evil.example/me",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/me\\..\\evil",
    "/.//evil.example",
    "/..//evil.example",
    "/me//evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http:\\\\evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "ftp://app.example.com",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    " /me",
    "/me ",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nSet-Cookie: a=b",
    "/me\r\nLocation: //evil.example",
    "/\0/evil.example",
    "/me\u2028",
    "／／evil.example",
    "/／evil.example",
    "//evil。example",
    "/\u3002/evil.example",
    "/\u200b/evil.example",
    "/令牌",
    "https://id.example.com.evil.example/",
    "https://id.example.com@evil.example/",
    "https://id.example.com:443@evil.example/",
    "https://user@id.example.com/",
    "https://id.example.com:8443/",
    "https://id.example.com\\@evil.example",
    "https://id.example.com\\evil",
    "https://id.example.com//evil.example",
    "https://ID.example.com/me",
    "http://id.example.com/me",
    "https://app.example.com.",
    "https://app.example.comevil",
    "https://evil.app.example.com",
    "https://app。example.com/",
    "https://evil.example#https://app.example.com/",
    "https://evil.example?https://app.example.com/",
    "https://[::1]/",
    "http://127.0.0.1/",
    "http://127.0.0.1:90001/",
    "http://127.1:9000/",
    "http://2130706433:9000/",
    "//127.0.0.1:9000/",
    "/<script>",
    '/"onload="',
    "/[::1]",
    "/" + "a" * LENGTH,
)
STRAY = (
    *("/.", "/..", "/./", "/../", "/./me", "/../me", "/me/.", "/me/..", "/me/./x", "/me/../x", "/me/../../x"),
    *("/%2e", "/%2e%2e", "/%2e/me", "/%2E/me", "/.%2e/me", "/%2e./me", "/%2e%2E/me", "/me/%2e%2e/x", "/me/%2e"),
    *("/%252e/me", "/%252e%252e/me", "/%25252e%2e/me", "/..;/me", "/..;x=1/me", "/.;/me", "/%2e%2e;/me", "/..%3b/me"),
    *("/%2f/evil.example", "/%2Fevil.example", "/me%2f..%2fx", "/%5cevil.example", "/me/%5c", "/%252fevil.example"),
    *("/./?x=1", "/..#x", "/.?", "https://id.example.com/./me", "https://app.example.com/../me", "https://app.example.com/%2e%2e/me"),
    "/%2e%2e/api/Login?type=member",
)
"""Another path to a browser, a proxy or an application server on the way."""


@pytest.mark.parametrize("address", GOOD)
def test_our_own_places_are_led_to_as_they_are_spelled(address: str) -> None:
    assert safe_next(address, OURS) == address


@pytest.mark.parametrize("address", [*BAD, *STRAY])
def test_no_other_place_is_led_to(address: str) -> None:
    assert safe_next(address, OURS) == ""


@pytest.mark.parametrize("address", ["/.well-known/x", "/...", "/.a/..b", "/a..b/c.", "/me?to=/../x", "/me#/./x", "/me?x=%2e%2e%2f"])
def test_dots_that_are_no_segment_of_the_path_are_led_to(address: str) -> None:
    assert safe_next(address, OURS) == address


@pytest.mark.parametrize("path", ["/api/Login?x", "/%61pi/Login?x", "/%2561pi/Login", "/ap%69/cancelLogin"])
@pytest.mark.parametrize("origin", ["", "https://id.example.com", "https://hi.example.com"])
def test_a_call_that_acts_is_not_led_to_on_any_host_of_its_own_however_it_is_spelled(origin: str, path: str) -> None:
    own = HiyouthSettings(hosts=("hi.example.com",))
    settings = defaults(
        public_url="https://id.example.com",
        pages=Pages(next=("https://hi.example.com", "https://app.example.com")),
        hiyouth=own,
    )
    assert safe_next(origin + path, settings) == ""
    assert safe_next(f"https://app.example.com{path}", settings)
    assert safe_next(f"{origin}/apiary", settings)


@pytest.mark.parametrize("address", GOOD)
def test_what_is_led_to_has_our_host_once_a_browser_has_resolved_it(address: str) -> None:
    found = urlsplit(urljoin("https://id.example.com/connect/qq/callback", address))
    assert f"{found.scheme}://{found.netloc}" in {OURS.public_url, *OURS.pages.origins}


def test_an_origin_that_nobody_named_is_not_led_to() -> None:
    assert safe_next("https://app.example.com/", defaults(public_url="https://id.example.com", data=Path())) == ""


def test_without_a_public_url_nothing_but_paths_is_led_to() -> None:
    assert safe_next("https://evil.example", defaults()) == ""
    assert safe_next("/me", defaults()) == "/me"

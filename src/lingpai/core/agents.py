"""Which program says so? What a User-Agent (RFC 9110, 10.1.5) tells a person: the program's name and the system it runs on.

It is only what the program claims: shown to people, never trusted.
"""

import re
from dataclasses import dataclass

SHOWN = 40
"""Characters that are shown of a program that nobody knows."""

_PROGRAMS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        # Inside an application first: it names the browser that it is built on, too.
        (r"wxwork/", "wecom"),
        (r"MicroMessenger/", "wechat"),
        (r"AlipayClient/", "alipay"),
        (r"DingTalk/", "dingtalk"),
        (r"__weibo__|Weibo \(", "weibo"),
        (r"\bQQ/\d", "qq"),
        (r"M?QQBrowser(?:Lite)?/", "qqbrowser"),
        (r"baiduboxapp/", "baidu"),
        (r"UCBrowser/|UBrowser/", "uc"),
        (r"Quark/", "quark"),
        (r"XiaoMi/MiuiBrowser/", "xiaomi"),
        (r"HuaweiBrowser/", "huawei"),
        (r"HeyTapBrowser/", "oppo"),
        (r"VivoBrowser/", "vivo"),
        (r"MetaSr|SogouMobileBrowser/", "sogou"),
        (r"360SE|360EE|QihooBrowser/|QHBrowser/", "360"),
        (r"SamsungBrowser/", "Samsung Internet"),
        (r"YaBrowser/", "Yandex"),
        (r"Vivaldi/", "Vivaldi"),
        (r"OPR/|OPiOS/|Opera[ /]", "Opera"),
        (r"Edg(?:A|iOS|e)?/", "Edge"),
        (r"Firefox/|FxiOS/", "Firefox"),
        (r"MSIE |Trident/", "Internet Explorer"),
        (r"(?:Headless)?Chrome/|CriOS/|Chromium/", "Chrome"),
        (r"Version/[\d.]+.* Safari/", "Safari"),
        (r"^python-requests/", "Python requests"),
        (r"^python-httpx/", "Python httpx"),
        (r"^okhttp/", "OkHttp"),
        (r"^Go-http-client/", "Go"),
        (r"^PostmanRuntime/", "Postman"),
        (r"^Apache-HttpClient/", "Apache HttpClient"),
    )
)
"""The first that is found names the program; small letters stand for a name that `words` has in each language."""

_SYSTEMS = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"HarmonyOS|OpenHarmony|ArkWeb/", "HarmonyOS"),
        (r"iPad", "iPad"),
        (r"iPhone|iPod", "iPhone"),
        (r"Windows Phone", "Windows Phone"),
        (r"Android", "Android"),
        (r"Windows", "Windows"),
        (r"CrOS", "ChromeOS"),
        (r"Macintosh|Mac OS X|macOS", "macOS"),
        (r"Linux|X11", "Linux"),
    )
)
_PRODUCT = re.compile(r"(?!Mozilla/)([A-Za-z][A-Za-z0-9._ -]{0,39})/\d")


@dataclass(frozen=True, slots=True)
class Agent:
    """What a program says of itself."""

    program: str
    """A name; or, in small letters, a word of the `program` table; empty where it says nothing."""
    system: str
    """A name that is the same in every language; empty where it is not told."""


def agent(text: str) -> Agent:
    """The program and its system. A program that nobody knows is called as it calls itself, cut to 40 characters."""
    return Agent(_first(_PROGRAMS, text) or _own_name(text), _first(_SYSTEMS, text))


def _first(table: tuple[tuple[re.Pattern[str], str], ...], text: str) -> str:
    return next((name for pattern, name in table if pattern.search(text)), "")


def _own_name(text: str) -> str:
    """The product before the first slash (RFC 9110, 10.1.5); small letters get a capital, as the small ones are ours."""
    product = _PRODUCT.match(text)
    name = product[1].strip() if product else text.strip()
    short = name if len(name) <= SHOWN else f"{name[: SHOWN - 1]}…"
    return short[:1].upper() + short[1:]

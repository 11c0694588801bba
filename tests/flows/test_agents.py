"""What a User-Agent tells a person."""

import pytest

from lingpai.core.agents import SHOWN, Agent, agent
from lingpai.core.chance import SECOND
from lingpai.core.device_names import device
from lingpai.core.model import Locale
from lingpai.web.pages.shared.relative_time import ago

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
DAY = 86_400
NOW = 1_795_262_400_000

CLAIMS = [
    (f"{WINDOWS} {WEBKIT} Chrome/141.0.0.0 Safari/537.36", "Chrome", "Windows"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36", "Chrome", "Linux"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/129.0.0.0 Safari/537.36", "Chrome", "ChromeOS"),
    (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36", "Chrome", "Android"),
    (f"{IPHONE} CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1", "Chrome", "iPhone"),
    (f"{WINDOWS} {WEBKIT} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0", "Edge", "Windows"),
    (f"{IPHONE} Version/17.0 EdgiOS/141.0.3537.57 Mobile/15E148 Safari/605.1.15", "Edge", "iPhone"),
    (f"{WINDOWS} {WEBKIT} Chrome/141.0.0.0 Safari/537.36 OPR/122.0.0.0", "Opera", "Windows"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox", "Linux"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox", "macOS"),
    (f"{IPHONE} FxiOS/144.0 Mobile/15E148 Safari/605.1.15", "Firefox", "iPhone"),
    (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari", "iPhone"),
    (
        "Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1",
        "Safari",
        "iPad",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
        "Safari",
        "macOS",
    ),
    (f"{IPHONE} Mobile/15E148 MicroMessenger/8.0.50(0x18003237) NetType/WIFI Language/zh_CN", "wechat", "iPhone"),
    (
        f"Mozilla/5.0 (Linux; Android 13; V2219A; wv) {WEBKIT} Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117 "
        "MMWEBSDK/20240404 MicroMessenger/8.0.49.2600(0x28003133) WeChat/arm64 NetType/4G Language/zh_CN",
        "wechat",
        "Android",
    ),
    (f"{WINDOWS} {WEBKIT} Chrome/116.0.0.0 Safari/537.36 wxwork/4.1.22 MicroMessenger/7.0.1 WindowsWechat", "wecom", "Windows"),
    (
        f"Mozilla/5.0 (Linux; U; Android 12; zh-cn; M2102J2SC) {WEBKIT} Version/4.0 Chrome/98.0 MQQBrowser/13.9 Mobile Safari/537.36",
        "qqbrowser",
        "Android",
    ),
    (f"{WINDOWS} {WEBKIT} Chrome/94.0.4606.71 Safari/537.36 Core/1.94.225.400 QQBrowser/12.2.5544.400", "qqbrowser", "Windows"),
    (f"{IPHONE} Mobile/15E148 QQ/9.0.35.604 V1_IPH_SQ_9.0.35_1_APP_A Pixel/1170 NetType/WIFI", "qq", "iPhone"),
    (f"{IPHONE} Mobile/15E148 Weibo (iPhone14,2__weibo__14.5.0__iphone__os17.5)", "weibo", "iPhone"),
    (f"{IPHONE} Mobile/15E148 AlipayClient/10.6.0.6000 Language/zh-Hans", "alipay", "iPhone"),
    (f"Mozilla/5.0 (Linux; U; Android 13; zh-CN; 22041211AC) {WEBKIT} Chrome/100.0 UCBrowser/16.5.5 Mobile Safari/537.36", "uc", "Android"),
    (
        f"Mozilla/5.0 (Linux; U; Android 14; zh-cn; 23127PN0CC) {WEBKIT} Version/4.0 Chrome/109.0 Mobile Safari/537.36 "
        "XiaoMi/MiuiBrowser/18.6",
        "xiaomi",
        "Android",
    ),
    (
        f"Mozilla/5.0 (Linux; Android 12; HarmonyOS; ALN-AL00) {WEBKIT} Chrome/114.0 HuaweiBrowser/15.0.4.312 Mobile Safari/537.36",
        "huawei",
        "HarmonyOS",
    ),
    (f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {WEBKIT} Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile", "Chrome", "HarmonyOS"),
    (f"{WINDOWS} {WEBKIT} Chrome/80.0 Safari/537.36 SE 2.X MetaSr 1.0", "sogou", "Windows"),
    ("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer", "Windows"),
    ("curl/7.88.1", "Curl", ""),
    ("Wget/1.21.3", "Wget", ""),
    ("python-requests/2.32.3", "Python requests", ""),
    ("python-httpx/0.28.1", "Python httpx", ""),
    ("okhttp/4.12.0", "OkHttp", ""),
    ("Go-http-client/2.0", "Go", ""),
    ("Dart/3.3 (dart:io)", "Dart", ""),
    ("StarMap/12 CFNetwork/1496.0.7 Darwin/23.5.0", "StarMap", ""),
    ("", "", ""),
    ("my own robot", "My own robot", ""),
]


@pytest.mark.parametrize(
    ("text", "program", "system"), CLAIMS, ids=[f"{program}-{system}-{n}" for n, (_, program, system) in enumerate(CLAIMS)]
)
def test_a_program_is_called_by_its_name_and_its_system(text: str, program: str, system: str) -> None:
    assert agent(text) == Agent(program, system)


def test_a_program_that_nobody_knows_is_cut_short() -> None:
    long = agent("x" * 255).program
    assert len(long) == SHOWN
    assert long == "X" + "x" * 38 + "…"


def test_nobody_s_own_name_is_taken_for_a_word_of_ours() -> None:
    assert agent("wechat/1.0").program == "Wechat"
    assert device("unknown", "zh-Hans") == "Unknown"


@pytest.mark.parametrize(
    ("text", "chinese", "english"),
    [
        (CLAIMS[0][0], "Chrome，Windows", "Chrome, Windows"),
        (CLAIMS[14][0], "微信，iPhone", "WeChat, iPhone"),
        ("", "未知程序", "Unknown program"),
    ],
)
def test_a_device_is_told_in_both_languages(text: str, chinese: str, english: str) -> None:
    assert device(text, "zh-Hans") == chinese
    assert device(text, "en") == english


@pytest.mark.parametrize(
    ("seconds", "locale", "said"),
    [
        (0, "zh-Hans", "刚刚"),
        (59, "en", "just now"),
        (-5, "en", "just now"),
        (60, "en", "1 minute ago"),
        (3_599, "zh-Hans", "59 分钟前"),
        (3_600, "en", "1 hour ago"),
        (2 * DAY - 1, "en", "1 day ago"),
        (3 * DAY, "zh-Hans", "3 天前"),
        (30 * DAY, "en", 'on <time datetime="2026-10-22T12:00:00Z" data-date>2026-10-22</time>'),
    ],
)
def test_what_was_is_told_by_how_long_ago_it_was(seconds: int, locale: Locale, said: str) -> None:
    assert ago(NOW, NOW - seconds * SECOND, locale) == said

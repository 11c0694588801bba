"""The senders of text messages against their gateways' emulators: what each answer means, and never a second try by themselves."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal

from fakes import START, FakeChance, FakeClock
from lingpai.assembly.configuration import load
from lingpai.core.model import Letter
from lingpai.post import Message, Permanent, Sender, SendError, Temporary, Unsure
from lingpai.post.sms import aliyun as aliyun_sms
from lingpai.post.sms import gateways
from lingpai.post.sms import tencent as tencent_sms
from lingpai.settings import outside
from lingpai_testing.aliyun import Aliyun
from lingpai_testing.tencent import Tencent
from lingpai_testing.texts import SmsGateway
from lingpai_testing.webhook import Webhook

LETTER = Letter(
    id=7,
    channel="sms",
    template="register_code",
    recipient="+8613800138000",
    locale="zh-Hans",
    sealed=b"",
    account_id=None,
    created_at=START,
    due_at=START,
    expires_at=START + 1,
    attempts=1,
    state="waiting",
    error="",
)
MESSAGE = Message("", "【Lingpai】验证码 048213", values={"code": "048213", "minutes": "10"})
NOTICE = Message("", "【Lingpai】密码刚刚修改过")
PAGE = Path(__file__).parents[2] / "docs" / "production.md"
SECRET = "a-secret-that-stands-nowhere-else-and-is-long"


@dataclass
class Line:
    """A gateway, and a sender to it."""

    gateway: SmsGateway
    make: Callable[..., Sender]
    sender: Sender

    @property
    def messages(self) -> list[Any]:
        return self.gateway.messages

    async def outcome(self, letter: Letter = LETTER, message: Message = MESSAGE, sender: Sender | None = None) -> SendError | None:
        try:
            await (sender or self.sender).send(letter, message)
        except SendError as error:
            return error
        return None


def line_to(name: str, gateway: SmsGateway, clock: FakeClock, chance: FakeChance) -> Callable[..., Sender]:
    """Makes senders to it, as the service does of a file's table."""
    ours = gateways()[name]

    def make(*, timeout: float = 5.0, templates: outside.Templates | None = None, **other: str) -> Sender:
        table = gateway.settings(**other) | ({} if templates is None else {"templates": templates})
        return ours.sender(msgspec.convert(table, ours.settings), clock, chance, timeout)

    return make


@pytest.fixture(params=list(gateways()))
async def line(request: pytest.FixtureRequest, clock: FakeClock, chance: FakeChance) -> AsyncIterator[Line]:
    with import_module(f"lingpai_testing.{request.param}").GATEWAY() as gateway:
        gateway.now = lambda: clock.now() / 1_000
        make = line_to(request.param, gateway, clock, chance)
        sender = make()
        yield Line(gateway, make, sender)
        await sender.close()


vendors = pytest.mark.parametrize("line", ["aliyun", "tencent"], indirect=True)
aliyun_only = pytest.mark.parametrize("line", ["aliyun"], indirect=True)
tencent_only = pytest.mark.parametrize("line", ["tencent"], indirect=True)
webhook_only = pytest.mark.parametrize("line", ["webhook"], indirect=True)


# Delivered


async def test_a_code_is_delivered_by_one_call(line: Line) -> None:
    assert await line.outcome() is None
    assert len(line.messages) == len(line.gateway.calls) == 1


async def test_none_of_them_may_be_asked_twice(line: Line) -> None:
    assert not line.sender.repeatable
    assert not line.sender.keeps_text


@vendors
async def test_the_gateways_own_template_is_filled(line: Line) -> None:
    await line.outcome()
    [sent] = line.messages
    assert (sent.to, sent.sign_name, sent.reference) == (LETTER.recipient, "Lingpai", "7")
    assert list(sent.values.values()) == ["048213", "10"]
    assert sent.template in ("SMS_1", "1001")


@vendors
@pytest.mark.parametrize("approved", [True, False])
async def test_a_code_of_letters_has_a_template_that_names_the_page_that_takes_it(line: Line, approved: bool) -> None:
    """Where the operator has one; a page's address does not fit into a parameter."""
    plain, long = ("SMS_1", "SMS_4") if "SMS_1" in line.gateway.templates else ("1001", "1004")
    line.gateway.templates[long] = line.gateway.templates[plain]
    message = replace(MESSAGE, values={"code": "k7m2p9qx", "minutes": "10"}, page="https://id.example.com/forgot")
    templates = outside.Templates(code=plain, code_long=long if approved else "")
    assert await line.outcome(message=message, sender=line.make(templates=templates)) is None
    assert await line.outcome(replace(LETTER, recipient="+8613900139000"), sender=line.make(templates=templates)) is None
    assert [sent.template for sent in line.messages] == [long if approved else plain, plain]
    assert [list(sent.values.values()) for sent in line.messages] == [["k7m2p9qx", "10"], ["048213", "10"]]


@vendors
@pytest.mark.parametrize(("template", "kinds"), [("password_changed", ("SMS_2", "1002")), ("taken", ("SMS_3", "1003"))])
async def test_each_notice_has_a_template_without_values(line: Line, template: str, kinds: tuple[str, str]) -> None:
    assert await line.outcome(replace(LETTER, template=template), NOTICE) is None
    [sent] = line.messages
    assert sent.template in kinds
    assert sent.values == {}


@vendors
async def test_a_number_abroad_keeps_its_prefix(line: Line) -> None:
    assert await line.outcome(replace(LETTER, recipient="+85251234567")) is None
    assert line.messages[0].to == "+85251234567"


async def test_many_at_a_time_are_taken(line: Line) -> None:
    numbers = [f"+861380013800{digit}" for digit in range(10)]
    letters = [replace(LETTER, id=place, recipient=number) for place, number in enumerate(numbers)]
    assert await asyncio.gather(*(line.outcome(letter) for letter in letters)) == [None] * 10
    assert len(line.messages) == 10


async def test_it_sends_again_after_it_was_closed(line: Line) -> None:
    await line.outcome()
    await line.sender.close()
    await line.sender.close()
    assert await line.outcome(replace(LETTER, id=8, recipient="+8613800138001")) is None


@webhook_only
async def test_the_webhook_gets_all_that_a_gateway_may_need(line: Line) -> None:
    await line.outcome()
    assert line.messages == [
        {
            "id": 7,
            "to": "+8613800138000",
            "template": "register_code",
            "text": "【Lingpai】验证码 048213",
            "values": {"code": "048213", "minutes": "10"},
            "locale": "zh-Hans",
        }
    ]


@webhook_only
async def test_the_receiver_that_the_documentation_shows_takes_ours_and_nobody_elses(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    shown: dict[str, Any] = {}
    exec(found[1], shown)  # noqa: S102 - what the page shows is what is tested
    monkeypatch.setattr(shown["time"], "time", line.gateway.now)
    await line.outcome()
    assert isinstance(line.gateway, Webhook)
    [call] = line.gateway.calls
    stamp, signed = call.headers["lingpai-timestamp"], call.headers["lingpai-signature"]
    assert shown["is_ours"](line.gateway.secret, stamp, signed, call.body)
    assert not shown["is_ours"](SECRET, stamp, signed, call.body)
    assert not shown["is_ours"](line.gateway.secret, str(int(stamp) + 1), signed, call.body)
    assert not shown["is_ours"](line.gateway.secret, stamp, signed, call.body + b" ")
    monkeypatch.setattr(shown["time"], "time", lambda: int(stamp) + 301)
    assert not shown["is_ours"](line.gateway.secret, stamp, signed, call.body)


def test_the_settings_that_the_documentation_shows_fit(tmp_path: Path) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    shown = [block for block in blocks if "[sms]" in block]
    assert len(shown) == 2
    env = {"LINGPAI_PUBLIC_URL": "https://id.example.com", "LINGPAI_MAIL__SMTP_URL": "smtp://127.0.0.1:9"}
    env |= {"LINGPAI_SMS__ALIYUN__ACCESS_KEY_SECRET": "x", "LINGPAI_SMS__WEBHOOK__SECRET": SECRET}
    for block in shown:
        (tmp_path / "lingpai.toml").write_text(block)
        assert load(tmp_path / "lingpai.toml", env).settings.sms.provider in ("aliyun", "webhook")


# Refused


@vendors
@pytest.mark.parametrize("template", ["register_code", "password_changed", "taken"])
async def test_a_letter_without_a_template_is_refused_before_anything_is_asked(line: Line, template: str) -> None:
    error = await line.outcome(replace(LETTER, template=template), sender=line.make(templates=outside.Templates()))
    assert type(error) is Permanent
    assert "templates." in str(error)
    assert line.gateway.calls == []


@vendors
async def test_a_letter_that_is_no_text_message_is_refused(line: Line) -> None:
    error = await line.outcome(replace(LETTER, template="activate"))
    assert type(error) is Permanent
    assert "activate" in str(error)
    assert line.gateway.calls == []


async def test_a_wrong_secret_is_refused_for_good_and_told_to_nobody(line: Line) -> None:
    error = await line.outcome(sender=line.make(secret=SECRET))
    assert type(error) is Permanent
    assert SECRET not in str(error)
    assert line.messages == []
    assert len(line.gateway.calls) == 1


@vendors
async def test_a_number_that_is_none_is_refused_for_good_and_not_named(line: Line) -> None:
    error = await line.outcome(replace(LETTER, recipient="+8612345"))
    assert type(error) is Permanent
    assert "12345" not in str(error)


@vendors
async def test_a_second_one_at_once_may_be_sent_later(line: Line, clock: FakeClock) -> None:
    await line.outcome()
    assert type(await line.outcome()) is Temporary
    clock.advance(seconds=61)
    assert await line.outcome() is None
    assert len(line.messages) == 2


CODES = {
    "aliyun": {
        Temporary: ("isv.BUSINESS_LIMIT_CONTROL", "isv.DAY_LIMIT_CONTROL", "Throttling", "Throttling.User", "ServiceUnavailable"),
        Permanent: (
            "isv.MOBILE_NUMBER_ILLEGAL",
            "isv.SMS_TEMPLATE_ILLEGAL",
            "isv.SMS_SIGNATURE_ILLEGAL",
            "isv.TEMPLATE_MISSING_PARAMETERS",
            "isv.INVALID_JSON_PARAM",
            "isv.AMOUNT_NOT_ENOUGH",
            "isv.OUT_OF_SERVICE",
            "isv.BLACK_KEY_CONTROL_LIMIT",
            "isv.PARAM_LENGTH_LIMIT",
            "isp.RAM_PERMISSION_DENY",
            "SignatureDoesNotMatch",
            "isv.NEVER_HEARD_OF",
        ),
        Unsure: ("InternalError", "isp.SYSTEM_ERROR"),
    },
    "tencent": {
        Temporary: (
            "LimitExceeded.PhoneNumberThirtySecondLimit",
            "LimitExceeded.PhoneNumberOneHourLimit",
            "LimitExceeded.PhoneNumberDailyLimit",
            "RequestLimitExceeded",
            "AuthFailure.SignatureExpire",
        ),
        Permanent: (
            "FailedOperation.SignatureIncorrectOrUnapproved",
            "FailedOperation.TemplateIncorrectOrUnapproved",
            "FailedOperation.PhoneNumberInBlacklist",
            "FailedOperation.InsufficientBalanceInSmsPackage",
            "InvalidParameterValue.IncorrectPhoneNumber",
            "UnauthorizedOperation.SmsSdkAppIdVerifyFail",
            "AuthFailure.SignatureFailure",
            "NeverHeardOf",
        ),
        Unsure: ("InternalError", "InternalError.Timeout"),
    },
}


@pytest.mark.parametrize(
    ("line", "code", "kind"),
    [(name, code, kind) for name, kinds in CODES.items() for kind, codes in kinds.items() for code in codes],
    indirect=["line"],
)
async def test_each_code_has_its_meaning_and_is_named(line: Line, code: str, kind: type[SendError]) -> None:
    assert isinstance(line.gateway, Aliyun | Tencent)
    line.gateway.refuse = code
    error = await line.outcome()
    assert type(error) is kind
    assert code in str(error)
    assert len(line.gateway.calls) == 1


@tencent_only
async def test_a_failure_of_the_whole_call_is_read_too(line: Line) -> None:
    assert isinstance(line.gateway, Tencent)
    line.gateway.app_id, old = "1400000002", line.sender
    error = await line.outcome(sender=old)
    assert type(error) is Permanent
    assert "UnauthorizedOperation.SmsSdkAppIdVerifyFail" in str(error)


@vendors
async def test_a_clock_that_is_off_is_the_operators_to_mend(line: Line, clock: FakeClock) -> None:
    line.gateway.now = lambda: clock.now() / 1_000 + 3_600
    assert type(await line.outcome()) is Temporary


@aliyun_only
async def test_a_nonce_is_never_used_twice_and_a_repeated_one_is_refused(line: Line, clock: FakeClock) -> None:
    assert isinstance(line.gateway, Aliyun)
    first, second = (line_to("aliyun", line.gateway, clock, FakeChance("the same"))() for _ in range(2))
    assert await line.outcome(sender=first) is None
    clock.advance(minutes=2)
    assert await line.outcome(sender=first) is None
    clock.advance(minutes=2)
    assert "SignatureNonceUsed" in str(await line.outcome(sender=second))


@vendors
async def test_a_code_that_is_no_code_is_not_repeated(line: Line) -> None:
    assert isinstance(line.gateway, Aliyun | Tencent)
    line.gateway.refuse = "your key is <KEY>"
    error = await line.outcome()
    assert type(error) is Permanent
    assert "KEY" not in str(error)


# No clear answer


async def test_a_timeout_leaves_it_unsure_and_is_asked_once(line: Line) -> None:
    line.gateway.faults.slow = 5.0
    error = await line.outcome(sender=line.make(timeout=1.0))
    assert type(error) is Unsure
    assert "may have been sent" in str(error)
    assert len(line.messages) == len(line.gateway.calls) == 1


async def test_a_dropped_connection_leaves_it_unsure_and_is_asked_once(line: Line) -> None:
    line.gateway.faults.drop = True
    assert type(await line.outcome()) is Unsure
    assert len(line.messages) == len(line.gateway.calls) == 1


@vendors
@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_without_a_code_leaves_it_unsure(line: Line, status: int) -> None:
    line.gateway.faults.status = status
    error = await line.outcome()
    assert type(error) is Unsure
    assert str(status) in str(error)
    assert len(line.gateway.calls) == 1


@vendors
async def test_an_answer_that_nobody_can_read_leaves_it_unsure(line: Line) -> None:
    line.gateway.faults.garbage = True
    assert type(await line.outcome()) is Unsure
    assert len(line.messages) == len(line.gateway.calls) == 1


@vendors
@pytest.mark.parametrize(("status", "kind"), [(302, Permanent), (403, Permanent), (404, Permanent), (429, Temporary)])
async def test_a_proxy_that_refuses_has_sent_nothing(line: Line, status: int, kind: type[SendError]) -> None:
    line.gateway.faults.status = status
    assert type(await line.outcome()) is kind


@webhook_only
@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, type(None)), (202, type(None)), (302, Permanent), (400, Permanent), (422, Permanent), (429, Temporary), (500, Temporary)],
)
async def test_what_the_webhooks_status_means(line: Line, status: int, kind: type[object]) -> None:
    line.gateway.faults.status = status
    assert type(await line.outcome()) is kind


async def test_a_gateway_that_is_not_there_has_sent_nothing(line: Line) -> None:
    sender = line.make(base_url=line.gateway.base_url)
    line.gateway.stop()
    error = await line.outcome(sender=sender)
    assert type(error) is Temporary
    assert "ConnectError" in str(error)


async def test_the_environments_proxy_is_not_asked(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await line.outcome(sender=line.make()) is None


# Signed as the vendors' own SDKs sign


@aliyun_only
async def test_aliyuns_sdk_signs_the_same_call_the_same_way(line: Line) -> None:
    await line.outcome()
    assert isinstance(line.gateway, Aliyun)
    [call] = line.gateway.calls
    request = DaraRequest()
    request.method, request.pathname = "POST", "/"
    raw = call.target.partition("?")[2]
    request.query = dict(parse_qsl(raw))
    names = call.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request.headers = {name: call.headers[name] for name in names}
    keys = (line.gateway.access_key_id, line.gateway.access_key_secret)
    assert Utils.get_authorization(request, "ACS3-HMAC-SHA256", aliyun_sms.NOTHING, *keys) == call.headers["authorization"]


VALUES = {"b": "1", "a": "天 ~*'+&=/", "A": "%2F", "Signs": '[]{}"\\', "Z": "-_."}


def test_aliyuns_sdk_makes_the_same_canonical_query_of_odd_values() -> None:
    request = DaraRequest()
    request.method, request.pathname, request.query = "POST", "/", VALUES
    request.headers = {"host": "127.0.0.1", "x-acs-date": "2026-09-21T14:13:20Z"}
    theirs = Utils.get_authorization(request, "ACS3-HMAC-SHA256", aliyun_sms.NOTHING, "id", "secret")
    assert theirs == aliyun_sms.authorization("id", "secret", "/", aliyun_sms.canonical_query(VALUES), request.headers)


@pytest.mark.parametrize(("now", "day"), [(START, "2026-09-21"), (1_798_761_599_999, "2026-12-31"), (1_798_761_600_000, "2027-01-01")])
def test_tencents_sdk_signs_the_same_call_the_same_way(now: int, day: str) -> None:
    body = json.dumps({"SignName": "天 ~*'+&=/"}, ensure_ascii=False).encode()
    ours = tencent_sms.authorization("id", "secret", "127.0.0.1:8000", now, body)
    request = RequestInternal("127.0.0.1:8000", "POST", "/")
    request.header = {"Content-Type": "application/json", "Host": "127.0.0.1:8000", "X-TC-Timestamp": str(now // 1_000)}
    request.data = body
    assert f"Credential=id/{day}/sms/tc3_request" in ours
    client = AbstractClient(Credential("id", "secret"), "ap-guangzhou")
    assert client._get_tc3_signature({}, request, day, "sms", "secret", {}) == ours.rpartition("=")[2]

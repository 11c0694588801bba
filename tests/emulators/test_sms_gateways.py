"""The vendors' own SDKs talk to the emulators unmodified: that shows the emulators true."""

import json
from typing import Any

import pytest
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_dysmsapi20170525.models import SendSmsRequest
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models
from tencentcloud.sms.v20210111.sms_client import SmsClient

from lingpai_testing.aliyun import Aliyun
from lingpai_testing.tencent import Tencent
from lingpai_testing.texts import Flow

NUMBER = "+8613800138000"
VALUES = {"code": "048213", "minutes": "10", "name": "天 ~*'+&=/"}


def aliyun_sends(gateway: Aliyun, *, key: str = "", secret: str = "", **changes: Any) -> Any:
    config = Config(
        access_key_id=key or gateway.access_key_id,
        access_key_secret=secret or gateway.access_key_secret,
        protocol="http",
        endpoint=gateway.base_url.removeprefix("http://"),
    )
    fields = {
        "phone_numbers": NUMBER,
        "sign_name": "Lingpai",
        "template_code": "SMS_1",
        "template_param": json.dumps(VALUES),
        "out_id": "7",
    }
    return Client(config).send_sms(SendSmsRequest(**{**fields, **changes})).body


def tencent_sends(gateway: Tencent, *, key: str = "", secret: str = "", **changes: Any) -> Any:
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=gateway.base_url.removeprefix("http://")))
    client = SmsClient(Credential(key or gateway.secret_id, secret or gateway.secret_key), "ap-guangzhou", profile)
    request = models.SendSmsRequest()
    fields = {
        "PhoneNumberSet": [NUMBER],
        "SmsSdkAppId": gateway.app_id,
        "SignName": "Lingpai",
        "TemplateId": "1001",
        "TemplateParamSet": ["天 ~*'+&=/", "10"],
        "SessionContext": "7",
    }
    request.from_json_string(json.dumps({**fields, **changes}))
    return client.SendSms(request)


def test_aliyuns_own_sdk_sends(aliyun: Aliyun) -> None:
    answer = aliyun_sends(aliyun)
    assert (answer.code, answer.message) == ("OK", "OK")
    [sent] = aliyun.messages
    assert (sent.to, sent.sign_name, sent.template, sent.values, sent.reference) == (NUMBER, "Lingpai", "SMS_1", VALUES, "7")


@pytest.mark.parametrize(
    ("wrong", "code"), [({"secret": "another"}, "SignatureDoesNotMatch"), ({"key": "another"}, "InvalidAccessKeyId.NotFound")]
)
def test_aliyuns_own_sdk_with_wrong_keys_is_refused(aliyun: Aliyun, wrong: dict[str, str], code: str) -> None:
    with pytest.raises(ClientException) as refused:
        aliyun_sends(aliyun, **wrong)
    assert refused.value.code == code
    assert aliyun.messages == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"phone_numbers": "12345"}, "isv.MOBILE_NUMBER_ILLEGAL"),
        ({"sign_name": "another"}, "isv.SMS_SIGNATURE_ILLEGAL"),
        ({"template_code": "SMS_9"}, "isv.SMS_TEMPLATE_ILLEGAL"),
        ({"template_param": "{"}, "isv.INVALID_JSON_PARAM"),
        ({"template_param": '{"code": "1"}'}, "isv.TEMPLATE_MISSING_PARAMETERS"),
        ({"template_param": json.dumps({"code": "1" * 36, "minutes": "1"})}, "isv.PARAM_LENGTH_LIMIT"),
    ],
)
def test_what_is_wrong_with_a_message_comes_from_aliyun_as_a_code(aliyun: Aliyun, wrong: dict[str, str], code: str) -> None:
    assert aliyun_sends(aliyun, **wrong).code == code
    assert aliyun.messages == []


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        (Aliyun().flow.limits, ["minute", "hour", "day"]),
        (Tencent().flow.limits, ["ThirtySecondLimit", "OneHourLimit", "DailyLimit"]),
    ],
)
def test_a_number_gets_one_then_five_an_hour_then_ten_a_day(limits: Any, refused: list[str]) -> None:
    flow = Flow(limits)
    told: list[str] = []
    for minute in range(0, 24 * 60, 2):
        for _ in range(2):
            told.append(flow.refusal(NUMBER, minute * 60.0))
            if not told[-1]:
                flow.count(NUMBER, minute * 60.0)
    assert told.count("") == 10
    assert list(dict.fromkeys(name for name in told if name)) == refused
    assert flow.refusal("+8613800138001", 0.0) == ""
    assert flow.refusal(NUMBER, 2 * 86_400.0) == ""


def test_aliyun_and_tencent_refuse_the_second_within_the_shortest_span(aliyun: Aliyun, tencent: Tencent) -> None:
    assert [aliyun_sends(aliyun).code for _ in range(2)] == ["OK", "isv.BUSINESS_LIMIT_CONTROL"]
    codes = [tencent_sends(tencent).SendStatusSet[0].Code for _ in range(2)]
    assert codes == ["Ok", "LimitExceeded.PhoneNumberThirtySecondLimit"]


def test_tencents_own_sdk_sends(tencent: Tencent) -> None:
    [status] = tencent_sends(tencent).SendStatusSet
    assert (status.Code, status.PhoneNumber, status.SessionContext) == ("Ok", NUMBER, "7")
    [sent] = tencent.messages
    assert (sent.to, sent.template, sent.values) == (NUMBER, "1001", {"1": "天 ~*'+&=/", "2": "10"})


@pytest.mark.parametrize(
    ("wrong", "code"), [({"secret": "another"}, "AuthFailure.SignatureFailure"), ({"key": "another"}, "AuthFailure.SecretIdNotFound")]
)
def test_tencents_own_sdk_with_wrong_keys_is_refused(tencent: Tencent, wrong: dict[str, str], code: str) -> None:
    with pytest.raises(TencentCloudSDKException) as refused:
        tencent_sends(tencent, **wrong)
    assert refused.value.code == code
    assert tencent.messages == []


@pytest.mark.parametrize("skew", [-301, 301])
def test_tencent_refuses_a_clock_that_is_five_minutes_off(tencent: Tencent, skew: int) -> None:
    now = tencent.now
    tencent.now = lambda: now() + skew
    with pytest.raises(TencentCloudSDKException) as refused:
        tencent_sends(tencent)
    assert refused.value.code == "AuthFailure.SignatureExpire"
    tencent.now = lambda: now() + skew * 0.98
    assert tencent_sends(tencent).SendStatusSet[0].Code == "Ok"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"PhoneNumberSet": ["13800138000"]}, "InvalidParameterValue.IncorrectPhoneNumber"),
        ({"SignName": "another"}, "FailedOperation.SignatureIncorrectOrUnapproved"),
        ({"TemplateId": "9"}, "FailedOperation.TemplateIncorrectOrUnapproved"),
        ({"TemplateParamSet": ["1"]}, "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"),
    ],
)
def test_what_is_wrong_with_a_number_comes_from_tencent_as_its_code(tencent: Tencent, wrong: dict[str, Any], code: str) -> None:
    assert tencent_sends(tencent, **wrong).SendStatusSet[0].Code == code
    assert tencent.messages == []

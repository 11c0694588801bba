"""Tencent Cloud SMS: `SendSms` of 2021-01-11, JSON, signed by TC3-HMAC-SHA256.

Its habits: every answer is a 200; what is wrong with the call is `Error`, with one number that number's `Code`; "Ok" is good.
"""

import hashlib
import hmac
import re
import secrets
import time
from typing import Any

from lingpai_testing.server import Call, Response
from lingpai_testing.texts import Flow, Refused, Sent, SmsGateway, e164

AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=([^/,]+)/([0-9]{4}-[0-9]{2}-[0-9]{2})/sms/tc3_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})"
)
SKEW = 300
"""Seconds that the two clocks may differ."""


class Tencent(SmsGateway):
    """A gateway with one secret, one app, one signature and one template, all of which may be changed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.secret_id = "secret-id-of-the-emulator"  # noqa: S105 - made up
        self.secret_key = "secret-key-of-the-emulator"  # noqa: S105 - made up
        self.app_id = "1400000001"
        self.sign_names = {"Lingpai"}
        self.templates = {"1001": 2, "1002": 0, "1003": 0}
        """How many parameters each template wants."""
        self.refuse = ""
        """A code that every good number gets instead of a message, as FailedOperation.InsufficientBalanceInSmsPackage."""
        limits = ((30, 1, "ThirtySecondLimit"), (3_600, 5, "OneHourLimit"), (86_400, 10, "DailyLimit"))
        self.flow = Flow(limits)
        self.route("POST", "/", self._send)

    def settings(self, *, secret: str = "", base_url: str = "") -> dict[str, Any]:
        """As it says."""
        return {
            "secret_id": self.secret_id,
            "secret_key": secret or self.secret_key,
            "app_id": self.app_id,
            "sign_name": "Lingpai",
            "base_url": base_url or self.base_url,
            "templates": dict(zip(("code", "notice", "taken"), ("1001", "1002", "1003"), strict=True)),
        }

    def _send(self, call: Call) -> Response:
        try:
            self._check_signature(call)
            if (call.headers.get("x-tc-action"), call.headers.get("x-tc-version")) != ("SendSms", "2021-01-11"):
                raise Refused("InvalidAction")
            if not call.headers.get("x-tc-region"):
                raise Refused("MissingParameter")
            body = self._parameters(call)
        except Refused as refused:
            return _said(Error={"Code": refused.code, "Message": f"what {refused.code} means, in words"})
        return _said(SendStatusSet=[self._one(str(number), body) for number in body["PhoneNumberSet"]])

    def _check_signature(self, call: Call) -> None:
        found = AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
        if not found or not set(found[3].split(";")) >= {"content-type", "host"}:
            raise Refused("AuthFailure.InvalidAuthorization")
        if found[1] != self.secret_id:
            raise Refused("AuthFailure.SecretIdNotFound")
        stamp = call.headers.get("x-tc-timestamp", "")
        if not stamp.isdecimal() or abs(self.now() - int(stamp)) > SKEW:
            raise Refused("AuthFailure.SignatureExpire")
        day = time.strftime("%Y-%m-%d", time.gmtime(int(stamp)))
        if found[2] != day or not hmac.compare_digest(signature(call, self.secret_key, stamp, day, found[3]), found[4]):
            raise Refused("AuthFailure.SignatureFailure")

    def _parameters(self, call: Call) -> Any:
        try:
            body = call.json()
        except ValueError:
            raise Refused("InvalidParameter") from None
        needed = {"PhoneNumberSet", "SmsSdkAppId", "TemplateId"}
        if not isinstance(body, dict) or not body.keys() >= needed or not isinstance(body["PhoneNumberSet"], list):
            raise Refused("MissingParameter")
        if not 1 <= len(body["PhoneNumberSet"]) <= 200:
            raise Refused("LimitExceeded.PhoneNumberCountLimit")
        if body["SmsSdkAppId"] != self.app_id:
            raise Refused("UnauthorizedOperation.SmsSdkAppIdVerifyFail")
        return body

    def _one(self, written: str, body: Any) -> dict[str, Any]:
        number = e164(written) if written.startswith("+") else ""
        code = self._judge(number, body)
        if code == "Ok":
            values = {str(place): value for place, value in enumerate(body.get("TemplateParamSet") or [], 1)}
            sent = Sent(number, body.get("SignName", ""), body["TemplateId"], values, body.get("SessionContext", ""), self.now())
            self.flow.count(number, self.now())
            self.messages.append(sent)
        return {
            "SerialNo": f"1000:{secrets.randbelow(10**18)}" if code == "Ok" else "",
            "PhoneNumber": written,
            "Fee": 1 if code == "Ok" else 0,
            "SessionContext": body.get("SessionContext", ""),
            "Code": code,
            "Message": "send success" if code == "Ok" else f"what {code} means, in words",
            "IsoCode": "CN" if number.startswith("+86") else "",
        }

    def _judge(self, number: str, body: Any) -> str:
        if self.refuse:
            return self.refuse
        if not number:
            return "InvalidParameterValue.IncorrectPhoneNumber"
        if body.get("SignName") not in self.sign_names:
            return "FailedOperation.SignatureIncorrectOrUnapproved"
        if body["TemplateId"] not in self.templates:
            return "FailedOperation.TemplateIncorrectOrUnapproved"
        if len(body.get("TemplateParamSet") or []) != self.templates[body["TemplateId"]]:
            return "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
        crossed = self.flow.refusal(number, self.now())
        return f"LimitExceeded.PhoneNumber{crossed}" if crossed else "Ok"


def signature(call: Call, secret: str, stamp: str, day: str, names: str) -> str:
    """What the signature must be, from what has arrived."""
    lines = "".join(f"{name}:{call.headers.get(name, '').strip()}\n" for name in names.split(";"))
    query = call.target.partition("?")[2]
    canonical = f"{call.method}\n{call.path}\n{query}\n{lines}\n{names}\n{hashlib.sha256(call.body).hexdigest()}"
    text = f"TC3-HMAC-SHA256\n{stamp}\n{day}/sms/tc3_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{secret}".encode()
    for part in (day, "sms", "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _said(**response: Any) -> Response:
    return Response.of_json({"Response": {**response, "RequestId": secrets.token_hex(16)}})


GATEWAY = Tencent

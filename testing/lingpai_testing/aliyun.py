"""Aliyun SMS: `SendSms` of 2017-05-25, RPC style, with signature V3 (ACS3-HMAC-SHA256).

Its habits: what is wrong with the call is a 4xx, what is wrong with the message is a 200 with another `Code` than OK; a nonce is good once.
"""

import calendar
import hashlib
import hmac
import json
import re
import secrets
import time
from typing import Any
from urllib.parse import quote

from lingpai_testing.server import Call, Response
from lingpai_testing.texts import Flow, Refused, Sent, SmsGateway, e164

AUTHORIZATION = re.compile(r"ACS3-HMAC-SHA256 Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})")
SIGNED = {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"}
"""What must be among the signed headers; the sender may sign more."""
SKEW = 900
"""Seconds that the two clocks may differ."""
STATUS = {"InvalidAccessKeyId.NotFound": 404, "InvalidAction.NotFound": 404, "Throttling.User": 400, "ServiceUnavailable": 503}
"""HTTP statuses of what is wrong with a call; 400 for the others. `isv.` and `isp.` come with 200."""


class Aliyun(SmsGateway):
    """A gateway with one access key, one signature and one template, all of which may be changed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.access_key_id = "access-key-of-the-emulator"
        self.access_key_secret = "secret-of-the-emulator"  # noqa: S105 - made up
        self.sign_names = {"Lingpai"}
        self.templates: dict[str, tuple[str, ...]] = {"SMS_1": ("code", "minutes"), "SMS_2": (), "SMS_3": ()}
        """The parameters that each template wants."""
        self.refuse = ""
        """A code that every good call gets instead of being sent, as isv.AMOUNT_NOT_ENOUGH."""
        self.flow = Flow(((60, 1, "minute"), (3_600, 5, "hour"), (86_400, 10, "day")))
        self._nonces: set[str] = set()
        self.route("POST", "/", self._send)

    def settings(self, *, secret: str = "", base_url: str = "") -> dict[str, Any]:
        """As it says."""
        return {
            "access_key_id": self.access_key_id,
            "access_key_secret": secret or self.access_key_secret,
            "sign_name": "Lingpai",
            "base_url": base_url or self.base_url,
            "templates": dict(zip(("code", "notice", "taken"), ("SMS_1", "SMS_2", "SMS_3"), strict=True)),
        }

    def _send(self, call: Call) -> Response:
        try:
            self._check_signature(call)
            if call.headers.get("x-acs-action") != "SendSms" or call.headers.get("x-acs-version") != "2017-05-25":
                raise Refused("InvalidAction.NotFound")
            self._take(call.query)
        except Refused as refused:
            return _said(refused.code)
        return _said("OK", BizId=f"{secrets.randbelow(10**18)}^0")

    def _check_signature(self, call: Call) -> None:
        """V3, honouring `SignedHeaders`."""
        found = AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
        if not found or not set(found[2].split(";")) >= SIGNED:
            raise Refused("IncompleteSignature")
        if found[1] != self.access_key_id:
            raise Refused("InvalidAccessKeyId.NotFound")
        text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical(call, found[2]).encode()).hexdigest()}"
        wanted = hmac.new(self.access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        honest = call.headers.get("x-acs-content-sha256") == hashlib.sha256(call.body).hexdigest()
        if not honest or not hmac.compare_digest(wanted, found[3]):
            raise Refused("SignatureDoesNotMatch")
        self._check_fresh(call.headers["x-acs-date"], call.headers["x-acs-signature-nonce"])

    def _check_fresh(self, date: str, nonce: str) -> None:
        try:
            at = calendar.timegm(time.strptime(date, "%Y-%m-%dT%H:%M:%SZ"))
        except ValueError:
            raise Refused("InvalidTimeStamp.Format") from None
        if abs(self.now() - at) > SKEW:
            raise Refused("InvalidTimeStamp.Expired")
        if nonce in self._nonces:
            raise Refused("SignatureNonceUsed")
        self._nonces.add(nonce)

    def _take(self, query: Any) -> None:
        for name in ("PhoneNumbers", "SignName", "TemplateCode"):
            if not query.get(name):
                raise Refused(f"Missing{name}")
        if self.refuse:
            raise Refused(self.refuse)
        if query["SignName"] not in self.sign_names:
            raise Refused("isv.SMS_SIGNATURE_ILLEGAL")
        values = self._values(query["TemplateCode"], query.get("TemplateParam", "{}"))
        numbers = self._numbers(query["PhoneNumbers"])
        now = self.now()
        for number in numbers:
            self.flow.count(number, now)
            self.messages.append(Sent(number, query["SignName"], query["TemplateCode"], values, query.get("OutId", ""), now))

    def _values(self, template: str, text: str) -> dict[str, str]:
        if template not in self.templates:
            raise Refused("isv.SMS_TEMPLATE_ILLEGAL")
        try:
            values = json.loads(text)
        except ValueError:
            raise Refused("isv.INVALID_JSON_PARAM") from None
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise Refused("isv.INVALID_JSON_PARAM")
        if not values.keys() >= set(self.templates[template]):
            raise Refused("isv.TEMPLATE_MISSING_PARAMETERS")
        if any(len(value) > 35 for value in values.values()):
            raise Refused("isv.PARAM_LENGTH_LIMIT")
        return values

    def _numbers(self, written: str) -> list[str]:
        numbers = [e164(one) for one in written.split(",")]
        if not all(numbers):
            raise Refused("isv.MOBILE_NUMBER_ILLEGAL")
        if len(numbers) > 1_000:
            raise Refused("isv.MOBILE_COUNT_OVER_LIMIT")
        if any(self.flow.refusal(number, self.now()) for number in numbers):
            raise Refused("isv.BUSINESS_LIMIT_CONTROL")
        return numbers


def canonical(call: Call, names: str) -> str:
    """The canonical request, as the gateway puts it together from what has arrived."""
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(call.query.items()))
    lines = "".join(f"{name}:{call.headers.get(name, '').strip()}\n" for name in names.split(";"))
    return f"{call.method}\n{call.path}\n{query}\n{lines}\n{names}\n{call.headers.get('x-acs-content-sha256', '')}"


def _said(code: str, **more: str) -> Response:
    status = 200 if code == "OK" or code.startswith(("isv.", "isp.")) else STATUS.get(code, 400)
    message = "OK" if code == "OK" else f"what {code} means, in words"
    return Response.of_json({"Message": message, "RequestId": secrets.token_hex(16).upper(), "Code": code, **more}, status)


GATEWAY = Aliyun

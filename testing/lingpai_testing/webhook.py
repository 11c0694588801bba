"""The receiver of Lingpai's own webhook for text messages, as an operator would write one: it checks who speaks, and takes an id once."""

import hashlib
import hmac
from typing import Any

from lingpai_testing.server import Call, Response
from lingpai_testing.texts import SmsGateway

SKEW = 300
"""Seconds that the two clocks may differ: an older request may be a recording."""


class Webhook(SmsGateway):
    """Answers 204 at `/sms` to what is signed by `secret`, 401 to anything else."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.secret = "secret-of-the-emulator-that-is-long-enough"  # noqa: S105 - made up
        self.status = 204
        """What a good request gets; over 299 nothing is taken."""
        self.route("POST", "/sms", self._take)

    def settings(self, *, secret: str = "", base_url: str = "") -> dict[str, Any]:
        """As it says."""
        return {"url": f"{base_url}/sms" if base_url else self.url, "secret": secret or self.secret}

    @property
    def url(self) -> str:
        """Where messages are posted."""
        return f"{self.base_url}/sms"

    def _take(self, call: Call) -> Response:
        stamp = call.headers.get("lingpai-timestamp", "")
        wanted = hmac.new(self.secret.encode(), stamp.encode() + b"." + call.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"v1={wanted}", call.headers.get("lingpai-signature", "")):
            return Response(status=401)
        if not stamp.isdecimal() or abs(self.now() - int(stamp)) > SKEW:
            return Response(status=401)
        message = call.json()
        if self.status <= 299 and all(message["id"] != one["id"] for one in self.messages):
            self.messages.append(message)
        return Response(status=self.status)


GATEWAY = Webhook

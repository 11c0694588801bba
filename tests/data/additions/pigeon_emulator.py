"""The pigeons' loft on loopback."""

from typing import Any

from lingpai_testing.server import Call, Response
from lingpai_testing.texts import SmsGateway


class Pigeon(SmsGateway):
    """Takes whatever comes with its key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.key = "the-key-of-the-loft"
        self.route("POST", "/send", self._send)

    def settings(self, *, secret: str = "", base_url: str = "") -> dict[str, Any]:
        """As it says."""
        return {"key": secret or self.key, "base_url": base_url or self.base_url}

    def _send(self, call: Call) -> Response:
        if call.headers.get("authorization") != f"Bearer {self.key}":
            return Response(status=401)
        self.messages.append(call.json())
        return Response.of_json({"taken": True})


GATEWAY = Pigeon

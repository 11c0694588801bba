"""Somebody else's service, as a bench sees one: `peer.py PORT`. It has members, and lets no newcomers in."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Peer(BaseHTTPRequestHandler):
    """Answers in pieces, as many do."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A registration or a login."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._say(409 if asked["email"].startswith("newcomer") else 200, {"token": asked["email"]})

    def do_GET(self) -> None:
        """Who is logged in."""
        token = self.headers["authorization"]
        self._say(200 if token and token.startswith("member") else 401, {"email": token})

    def _say(self, status: int, said: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        body = json.dumps(said).encode()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def log_message(self, *_: object) -> None:
        """Nothing."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Peer).serve_forever()

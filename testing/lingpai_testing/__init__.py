"""Emulators of the providers and gateways that Lingpai talks to, for its tests and for yours.

They stand alone: nothing here needs Lingpai, and Lingpai never imports this. Each is a real HTTP server on loopback that answers as the
provider is documented to, quirks included, and goes wrong when told to (`faults`).

    with QQ() as qq:
        ada = qq.person("ada")
        code = qq.code(ada, redirect_uri="https://login.example.com/connect/qq/done")

With pytest, `pytest_plugins = ["lingpai_testing.fixtures"]` gives one for each test that asks.
"""

from lingpai_testing.people import App, LoginProvider, Person
from lingpai_testing.qq import QQ
from lingpai_testing.server import Call, Emulator, Fault, Faults, Handler, Response
from lingpai_testing.wechat import Wechat
from lingpai_testing.weibo import Weibo

__all__ = ["QQ", "App", "Call", "Emulator", "Fault", "Faults", "Handler", "LoginProvider", "Person", "Response", "Wechat", "Weibo"]

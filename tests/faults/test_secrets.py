"""What is secret is found neither in what a real service logs nor in what it leaves on the disk."""

import json
from pathlib import Path

import httpx

from faults.service import Installation, caller, install
from frontdoor import raw
from lingpai.web.dialects import maillink
from mailserver import mail_server

ADA = "ada@example.com"
FIRST, SECOND, WRONG, MISMATCH = (f"canary-{word}-Mauve7" for word in ("first", "second", "wrong", "mismatch"))
STRAY = "canary-stray-Mauve7"
"""What a client puts where no secret belongs, or where one that is not right belongs."""
OTHERS = ("/page/activate", "/page/forgot", "/page/reset", "/forgot", "/nowhere", "/healthz")
MARK = b"visible-Mauve7"
"""What is no secret and must be found, or nothing was looked at."""


class Person:
    """Somebody who notes every secret that they send or are given."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.secrets = {FIRST, SECOND, WRONG, MISMATCH, STRAY}

    async def post(self, path: str, **fields: str) -> int:
        reply = await self.client.post(path, json=fields)
        for name in ("__Host-lingpai_session", "lingpai_device"):
            if reply.cookies.get(name):
                self.secrets.add(reply.cookies[name])
        if "__Host-lingpai_session" in reply.cookies:
            self.client.headers["Cookie"] = f"__Host-lingpai_session={reply.cookies['__Host-lingpai_session']}"
        return int(reply.json()["code"])

    async def live(self, installation: Installation) -> None:
        """From registration to a second login."""
        assert await self.post("/register", email=ADA, password=FIRST) == 200
        await self.follow(installation, "/activate_account")
        assert await self.post("/login", email=ADA, password=WRONG) == 0
        assert await self.post("/login", email=ADA, password=FIRST) == 200
        assert await self.post("/userinfo/update", nickname=MARK.decode()) == 200
        assert await self.post("/reset_password/send_mail", email=ADA) == 200
        link = await self.follow(installation, "/reset_password/verify")
        assert await self.post("/reset_password/reset", **link, password=SECOND, rp_password=MISMATCH) == 0
        assert await self.post("/reset_password/reset", **{**link, "vcode": STRAY}, password=SECOND, rp_password=SECOND) == 0
        assert await self.post("/reset_password/reset", **link, password=SECOND, rp_password=SECOND) == 200
        assert await self.post("/login", email=ADA, password=SECOND) == 200

    async def follow(self, installation: Installation, path: str) -> dict[str, str]:
        link = await installation.link(ADA, path)
        self.secrets.add(link["vcode"])
        assert (await self.client.get(path, params=link)).status_code == 200
        return link

    async def stray(self, port: int) -> None:
        """Puts a secret everywhere else that a request has room for, in every call and with every status that can be had."""
        said = dict.fromkeys(("email", "phone", "password", "vcode", "rp_password", "nickname", "token", STRAY), STRAY)
        cookies = f"__Host-lingpai_session={STRAY}; lingpai_device={STRAY}"
        headers = {"Cookie": cookies, "Authorization": f"Bearer {STRAY}", "Referer": f"/?vcode={STRAY}", "Connection": "close"}
        for path in [*(call.path for call in maillink.DIALECT.calls), *OTHERS]:
            for method in ("GET", "POST", "DELETE"):
                await self.client.request(method, path, params=said, json=said, headers=headers)
                await self.client.request(method, path, params=said, data={**said, "email": ADA}, headers=headers)
        for broken in (f'{{"password":"{STRAY}"', f'{{"a":"{STRAY}","a":1}}', json.dumps(STRAY), f"{STRAY}=%ff", STRAY * 1_000):
            await self.client.post("/login", content=broken, headers=headers)
            await self.client.get(f"/activate_account?{broken[:2_000].replace('%', '%25')}&vcode=%ff{STRAY}")
        for whole in (
            f"GET /?vcode={STRAY} HTTP/1.1\r\n\r\n",
            f"GET /?vcode={STRAY} HTTP/9\r\nHost: a\r\n\r\n",
            f"GET /?vcode={'x' * 9_000}{STRAY} HTTP/1.1\r\nHost: a\r\n\r\n",
            f"POST /login HTTP/1.1\r\nHost: a\r\nCookie: {STRAY}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n{STRAY}",
        ):
            await raw(port, whole.encode())


async def test_no_secret_is_logged_or_kept(tmp_path: Path, sqlite_path: Path) -> None:
    async with mail_server() as mail:
        installation = install(tmp_path, f"sqlite:///{sqlite_path}", mail, "[log]", 'level = "debug"')
        async with installation.serve() as running, caller(running) as client:
            client.headers["User-Agent"] = MARK.decode()
            person = Person(client)
            await person.live(installation)
            await person.stray(running.port)
            told = "what was sent; for each link its token, for each login its two cookies, and for the reset the browser's mark"
            assert len(person.secrets) == 5 + 2 * 3 + 1, told
            # While it runs: the write-ahead log still holds what was there before it was erased.
            check(person.secrets, kept(tmp_path), running.log)


def kept(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "lingpai.toml"}


def check(secrets: set[str], files: dict[str, bytes], log: str) -> None:
    assert files.keys() >= {"lingpai.db", "lingpai.db-wal", "counters.db"}
    assert any(MARK in content for content in files.values())
    assert "/activate_account" in log
    for secret in secrets:
        assert secret not in log
        assert [name for name, content in files.items() if secret.encode() in content] == []

"""The proxies' examples, as they stand in `deploy/`, in front of a real service: only addresses and file names are a test's own."""

import asyncio
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from needed import needed
from running import Running, lingpai, serving

DEPLOY = Path(__file__).parents[2] / "deploy"
HOST = "id.example.com"
ADA_IS_AT = "127.0.0.2"
"""Not where the proxies connect from: those are trusted."""
ADA = {"email": "ada@example.com", "password": "correct-horse-battery"}


@dataclass(frozen=True)
class Ground:
    """What a proxy is given here instead of what its example names."""

    folder: Path
    http: int
    https: int
    nodes: tuple[str, str, str]

    @property
    def certificate(self) -> Path:
        return self.folder / "fullchain.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


@dataclass(frozen=True)
class Proxy:
    """An example, how it becomes this machine's, how the program checks it, and how it runs."""

    program: str
    config: Callable[[Ground], str]
    check: Callable[[Path], list[str]]
    run: Callable[[Path], list[str]]


def placed(text: str, ground: Ground) -> str:
    """The example's three nodes are the test's."""
    for example, here in zip(("10.0.0.11:8000", "10.0.0.12:8000", "10.0.0.13:8000"), ground.nodes, strict=True):
        assert example in text
        text = text.replace(example, here)
    return text


def exchanged(text: str, **words: str) -> str:
    """Each word of the example by the test's; none of them may be missing."""
    for word, here in words.items():
        assert word in text, word
        text = text.replace(word, here)
    return text


def nginx(ground: Ground) -> str:
    text = placed((DEPLOY / "nginx/lingpai.conf").read_text(), ground)
    text = re.sub(r"\n +listen \[::\].*", "", text)
    text = exchanged(
        text,
        **{
            "listen 80;": f"listen 127.0.0.1:{ground.http};",
            "listen 443 ssl": f"listen 127.0.0.1:{ground.https} ssl",
            "/etc/ssl/lingpai/fullchain.pem": str(ground.certificate),
            "/etc/ssl/lingpai/key.pem": str(ground.key),
            "/var/log/nginx/lingpai.log": str(ground.folder / "access.log"),
        },
    )
    temporary = "".join(f"{kind}_temp_path {ground.folder};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"daemon off;\npid {ground.folder}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{temporary}{text}}}\n"


def caddy(ground: Ground) -> str:
    text = placed((DEPLOY / "caddy/Caddyfile").read_text(), ground)
    here = f"https://{HOST}:{ground.https} {{\n\ttls {ground.certificate} {ground.key}"
    options = (
        f"{{\n\tadmin off\n\thttp_port {ground.http}\n\thttps_port {ground.https}\n\tdefault_bind 127.0.0.1\n\tskip_install_trust\n}}\n"
    )
    return options + exchanged(text, **{f"{HOST} {{": here})


def haproxy(ground: Ground) -> str:
    text = placed((DEPLOY / "haproxy/haproxy.cfg").read_text(), ground)
    bundle = ground.folder / "bundle.pem"
    bundle.write_bytes(ground.certificate.read_bytes() + ground.key.read_bytes())
    return exchanged(
        text,
        **{
            "bind :80\n": f"bind 127.0.0.1:{ground.http}\n",
            "bind :443": f"bind 127.0.0.1:{ground.https}",
            "/etc/ssl/lingpai/bundle.pem": str(bundle),
        },
    )


PROXIES = {
    "nginx": Proxy("nginx", nginx, lambda file: ["-t", "-c", str(file)], lambda file: ["-c", str(file)]),
    "caddy": Proxy(
        "caddy",
        caddy,
        lambda file: ["validate", "--adapter", "caddyfile", "--config", str(file)],
        lambda file: ["run", "--adapter", "caddyfile", "--config", str(file)],
    ),
    "haproxy": Proxy("haproxy", haproxy, lambda file: ["-c", "-f", str(file)], lambda file: ["-db", "-f", str(file)]),
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def certify(folder: Path) -> None:
    """A certificate for the example's host, good for an hour, that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)  # noqa: TID251 - the proxies and the client read the machine's clock
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    return PROXIES[request.param]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Running]:
    """A service as in production: by https, behind a proxy that it trusts. Its mails go nowhere."""
    variables = {
        "LINGPAI_PUBLIC_URL": f"https://{HOST}",
        "LINGPAI_TRUSTED_PROXIES": "127.0.0.1/32",
        "LINGPAI_MAIL__SMTP_URL": "smtp://127.0.0.1:1",
        "LINGPAI_TRACES__ENDPOINT": "http://127.0.0.1:9",
        "LINGPAI_TRACES__RATIO": "0",
    }
    assert (await lingpai("migrate", "--data", tmp_path / "data", **variables)).code == 0
    async with serving("--data", tmp_path / "data", **variables) as running:
        yield running


def ground_of(folder: Path, node: Running | None) -> Ground:
    """Of the three nodes the first and the last refuse connections."""
    certify(folder)
    live = f"127.0.0.1:{node.port}" if node else "127.0.0.1:9"
    return Ground(folder, free_port(), free_port(), (f"127.0.0.1:{free_port()}", live, f"127.0.0.1:{free_port()}"))


def test_every_proxy_finds_nothing_wrong_with_its_example(proxy: Proxy, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(proxy.config(ground_of(tmp_path, None)))
    checked = subprocess.run([needed(proxy.program), *proxy.check(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@asynccontextmanager
async def running(proxy: Proxy, ground: Ground) -> AsyncIterator[httpx.AsyncClient]:
    """The proxy, once it answers; a client that takes its name for this machine."""
    file = ground.folder / "config"
    file.write_text(proxy.config(ground))
    with (ground.folder / "proxy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(needed(proxy.program), *proxy.run(file), stdout=log, stderr=log)
        trusted = ssl.create_default_context(cafile=ground.certificate)
        base = f"https://{HOST}:{ground.https}"
        try:
            async with httpx.AsyncClient(base_url=base, transport=Here(verify=trusted, local_address=ADA_IS_AT)) as client:
                await answering(client, process, ground.folder / "proxy.log")
                yield client
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


class Here(httpx.AsyncHTTPTransport):
    """Connects to this machine, whatever the host is called."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["sni_hostname"] = request.url.host
        request.url = request.url.copy_with(host="127.0.0.1")
        return await super().handle_async_request(request)


async def answering(client: httpx.AsyncClient, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if (await client.get("/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                assert process.returncode is None, log.read_text()  # noqa: ASYNC240 - a test's own small file
            await asyncio.sleep(0.02)  # noqa: TID251 - another program starts


def clients(node: Running) -> Iterator[str]:
    """Whom the service took for the client, request by request."""
    return (event["client"] for event in node.events if event.get("path") == "/register")


async def test_it_carries_people_to_the_node_that_lives_as_who_they_are_by_https_alone_and_logs_no_secret(
    proxy: Proxy, node: Running, tmp_path: Path
) -> None:
    ground = ground_of(tmp_path, node)
    async with running(proxy, ground) as client:
        await seen_as_they_are(client, node)
        await in_the_dialects_words(client)
        await sent_to_https(client, ground)
        await client.get("/reset_password/verify?token=never-to-be-seen", headers={"Referer": f"https://{HOST}/?token=never-to-be-seen"})
        async with asyncio.timeout(20):
            while "/reset_password/verify" not in written(tmp_path):  # noqa: ASYNC110 - what it waits for is a file, which tells nobody
                await asyncio.sleep(0.02)  # noqa: TID251 - another program writes
    assert "never-to-be-seen" not in written(tmp_path)


def written(folder: Path) -> str:
    """All that the proxy has logged."""
    return "".join(file.read_text() for file in folder.glob("*.log"))


async def seen_as_they_are(client: httpx.AsyncClient, node: Running) -> None:
    """Two nodes of three refuse connections, and nobody notices; someone who says to be another, or to be recorded, is not believed."""
    recorded = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for _ in range(6):
        got = await client.post("/register", data=ADA, headers={"X-Forwarded-For": "203.0.113.7", "traceparent": recorded})
        assert (got.status_code, got.json()["code"]) == (200, 200)
    assert set(clients(node)) == {ADA_IS_AT}
    assert not [event for event in node.events if "trace_id" in event]
    assert got.headers["strict-transport-security"] == "max-age=31536000"
    assert "/" not in got.headers.get("server", "")


async def in_the_dialects_words(client: httpx.AsyncClient) -> None:
    """What is too large is refused by the service, not by the proxy."""
    large = await client.post("/register", data=ADA | {"password": "a" * 20_000})
    assert (large.status_code, large.headers["content-type"]) == (413, "application/json; charset=utf-8")


async def sent_to_https(client: httpx.AsyncClient, ground: Ground) -> None:
    got = await client.get(f"http://{HOST}:{ground.http}/login?next=%2Fme")
    assert got.status_code == 308
    assert got.headers["location"].startswith(f"https://{HOST}")
    assert got.headers["location"].endswith("/login?next=%2Fme")

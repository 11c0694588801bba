"""What somebody outside sees of the service: asked at its own public URL, through whatever stands in front."""

import ssl

import httpx
import msgspec

from lingpai.assembly.doctor.finding import Finding, doubt, not_asked, ok, wrong
from lingpai.assembly.doctor.subject import Subject
from lingpai.guard.one_time.operator_proofs import HEADER, OperatorProofs
from lingpai.web.endpoints.health import SeenClient
from lingpai.web.request.client_ip import parse

FORGED = "192.0.2.66"
"""An address that nobody has (RFC 5737): we say that we come from it."""
SECONDS = 8.0
PATH = "/healthz"


async def public(subject: Subject) -> list[Finding]:
    """Whether it is us, by https alone, and whether clients keep their addresses on the way."""
    url = subject.url
    if not url:
        return [not_asked("public", "no_url")]
    found = [doubt("public", "elsewhere", url=url, public_url=subject.settings.public_url)] if url != subject.settings.public_url else []
    try:
        reply = await _ask(url, subject)
    except (httpx.HTTPError, ssl.SSLError) as error:
        return [*found, wrong("public", "unreachable", url=url, reason=str(error) or type(error).__name__)]
    if 300 <= reply.status_code <= 399:
        return [*found, wrong("public", "redirects", url=url, location=reply.headers.get("location", "-"))]
    if reply.status_code != 200 or b'"status"' not in reply.content:
        return [*found, wrong("public", "stranger", url=url, status=reply.status_code)]
    return [*found, *await _encrypted(url, reply), _client(url, reply, subject)]


async def _ask(url: str, subject: Subject) -> httpx.Response:
    box = subject.secret_box
    proof = {HEADER: OperatorProofs(box, subject.clock).seal()} if box else {}
    async with httpx.AsyncClient(verify=ssl.create_default_context(), timeout=SECONDS, trust_env=False) as client:
        return await client.get(url + PATH, headers={"x-forwarded-for": FORGED, **proof})


async def _encrypted(url: str, reply: httpx.Response) -> list[Finding]:
    if not url.startswith("https:"):
        return [doubt("public", "clear", url=url)]
    found = [] if "strict-transport-security" in reply.headers else [doubt("public", "no_hsts", url=url)]
    clear = url.replace("https:", "http:", 1)
    return [*found, *([doubt("public", "also_clear", url=clear)] if await answers_in_clear(clear) else [])]


async def answers_in_clear(url: str) -> bool:
    """Whether the service answers at an http URL, instead of leading on to https, or nobody."""
    try:
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            return (await client.get(url + PATH)).status_code == 200
    except httpx.HTTPError:
        return False


def _client(url: str, reply: httpx.Response, subject: Subject) -> Finding:
    if subject.secret_box is None:
        return not_asked("public", "secret")
    try:
        seen = msgspec.json.decode(reply.content, type=SeenClient)
    except msgspec.ValidationError:
        return doubt("public", "not_told", url=url)
    return judged(seen, encrypted=url.startswith("https:"))


def judged(seen: SeenClient, *, encrypted: bool) -> Finding:
    """What the service took us for, who said that we come from FORGED. `encrypted`: so that a proxy must have ended TLS.

    From an address that we share with the proxy one client and one proxy look alike.
    """
    forwarded = [str(parse(one)) for one in seen.forwarded.split(",") if one.strip()]
    if seen.client == FORGED:
        # Had a proxy added our own address, and that were trusted as a proxy's, what stands before it would be believed rightly; from here
        # it looks the same as a chain whose outer proxy hands on what it was told.
        if forwarded[-1:] == [FORGED]:
            return wrong("public", "forgeable", address=FORGED)
        return doubt("public", "inside", address=FORGED, forwarded=seen.forwarded)
    if seen.client in forwarded:
        return ok("public", "client", client=seen.client)
    if encrypted or forwarded != [FORGED]:
        return wrong("public", "one_client", proxy=seen.client)
    return ok("public", "direct", client=seen.client)

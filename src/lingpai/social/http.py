"""Calls to providers over HTTP. Their URLs carry secrets (app secret, code, token): no exception and no log line names one."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal
from urllib.parse import urlsplit

import httpx

from lingpai.core.tracing import span
from lingpai.social import Unreachable

LARGEST = 65_536
"""Bytes of an answer; what providers send is a hundredth of it."""

_ODD = (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError, ValueError)
"""All that the library raises; RuntimeError for a client that was closed meanwhile."""

_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "lingpai"}
"""No compression: a small answer that unpacks to gigabytes cannot come."""


def _unheard(_record: logging.LogRecord) -> bool:
    """The library logs each whole URL; not even a debugging operator wants an app secret in a log."""
    return False


logging.getLogger("httpx").addFilter(_unheard)


@dataclass(frozen=True, slots=True)
class ProviderReply:
    """What came back, with a status of the 200s or 400s."""

    status: int
    body: bytes


class _Lost(Exception):
    """This try failed; another may not."""


class Http:
    """One provider's connections: another provider that hangs does not hold them up.

    Follows no redirects, keeps no cookies, and takes neither proxies nor passwords from the environment.
    """

    def __init__(self, timeout: float) -> None:
        """`timeout`: seconds for a whole call, from its first try to the last byte of the answer."""
        self._timeout = timeout
        none = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False, cookies=none)  # noqa: S113 - the deadline in `_call` counts

    async def get(self, url: str, query: Mapping[str, str], *, repeat: bool) -> ProviderReply:
        """GET. `repeat`: may be tried once more, since it spends nothing. Raises Unreachable, which names no URL."""
        return await self._call("GET", url, query, repeat)

    async def post(self, url: str, form: Mapping[str, str], *, repeat: bool) -> ProviderReply:
        """POST of a form; otherwise as `get`."""
        return await self._call("POST", url, form, repeat)

    async def close(self) -> None:
        """Lets go of connections; a call that comes later raises Unreachable."""
        await self._client.aclose()

    async def _call(self, method: Literal["GET", "POST"], url: str, fields: Mapping[str, str], repeat: bool) -> ProviderReply:
        """Raised outside of `except`: the library's own error knows the request, and must not travel along."""
        with span(method, "client", {"http.request.method": method, "server.address": _host(url)}) as traced:
            try:
                async with asyncio.timeout(self._timeout):
                    reply = await self._tries(method, url, fields, repeat)
            except TimeoutError:
                why = "no answer in time"
            except _Lost as lost:
                why = str(lost)
            else:
                traced.note("http.response.status_code", reply.status)
                return reply
            raise Unreachable(why)

    async def _tries(self, method: Literal["GET", "POST"], url: str, fields: Mapping[str, str], repeat: bool) -> ProviderReply:
        if repeat:
            try:
                return await self._once(method, url, fields)
            except _Lost:
                pass
        return await self._once(method, url, fields)

    async def _once(self, method: Literal["GET", "POST"], url: str, fields: Mapping[str, str]) -> ProviderReply:
        try:
            if method == "GET":
                request = httpx.Request(method, url, params=fields, headers=_HEADERS)
            else:
                request = httpx.Request(method, url, data=fields, headers=_HEADERS)
            response = await self._client.send(request, stream=True)
            try:
                return ProviderReply(_fair(response.status_code), await _body(response))
            finally:
                await response.aclose()
        except _ODD as error:
            why = type(error).__name__
        raise _Lost(why)


def _host(url: str) -> str:
    """Whom the settings name; empty where that is no URL."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _fair(status: int) -> int:
    """Providers tell errors under 200 and in the 400s; anything else is none of their words."""
    if 200 <= status < 300 or 400 <= status < 500:
        return status
    raise _Lost(f"HTTP {status}")


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST:
            raise _Lost("an answer too large")
    return bytes(body)

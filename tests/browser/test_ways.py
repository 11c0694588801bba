"""A person who was sent here by a product arrives there again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from browser.person import Person
from lingpai.settings import Pages
from web.people import ADA, GOOD, member

pytestmark = pytest.mark.browser

PAGE = b"<!doctype html><title>product</title><h1>The product</h1>"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(PAGE) + PAGE)
    await writer.drain()
    writer.close()


@pytest_asyncio.fixture(loop_scope="session")
async def product() -> AsyncIterator[str]:
    """The origin of a product: another port of this machine."""
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def changes(product: str) -> dict[str, Any]:
    return {"pages": Pages(next=(product,))}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "plain"])
async def test_a_login_leads_back_to_the_product(ada: Person, product: str) -> None:
    """The browser holds `form-action` for the redirect too."""
    await member(ada.town)
    ada.expected.add(product.removeprefix("http://"))
    await ada.page.goto(f"{ada.town.url}/login?way=password&next={product}/back")
    await ada.page.fill("[name=account]", ADA)
    await ada.page.fill("[name=password]", GOOD)
    async with ada.page.expect_navigation(url=f"{product}/back"):
        await ada.page.press("[name=password]", "Enter")
    assert await ada.page.text_content("h1") == "The product"

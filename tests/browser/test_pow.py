"""The page's own solver in a real browser: the form carries a solution where the browser may work, and a picture comes where not."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from urllib.parse import parse_qs

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

import lingpai.web
from fakes import FakeChance, FakeClock
from lingpai.core.errors import BadCaptcha
from lingpai.ephemeral.sql import SqlEphemeral
from lingpai.guard.captcha.render_queue import RenderQueue
from lingpai.guard.captcha.work import Work
from lingpai.guard.crypto import SecretBox
from lingpai.store.sqlite import open_sqlite
from lingpai.web.http.response_headers import POLICY

pytestmark = pytest.mark.browser

CAPTCHA_SCOPE = "page"
STATIC = Path(lingpai.web.__file__).parent / "static"
FORM = """<!doctype html><html lang="en"><meta charset="utf-8"><title>form</title>
<script src="/captcha.js" defer></script>
<form method="post" action="/sent"><input id="email" type="email">
<fieldset data-captcha="/sent" data-work="/challenge" data-solver="/pow.js"
data-doing="Verifying." data-done="No picture is needed." hidden>
<div data-person hidden><img id="picture" data-picture width="220" height="80" alt=""><audio data-sound hidden></audio>
<input id="answer" name="captcha" maxlength="16" required data-answer disabled></div>
<input type="hidden" id="id" name="captcha_id" data-id><input type="hidden" name="captcha_kind" data-kind><p role="status"></p>
</fieldset><button>go</button></form></html>"""
DRAWN = (
    FORM.replace(" hidden>\n<div data-person hidden>", ">\n<div data-person>")
    .replace(" disabled>", ">")
    .replace("data-id>", """value="the picture's" data-id>""")
)
PICTURE = b"""{"id": "the picture's", "kind": "picture", "source": "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E"}"""

Pages = dict[str, tuple[str, bytes]]


class Site:
    """Serves what it holds, under the policy of the hosted pages."""

    def __init__(self) -> None:
        script = "text/javascript; charset=utf-8"
        self.pages: Pages = {"/": ("text/html; charset=utf-8", FORM.encode()), "/favicon.ico": ("image/x-icon", b"")}
        self.pages["/page/captcha?kind=picture"] = ("application/json", PICTURE)
        self.pages |= {f"/{name}": (script, (STATIC / name).read_bytes()) for name in ("captcha.js", "pow.js")}
        self.asked: list[str] = []
        self.sent: Queue[dict[str, list[str]]] = Queue()
        """Forms that were sent; the page stays."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port = self.server.server_address[1]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                kind, content = site.pages.get(self.path, ("text/plain", b""))
                self.send_response(200 if self.path in site.pages else 503)
                for name, value in (("Content-Type", kind), ("Content-Length", str(len(content))), ("Content-Security-Policy", POLICY)):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                site.sent.put(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    opened = await browser.new_page()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def work(sqlite_path: Path, clock: FakeClock, chance: FakeChance, tmp_path: Path) -> AsyncIterator[Work]:
    database = await open_sqlite(sqlite_path, clock, chance)
    ephemeral, render_queue = SqlEphemeral(database, clock, tmp_path / "counters.db"), RenderQueue(16, clock, chance)
    yield Work(ephemeral, SecretBox(b"s" * 32, chance), render_queue, clock, chance, cost=2_000)
    render_queue.close()
    await ephemeral.close()
    await database.close()


async def test_the_browser_works_and_the_picture_goes(site: Site, page: Page, work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages["/challenge"] = (challenge.media_type, challenge.content)
    await page.goto(f"http://127.0.0.1:{site.port}/")
    assert "/challenge" not in site.asked  # nobody has touched the form
    async with page.expect_response("**/challenge"):
        await page.focus("#email")
    sent = await sends(site, page)
    await expect(page.get_by_role("status")).to_have_text("No picture is needed.")
    await expect(page.locator("#picture")).to_be_hidden()
    assert await page.input_value("#id") == challenge.id
    answer = await page.input_value("#answer")
    await work.spend(CAPTCHA_SCOPE, challenge.id, answer)
    with pytest.raises(BadCaptcha):
        await work.spend(CAPTCHA_SCOPE, challenge.id, answer)
    assert await page.evaluate("document.querySelector('form').checkValidity()")
    assert sent == {"captcha": [answer], "captcha_id": [challenge.id], "captcha_kind": ["work"]}


async def sends(site: Site, page: Page) -> dict[str, list[str]]:
    """What the form says once it is sent."""
    await page.click("button")
    return await asyncio.to_thread(site.sent.get, timeout=60)


async def comes(site: Site, page: Page) -> None:
    """The picture, once the form is to be sent: it is not until somebody has looked."""
    await page.click("button")
    await expect(page.locator("#picture")).to_be_visible()
    await expect(page.locator("#answer")).to_be_focused()
    assert await page.input_value("#id") == "the picture's"
    assert await page.input_value("#answer") == ""
    assert await page.get_attribute("#answer", "type") == "text"
    assert site.sent.empty()


async def test_without_a_secure_context_the_picture_comes(site: Site, page: Page, work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages["/challenge"] = (challenge.media_type, challenge.content)
    await page.goto(f"http://plain.example:{site.port}/")
    assert not await page.evaluate("isSecureContext")
    await page.focus("#email")
    await comes(site, page)
    assert "/challenge" not in site.asked
    assert "/captcha.js" in site.asked


@pytest.mark.parametrize("said", [None, b"", b"{}", b'{"parameters":{"algorithm":"SCRYPT","nonce":"","salt":"","cost":1,"keyPrefix":""}}'])
async def test_whatever_fails_the_picture_comes(site: Site, page: Page, said: bytes | None) -> None:
    if said is not None:
        site.pages["/challenge"] = ("application/json", said)
    await page.goto(f"http://127.0.0.1:{site.port}/")
    async with page.expect_response("**/challenge"):
        await page.focus("#email")
    await comes(site, page)


async def test_whoever_was_shown_a_picture_answers_it_and_no_browser_works(site: Site, page: Page, work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages |= {"/challenge": (challenge.media_type, challenge.content), "/": ("text/html; charset=utf-8", DRAWN.encode())}
    await page.goto(f"http://127.0.0.1:{site.port}/")
    await page.focus("#email")
    await page.fill("#answer", "CFHJ")
    sent = await sends(site, page)
    await expect(page.locator("#picture")).to_be_visible()
    assert (await page.input_value("#id"), await page.input_value("#answer")) == ("the picture's", "CFHJ")
    assert sent == {"captcha": ["CFHJ"], "captcha_id": ["the picture's"]}
    assert "/challenge" not in site.asked

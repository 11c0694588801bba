"""The page's own solver in a real browser: the form carries a solution where the browser may work, and the picture stays where not."""

import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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
FORM = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>form</title>
<script src="/captcha.js" defer></script>
<form method="post"><input id="email" type="email">
<fieldset data-pow="/challenge" data-solver="/pow.js" data-done="No picture is needed.">
<div data-person><p id="picture">the picture</p><input id="answer" name="captcha" maxlength="16" required data-answer></div>
<input type="hidden" id="id" name="captcha_id" value="the picture's" data-id><p role="status"></p>
</fieldset><button>go</button></form></html>"""

Pages = dict[str, tuple[str, bytes]]


class Site:
    """Serves what it holds, under the policy of the hosted pages."""

    def __init__(self) -> None:
        script = "text/javascript; charset=utf-8"
        self.pages: Pages = {"/": ("text/html; charset=utf-8", FORM), "/favicon.ico": ("image/x-icon", b"")}
        self.pages |= {f"/{name}": (script, (STATIC / name).read_bytes()) for name in ("captcha.js", "pow.js")}
        self.asked: list[str] = []
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
    await page.focus("#email")
    await expect(page.get_by_role("status")).to_have_text("No picture is needed.", timeout=60_000)
    await expect(page.locator("#picture")).to_be_hidden()
    assert await page.input_value("#id") == challenge.id
    answer = await page.input_value("#answer")
    await work.spend(CAPTCHA_SCOPE, challenge.id, answer)
    with pytest.raises(BadCaptcha):
        await work.spend(CAPTCHA_SCOPE, challenge.id, answer)
    assert await page.evaluate("document.querySelector('form').checkValidity()")
    assert await page.evaluate("new FormData(document.querySelector('form')).get('captcha')") == answer


async def stays(page: Page) -> None:
    await expect(page.locator("#picture")).to_be_visible()
    assert await page.input_value("#id") == "the picture's"
    assert await page.input_value("#answer") == ""
    assert await page.get_attribute("#answer", "type") is None


async def test_without_a_secure_context_the_picture_stays(site: Site, page: Page, work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages["/challenge"] = (challenge.media_type, challenge.content)
    await page.goto(f"http://plain.example:{site.port}/")
    assert not await page.evaluate("isSecureContext")
    await page.focus("#email")
    await page.focus("#answer")
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => done()))")
    await stays(page)
    assert "/challenge" not in site.asked
    assert "/captcha.js" in site.asked


@pytest.mark.parametrize("said", [None, b"", b"{}", b'{"parameters":{"algorithm":"SCRYPT","nonce":"","salt":"","cost":1,"keyPrefix":""}}'])
async def test_whatever_fails_the_picture_stays(site: Site, page: Page, said: bytes | None) -> None:
    if said is not None:
        site.pages["/challenge"] = ("application/json", said)
    await page.goto(f"http://127.0.0.1:{site.port}/")
    async with page.expect_response(lambda reply: reply.url.endswith("/challenge")):
        await page.focus("#email")
    await page.wait_for_load_state("networkidle")
    await stays(page)


async def test_a_person_who_was_faster_keeps_the_picture(site: Site, page: Page, work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages["/challenge"] = (challenge.media_type, challenge.content)
    await page.goto(f"http://127.0.0.1:{site.port}/")
    async with page.expect_worker() as started:
        await page.fill("#answer", "CFHJ")
    worker = await started.value
    while worker in page.workers:
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => done()))")
    await expect(page.locator("#picture")).to_be_visible()
    assert (await page.input_value("#id"), await page.input_value("#answer")) == ("the picture's", "CFHJ")

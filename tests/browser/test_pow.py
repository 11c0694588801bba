"""The page's own solver in a real browser: the form carries a solution where the browser may work, and a picture comes where not."""

import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

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
PICTURE = b'{"id": "the picture\'s", "kind": "picture", "source": "data:,"}'
FORM = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>form</title>
<script src="/captcha.js" defer></script>
<form action="/sent"><input id="email" type="email">
<fieldset hidden data-captcha="/sent" data-work="/challenge" data-solver="/pow.js" data-doing="Verifying." data-done="Done.">
<div data-person hidden><img id="picture" data-picture alt="the picture"><audio data-sound hidden></audio>
<input id="answer" name="captcha" maxlength="16" required disabled data-answer></div>
<input type="hidden" id="id" name="captcha_id" data-id><input type="hidden" id="kind" name="captcha_kind" data-kind><p role="status"></p>
</fieldset><button>go</button></form></html>"""

Pages = dict[str, tuple[str, bytes]]


class Site:
    """Serves what it holds, under the policy of the hosted pages."""

    def __init__(self) -> None:
        script = "text/javascript; charset=utf-8"
        self.pages: Pages = {"/": ("text/html; charset=utf-8", FORM), "/favicon.ico": ("image/x-icon", b"")}
        self.pages["/page/captcha?kind=picture"] = ("application/json", PICTURE)
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


async def sent(page: Page) -> dict[str, str]:
    """What the form has come to."""
    await page.wait_for_url("**/sent?*", timeout=60_000)
    return dict(parse_qsl(urlsplit(page.url).query))


async def test_the_browser_works_and_nobody_sees_a_picture(site: Site, page: Page, work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages["/challenge"] = (challenge.media_type, challenge.content)
    await page.goto(f"http://127.0.0.1:{site.port}/")
    assert "/challenge" not in site.asked  # nobody has touched the form
    assert await page.input_value("#kind") == "work"
    await page.focus("#email")
    await page.click("button")
    form = await sent(page)
    assert (form["captcha_id"], form["captcha_kind"]) == (challenge.id, "work")
    assert not any("picture" in path for path in site.asked)
    await work.spend(CAPTCHA_SCOPE, challenge.id, form["captcha"])
    with pytest.raises(BadCaptcha):
        await work.spend(CAPTCHA_SCOPE, challenge.id, form["captcha"])


async def test_work_that_is_done_before_the_form_is_sent_sends_it_all_the_same(site: Site, page: Page, work: Work) -> None:
    """A browser ignores a form that is sent once more while it still says that it is sent."""
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages["/challenge"] = (challenge.media_type, challenge.content)
    await page.goto(f"http://127.0.0.1:{site.port}/")
    async with page.expect_worker() as started:
        await page.focus("#email")
    worker = await started.value
    while worker in page.workers:
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => done()))")
    await page.click("button")
    assert (await sent(page))["captcha_id"] == challenge.id


async def picture_comes(page: Page) -> None:
    """In its place; and its answer is what is sent."""
    await expect(page.locator("#answer")).to_be_focused()
    await expect(page.locator("fieldset")).to_be_visible()
    await page.fill("#answer", "CFHJ")
    await page.click("button")
    form = await sent(page)
    assert (form["captcha_id"], form["captcha_kind"], form["captcha"]) == ("the picture's", "picture", "CFHJ")


async def test_without_a_secure_context_a_picture_comes(site: Site, page: Page, work: Work) -> None:
    challenge = await work.new(CAPTCHA_SCOPE)
    site.pages["/challenge"] = (challenge.media_type, challenge.content)
    await page.goto(f"http://plain.example:{site.port}/")
    assert not await page.evaluate("isSecureContext")
    await page.focus("#email")
    await page.click("button")
    await picture_comes(page)
    assert "/challenge" not in site.asked


@pytest.mark.parametrize("said", [None, b"", b"{}", b'{"parameters":{"algorithm":"SCRYPT","nonce":"","salt":"","cost":1,"keyPrefix":""}}'])
async def test_whatever_fails_a_picture_comes(site: Site, page: Page, said: bytes | None) -> None:
    if said is not None:
        site.pages["/challenge"] = ("application/json", said)
    await page.goto(f"http://127.0.0.1:{site.port}/")
    await page.click("button")
    await picture_comes(page)


async def test_where_not_even_a_picture_comes_the_form_is_sent_and_the_server_draws_one(site: Site, page: Page) -> None:
    del site.pages["/page/captcha?kind=picture"]
    await page.goto(f"http://127.0.0.1:{site.port}/")
    await page.click("button")
    assert "captcha" not in await sent(page)

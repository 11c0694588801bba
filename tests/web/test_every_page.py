"""Every page there is, in every state of a browser: a reload says the same, ways on arrive, and no form of an older tab ends in nothing.

The table is made of the pages themselves: a new one is in it, and fails until it has what it needs to be opened with.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

import pytest

from lingpai.assembly.front import _pages
from lingpai.settings import Limits, Pages, Rate, Settings, Social
from lingpai.settings.outside import Keys
from web.owners import Owner, Seen, elsewhere, owner
from web.people import ADA, GOOD, member
from web.reading import Form
from web.speakers import Maillink
from web.town import Town

State = Literal["new", "inside", "ended", "somebody else"]
STATES: tuple[State, ...] = ("new", "inside", "ended", "somebody else")
BOB = "bob@example.com"
HOME, PROVIDER = "/app", "/connect/qq"

NO_PAGE = {
    "/me/data.json": "a file",
    "/page/captcha": "a captcha of a page that is open, for its script",
    "/.well-known/jwks.json": "for other services",
    PROVIDER: "on to a third party",
}
OPENED_WITH = {
    "/page/activate": ("", "?email=ada@example.com&vcode=nonsense", "?email=ada@example.com"),
    "/page/activate/sent": ("?email=ada@example.com",),
    "/page/reset": ("", "?email=ada@example.com&vcode=nonsense", "?email=ada@example.com"),
    "/page/keep": ("", "?token=nonsense"),
    "/page/not-me": ("", "?token=nonsense"),
    "/login": ("", "?way=password", "?way=code&account=ada@example.com&again=9", "?step=new", "?authorization=nonsense", "?switch=yes"),
    "/register": ("", "?way=link&email=ada@example.com&again=9", "?way=code", "?way=code&email=ada@example.com&again=9", "?way=phone"),
    "/forgot": ("", "?account=ada@example.com&by=code&again=9", "?account=ada@example.com&by=link&again=9"),
    "/me/email": ("", "?to=bob@example.com", "?to=ada@example.com"),
    "/me/phone": ("", "?to=%2B8613800138000"),
    "/me/questions": ("", "?remove=ask"),
    "/me/unlink": ("?provider=qq",),
    "/me/confirm": ("", "?next=/me/delete"),
    "/connect/": ("nobody",),
    "/connect/weibo": ("",),
    "/connect/wechat": ("",),
    "/connect/qq/callback": ("?code=x&state=y",),
    "/connect/weibo/callback": ("?error=access_denied",),
    "/connect/wechat/callback": ("?code=x&state=y",),
}
"""Queries that show a page's states, where it has more than the bare one."""


@pytest.fixture
def database_kind() -> str:
    """What pages say does not depend on the database."""
    return "sqlite"


@pytest.fixture
def changes() -> dict[str, object]:
    keys = Keys(app_id="1", app_secret="made-up", base_url="http://127.0.0.1:9")
    # One browser opens every page within a minute, and more bad links than a client may: each is to be seen, and no 429 in its place.
    limits = Limits(check_client=Rate(1_000, 60))
    return {"pages": Pages(register=("link", "code", "phone"), home=HOME), "social": Social(qq=keys), "limits": limits}


def addresses(settings: Settings) -> list[str]:
    paths = dict.fromkeys(call.path for call in _pages(settings) if "GET" in call.methods)
    return [path + query for path in paths if path not in NO_PAGE for query in OPENED_WITH.get(path, ("",))]


async def somebody(town: Town, state: State) -> Owner:
    """A browser in this state, where Ada has an account."""
    if state == "new":
        await member(town)
        return Owner(town, town.browser())
    ada = await owner(town)
    if state == "ended":
        await (await elsewhere(town)).send("/page/me/devices")
    if state == "somebody else":
        town.clock.advance(minutes=2)
        return await owner(town, BOB)
    return ada


async def arrives(reader: Owner, path: str) -> Seen:
    """A page with a heading and a way on, at the end of at most a few redirects."""
    page = await reader.see(path)
    assert page.status < 500, path
    assert page.status != 405, path
    assert page.heading, path
    ways = [link for link in page.links if not link.startswith("#")] + [
        form.action for form in page.forms if form.action != "/page/language"
    ]
    assert ways, (path, "nothing leads on")
    return page


@pytest.mark.parametrize("state", STATES)
async def test_each_page_can_be_reloaded_and_each_of_its_links_arrives(town: Town, state: State) -> None:
    reader = await somebody(town, state)
    led: set[str] = set()
    for path in addresses(town.house.services.settings):
        page = await arrives(reader, path)
        assert (await arrives(reader, path)).heading == page.heading, (path, "a reload")
        led |= {link.partition("#")[0] for link in page.links if link.startswith("/") and link != HOME}
        led -= {link for link in led if link.partition("?")[0] in NO_PAGE}
    for path in sorted(led - {""}):
        assert (await arrives(reader, path)).status < 400, path


Between = Callable[[Owner], Awaitable[object]]


async def nothing(reader: Owner) -> None:
    """The same form, sent a second time."""


async def leaves(reader: Owner) -> None:
    await reader.send("/page/logout")


async def is_put_out(reader: Owner) -> None:
    there = Maillink(reader.town, reader.town.browser("203.0.113.9"))
    assert (await there.log_in(ADA, GOOD)).yes
    await Owner(reader.town, there.browser).send("/page/me/devices")


async def comes_in(reader: Owner) -> None:
    await reader.send("/page/login", account=ADA, password=GOOD)


@pytest.mark.parametrize(
    ("state", "between"),
    [("new", nothing), ("new", comes_in), ("inside", nothing), ("inside", leaves), ("inside", is_put_out), ("ended", comes_in)],
)
async def test_no_form_of_an_older_tab_ends_in_nothing(town: Town, state: State, between: Between) -> None:
    """Each form of each page as it stands, sent twice; or after the browser was logged in or out in another tab."""
    reader = await somebody(town, state)
    forms: dict[str, Form] = {}
    for path in addresses(town.house.services.settings):
        forms |= {form.action: form for form in (await reader.see(path)).forms if form.action != "/page/language"}
    assert len(forms) > 5
    forms.pop("/page/logout", None)
    await between(reader)
    for action, form in forms.items():
        town.clock.advance(minutes=3)
        for _ in range(2):
            sent = Seen(await reader.browser.post(action, data=form.fields, follow_redirects=True))
            assert (sent.status in (200, 400, 403, 404, 409, 422, 429), bool(sent.heading)) == (True, True), (
                action,
                sent.status,
                sent.text,
            )
            assert sent.links, action


@pytest.mark.parametrize("state", STATES)
async def test_a_link_that_is_opened_twice_says_what_is_so_and_leads_on(town: Town, state: State) -> None:
    """Those that were mailed, and the one that is made for another browser."""
    ada = await owner(town)
    town.clock.advance(minutes=2)
    await (await elsewhere(town)).send("/page/me/password", old_password=GOOD, password="a staple of another kind")
    town.clock.advance(minutes=4)
    await Maillink(town).forget(ADA)
    mails = " ".join(mail["text"] for mail in await town.mails(ADA)).split()
    links = [word.removeprefix(town.url) for word in mails if word.startswith(f"{town.url}/") and "=" in word]
    assert {link.partition("?")[0] for link in links} >= {"/activate_account", "/reset_password/verify", "/page/not-me"}
    reader = {"new": Owner(town, town.browser("203.0.113.5")), "ended": ada}.get(state) or await _other(town, state)
    for link in links:
        for _ in range(2):
            page = await arrives(reader, link)
            assert page.status == 200, link


async def _other(town: Town, state: State) -> Owner:
    if state == "somebody else":
        return await owner(town, BOB)
    person = Maillink(town, town.browser("203.0.113.6"))
    assert (await person.log_in(ADA, "a staple of another kind")).yes
    return Owner(town, person.browser)

"""The reference of the enabled dialects at `/docs`, and dev mode's start page: made from the declarations that parse the requests."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.settings import Settings, reached
from lingpai.web import health, openapi, routes
from lingpai.web.dialect import Call, Door, Nothing, Reply
from lingpai.web.docs.sheet import Chapter, Entry, common, entries, title
from lingpai.web.docs.walk import Tried, Walk, assigned
from lingpai.web.docs.walks import HOUSE, WALKS
from lingpai.web.exchange import Exchange
from lingpai.web.pages import page
from lingpai.web.voices import Envelope, Plain

if TYPE_CHECKING:
    from lingpai.flows import Kit


def calls(settings: Settings, doors: Sequence[Door], pages: Sequence[Call] = ()) -> tuple[Call, ...]:
    """`/docs` and `/docs/{name}`, and in dev mode `/`. `pages` are described as far as programs call them."""
    chapters = [*(_chapter(settings, door) for door in doors), _house(settings, doors, pages)]
    index = Call(("GET",), "/docs", partial(_index, chapters), changes=False, quiet=True)
    each = [Call(("GET",), f"/docs/{chapter.name}", partial(_show, chapter), changes=False, quiet=True) for chapter in chapters]
    start = Call(("GET",), "/", partial(_start, chapters), changes=False, quiet=True)
    return (index, *each, *([start] if settings.dev else []))


def _chapter(settings: Settings, door: Door) -> Chapter:
    here = reached(settings.public_url, door.settings)
    site = here.removesuffix(door.base_path)
    return Chapter(
        name=door.dialect.name,
        here=here,
        voice=Envelope(door.dialect),
        calls=door.dialect.calls,
        address=lambda call: site + routes.path(door, call),
        walk=WALKS.get(door.dialect.name, Walk(())),
        settings=door.settings,
    )


def _house(settings: Settings, doors: Sequence[Door], pages: Sequence[Call]) -> Chapter:
    home = settings.public_url
    own = (call for call in pages if call.gives and not call.path.startswith(("/page/", "/me/")))
    found = (*health.CALLS, *openapi.calls(doors), *own)
    return Chapter("house", home, Plain("zh-Hans"), found, lambda call: home + call.path, HOUSE)


async def _index(chapters: Sequence[Chapter], kit: "Kit", door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /docs."""
    home = kit.settings.public_url
    found = [(chapter, title(chapter.name, exchange.locale), entries(chapter, exchange, home)) for chapter in chapters]
    return page("docs_index.html", exchange, chapters=found)


async def _show(chapter: Chapter, kit: "Kit", door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET /docs/{name}."""
    home = kit.settings.public_url
    return page(
        "docs.html",
        exchange,
        chapter=chapter,
        title=title(chapter.name, exchange.locale),
        entries=entries(chapter, exchange, home),
        common=common(chapter.voice, exchange),
        assignments=partial(_assignments, chapter, kit.settings),
        dev=kit.settings.dev,
    )


def _assignments(chapter: Chapter, settings: Settings, one: Tried) -> list[str]:
    """The lines that fill a line's variables, as far as they work here."""
    return [assigned(seen, chapter.here, settings.public_url) for seen in one.before if settings.dev or not seen.dev]


async def _start(chapters: Sequence[Chapter], kit: "Kit", door: Door, exchange: Exchange, _: Nothing) -> Reply:
    """GET / in dev mode: what runs where, and a first line for each dialect."""
    home = kit.settings.public_url
    found = [(chapter.name, *_first(entries(chapter, exchange, home))) for chapter in chapters if chapter.name != "house"]
    return page("start.html", exchange, home=home, dialects=found, **_parts(kit.settings))


def _first(found: Sequence[Entry]) -> tuple[str, str]:
    """The walk's first call, which needs nothing from before: for somebody else than the reference has, so that both work."""
    return found[0].summary, found[0].tries[0].line.replace("ada", "bob")


def _parts(settings: Settings) -> dict[str, str]:
    """Where things are, without what is secret in an address."""
    return {"database": _place(settings.database_url) or str(settings.data / "lingpai.db"), "valkey": _place(settings.valkey_url or "")}


def _place(url: str) -> str:
    found = urlsplit(url)
    return f"{found.scheme}://{found.hostname or ''}{found.path}" if url else ""

"""The reference of the enabled dialects at `/docs`, and dev mode's start page: made from the declarations that parse the requests."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lingpai.core.model import DEFAULT_LOCALE
from lingpai.settings import Settings, reached
from lingpai.web.endpoints import health
from lingpai.web.http import routes
from lingpai.web.http.error_replies import EnvelopeRenderer, PlainRenderer
from lingpai.web.pages import page
from lingpai.web.reference import openapi
from lingpai.web.reference.service import SERVICE
from lingpai.web.reference.sheet import Chapter, ReferenceEntry, common, entries, title
from lingpai.web.request.calls import Call, Mount, Nothing, Reply
from lingpai.web.request.examples import Tried, assigned
from lingpai.web.request.request import Request

if TYPE_CHECKING:
    from lingpai.flows import Services


def calls(settings: Settings, mounts: Sequence[Mount], pages: Sequence[Call] = ()) -> tuple[Call, ...]:
    """`/docs` and `/docs/{name}`, and in dev mode `/`. `pages` are described as far as programs call them."""
    chapters = [*(_chapter(settings, mount) for mount in mounts), _service(settings, mounts, pages)]
    index = Call(("GET",), "/docs", partial(_index, chapters), changes=False, quiet=True)
    each = [Call(("GET",), f"/docs/{chapter.name}", partial(_show, chapters, chapter), changes=False, quiet=True) for chapter in chapters]
    start = Call(("GET",), "/", partial(_start, chapters), changes=False, quiet=True)
    return (index, *each, *([start] if settings.dev else []))


def _chapter(settings: Settings, mount: Mount) -> Chapter:
    here = reached(settings.public_url, mount.settings)
    site = here.removesuffix(mount.base_path)
    return Chapter(
        name=mount.dialect.name,
        here=here,
        renderer=EnvelopeRenderer(mount.dialect, PlainRenderer(mount.dialect.language)),
        calls=mount.dialect.calls,
        address=lambda call: site + routes.path(mount, call),
        walk=mount.dialect.walk,
        settings=mount.settings,
    )


def _service(settings: Settings, mounts: Sequence[Mount], pages: Sequence[Call]) -> Chapter:
    home = settings.public_url
    described = (call for call in pages if call.gives and not call.path.startswith(("/page/", "/me/")))
    found = (*health.CALLS, *openapi.calls(mounts), *described)
    return Chapter("house", home, PlainRenderer(DEFAULT_LOCALE), found, lambda call: home + call.path, SERVICE)


async def _index(chapters: Sequence[Chapter], services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /docs."""
    return page("docs_index.html", request, contents=_contents(chapters, services, request), chapter=None)


async def _show(chapters: Sequence[Chapter], chapter: Chapter, services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET /docs/{name}."""
    return page(
        "docs.html",
        request,
        contents=_contents(chapters, services, request),
        chapter=chapter,
        title=title(chapter.name, request.locale),
        entries=entries(chapter, request, services.settings.public_url),
        common=common(chapter.renderer, request),
        assignments=partial(_assignments, chapter, services.settings),
        dev=services.settings.dev,
    )


def _contents(chapters: Sequence[Chapter], services: "Services", request: Request) -> list[tuple[Chapter, str, list[ReferenceEntry]]]:
    """Every call there is, which the list at the side leads to and is searched in."""
    home = services.settings.public_url
    return [(chapter, title(chapter.name, request.locale), entries(chapter, request, home)) for chapter in chapters]


def _assignments(chapter: Chapter, settings: Settings, one: Tried) -> list[str]:
    """The lines that fill a line's variables, as far as they work here."""
    return [assigned(seen, chapter.here, settings.public_url) for seen in one.before if settings.dev or not seen.dev]


async def _start(chapters: Sequence[Chapter], services: "Services", mount: Mount, request: Request, _: Nothing) -> Reply:
    """GET / in dev mode: what runs where, and a first line for each dialect."""
    home = services.settings.public_url
    found = [(chapter.name, *_first(entries(chapter, request, home))) for chapter in chapters if chapter.name != "house"]
    return page("start.html", request, home=home, dialects=found, **_parts(services.settings))


def _first(found: Sequence[ReferenceEntry]) -> tuple[str, str]:
    """The walk's first call, which needs nothing from before: for somebody else than the reference has, so that both work."""
    return found[0].summary, found[0].tries[0].line.replace("ada", "bob")


def _parts(settings: Settings) -> dict[str, str]:
    """Where things are, without what is secret in an address."""
    return {"database": _bare(settings.database_url) or str(settings.data / "lingpai.db"), "valkey": _bare(settings.valkey_url or "")}


def _bare(url: str) -> str:
    found = urlsplit(url)
    return f"{found.scheme}://{found.hostname or ''}{found.path}" if url else ""

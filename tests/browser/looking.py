"""What makes a page fit for everybody, and the pictures of it.

The pictures lie in .pytest_cache/d/looks after a run. Each state of a page is taken twice in each language, so that width and scheme
meet once in every way; axe-core judges it light in the one language, dark in the other.
"""

from pathlib import Path
from typing import Literal

from playwright.async_api import Page

DATA = Path(__file__).parents[1] / "data"
AXE = (DATA / "axe" / "axe.min.js").read_text("utf-8")
Scheme = Literal["light", "dark"]
SIZES: dict[str, tuple[tuple[int, Scheme], ...]] = {
    "zh-CN": ((1280, "dark"), (320, "light")),
    "en-US": ((1280, "light"), (320, "dark")),
}
MISFITS = """() => {
    const all = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.offsetParent);
    const small = all("button, input:not([type=hidden]), .check, .button, .act, .ways a, .links a, .papers a")
        .filter((one) => !one.closest(".check:not(label)") && !["radio", "checkbox"].includes(one.type))
        .filter((one) => one.getBoundingClientRect().height < 44 || one.getBoundingClientRect().width < 44);
    const cut = all("main *, header *, footer *")
        .filter((one) => one.clientWidth && one.tagName !== "INPUT" && one.scrollWidth > one.clientWidth + 1);
    const {scrollWidth, clientWidth} = document.documentElement;
    const wide = scrollWidth > clientWidth ? [`${scrollWidth} px on ${clientWidth}`] : [];
    return [...wide, ...small.map((one) => `small: ${one.outerHTML}`), ...cut.map((one) => `cut: ${one.outerHTML}`)];
}"""
"""What scrolls sideways, is smaller than a finger, or is wider than the room it has."""


async def judged(page: Page, *only: str) -> list[str]:
    """What axe-core finds, in its own words; by all its rules, or by those with one of these tags."""
    await page.evaluate(AXE)
    options = {"resultTypes": ["violations"], **({"runOnly": list(only)} if only else {})}
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found["violations"] for node in one["nodes"]]


async def look(page: Page, folder: Path, name: str, locale: str) -> None:
    """Takes the page as it is now, and judges it."""
    for width, scheme in SIZES[locale]:
        await page.set_viewport_size({"width": width, "height": 720})
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=folder / f"{name}-{locale}-{scheme}-{width}.png", full_page=True)
        assert await page.evaluate(MISFITS) == [], name
    assert await judged(page) == [], name


async def read_large(page: Page, name: str) -> None:
    """With letters of twice the size nothing scrolls sideways either, and nothing is cut."""
    await page.set_viewport_size({"width": 640, "height": 720})
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert await page.evaluate(MISFITS) == [], name
    await page.evaluate("document.documentElement.style.fontSize = ''")

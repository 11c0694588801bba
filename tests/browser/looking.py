"""What makes a page fit for everybody, and the pictures of it.

Each state of a page is seen twice in each language, so that width and scheme meet once in every way. axe-core judges it narrow: light in
the one language, dark in the other. The long form (`make faults`) has it judged each time, and leaves pictures of everything in
.pytest_cache/d/looks; otherwise only what does not pass leaves one there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Page

DATA = Path(__file__).parents[1] / "data"
AXE = (DATA / "axe" / "axe.min.js").read_text("utf-8")
Scheme = Literal["light", "dark"]
Size = tuple[int, Scheme]
NARROW = 320
SIZES: dict[str, tuple[Size, ...]] = {
    "zh-CN": ((1280, "dark"), (NARROW, "light")),
    "zh-TW": ((1280, "light"), (NARROW, "dark")),
    "en-US": ((1280, "light"), (NARROW, "dark")),
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


@dataclass(frozen=True)
class Eye:
    """Where pictures go, and whether there is one of everything."""

    folder: Path
    thorough: bool

    async def see(self, page: Page, name: str, size: Size, misfits: str, *only: str) -> list[str]:
        """What is wrong with the page in this size; a picture where something is, or if it is asked for."""
        width, scheme = size
        # A click returns before the page that it leads to has its style: nothing of that has its size yet.
        await page.wait_for_load_state("load")
        await page.set_viewport_size({"width": width, "height": 720})
        await page.emulate_media(color_scheme=scheme)
        found = [*await page.evaluate(misfits), *(await judged(page, *only) if width == NARROW or self.thorough else ())]
        if found or self.thorough:
            await page.screenshot(path=self.folder / f"{name}-{scheme}-{width}.png", full_page=True)
        return found


async def judged(page: Page, *only: str) -> list[str]:
    """What axe-core finds, in its own words; by all its rules, or by those with one of these tags."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE)
    options = {"resultTypes": ["violations"], **({"runOnly": list(only)} if only else {})}
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found["violations"] for node in one["nodes"]]


async def look(page: Page, eye: Eye, name: str, locale: str) -> None:
    """Sees the page as it is now in both sizes."""
    for size in SIZES[locale]:
        found = await eye.see(page, f"{name}-{locale}", size, MISFITS)
        assert found == [], (name, found)


async def read_large(page: Page, name: str) -> None:
    """With letters of twice the size nothing scrolls sideways either, and nothing is cut."""
    await page.set_viewport_size({"width": 640, "height": 720})
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert await page.evaluate(MISFITS) == [], name
    await page.evaluate("document.documentElement.style.fontSize = ''")

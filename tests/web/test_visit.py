"""The cookie that ties together what a browser does before it has logged in."""

from pathlib import Path

from msgspec.structs import replace

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from web.town import Town, settings_for


async def test_over_https_no_neighbouring_site_can_plant_a_visit(
    tmp_path: Path, database_url: str, clock: FakeClock, chance: FakeChance
) -> None:
    settings = replace(settings_for(tmp_path, database_url), public_url="https://id.example.com")
    house = await build(settings, clock, chance)
    try:
        async with Town(house, clock).browser() as browser:
            planted = await browser.get("/session/login_token", headers={"Cookie": f"lingpai_visit={'v' * 43}"})
            own = planted.headers["Set-Cookie"]
            assert own.startswith("__Host-lingpai_visit=")
            assert "Secure" in own
            assert "Path=/;" in own
            assert "Domain" not in own
            kept = await browser.get("/session/login_token", headers={"Cookie": own.partition(";")[0]})
            assert "Set-Cookie" not in kept.headers
    finally:
        await house.close()

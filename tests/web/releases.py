"""The people in whose lives a release's database was left behind, and how they go on with a later version."""

from pathlib import Path

from fakes import FakeChance, FakeClock
from lingpai.assembly import build
from lingpai.flows import invites, signing_keys
from lingpai.settings import Legal, Pages
from web.people import ADA, GOOD, member
from web.reading import Reader
from web.speakers import Mailcode, Maillink, Session
from web.town import Town, settings_for

BOB, CAROL, DAN = "bob@example.com", "carol@example.com", "dan@example.com"
NEXT_PASSWORD = "staple of another kind"
THREE = ("one", "two", "three")
QUESTIONS = {f"question_{which}": f"Which is number {which}?" for which in THREE}
ANSWERS = {f"answer_{which}": f"It is {which}" for which in THREE}
LEGAL = Pages(terms=Legal(url="https://example.com/terms", version="2026-11"))
SERVICE = "billing"


class PlainChance(FakeChance):
    """Its tokens are words: nobody takes what is kept with the tests for anybody's secret."""

    def token(self, size: int = 32) -> str:
        return f"toy-{self._seed}-{next(self._calls)}-".ljust(-(-size * 4 // 3), "x")


async def open_town(folder: Path, url: str, clock: FakeClock, seed: str) -> Town:
    return Town(await build(settings_for(folder, url, pages=LEGAL), clock, PlainChance(seed)), clock)


async def leave(town: Town) -> dict[str, str]:
    """Lives as far as a release goes, and leaves something in every table; returns what the people hold in their hands.

    Of Ada there is a cookie, and a reset that she has asked for: its letter waits.
    """
    services = town.house.services
    ada = await member(town)
    await ada.log_in(ADA, GOOD)
    bob = Mailcode(town, town.browser("198.51.100.8"))
    await bob.register(BOB, GOOD)
    await bob.log_in(BOB, GOOD)
    carol = Session(town, town.browser("198.51.100.9"))
    await carol.sign_up("carol", "correcthorse1")
    await carol.say("SignUp_question", **QUESTIONS, **ANSWERS)
    dan = Reader(town, ip="198.51.100.10")
    await dan.open("/register")
    await dan.send("/page/register", email=DAN, password=GOOD, agree="yes")
    client = await signing_keys.add_client(services, SERVICE)
    await ada.another().forget(ADA)
    return {
        "cookie": ada.browser.cookies["lingpai_session"],
        "jwt": bob.jwt.encode().hex(),
        "client": str(client),
        "invite": await invites.issue(services, "main", 3, None),
    }


async def go_on(town: Town, held: dict[str, str]) -> None:
    """What they left still is what it was."""
    ada = Maillink(town)
    ada.browser.cookies.set("lingpai_session", held["cookie"], domain="127.0.0.1")
    assert (await ada.who() or {})["email"] == ADA
    assert (await ada.another().log_in(ADA, GOOD)).yes
    bob = Mailcode(town, town.browser("198.51.100.8"))
    bob.jwt = bytes.fromhex(held["jwt"]).decode()
    assert (await bob.who() or {})["email"] == BOB
    asked = await bob.browser.post("/oauth2/introspect", data={"token": bob.jwt}, auth=(SERVICE, held["client"]))
    assert asked.json()["active"] is True
    carol = Session(town, town.browser("198.51.100.9"))
    assert (await carol.enter("carol", "correcthorse1")).yes
    asked_carol = await carol.another().ask("Forget_pass_Question", EmailAccount="carol")
    assert asked_carol.reply.json()["data"] == QUESTIONS
    assert (await Mailcode(town, town.browser("198.51.100.11")).register("erin@example.com", GOOD, Invite=held["invite"])).yes
    assert (await Maillink(town).reset(ADA, NEXT_PASSWORD)).yes, "its letter waited, and its link is good"
    assert await ada.who() is None
    assert (await ada.log_in(ADA, NEXT_PASSWORD)).yes

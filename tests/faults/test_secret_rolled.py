"""From one secret to another while people come and go: several processes, all three steps, and not one failed login (contract, R3)."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from faults.fleet import Fleet, Load, fleet
from running import lingpai
from web.speakers import Answer, Hiyouth, Mailcode, Maillink, Session, fitting

OLD, NEW = "the old secret of this installation", "the new secret of this installation"
PASSWORD = "correct horse battery"
WRONG = "not the password"
LOCK_AFTER = 3
STEPS: tuple[dict[str, str], ...] = (
    {"LINGPAI_SECRET": OLD},
    {"LINGPAI_SECRET": OLD, "LINGPAI_SECRET_PREVIOUS": NEW},
    {"LINGPAI_SECRET": NEW, "LINGPAI_SECRET_PREVIOUS": OLD},
    {"LINGPAI_SECRET": NEW},
)


class People:
    """Those who come: each has an address of their own."""

    def __init__(self, town: Fleet) -> None:
        self.town = town
        self._numbers = itertools.count()

    def address(self) -> str:
        letters = "abcdefghij"
        return "".join(letters[int(digit)] for digit in f"{next(self._numbers):06}") + "@example.com"

    async def maillink(self) -> None:
        """An activation link, a password, a cookie, and a reset link."""
        person, email = Maillink(self.town), self.address()
        yes(await person.register(email, PASSWORD))
        await person.prove(email)
        yes(await person.log_in(email, PASSWORD))
        assert await person.who()
        yes(await person.log_out())

    async def mailcode(self) -> None:
        """A captcha, a code, a JWT that one node signs and others read."""
        person, email = Mailcode(self.town), self.address()
        yes(await person.register(email, PASSWORD))
        yes(await person.log_in(email, PASSWORD))
        for _ in range(4):
            assert await person.who()

    async def session(self) -> None:
        """A page token, a name, a bound address."""
        person, email = Session(self.town), self.address()
        yes(await person.register(email, PASSWORD))
        yes(await person.enter(email.partition("@")[0][:8] + ".x", fitting(PASSWORD)))
        assert await person.who()

    async def hiyouth(self) -> None:
        """A sealed link, and a code for a new password."""
        person, email = Hiyouth(self.town), self.address()
        yes(await person.register(email, PASSWORD))
        assert (await person.prove(email)).status_code == 200
        yes(await person.log_in(email, PASSWORD))
        assert (await person.browser.get("/api/getUserInfo")).json()["code"] == 1
        yes(await person.forget(email))
        yes(await self._reset(person, email))

    async def _reset(self, person: Hiyouth, email: str) -> Answer:
        await self._mailed(email, 2)
        return await person.reset(email, PASSWORD[::-1])

    async def _mailed(self, email: str, number: int) -> None:
        while len(await self.town.mails(email)) < number:  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.05)  # noqa: TID251 - it polls other processes

    async def asked_before(self) -> list[Callable[[], Awaitable[None]]]:
        """What is begun now, each as how it is ended once other nodes serve."""
        return [await self._link(), await self._code(), await self._jwt(), await self._known_browser()]

    async def _link(self) -> Callable[[], Awaitable[None]]:
        person, email = Maillink(self.town), self.address()
        yes(await person.register(email, PASSWORD))

        async def end() -> None:
            await person.prove(email)
            yes(await person.log_in(email, PASSWORD))

        return end

    async def _code(self) -> Callable[[], Awaitable[None]]:
        person, email = Mailcode(self.town), self.address()
        yes(await person.say("/account/mail-register", Email=email, Captcha=await person.captcha()))
        code = await person.code(email)

        async def end() -> None:
            yes(await person.say("/account/register", Email=email, Password=PASSWORD, Verification=code))

        return end

    async def _jwt(self) -> Callable[[], Awaitable[None]]:
        person, email = Mailcode(self.town), self.address()
        yes(await person.register(email, PASSWORD))
        yes(await person.log_in(email, PASSWORD))

        async def end() -> None:
            for _ in range(2 * len(self.town.nodes)):
                assert await person.who()

        return end

    async def _known_browser(self) -> Callable[[], Awaitable[None]]:
        """Strangers who fail keep other strangers out, and not a browser that the account knows."""
        person, email = Maillink(self.town), self.address()
        yes(await person.register(email, PASSWORD))
        await person.prove(email)
        yes(await person.log_in(email, PASSWORD))
        yes(await person.log_out())

        async def end() -> None:
            for _ in range(LOCK_AFTER):
                assert not (await Maillink(self.town).log_in(email, WRONG)).yes
            assert not (await Maillink(self.town).log_in(email, PASSWORD)).yes, "the control: a stranger is kept out"
            yes(await person.log_in(email, PASSWORD))

        return end


def yes(answer: Answer) -> None:
    assert answer.yes, answer.reply.text


@asynccontextmanager
async def busy(people: People, each: int) -> AsyncIterator[Load]:
    """All stories, each told by so many at once, while the block runs."""
    load = Load()
    stories = {story.__name__: story for story in (people.maillink, people.mailcode, people.session, people.hiyouth)}
    async with asyncio.TaskGroup() as group:
        for name, story in stories.items():
            for _ in range(each):
                group.create_task(load.repeat(name, story))
        try:
            load.told.update(dict.fromkeys(stories, 0))
            yield load
        finally:
            load.over = True


async def roll(town: Fleet, load: Load, step: dict[str, str], rounds: int) -> None:
    """Replaces one node after the other; between two of them each story is told anew."""
    starting = [asyncio.create_task(town.start(**step)) for _ in town.nodes]
    for place, start in enumerate(starting):
        leaving, town.nodes[place] = town.nodes[place], await start
        assert await leaving.leave() == 0
        await load.all_told(rounds)


@pytest.mark.parametrize(("nodes", "each", "rounds"), [(2, 1, 1), pytest.param(3, 4, 20, marks=pytest.mark.long)])
async def test_nodes_go_from_one_secret_to_another_under_load_and_nothing_fails(
    postgres_url: str, tmp_path: Path, nodes: int, each: int, rounds: int
) -> None:
    async with fleet(tmp_path, postgres_url) as town:
        town.nodes = list(await asyncio.gather(*(town.start(**STEPS[0]) for _ in range(nodes))))
        people = People(town)
        async with busy(people, each) as load:
            for step in STEPS[1:]:
                before = await people.asked_before()
                if step is STEPS[-1]:
                    ended = await lingpai("secret", "rotate", "--data", tmp_path, **town.variables, **STEPS[-2])
                    assert ended.code == 0, ended.err
                await roll(town, load, step, rounds)
                for end in before:
                    await end()
                assert load.failed == []
        assert load.failed == []
        status = await lingpai("secret", "status", "--data", tmp_path, **town.variables, **STEPS[-1])
        assert "All nodes use one secret." in status.out

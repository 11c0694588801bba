"""Every call of the session door in any order, by two owners and one who wants their accounts (A18, A30).

Eve knows everybody's names, addresses and questions; she reads her own mailbox alone, puts her own pre-login tokens into the owners'
browsers, and sends them to log in with what is hers. She must never hold an owner's account, and nothing may be used twice.
"""

import asyncio
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from fakes import FakeChance, FakeClock
from lingpai.assembly import Service, build
from lingpai.core.model import Account
from lingpai.guard.one_time.grants import GrantKind, Grants
from lingpai.guard.one_time.reset_grants import LIFE, ResetGrant, ResetGrants
from lingpai.settings import Limits, Rate
from lingpai.store import accounts
from web.seed003 import QUESTIONS, code
from web.speakers import Answer, Session
from web.town import Town, settings_for

T = TypeVar("T")
OWNERS, EVE = ("ada", "bob"), "eve"
PEOPLE = (*OWNERS, EVE)
MANY = Rate(10_000, 60)
RATES = [name for name in Limits.__struct_fields__ if isinstance(getattr(Limits(), name), Rate)]
ROOMY = msgspec.structs.replace(Limits(), **dict.fromkeys(RATES, MANY))
"""No limit stops anybody here: what holds must hold without them."""
person = st.sampled_from(PEOPLE)
owner = st.sampled_from(OWNERS)
number = st.integers(0, 2)
EFFORT = settings(
    max_examples=25, stateful_step_count=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
HUNT = settings(EFFORT, max_examples=200, report_multiple_bugs=False, phases=[Phase.generate])
"""Enough to find what is there; the first finding ends it."""


def mail(name: str) -> str:
    return f"{name}@example.com"


def passwords(name: str) -> list[str]:
    return [f"{name}+horse+bat9", f"{name}-staple-ki7"]


def own_questions(name: str) -> dict[str, str]:
    return {field: value + (name if field.startswith("answer") else "") for field, value in QUESTIONS.items()}


class Recoveries(RuleBasedStateMachine):
    """Owners do only what is theirs, in any order and confused; Eve does anything."""

    blank: Path

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="lp-"))
        self.clock = FakeClock()
        self.used: Counter[str] = Counter()
        self.planted: list[str] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def settle(self) -> None:
        database = shutil.copy(self.blank, self.folder / "lingpai.db")
        chosen = settings_for(self.folder, f"sqlite:///{database}", limits=ROOMY)
        self.house: Service = self.run(build(chosen, self.clock, FakeChance()))
        self.town = Town(self.house, self.clock)
        self.browsers = {name: Session(self.town, self.town.browser(f"203.0.113.{n}")) for n, name in enumerate(PEOPLE)}
        self.ids = {name: self.run(self._settled(name)) for name in PEOPLE}
        self.hashes: dict[str, str | None] = {}

    async def _settled(self, name: str) -> int:
        here = self.browsers[name]
        made = await here.sign_up(f"{name}.x", passwords(name)[0])
        assert (await here.bind(mail(name))).yes
        assert (await here.say("SignUp_question", **own_questions(name))).yes
        return int(made.reply.json()["data"]["id"])

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.run(self.house.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    # What anybody may do; an owner only in their own name.

    @rule(who=person, about=person, by_name=st.booleans())
    def forget(self, who: str, about: str, by_name: bool) -> None:
        self.clock.advance(seconds=61)
        self.say(who, "Forget_pass_send", EmailAccount=self.called(who, about, by_name))

    @rule(who=person, about=person, by_name=st.booleans(), which=number)
    def earn_by_code(self, who: str, about: str, by_name: bool, which: int) -> None:
        found = self.code(who, which)
        if self.say(who, "Forget_pass_EmailAccount", EmailAccount=self.called(who, about, by_name), code=found[1]).yes:
            self.once(f"mail {found[0]}")

    @rule(who=person, about=person, by_name=st.booleans())
    def ask(self, who: str, about: str, by_name: bool) -> None:
        self.say(who, "Forget_pass_Question", EmailAccount=self.called(who, about, by_name))
        self.used.pop(f"asked {self.prelogin_token(who)}", None)

    @rule(who=person)
    def answer(self, who: str) -> None:
        prelogin_token = self.prelogin_token(who)
        answers = {field: value for field, value in own_questions(who).items() if field.startswith("answer")}
        if self.say(who, "Forget_pass_answer", **answers).yes:
            self.once(f"asked {prelogin_token}")

    @rule(who=person, which=st.booleans())
    def reset(self, who: str, which: bool) -> None:
        prelogin_token = self.prelogin_token(who)
        if self.say(who, "Forget_pass_reset", **{"pass": passwords(who)[which]}).yes:
            self.once(f"leave {prelogin_token}")

    @rule(who=person)
    def recover_by_answers(self, who: str) -> None:
        self.ask(who, who, True)
        self.answer(who)

    @rule(who=person)
    def recover_by_mail(self, who: str) -> None:
        self.forget(who, who, True)
        self.earn_by_code(who, who, True, 0)

    @rule(who=person, to=person)
    def send_bind(self, who: str, to: str) -> None:
        self.clock.advance(seconds=61)
        self.say(who, "SignUp_email_send", email=mail(to if who == EVE else who))

    @rule(who=person, to=person, which=number)
    def bind(self, who: str, to: str, which: int) -> None:
        found = self.code(who, which)
        if self.say(who, "SignUp_email", email=mail(to if who == EVE else who), code=found[1]).yes:
            self.once(f"mail {found[0]}")

    @rule(who=person)
    def set_questions(self, who: str) -> None:
        self.say(who, "SignUp_question", **own_questions(who), **{"pass": passwords(who)[0]})

    @rule(who=person, about=person, by_name=st.booleans(), which=st.booleans())
    def log_in(self, who: str, about: str, by_name: bool, which: bool) -> None:
        token = self.run(self.browsers[who].token())
        if self.say(who, "login", account=self.called(who, about, by_name), **{"pass": passwords(who)[which]}, **token).yes:
            self.once(f"token {token['token']}")
            assert not self.say(who, "login", account=f"{about}.x", **{"pass": passwords(who)[which]}, **token).yes

    @rule(who=person)
    def log_out(self, who: str) -> None:
        self.say(who, "logout")

    @rule(minutes=st.integers(1, 11))
    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    # What only Eve does.

    @rule(victim=owner, which=number)
    def plant(self, victim: str, which: int) -> None:
        """Her own token, drawn now or before, becomes the victim's."""
        self.run(self.browsers[EVE].token())
        self.planted.append(self.prelogin_token(EVE))
        self.visits(victim, self.planted[-1 - which % len(self.planted)])

    @rule(which=number)
    def go_back(self, which: int) -> None:
        """To a token that she had before, to see what it may do now."""
        if self.planted:
            self.visits(EVE, self.planted[-1 - which % len(self.planted)])
            self.reset(EVE, True)

    @rule(victim=owner, which=st.booleans())
    def send_to_log_in(self, victim: str, which: bool) -> None:
        """From her page, with her own name, password and token."""
        token = self.run(self.browsers[EVE].token())
        fields = {"account": "eve.x", "pass": passwords(EVE)[which], **token}
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        self.run(self.browsers[victim].browser.post("/session/login", data=fields, headers=headers))

    # What must hold after each step.

    @invariant()
    def nobody_is_in_an_account_of_somebody_else(self) -> None:
        for name, here in self.browsers.items():
            inside = self.run(here.who())
            assert inside is None or inside["id"] == self.ids[name], f"{name} is in account {inside['id']}"

    @invariant()
    def an_owners_password_and_address_are_their_own(self) -> None:
        for name in OWNERS:
            account = self.run(accounts.by_id(self.house.services.store, self.ids[name]))
            assert account
            assert (account.email, account.name) == (mail(name), f"{name}.x")
            if account.password != self.hashes.get(name):
                assert self.run(self._opens(account, passwords(name))), f"{name}'s password is not {name}'s own"
                self.hashes[name] = account.password

    async def _opens(self, account: Account, own: list[str]) -> bool:
        async with self.house.services.passwords.slot() as slot:
            return any([(await slot.verify(account.password, password)).right for password in own])

    # How it is said.

    def say(self, who: str, call: str, **fields: Any) -> Answer:
        answer = self.run(self.browsers[who].say(call, **fields))
        assert answer.reply.status_code == 200, (call, answer.reply.text)
        assert code(answer) != "SYSTEMERROR"
        return answer

    def called(self, who: str, about: str, by_name: bool) -> str:
        meant = about if who == EVE else who
        return f"{meant}.x" if by_name else mail(meant)

    def code(self, who: str, which: int) -> tuple[int, str]:
        """One of the newest codes in their own mailbox, whatever it is for; a guess where there is none."""
        found = [
            (letter["id"], code[0])
            for letter in self.run(self.town.mails(mail(who)))
            if (code := re.search(r"^[0-9]{6}$", letter["text"], re.MULTILINE))
        ]
        return found[-1 - which] if which < len(found) else (0, "000000")

    def once(self, what: str) -> None:
        self.used[what] += 1
        assert self.used[what] == 1, f"{what} was used twice"

    def prelogin_token(self, who: str) -> str:
        return self.browsers[who].browser.cookies.get("lingpai_visit") or ""

    def visits(self, who: str, token: str) -> None:
        cookies = self.browsers[who].browser.cookies
        if "lingpai_visit" in cookies:
            cookies.delete("lingpai_visit")
        cookies.set("lingpai_visit", token, domain="127.0.0.1", path="/")


def machine(blank: Path, **other: Any) -> type[Recoveries]:
    return type("Recoveries", (Recoveries,), {"blank": blank, **other})


def planted_before_the_questions(eve: Recoveries) -> Iterator[None]:
    """Her token is in the victim's browser when the victim answers; with it she sets a password of hers."""
    yield eve.plant("ada", 0)
    yield eve.recover_by_answers("ada")
    yield eve.go_back(0)


def answered_twice(eve: Recoveries) -> Iterator[None]:
    """The victim is brought back to the token that was asked, and answers it once more."""
    yield eve.plant("ada", 0)
    yield eve.recover_by_answers("ada")
    yield eve.plant("ada", 1)
    yield eve.answer("ada")


Steps = Callable[[Recoveries], Iterator[None]]
Search = Callable[[type[Recoveries], Steps], None]


def walk(made: type[Recoveries], steps: Steps) -> None:
    """A known way to what is wrong: whether the machine's rules can go it, and what must hold notices."""
    state = made()
    try:
        state.settle()
        for _ in steps(state):
            state.nobody_is_in_an_account_of_somebody_else()
            state.an_owners_password_and_address_are_their_own()
    finally:
        state.teardown()


def hunt(made: type[Recoveries], _: Steps) -> None:
    """Whether the machine finds a way by itself."""
    run_state_machine_as_test(made, settings=HUNT)


@pytest.mark.parametrize("steps", [planted_before_the_questions, answered_twice])
def test_a_known_way_leads_nowhere_while_the_defences_stand(blank_sqlite: Path, steps: Steps) -> None:
    walk(machine(blank_sqlite), steps)


SEARCHES = pytest.mark.parametrize("search", [walk, pytest.param(hunt, marks=pytest.mark.long)])


def test_in_no_order_of_calls_does_eve_get_an_owners_account(blank_sqlite: Path) -> None:
    run_state_machine_as_test(machine(blank_sqlite), settings=EFFORT)


@SEARCHES
def test_the_machine_finds_a_leave_that_is_given_to_the_browsers_old_token(
    blank_sqlite: Path, monkeypatch: pytest.MonkeyPatch, search: Search
) -> None:
    """The control: without the one defence that a planted token meets, Eve gets in, and the machine sees it."""
    seen: list[str] = []
    spending, give = Grants.spending, ResetGrants.give

    def watched(self: Grants, kind: GrantKind, token: str, shape: type[T]) -> AbstractAsyncContextManager[T | None]:
        if kind == "questions":
            seen.append(token)
        return spending(self, kind, token, shape)

    async def careless(self: ResetGrants, account: Account, *args: Any, **more: Any) -> str:
        given = await give(self, account, *args, **more)
        leave = await self._grants.take("reset", given, ResetGrant)
        assert leave
        token = seen.pop() if seen else given
        await self._grants.store_under("reset", token, leave, LIFE)
        return token

    monkeypatch.setattr(Grants, "spending", watched)
    monkeypatch.setattr(ResetGrants, "give", careless)
    # Two leaves under one token are not what this control is about.
    lax = machine(blank_sqlite, once=lambda self, what: None)
    with pytest.raises(AssertionError, match="password is not"):
        search(lax, planted_before_the_questions)


@SEARCHES
def test_the_machine_finds_a_grant_that_is_not_spent(blank_sqlite: Path, monkeypatch: pytest.MonkeyPatch, search: Search) -> None:
    """The other control: what a browser was asked may be answered again and again."""

    @asynccontextmanager
    async def unspent(self: Grants, kind: GrantKind, token: str, shape: type[T]) -> AsyncIterator[T | None]:
        yield await self.peek(kind, token, shape)

    monkeypatch.setattr(Grants, "spending", unspent)
    with pytest.raises(AssertionError, match=r"asked .* was used twice"):
        search(machine(blank_sqlite), answered_twice)

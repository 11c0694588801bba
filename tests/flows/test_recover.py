"""Getting back in, without HTTP: what a reset stands on, whatever has become of the rules since."""

import pytest

from lingpai.core import rules
from lingpai.core.errors import BadCode, BadInput, WeakPassword
from lingpai.core.model import Address, RequestContext
from lingpai.flows import Services, login, recover
from lingpai.guard.sessions.issuing import IssuedSession
from lingpai.store import accounts
from web.town import Town

HERE = RequestContext("198.51.100.7", "198.51.100.7")
OLD, NEW = "correct-horse-battery", "a staple of another kind"
FORMER = Address("email", "ada@mail.test", "ada@mail.test")
"""An address that the rules took once: `.test` is refused today (contract, rule 4)."""


async def born(services: Services, name: Address, mail: Address) -> int:
    """An account with a name and a proved mail address, as it stands in the store."""
    now = services.clock.now()
    async with services.passwords.slot() as slot:
        hashed = await slot.make(OLD)
    async with services.store.begin() as tx:
        new = await accounts.add(tx, realm="main", password=hashed, nickname="", locale="en", created_at=now, created_ip="")
        for address in (name, mail):
            assert await accounts.add_identifier(tx, account_id=new, realm="main", address=address, proved_at=now)
    return new


async def code(town: Town, to: str) -> str:
    return next(word for word in (await town.mails(to))[-1]["text"].split() if word.isdigit() and len(word) == 6)


async def test_a_stored_address_that_a_stricter_rule_would_no_longer_take_still_resets_its_password(town: Town) -> None:
    services, name = town.house.services, rules.account_name("ada.x")
    with pytest.raises(BadInput):
        rules.email(FORMER.value)
    await born(services, name, FORMER)
    await recover.ask_code(services, HERE, name)
    await recover.by_code(services, HERE, name, await code(town, FORMER.value), NEW)
    assert isinstance(await login.for_cookie(services, HERE, login.Try(name, NEW)), IssuedSession)


async def test_a_code_is_spent_by_the_reset_and_not_by_a_password_that_is_refused(town: Town) -> None:
    services, name, mail = town.house.services, rules.account_name("ada.x"), rules.email("ada@example.com")
    await born(services, name, mail)
    await recover.ask_code(services, HERE, mail)
    sent = await code(town, mail.value)
    with pytest.raises(WeakPassword):
        await recover.by_code(services, HERE, mail, sent, "password1")
    await recover.by_code(services, HERE, mail, sent, NEW)
    with pytest.raises(BadCode):
        await recover.by_code(services, HERE, mail, sent, OLD)

import pytest

from fakes import FakeChance
from lingpai.core.model import Account
from lingpai.guard.crypto import SecretBox
from lingpai.guard.sessions.device_cookie import DeviceCookies, mark


def account(number: int, changed_at: int | None = None) -> Account:
    return Account(number, "main", None, "", "en", 0, "", None, changed_at)


SEVEN, NINE = account(7), account(9)


@pytest.fixture
def devices(chance: FakeChance) -> DeviceCookies:
    return DeviceCookies(SecretBox(b"s" * 32, chance), chance)


def test_a_browser_is_known_to_the_account_it_logged_into(devices: DeviceCookies) -> None:
    device, accounts = devices.read(devices.write("", (), SEVEN))
    assert len(device) >= 16
    assert accounts == {mark(SEVEN)}


def test_a_device_keeps_its_id_and_its_other_accounts(devices: DeviceCookies) -> None:
    device, accounts = devices.read(devices.write("", (), SEVEN))
    assert devices.read(devices.write(device, accounts, NINE)) == (device, {mark(SEVEN), mark(NINE)})


def test_two_devices_have_two_ids(devices: DeviceCookies) -> None:
    assert devices.read(devices.write("", (), SEVEN))[0] != devices.read(devices.write("", (), SEVEN))[0]


def test_a_cookie_remembers_five_accounts_and_the_newest_login_always(devices: DeviceCookies) -> None:
    device, accounts = "", frozenset[str]()
    for number in (11, 12, 13, 14, 15, 16, 1):
        device, accounts = devices.read(devices.write(device, accounts, account(number)))
    assert accounts == {mark(account(number)) for number in (1, 13, 14, 15, 16)}


def test_a_changed_password_makes_every_browser_from_before_a_stranger(devices: DeviceCookies) -> None:
    device, accounts = devices.read(devices.write("", (), SEVEN))
    assert mark(account(7, changed_at=1)) not in accounts
    assert devices.read(devices.write(device, accounts, account(7, changed_at=1)))[1] == {mark(account(7, changed_at=1))}


@pytest.mark.parametrize("cookie", [None, "", ".", "..", "device.7", "device.7.", ".7.signature", "a" * 5_000, "\ud800.7.\ud800"])
def test_what_is_no_cookie_of_ours_knows_nobody(devices: DeviceCookies, cookie: str | None) -> None:
    assert devices.read(cookie) == ("", frozenset())


def test_a_changed_cookie_knows_nobody(devices: DeviceCookies) -> None:
    device, accounts, signature = devices.write("", (), SEVEN).split(".")
    assert devices.read(f"{device}.8.{signature}") == ("", frozenset())
    assert devices.read(f"x{device}.{accounts}.{signature}") == ("", frozenset())
    assert devices.read(f"{device}.{accounts}.{signature[:-1]}") == ("", frozenset())
    assert devices.read(f"{device}.{accounts}.{signature}x") == ("", frozenset())


def test_a_cookie_signed_with_another_secret_knows_nobody(devices: DeviceCookies, chance: FakeChance) -> None:
    assert DeviceCookies(SecretBox(b"t" * 32, chance), chance).read(devices.write("", (), SEVEN)) == ("", frozenset())


def test_the_longest_cookie_is_read(devices: DeviceCookies) -> None:
    accounts = [account(2**63 - 1 - number, 2**63 - 1) for number in range(5)]
    marks = {mark(one) for one in accounts}
    assert devices.read(devices.write("", marks, accounts[0]))[1] == marks

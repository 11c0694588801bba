import pytest

from fakes import FakeChance
from lingpai.guard.devices import Devices
from lingpai.guard.seals import Seals


@pytest.fixture
def devices(chance: FakeChance) -> Devices:
    return Devices(Seals(b"s" * 32, chance), chance)


def test_a_browser_is_known_to_the_account_it_logged_into(devices: Devices) -> None:
    device, accounts = devices.read(devices.write("", (), 7))
    assert len(device) >= 16
    assert accounts == {7}


def test_a_device_keeps_its_id_and_its_other_accounts(devices: Devices) -> None:
    device, accounts = devices.read(devices.write("", (), 7))
    assert devices.read(devices.write(device, accounts, 9)) == (device, {7, 9})


def test_two_devices_have_two_ids(devices: Devices) -> None:
    assert devices.read(devices.write("", (), 7))[0] != devices.read(devices.write("", (), 7))[0]


def test_a_cookie_remembers_five_accounts_and_the_newest_login_always(devices: Devices) -> None:
    device, accounts = "", frozenset[int]()
    for account in (11, 12, 13, 14, 15, 16, 1):
        device, accounts = devices.read(devices.write(device, accounts, account))
    assert accounts == {1, 13, 14, 15, 16}


@pytest.mark.parametrize("cookie", [None, "", ".", "..", "device.7", "device.7.", ".7.signature", "a" * 5_000, "\ud800.7.\ud800"])
def test_what_is_no_cookie_of_ours_knows_nobody(devices: Devices, cookie: str | None) -> None:
    assert devices.read(cookie) == ("", frozenset())


def test_a_changed_cookie_knows_nobody(devices: Devices) -> None:
    device, accounts, signature = devices.write("", (), 7).split(".")
    assert devices.read(f"{device}.8.{signature}") == ("", frozenset())
    assert devices.read(f"x{device}.{accounts}.{signature}") == ("", frozenset())
    assert devices.read(f"{device}.{accounts}.{signature[:-1]}") == ("", frozenset())
    assert devices.read(f"{device}.{accounts}.{signature}x") == ("", frozenset())


def test_a_cookie_signed_with_another_secret_knows_nobody(devices: Devices, chance: FakeChance) -> None:
    assert Devices(Seals(b"t" * 32, chance), chance).read(devices.write("", (), 7)) == ("", frozenset())


def test_the_longest_cookie_is_read(devices: Devices) -> None:
    accounts = {2**63 - 1 - number for number in range(5)}
    assert devices.read(devices.write("", accounts, max(accounts)))[1] == accounts

"""Fixtures for pytest: `pytest_plugins = ["lingpai_testing.fixtures"]`. Each test gets emulators of its own, started and stopped for it."""

from collections.abc import Iterator

import pytest

from lingpai_testing.qq import QQ
from lingpai_testing.wechat import Wechat
from lingpai_testing.weibo import Weibo


@pytest.fixture
def qq() -> Iterator[QQ]:
    """QQ with one app and nobody in it."""
    with QQ() as emulator:
        yield emulator


@pytest.fixture
def weibo() -> Iterator[Weibo]:
    """Weibo with one app and nobody in it."""
    with Weibo() as emulator:
        yield emulator


@pytest.fixture
def wechat() -> Iterator[Wechat]:
    """WeChat with one app and nobody in it."""
    with Wechat() as emulator:
        yield emulator

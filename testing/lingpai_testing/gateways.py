"""Fixtures for pytest: the gateways of text messages, one for each test that asks.

`pytest_plugins = ["lingpai_testing.gateways"]`, in the topmost conftest.py.
"""

from collections.abc import Iterator

import pytest

from lingpai_testing.aliyun import Aliyun
from lingpai_testing.tencent import Tencent
from lingpai_testing.webhook import Webhook


@pytest.fixture
def aliyun() -> Iterator[Aliyun]:
    """Aliyun SMS on loopback."""
    with Aliyun() as gateway:
        yield gateway


@pytest.fixture
def tencent() -> Iterator[Tencent]:
    """Tencent Cloud SMS on loopback."""
    with Tencent() as gateway:
        yield gateway


@pytest.fixture
def sms_webhook() -> Iterator[Webhook]:
    """The receiver of the webhook on loopback."""
    with Webhook() as receiver:
        yield receiver

"""What may only read cannot send, whatever is asked of it."""

from __future__ import annotations

from contextlib import suppress
from typing import get_type_hints

import anyio
import pytest

from engine.broker.calls import SENDING, InProcess, ReadingCalls
from engine.broker.gateway import Gateway, ReadingGateway
from engine.broker.mt5 import Mt5Gateway
from engine.config import Account
from journal.errors import BrokerError
from journal.events import ChangeIntended, OrderIntended
from tests.engine.broker.double import Module
from tests.given import LOGIN, SERVER, a
from tools.cli.brokers import Sight


def test_sending_is_refused_before_it_reaches_the_module_and_reading_is_not() -> None:
    module = Module()
    calls = ReadingCalls(InProcess(module))

    async def ask() -> None:
        await calls.call("positions_get")
        await calls.call("order_send", {"action": 1})

    with pytest.raises(BrokerError, match="nothing may be sent"):
        anyio.run(ask)
    assert [call[0] for call in module.calls] == ["positions_get"]


def test_a_whole_adapter_over_reading_calls_sends_nothing() -> None:
    module = Module()
    account = Account(login=LOGIN, server=SERVER)

    async def ask() -> None:
        gateway = Mt5Gateway(ReadingCalls(InProcess(module)), account)
        with suppress(BrokerError):
            assert (await gateway.submit(a(OrderIntended))).retcode == 0
        with suppress(BrokerError):
            assert (await gateway.change(a(ChangeIntended))).retcode == 0

    anyio.run(ask)
    assert [call for call in module.calls if call[0] in SENDING] == []


def test_the_type_that_reconciling_is_given_has_nothing_to_send_with() -> None:
    assert get_type_hints(Sight)["gateway"] is ReadingGateway
    assert {"submit", "change"} <= {*dir(Gateway)} - {*dir(ReadingGateway)}

"""Small markets and terminals for the tests of the simulated terminal."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from tests.engine.terminal.worlds import bars, connected


@pytest.fixture
def flat() -> Iterator[tuple[Terminal, ModuleType]]:
    """A hedging account and a market that does not move: bid 1.10000, ask 1.10010."""
    terminal = Terminal(
        load_profile("ecn-hedging"), BarMarket({"EURUSD": bars([1.1] * 20)}, start=5)
    )
    yield terminal, connected(terminal)
    terminal.close()

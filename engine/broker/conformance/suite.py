"""The whole suite: every case of every module, in the order of its number."""

from __future__ import annotations

from engine.broker.conformance import reading, refusals, trading, unconnected
from engine.broker.conformance.cases import REGISTERED, Case

MODULES = (unconnected, reading, trading, refusals)
"""The cases of each register themselves when it is imported."""

CASES: tuple[Case, ...] = tuple(REGISTERED)

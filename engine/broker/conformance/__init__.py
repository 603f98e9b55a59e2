"""One suite of numbered cases for everything that calls itself a MetaTrader 5: the simulated
terminal, in process and behind the worker; the real module; a demo account.

    1xx  without a connection      2xx  reading      3xx  trading      4xx  refusals

It sends orders from 301 on, of the smallest volume, and only to a demo account. What was answered
is kept, as golden vectors.
"""

from __future__ import annotations

from engine.broker.conformance.cases import Case, Part
from engine.broker.conformance.runner import Outcome, run_suite
from engine.broker.conformance.session import Session
from engine.broker.conformance.suite import CASES

__all__ = ["CASES", "Case", "Outcome", "Part", "Session", "run_suite"]

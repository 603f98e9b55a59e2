"""A second engine with our magics must not go unnoticed: a deal that opened something with a magic
of ours, and that no intent explains, halts. Pure.

Nothing of ours may be taken for a stranger's. Brokers cut and rewrite comments, so a deal of ours
is known by its order's ticket as well; while anything of its symbol is in doubt, that ticket may
not be known yet, and the deal waits until it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.execution.closing import unknown
from engine.execution.differences import Discrepancy, Name
from engine.execution.intents import Draft
from journal.events import TradingHalted
from projections.state import State
from projections.unexplained import Trace

RULE = "stranger with our magic"
"""The rule that such a halt bears."""


def strangers(state: State) -> Iterable[Draft]:
    """Name every deal that is a stranger's beyond doubt, each once, and halt. What it does while
    trading is halted for it already is named, too, and needs no halt of its own."""
    return _named(state) if state.unexplained.deals else ()


def _named(state: State) -> Iterator[Draft]:
    waiting = state.unexplained.deals.values()
    ripe = [one for one in waiting if unknown(state, one.symbol) is None]
    for one in ripe:
        name = Name.UNEXPLAINED_DEAL
        yield Discrepancy(name, str(one.deal), "no intent", _words(one)).found, ""
    if ripe and state.run.halt_rule != RULE:
        yield TradingHalted(RULE, _reason(ripe)), ""


def _reason(ripe: list[Trace]) -> str:
    more = f" and {len(ripe) - 1} more" if len(ripe) > 1 else ""
    return (
        f"deal {ripe[0].deal}{more} ({_words(ripe[0])}): no intent of this journal explains it, so "
        "another engine trades with our magics, or did with a newer copy of this journal; find and "
        "stop it. `daybook duplicates` lists such deals, `daybook resume` goes on"
    )


def _words(one: Trace) -> str:
    return f"{one.side} {one.volume:g} {one.symbol} at {one.price:g}, magic {one.magic}"

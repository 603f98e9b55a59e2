"""The least that reconciling can do: find which tickets are missing, in plain dictionaries."""

from __future__ import annotations

from time import perf_counter, perf_counter_ns

from tools.bench.probes import percentile
from tools.bench.reconcile import HELD, LONG, ORDERS_OF, SHORT, history, orders, position
from tools.bench.rows import Round, Sample, Setting

LOOKED_AT = 121


def whole(setting: Setting) -> Round:
    """Keep all deals and orders of which nothing is known, then compare again."""
    deals, seen = history(setting.size), orders(setting.size // ORDERS_OF)

    def run() -> Sample:
        begun = perf_counter()
        known: dict[int, object] = {}
        for _ in range(2):
            listed = {deal.ticket: deal for deal in deals}
            missing = listed.keys() - known.keys()
            known.update((ticket, listed[ticket]) for ticket in sorted(missing))
            assert len({order.ticket for order in seen}) == len(seen)
        return {"seconds": perf_counter() - begun}

    return run


def nothing_new(setting: Setting) -> Round:
    """Look up the newest deals' tickets and compare the positions."""
    known = {}
    for name, size in (("short", SHORT), ("long", min(LONG, setting.size * 1000))):
        deals = history(size)
        held = {deal.order: position(deal) for deal in deals[-HELD:]}
        known[name] = {deal.ticket for deal in deals}, deals[-LOOKED_AT:], held

    def run() -> Sample:
        sample: Sample = {}
        for name, (tickets, newest, held) in known.items():
            times = []
            for _ in range(setting.size):
                begun = perf_counter_ns()
                assert not {deal.ticket for deal in newest} - tickets
                assert {order: held[order].volume for order in held}.keys() == held.keys()
                times.append(perf_counter_ns() - begun)
            sample[f"{name}_p50"] = percentile(times, 50) / 1e6
        return sample

    return run

"""What is held and what it costs, as `daybook status` shows it: positions, how each is protected,
and the sums of each strategy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from engine.execution.protection.outlook import Outlook
from projections.positions import Position
from projections.state import State
from tools.cli import screen
from tools.cli.screen import number


def print_positions(positions: Sequence[Position], outlooks: Sequence[Outlook]) -> None:
    """Print the open positions and how each is protected."""
    if not positions:
        screen.facts([("positions", "none open")])
        return
    screen.facts([("positions", f"{number(len(positions))} open")])
    screen.table(
        [("position", "left"), ("symbol", "left"), ("side", "left"), ("lots", "right"),
         ("price", "right"), ("stop", "right"), ("target", "right"), ("order key", "left")],
        [
            (
                str(one.identifier),
                one.symbol,
                "buy" if one.side > 0 else "sell",
                f"{one.volume:g}",
                screen.price(one.price),
                screen.price(one.sl),
                screen.price(one.tp),
                one.key or "not ours",
            )
            for one in positions
        ],
    )  # fmt: skip
    guarded = [one for one in outlooks if one.strategy]
    if not guarded:
        return
    screen.line()
    screen.facts([("protection", "stops and targets are at the broker, the rest is the engine's")])
    screen.table(
        [("position", "left"), ("strategy", "left"), ("first stop", "right"), ("best", "right"),
         ("trails", "left"), ("break-even", "left"), ("targets", "left"), ("time stop", "left")],
        [_protection(one) for one in guarded],
    )  # fmt: skip


def _protection(one: Outlook) -> tuple[str, ...]:
    trails = [*one.trails, *(f"{kind} (waits)" for kind in one.waiting)]
    targets = [f"{at_r:g} R{' reached' if reached else ''}" for at_r, reached in one.targets]
    return (
        str(one.position),
        one.strategy,
        screen.price(one.first_stop),
        f"{one.gained_r:g} R" if one.first_stop else "-",
        ", ".join(trails) or "-",
        one.break_even or "-",
        ", ".join(targets) or "-",
        _server_time(one.time_stop_msc) if one.time_stop_msc else "-",
    )


def _server_time(msc: int) -> str:
    """Of the broker's wall clock, which MT5 writes as if it were UTC."""
    return datetime.fromtimestamp(msc / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def print_costs(state: State) -> None:
    """Print what each strategy's positions brought and cost."""
    if not state.costs.strategies:
        return
    screen.table(
        [("strategy", "left"), ("magic", "right"), ("positions", "right"), ("profit", "right"),
         ("commission", "right"), ("swap", "right"), ("fee", "right"), ("net", "right")],
        [
            (
                one.name or "not ours",
                str(magic),
                number(one.positions),
                *(f"{amount:,.2f}" for amount in (
                    one.sums.profit, one.sums.commission, one.sums.swap, one.sums.fee,
                    one.sums.net,
                )),
            )
            for magic, one in state.costs.strategies.items()
        ],
    )  # fmt: skip


def costs_value(state: State) -> list[dict[str, object]]:
    """Return the same for programs."""
    return [
        {
            "strategy": one.name,
            "magic": magic,
            "positions": one.positions,
            "closed": one.closed,
            "profit": one.sums.profit,
            "commission": one.sums.commission,
            "swap": one.sums.swap,
            "fee": one.sums.fee,
            "net": one.sums.net,
        }
        for magic, one in state.costs.strategies.items()
    ]

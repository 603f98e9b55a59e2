"""Say what a journal says, and whether an engine runs on it. It changes nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine import memory
from engine.execution.commands import outstanding
from engine.execution.protection.outlook import outlooks
from engine.execution.settling import blocked
from engine.ops.caller import NoAnswer, ask
from engine.ops.commands import ReportStatus, Standing
from engine.ops.switch import NAME as HALT_FILE
from engine.ops.switch import Switch, Thrown
from journal import layout
from journal.lock import holder
from projections.account import net_profit
from projections.state import State, digest
from tools.cli import holdings, screen
from tools.cli.errors import FINE
from tools.cli.places import existing
from tools.cli.screen import Fact, moment, money, number, percent, plural, quoted

ENGINE_S = 3.0
"""Seconds that an engine has to say how it stands."""


def status(directory: Path, *, as_json: bool) -> int:
    """Print what the journal's projections say."""
    kernel = memory.recall(existing(directory))
    for event in memory.later(directory, kernel):
        kernel.evolve(event)
    state, last = kernel.state, kernel.state.ts
    found, guarded = _look(directory), outlooks(state, kernel.memory.guards)
    if as_json:
        value = _status_value(directory, state, last)
        screen.json_text({**value, "protection": guarded, **found.value()})
        return FINE
    screen.title(str(directory), "from the journal")
    asked = [*_asked(state), *_wanted_gone(state), *_blocked(directory, state)]
    screen.facts([*_run_facts(state, last), *found.facts(), *asked])
    screen.line()
    screen.facts(_money_facts(state))
    screen.line()
    holdings.print_costs(state)
    screen.line()
    holdings.print_positions(list(state.positions.open.values()), guarded)
    _print_orders(state)
    return FINE


class _Found(msgspec.Struct, frozen=True):
    """What lies beside the journal: an engine that answers or does not, and the halt file.

    holder  process that is named in the journal's lock, 0 for none; it may be dead
    silent  why a running engine did not answer
    """

    standing: Standing | None
    thrown: Thrown | None
    holder: int
    silent: str = ""

    def facts(self) -> list[Fact]:
        """Return it as lines."""
        rows = [self._engine()]
        if self.thrown is not None:
            rows.append((HALT_FILE, "is there: nothing is sent", _said(self.thrown)))
        return rows

    def value(self) -> dict[str, object]:
        """Return it for programs."""
        running = self.standing is not None or bool(self.silent)
        engine = {"running": running, "standing": self.standing, "silent": self.silent}
        return {"engine": engine, "halt_file": self.thrown}

    def _engine(self) -> Fact:
        at = self.standing
        if at is not None:
            how = "connected" if at.connected else "not connected to its terminal"
            return "engine", f"running, {how}", f"process {at.pid}, at event {number(at.seq)}"
        if self.silent:
            return "engine", "does not answer", self.silent
        if self.holder:
            remark = f"process {self.holder} was killed, or is about to begin"
            return "engine", "not running", remark
        return "engine", "not running"


def _look(directory: Path) -> _Found:
    switch, silent, answer = Switch(directory), "", None
    try:
        answer = ask(directory, ReportStatus(by=""), answer_s=ENGINE_S)
    except NoAnswer as error:
        silent = str(error)
    named = holder(directory / layout.LOCK)
    return _Found(
        answer.standing if answer is not None else None,
        switch.read() if switch.thrown() else None,
        named.pid if named is not None else 0,
        silent,
    )


def _said(thrown: Thrown) -> str:
    return f"{thrown.by}: {thrown.reason}"


def _run_facts(state: State, last: int) -> list[Fact]:
    run = state.run
    if not run.id:
        return [("run", "none has started yet")]
    ended = run.ended or "not ended: it goes on, or was killed"
    return [
        ("run", run.id, ended),
        ("mode", run.mode, f"run number {run.number} of this journal"),
        ("trading", *_halted(run.halt_rule, run.halt_reason)),
        *_compared(state),
        ("events", number(state.seq), f"the last of {moment(last)}"),
    ]


def _asked(state: State) -> list[Fact]:
    """Say what an operator asked for last that is no halt and no wish."""
    rows: list[Fact] = []
    stop, compare = state.commands.stop, state.commands.reconcile
    if stop is not None and not state.run.ended:
        rows.append(("stop", f"asked for by {stop.by}", stop.reason))
    if compare is not None:
        rows.append(("reconcile", f"asked for by {compare.by}", f"at {moment(compare.ts)}"))
    return rows


def _blocked(directory: Path, state: State) -> list[Fact]:
    """Say for which symbols nothing is sent, halted or not, and what ends it."""
    command = f"daybook resolve {quoted(directory)}"
    return [
        ("blocked", f"{one.symbol}, since {moment(one.since)}", f"`{command} {one.key}` ends it")
        for one in blocked(state)
    ]


def _wanted_gone(state: State) -> list[Fact]:
    """Say what is left of what an operator wanted closed or cancelled."""
    held, pending = outstanding(state)
    if not held and not pending:
        return []
    left = [plural(len(held), "position")] if held else []
    left += [plural(len(pending), "pending order")] if pending else []
    return [("wanted gone", " and ".join(left), "asked of the broker until nothing is left")]


def _money_facts(state: State) -> list[Fact]:
    run, account, performance = state.run, state.account, state.performance
    if not run.login:
        return [("account", "none has been connected to yet")]
    currency = account.currency
    costs = account.commission + account.swap + account.fee
    won = percent(100 * performance.wins / performance.trades) if performance.trades else ""
    return [
        ("account", f"{run.login} on {run.server}", f"leverage 1:{account.leverage}"),
        ("balance", money(account.balance, currency), _deposits(account.deposits, currency)),
        ("equity", money(performance.equity, currency), "as of the last bar or deal"),
        ("net profit", money(net_profit(account), currency), f"costs {money(costs, currency)}"),
        (
            "drawdown",
            money(performance.drawdown, currency),
            f"{percent(performance.drawdown_percent)} of peak {money(performance.peak, currency)}",
        ),
        ("trades", number(performance.trades), f"{won} won" if won else ""),
        (
            "orders",
            number(state.orders.intended),
            f"{number(state.orders.filled)} filled, {number(state.orders.refused)} refused",
        ),
        ("vetoed", number(state.orders.vetoed), "proposals that risk refused"),
    ]


def _compared(state: State) -> list[Fact]:
    """Say when the journal was last held against the broker, and what has differed since."""
    seen = state.reconciliation
    if not seen.compared:
        return []
    if seen.standing:
        first = seen.standing[0]
        text = f"{plural(len(seen.standing), 'difference')} to the broker"
        return [("compared", text, f"first: {first.name} {first.subject}")]
    remark = f"at {moment(seen.compared)}"
    if state.run.halt_rule == "discrepancy":
        remark += ": what halted is explained by now, and `daybook resume` lets trading go on"
    return [("compared", "no difference to the broker", remark)]


def _halted(rule: str, reason: str) -> tuple[str, str]:
    return ("halted", f"{rule}: {reason}") if rule else ("not halted", "")


def _deposits(amount: float, currency: str) -> str:
    return f"deposits {money(amount, currency)}"


def _print_orders(state: State) -> None:
    orders = list(state.orders.open.values())
    if not orders:
        screen.facts([("open orders", "none")])
        return
    screen.facts([("open orders", number(len(orders)))])
    screen.table(
        [
            ("order key", "left"),
            ("status", "left"),
            ("symbol", "left"),
            ("side", "left"),
            ("lots", "right"),
            ("ticket", "left"),
            ("note", "left"),
        ],
        [
            (
                one.key,
                one.status,
                one.symbol,
                one.side,
                f"{one.volume:g}",
                str(one.ticket or "-"),
                one.note,
            )
            for one in orders
        ],
    )


def _status_value(directory: Path, state: State, last: int) -> dict[str, object]:
    performance = state.performance
    orders = state.orders
    held, pending = outstanding(state)
    return {
        "journal": str(directory),
        "events": state.seq,
        "last_event_ns": last,
        "run": state.run,
        "account": state.account,
        "reconciliation": state.reconciliation,
        "performance": {
            "equity": performance.equity,
            "peak": performance.peak,
            "drawdown": performance.drawdown,
            "drawdown_percent": performance.drawdown_percent,
            "net_profit": net_profit(state.account),
            "trades": performance.trades,
            "wins": performance.wins,
        },
        "positions": list(state.positions.open.values()),
        "costs": holdings.costs_value(state),
        "orders": {
            "open": list(orders.open.values()),
            "proposed": orders.proposed,
            "vetoed": orders.vetoed,
            "intended": orders.intended,
            "accepted": orders.accepted,
            "refused": orders.refused,
            "filled": orders.filled,
        },
        "wanted_gone": {
            "positions": [position.identifier for position in held],
            "orders": [order.key for order in pending],
        },
        "blocked": blocked(state),
        "asked": {"stop": state.commands.stop, "reconcile": state.commands.reconcile},
        "digest": digest(state),
    }

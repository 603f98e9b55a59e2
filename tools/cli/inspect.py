"""Look at a journal and change nothing: what it says (`status`), whether it is whole (`verify`)."""

from __future__ import annotations

import time
from pathlib import Path

from engine import memory
from journal.errors import UsageError
from journal.verify import Report
from journal.verify import verify as verify_journal
from projections.performance import net_profit
from projections.state import State, digest
from tools.cli import screen
from tools.cli.errors import FINE, PROBLEM
from tools.cli.places import existing
from tools.cli.screen import Fact, duration, moment, money, number, percent, plural


def status(directory: Path, *, as_json: bool) -> int:
    """Print what the journal's projections say."""
    kernel = memory.recall(existing(directory))
    for event in memory.later(directory, kernel):
        kernel.evolve(event)
    state, last = kernel.state, kernel.state.ts
    if as_json:
        screen.json_text(_status_value(directory, state, last))
        return FINE
    screen.title(str(directory), "from the journal alone")
    screen.facts(_run_facts(state, last))
    screen.line()
    screen.facts(_money_facts(state))
    screen.line()
    _print_positions(state)
    _print_orders(state)
    return FINE


def verify(directory: Path, *, expect: str, as_json: bool) -> int:
    """Print what is wrong with the journal, if anything; PROBLEM when it is corrupt."""
    wanted = _parse_expected(expect) if expect else None
    begun = time.perf_counter()
    report = verify_journal(existing(directory), expect=wanted)
    seconds = time.perf_counter() - begun
    code = FINE if report.ok else PROBLEM
    if as_json:
        screen.json_text({"journal": str(directory), "ok": report.ok, "report": report})
        return code
    screen.title(str(directory), "chain, order, gaps, decodability")
    screen.result("chain", ok=report.ok, text=chain_text(report), remark=duration(seconds))
    screen.facts([("head", f"{report.last_seq}:{report.head}", "for --expect")])
    if report.findings:
        screen.line()
        screen.table(
            [("severity", "left"), ("where", "left"), ("what", "left"), ("to do", "left")],
            [
                (one.severity, _where(one.file, one.offset, one.seq), one.what, one.advice)
                for one in report.findings
            ],
        )
    return code


def chain_text(report: Report) -> str:
    """Sum up a report in a few words."""
    found = plural(len(report.findings), "finding") if report.findings else "nothing found"
    return f"{plural(report.events, 'event')} in {plural(report.files, 'file')}, {found}"


def _parse_expected(text: str) -> tuple[int, str]:
    seq, _, head = text.partition(":")
    if not (seq.isdecimal() and int(seq) > 0 and len(head) == 32 and head.isalnum()):
        raise UsageError(
            f"--expect is {text!r}; expected SEQ:HASH as `daybook verify` prints it, "
            "a sequence and 32 hexadecimal digits"
        )
    return int(seq), head.lower()


def _where(file: str, offset: int, seq: int) -> str:
    place = f"{file}+{offset}" if offset >= 0 else file
    return " ".join(part for part in (place, f"seq {seq}" if seq else "") if part)


def _run_facts(state: State, last: int) -> list[Fact]:
    run = state.run
    if not run.id:
        return [("run", "none has started yet")]
    ended = run.ended or "not ended: it goes on, or was killed"
    return [
        ("run", run.id, ended),
        ("mode", run.mode, f"run number {run.number} of this journal"),
        ("trading", *_halted(run.halt_rule, run.halt_reason)),
        ("events", number(state.seq), f"the last of {moment(last)}"),
    ]


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
        ("net profit", money(net_profit(performance), currency), f"costs {money(costs, currency)}"),
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


def _halted(rule: str, reason: str) -> tuple[str, str]:
    return ("halted", f"{rule}: {reason}") if rule else ("not halted", "")


def _deposits(amount: float, currency: str) -> str:
    return f"deposits {money(amount, currency)}"


def _print_positions(state: State) -> None:
    positions = list(state.positions.open.values())
    if not positions:
        screen.facts([("positions", "none open")])
        return
    screen.facts([("positions", f"{number(len(positions))} open")])
    screen.table(
        [
            ("position", "left"),
            ("symbol", "left"),
            ("side", "left"),
            ("lots", "right"),
            ("price", "right"),
            ("stop", "right"),
            ("target", "right"),
            ("order key", "left"),
        ],
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
    )


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
    return {
        "journal": str(directory),
        "events": state.seq,
        "last_event_ns": last,
        "run": state.run,
        "account": state.account,
        "performance": {
            "equity": performance.equity,
            "peak": performance.peak,
            "drawdown": performance.drawdown,
            "drawdown_percent": performance.drawdown_percent,
            "net_profit": net_profit(performance),
            "trades": performance.trades,
            "wins": performance.wins,
        },
        "positions": list(state.positions.open.values()),
        "orders": {
            "open": list(orders.open.values()),
            "proposed": orders.proposed,
            "vetoed": orders.vetoed,
            "intended": orders.intended,
            "accepted": orders.accepted,
            "refused": orders.refused,
            "filled": orders.filled,
        },
        "digest": digest(state),
    }

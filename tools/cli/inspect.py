"""Look at a journal and change nothing: what it says (`status`), whether it is whole (`verify`)."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from engine import memory
from journal import layout
from journal.errors import UsageError
from journal.verify import Finding, Report
from journal.verify import verify as verify_journal
from projections.performance import net_profit
from projections.state import State, digest
from replay.snapshots import Comparison, compare
from tools.cli import screen
from tools.cli.errors import FINE, PROBLEM
from tools.cli.evidence import check_head, check_proof
from tools.cli.places import existing
from tools.cli.screen import Fact, duration, moment, money, number, percent, plural, quoted

_IGNORED = "Nothing to do: a start ignores it."


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


class Wanted(msgspec.Struct, frozen=True):
    """What a verification is to look at beside the chain, as it was typed."""

    expect: str = ""
    head: Path | None = None
    signer: str = ""
    deep: bool = False
    snapshots: bool = False
    proof: Path | None = None


class _Check(msgspec.Struct, frozen=True):
    """How one check went, in a few words, and what it found."""

    label: str
    text: str
    findings: list[Finding]
    remark: str = ""
    done: bool = True

    @property
    def ok(self) -> bool:
        return self.done and all(finding.severity != "corrupt" for finding in self.findings)


def verify(directory: Path, wanted: Wanted, *, as_json: bool) -> int:
    """Print what is wrong with the journal, if anything; PROBLEM when it is corrupt."""
    checks: list[_Check] = []
    expected = _expected(wanted, checks)
    existing(directory)
    begun = time.perf_counter()
    report = verify_journal(directory, deep=wanted.deep, expect=expected)
    took = duration(time.perf_counter() - begun)
    checks.insert(0, _Check("chain", chain_text(report), report.findings, took))
    if wanted.snapshots:
        checks.append(_snapshots(directory, chain_ok=report.ok))
    if wanted.proof is not None:
        checks.append(_Check("proof", *check_proof(directory, wanted.proof)))
    findings = [finding for check in checks for finding in check.findings]
    ok = all(check.ok for check in checks)
    if as_json:
        whole = msgspec.structs.replace(report, findings=findings)
        results = {check.label: {"ok": check.ok, "what": check.text} for check in checks}
        value = {"journal": str(directory), "ok": ok, "checks": results, "report": whole}
        screen.json_text(value)
    else:
        looked_at = "chain, order, gaps, decodability"
        screen.title(str(directory), f"{looked_at}, columns" if wanted.deep else looked_at)
        for check in checks:
            screen.result(check.label, ok=check.ok, text=check.text, remark=check.remark)
        screen.facts([("head", f"{report.last_seq}:{report.head}", "for --expect")])
        _print_findings(findings)
    return FINE if ok else PROBLEM


def chain_text(report: Report) -> str:
    """Sum up a report in a few words."""
    found = plural(len(report.findings), "finding") if report.findings else "nothing found"
    return f"{plural(report.events, 'event')} in {plural(report.files, 'file')}, {found}"


def _print_findings(findings: list[Finding]) -> None:
    if findings:
        screen.line()
        screen.table(
            [("severity", "left"), ("where", "left"), ("what", "left"), ("to do", "left")],
            [
                (one.severity, _where(one.file, one.offset, one.seq), one.what, one.advice)
                for one in findings
            ],
        )


def _expected(wanted: Wanted, checks: list[_Check]) -> tuple[int, str] | None:
    """Return the head that the journal must have had, and add the check of its signature."""
    if wanted.head is None:
        if wanted.signer:
            raise UsageError("--signed-by says who signed a head; give its file, too: --head FILE")
        return _parse_expected(wanted.expect) if wanted.expect else None
    if wanted.expect:
        raise UsageError("--expect and --head exclude each other; give one of them")
    expected, text, findings = check_head(wanted.head, wanted.signer)
    checks.append(_Check("expected", text, findings))
    return expected


def _snapshots(directory: Path, *, chain_ok: bool) -> _Check:
    if not chain_ok:
        return _Check("snapshots", "not compared: the chain is damaged", [], done=False)
    with screen.progress("replaying") as move:
        found = compare(directory, lambda done: move(done, 0, plural(done, "event")))
    agreeing = sum(one.verdict == "agrees" for one in found)
    findings = [_snapshot_finding(directory, one) for one in found if one.verdict != "agrees"]
    compared = agreeing + sum(one.verdict == "differs" for one in found)
    text = f"{agreeing} of {compared} as a replay gives" if compared else "none to compare"
    return _Check("snapshots", text, findings)


def _snapshot_finding(directory: Path, one: Comparison) -> Finding:
    wrong = one.verdict == "differs"
    advice = f"`daybook rebuild {quoted(directory)}` makes it anew." if wrong else _IGNORED
    if one.verdict == "trusted":
        advice = "Nothing to do: a full backup can show whether it is right."
    what = f"{one.verdict}: {one.detail}"
    file = f"{layout.SNAPSHOTS}/{one.file}"
    return Finding("corrupt" if wrong else "note", file, -1, one.seq, what, advice)


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

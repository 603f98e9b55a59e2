"""Look whether a journal is whole, and change nothing."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from journal import layout
from journal.errors import UsageError
from journal.verify import Finding, Report
from journal.verify import verify as verify_journal
from replay.snapshots import Comparison, compare
from tools.cli import screen
from tools.cli.errors import FINE, PROBLEM
from tools.cli.evidence import check_head, check_proof, parse_head
from tools.cli.places import existing
from tools.cli.screen import duration, plural, quoted

_IGNORED = "Nothing to do: a start ignores it."


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
        if report.last_seq:
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
        return parse_head(wanted.expect, "--expect") if wanted.expect else None
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


def _where(file: str, offset: int, seq: int) -> str:
    place = f"{file}+{offset}" if offset >= 0 else file
    return " ".join(part for part in (place, f"seq {seq}" if seq else "") if part)

"""The runbook is true: its commands, options, tests, plans and pages exist, and its rehearsals show
what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from engine.terminal.faults import load_faults
from journal import read
from journal.events import TerminalLost, TradingHalted
from tests.tools.cli.conftest import ROOT, Call, call  # noqa: F401 (a fixture)

RUNBOOK = ROOT / "tools" / "RUNBOOK.md"
TEXT = RUNBOOK.read_text(encoding="utf-8")

_PROSE = re.sub(r"^    .*$", "", TEXT, flags=re.MULTILINE)
_SPOKEN = re.findall(r"`((?:\(|DAYBOOK_)?[^`\n]*\bdaybook \w[^`\n]*)`", _PROSE)
_TYPED = re.findall(r"^    ((?:DAYBOOK_\S+ )*daybook .*)$", TEXT, re.MULTILINE)
_REHEARSED = {
    # plan: type of event and a pattern of what it says, or what is on the error stream
    "ambiguous": r"TradingHalted ambiguous order: \w+ may be one of \[50000010\]",
    "lists-lag": "TradingHalted discrepancy: 2 found; first: lost order 50000006",
    "unknown-code": "TradingHalted broker answer: unknown return code 19999",
    "disconnect": r"TerminalLost copy_rates_from_pos failed: No IPC connection \(-10004\)",
    "no-terminal": r"account_info failed: No IPC connection \(-10004\)",
}

TOPICS = (
    "unresolved order",
    "reconciliation failure",
    "mt5 disconnect",
    "duplicate-order guard",
    "disk full",
    "halted journal",
    "clock offset changed",
    "return code that nobody knows",
    "records with missing fields",
    "prices of zero",
    "truncates or rewrites every comment",
    "tickets reused",
    "deals out of order",
    "years old",
    "copied from another machine",
)


def _words(command: str) -> list[str]:
    """The words of a command behind `daybook`, up to a remark or another command."""
    said = command[command.index("daybook ") :]
    if command.startswith("("):
        said = said.removesuffix(")")
    return shlex.split(said.split("   ")[0])[1:]


COMMANDS = sorted({tuple(_words(command)) for command in (*_SPOKEN, *_TYPED)})


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_and_option_exists(words: tuple[str, ...], call: Call) -> None:  # noqa: F811 (the fixture)
    said = call(words[0], "--help")
    assert said.code == 0
    for word in words[1:]:
        if word.startswith("-"):
            assert re.search(rf"(^|[\s,]){re.escape(word)}\b", said.out), word


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[^`]+)`", TEXT))))
def test_every_named_test_exists(name: str) -> None:
    file, _, test = name.partition("::")
    source = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test}\(", source, re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_every_link_leads_somewhere(link: str) -> None:
    file, _, anchor = link.partition("#")
    target = (RUNBOOK.parent / file) if file else RUNBOOK
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
        assert anchor in anchors


@pytest.mark.parametrize("topic", TOPICS)
def test_every_kind_of_bad_luck_has_its_place(topic: str) -> None:
    assert topic in TEXT.lower()


def test_every_plan_that_is_named_can_be_loaded() -> None:
    named = set(re.findall(r"DAYBOOK_TERMINAL__FAULTS=(\S+)", TEXT))
    assert named == {*_REHEARSED, "bad-day"}
    for plan in named:
        load_faults(plan)


@pytest.mark.parametrize(("plan", "shown"), _REHEARSED.items(), ids=list(_REHEARSED))
def test_a_rehearsal_shows_what_the_runbook_says(
    plan: str,
    shown: str,
    call: Call,  # noqa: F811 (the fixture)
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = re.search(rf"DAYBOOK_TERMINAL__FAULTS={plan} (daybook demo [^`]*)`", TEXT)
    assert found, f"the runbook does not rehearse {plan}"
    monkeypatch.setenv("DAYBOOK_TERMINAL__FAULTS", plan)
    monkeypatch.chdir(tmp_path)
    words = _words(found[1])
    said = call(*words)
    kind, _, reason = shown.partition(" ")
    if kind not in ("TradingHalted", "TerminalLost"):
        assert said.code == 2
        assert re.search(shown, said.err)
        return
    journal = tmp_path / words[words.index("--journal") + 1]
    told = []
    for event in read(journal, types={kind}):
        assert isinstance(event.data, TradingHalted | TerminalLost)
        rule = event.data.rule if isinstance(event.data, TradingHalted) else ""
        told.append(f"{rule}: {event.data.reason}".removeprefix(": "))
    assert any(re.match(reason, line) for line in told), told
    assert said.code == (kind == "TradingHalted")

"""The same inputs give the same bytes in any process: whatever its hash seed, zone, locale and
folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec

from journal import codec
from projections.state import digest
from tests.session import decisions, play, real_bars

ROOT = Path(__file__).resolve().parents[2]
BARS = 4000


def run_elsewhere(folder: Path, **environment: str) -> bytes:
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.session", str(BARS)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COVERAGE_PROCESS_START": "", **environment},
        capture_output=True,
        check=True,
        timeout=120,
    )
    assert done.stderr == b""
    return done.stdout


def test_two_processes_decide_the_same_to_the_last_byte(tmp_path: Path) -> None:
    one = run_elsewhere(tmp_path / "one", PYTHONHASHSEED="0", TZ="Asia/Tokyo", LC_ALL="C", LANG="C")
    other = run_elsewhere(
        tmp_path / "zwölf",
        PYTHONHASHSEED="4242",
        TZ="America/St_Johns",
        LC_ALL="C.UTF-8",
        LANG="de_DE.UTF-8",
        PYTHONUTF8="1",
    )
    session = play(real_bars(BARS), kill_every=BARS // 2)
    here = [codec.encode(event) + b"}" for event in decisions(session.events)]
    assert one.splitlines() == [*here, digest(session.state).encode()]
    assert other.splitlines() == one.splitlines()


def test_what_is_compared_holds_every_kind_of_trading_decision() -> None:
    session = play(real_bars(BARS), kill_every=BARS // 2)
    kinds = Counter(event.type for event in session.events)
    for kind in (
        "OrderProposed",
        "OrderVetoed",
        "OrderIntended",
        "OrderAccepted",
        "OrderRefused",
        "OrderUnresolved",
        "DealRecorded",
    ):
        assert kinds[kind] >= 10, f"only {kinds[kind]} {kind}"
    assert session.state.performance.trades >= 50


def test_another_input_gives_another_digest() -> None:
    bars = real_bars(300)
    other = [*bars[:-1], msgspec.structs.replace(bars[-1], spread=bars[-1].spread + 1)]
    assert digest(play(bars).state) != digest(play(other).state)

"""The demo as a person runs it, killed by the operating system and started again."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from engine.feeds.bars import read_rates
from engine.settings import load
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from journal import read, verify
from journal.events import BarClosed, DealRecorded, JournalRecovered, OrderIntended, RunStarted
from replay.session import verify_session

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "configs" / "demo.yaml"
KILLS = 6


def _demo(journal: Path, bars: int) -> subprocess.Popen[bytes]:
    command = ["demo", "--bars", str(bars), "--journal", str(journal), "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "tools.cli", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _grows(process: subprocess.Popen[bytes], journal: Path, more: int) -> bool:
    """Wait until the process has written so many bytes; False when it ends before that."""
    goal = _size(journal) + more
    while _size(journal) < goal:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.01)
            return False
    return True


def _size(journal: Path) -> int:
    return sum(len(file.read_bytes().rstrip(b"\n")) for file in (journal / "tail").glob("*.jsonl"))


def _broker(journal: Path) -> Terminal:
    """The broker's book after the last process, opened by a terminal of our own."""
    config = load(CONFIG, environ={})
    assert config.terminal is not None
    files = {symbol: CONFIG.parent / name for symbol, name in config.terminal.bars.items()}
    rates = {symbol: read_rates(file) for symbol, file in files.items()}
    market = BarMarket(rates, model=config.terminal.model, start=config.terminal.history)
    book = journal.with_name(journal.name + ".broker")
    return Terminal(load_profile(config.terminal.profile), market, book=book, seed=config.seed)


def test_a_demo_killed_again_and_again_ends_with_the_brokers_own_books(tmp_path: Path) -> None:
    journal, rng, killed = tmp_path / "demo", random.Random(5), 0
    for _ in range(KILLS):
        process = _demo(journal, 20_000)
        # By what it has written, not by time: on a busy machine it would not even have begun.
        if _grows(process, journal, rng.randint(20_000, 1_500_000)):
            process.kill()
            killed += 1
        process.communicate()
    last = _demo(journal, 500)
    output, _ = last.communicate(timeout=120)
    assert last.returncode == 0, output.decode()
    assert killed, "no process was killed: the demo ends too soon for this test"

    events = [event.data for event in read(journal)]
    terminal = _broker(journal)
    mt5 = terminal.module()
    assert mt5.initialize()
    deals = mt5.history_deals_get(1, 2**31 - 1)
    terminal.close()
    recorded = [event.ticket for event in events if isinstance(event, DealRecorded)]
    assert sorted(recorded) == sorted(deal.ticket for deal in deals)
    keys = [deal.comment for deal in deals if deal.entry == 0 and deal.order]
    assert len(keys) == len(set(keys))
    assert set(keys) <= {event.key for event in events if isinstance(event, OrderIntended)}
    times = [event.time for event in events if isinstance(event, BarClosed)]
    assert times == sorted(set(times))
    assert sum(isinstance(event, RunStarted) for event in events) > 1
    torn = [finding for finding in verify(journal).findings if finding.severity != "note"]
    assert not torn
    assert len([event for event in events if isinstance(event, JournalRecovered)]) <= killed
    assert verify_session(journal).agrees

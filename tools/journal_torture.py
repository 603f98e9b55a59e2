"""Kill, starve and cheat the journal at every operation, and count what was tried.

`python -m tools.journal_torture [--seeds N]` is the long form of what the tests run in seconds.
Each case runs a small life of a journal on a simulated disk, lets one thing go wrong, starts again
and checks: acknowledged ⊆ recovered ⊆ written, what is recovered is a prefix, the journal goes on.
"""

from __future__ import annotations

import argparse
import errno
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from journal.envelope import AnyEvent, stamp
from journal.errors import JournalHalted
from journal.events import BarClosed, JournalRecovered
from journal.fs import Fs
from journal.reader import lines, read
from journal.seal import GRACE_NS, SealLimits, seal
from journal.simfs import Crash, Fault, Kind, SimFs
from journal.snapshot import Snapshot, save
from journal.verify import verify
from journal.visits import VISITS
from journal.writer import Limits, Writer

RUN = "torture"
DIRECTORY = Path("journal")
LIMITS = Limits(batch=4, file_events=8, room=2000)
"""Room so small that some writes fill what there is and others make more."""
DEATHS: tuple[Kind, ...] = ("die before", "die half-way", "die after")
ERRORS = (errno.EIO, errno.ENOSPC, errno.EINTR)
AGAIN = 7
"""Events that are appended after the last recovery, to show that the journal goes on."""


class Ledger:
    """What the writer was given and what it called durable."""

    def __init__(self) -> None:
        self.written: list[AnyEvent] = []
        self.acknowledged = 0


class Broken(AssertionError):
    """The journal broke a promise."""


Life = Callable[[Fs, Ledger], None]


def event(seq: int) -> AnyEvent:
    """Return the event of a sequence: what it says follows from that."""
    price = 1.1 + seq % 13 / 10_000
    bar = BarClosed("EURUSD", "M1", 60 * seq, price, price, price, price, seq, 2, 0)
    return stamp(bar, seq=seq, ts=seq, run=RUN)


def write(fs: Fs, ledger: Ledger, count: int, *, every: int = 3) -> None:
    """Open the journal, append events, commit every few, close."""
    writer = Writer.open(DIRECTORY, run=RUN, fs=fs, limits=LIMITS, clock=lambda: 0)
    del ledger.written[writer.next_seq - 1 :]
    try:
        for note in writer.recovered:
            _append(writer, ledger, note)
        for number in range(count):
            _append(writer, ledger, None)
            if number % every == 0:
                writer.commit()
                ledger.acknowledged = writer.durable_seq
        writer.close()
        ledger.acknowledged = writer.durable_seq
    except JournalHalted:
        ledger.acknowledged = max(ledger.acknowledged, writer.durable_seq)
        writer.close()
        raise


def life_of_a_writer(fs: Fs, ledger: Ledger) -> None:
    """Three runs, files filled, closed and begun."""
    for count in (5, 14, 3):
        write(fs, ledger, count)


def life_with_sealing(fs: Fs, ledger: Ledger) -> None:
    """Runs, sealings, a sweep and a snapshot."""
    write(fs, ledger, 9)
    limits = SealLimits(events=8)
    seal(DIRECTORY, fs=fs, limits=limits, now=lambda: 0)
    write(fs, ledger, 10)
    for _, _, h in lines(DIRECTORY, after=ledger.acknowledged - 1, fs=fs):
        save(DIRECTORY, Snapshot(ledger.acknowledged, h.decode(), "state", 1, b"s"), fs=fs)
    for now in (GRACE_NS, 2 * GRACE_NS):
        seal(DIRECTORY, fs=fs, limits=limits, now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
    write(fs, ledger, 2)


def one_case(life: Life, fault: Fault, *, seed: int, power_lost: bool, second: int = 0) -> bool:
    """Run a life with a fault, start again, check; return whether every fault was reached.

    second  the operation after the restart at which the process dies once more, 0 for none
    """
    fs, ledger = SimFs(seed=seed, fault=fault), Ledger()
    try:
        life(fs, ledger)
    except (Crash, JournalHalted, OSError):
        if not fs.fired:
            raise
    reached = fs.fired
    again = Fault(second, DEATHS[seed % 3]) if second else None
    fs.restart(power_lost=power_lost, fault=again)
    if second:
        with suppress(Crash):
            write(fs, ledger, AGAIN)
        reached = reached and fs.fired
        fs.restart(power_lost=power_lost)
    _check(fs, ledger)
    return reached


def deaths(life: Life, *, seeds: int) -> Iterator[str]:
    """Die before, half-way through and after every operation; kept cache and lost power."""
    for power_lost in (False, True):
        for seed in range(seeds if power_lost else 1):
            for kind in DEATHS:
                at = 1
                while one_case(life, Fault(at, kind), seed=seed, power_lost=power_lost):
                    yield f"{kind}, {'power lost' if power_lost else 'killed'}"
                    at += 1


def failures(life: Life) -> Iterator[str]:
    """Let the first, second, third … operation fail, or write short, until none is left."""
    for fault in [Fault(0, "fail", code) for code in ERRORS] + [Fault(0, "short")]:
        at = 1
        name = errno.errorcode[fault.errno] if fault.kind == "fail" else "short write"
        while one_case(life, Fault(at, fault.kind, fault.errno), seed=at, power_lost=at % 2 == 0):
            yield name
            at += 1


def deaths_in_recovery(life: Life, *, seeds: int) -> Iterator[str]:
    """Die, and die again at every operation of the restart."""
    for seed in range(seeds):
        for at in range(5, 120, 7):
            fault = Fault(at + seed % 7, DEATHS[(at + seed) % 3])
            for second in range(1, 12):
                if one_case(life, fault, seed=seed, power_lost=True, second=second):
                    yield "died twice"


def power_lost_after_a_kill(life: Life, *, seeds: int) -> Iterator[str]:
    """Kill at every operation, start again and acknowledge more, then take the power away.

    What the new process found in the cache and built upon must have become durable first.
    """
    for seed in range(seeds):
        for kind in DEATHS:
            at = 1
            while _killed_then_dark(life, Fault(at, kind), seed):
                yield "killed, the power lost later"
                at += 1


def _killed_then_dark(life: Life, fault: Fault, seed: int) -> bool:
    fs, ledger = SimFs(seed=seed, fault=fault), Ledger()
    try:
        life(fs, ledger)
    except Crash:
        fs.restart(power_lost=False)
        write(fs, ledger, AGAIN)
        fs.restart(power_lost=True)
        _check(fs, ledger)
        return True
    return False


def _append(writer: Writer, ledger: Ledger, note: JournalRecovered | None) -> None:
    seq = writer.next_seq
    added = stamp(note, seq=seq, ts=seq, run=RUN) if note else event(seq)
    ledger.written.append(added)
    writer.append(added)


def _check(fs: SimFs, ledger: Ledger) -> None:
    written, acknowledged = list(ledger.written), ledger.acknowledged
    with Writer.open(DIRECTORY, run=RUN, fs=fs, limits=LIMITS, clock=lambda: 0) as writer:
        recovered = list(read(DIRECTORY, fs=fs)) if writer.next_seq > 1 else []
    if len(recovered) < acknowledged:
        raise Broken(f"{acknowledged} events were acknowledged, {len(recovered)} recovered")
    if recovered != written[: len(recovered)]:
        raise Broken("what was recovered is not a prefix of what was written")
    write(fs, ledger, AGAIN)
    seal(DIRECTORY, fs=fs, limits=SealLimits(events=8), now=lambda: 0)
    report = verify(DIRECTORY, deep=True, fs=fs)
    if not report.ok or report.last_seq != len(ledger.written):
        raise Broken(f"afterwards verify says {report}")
    if list(read(DIRECTORY, fs=fs)) != ledger.written:
        raise Broken("afterwards the journal does not hold what was written")


def main(arguments: list[str]) -> int:
    """Run everything and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="power losses at each operation")
    seeds: int = parser.parse_args(arguments).seeds
    started, counts = time.monotonic(), Counter[str]()
    for name, life in (("writer", life_of_a_writer), ("sealing", life_with_sealing)):
        for case in deaths(life, seeds=seeds):
            counts[f"{name}: {case}"] += 1
        for case in failures(life):
            counts[f"{name}: {case}"] += 1
        for case in deaths_in_recovery(life, seeds=seeds):
            counts[f"{name}: {case}"] += 1
        for case in power_lost_after_a_kill(life, seeds=seeds):
            counts[f"{name}: {case}"] += 1
    for case, count in counts.items():
        sys.stdout.write(f"{count:8,}  {case}\n")
    sys.stdout.write(
        f"{counts.total():8,}  cases in {time.monotonic() - started:.0f} s, none broke\n"
    )
    sys.stdout.write("\nbranches taken\n")
    for branch, count in sorted(VISITS.items(), key=lambda pair: -pair[1]):
        sys.stdout.write(f"{count:8,}  {branch.value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

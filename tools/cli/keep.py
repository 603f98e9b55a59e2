"""Keep a journal: seal, back up, bring back, drop what is old, mend what is damaged.

Nothing is removed that the journal still needs, and a damaged journal is only changed when a person
says how.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from engine import memory
from journal import Writer, keep, layout, manifest, recover
from journal.errors import UsageError
from journal.fs import OS_FS
from journal.repair import SALVAGED, Repaired, keep_prefix
from journal.repair import salvage as salvage_into
from journal.seal import SealLimits
from journal.seal import seal as seal_due
from journal.verify import Report
from replay.snapshots import Rebuilt, compare
from replay.snapshots import rebuild as rebuild_snapshots
from tools.cli import screen
from tools.cli.errors import FINE
from tools.cli.inspect import chain_text
from tools.cli.places import existing
from tools.cli.screen import number, plural, quoted, size

Verdict = Literal["tail", "prefix"]


def seal(directory: Path, *, everything: bool, as_json: bool) -> int:
    """Seal what is due, or every finished tail file."""
    made = seal_due(existing(directory))
    if everything:
        made += _seal_rest(directory)
    if as_json:
        screen.json_text({"journal": str(directory), "sealed": made})
        return FINE
    if not made:
        screen.line(f"nothing to seal: {_why_not(directory, everything)}")
        return FINE
    screen.table(
        [("segment", "left"), ("events", "right"), ("size", "right"), ("an event", "right")],
        [
            (
                one.file,
                number(one.last - one.first + 1),
                size(one.size),
                f"{one.size / (one.last - one.first + 1):.1f} B",
            )
            for one in made
        ],
    )
    return FINE


def backup(directory: Path, target: Path, *, as_json: bool) -> int:
    """Copy a journal and verify the copy."""
    existing(directory)
    if target.resolve() == directory.resolve():
        raise UsageError(f"{target} is the journal itself; name another folder for its copy")
    return _say_copied(keep.backup(directory, _folder(target)), directory, target, as_json=as_json)


def restore(source: Path, directory: Path, *, as_json: bool) -> int:
    """Bring a backup back into a new folder and verify it."""
    report = keep.restore(existing(source), _folder(directory))
    return _say_copied(report, source, directory, as_json=as_json)


def retain(directory: Path, *, apply: bool, events: int, as_json: bool) -> int:
    """Say which old segments may go, or drop them."""
    needed = _needed(existing(directory))
    work: Callable[..., keep.Plan] = keep.retain if apply else keep.plan
    plan = work(directory, {memory.NAME: memory.version()}, keep=events, until=needed)
    why = plan.why if needed else "no snapshot agrees with a replay: every event is needed"
    if needed and not plan.through:
        why += "; only whole segments go, and the newest of them stays"
    if as_json:
        screen.json_text({"journal": str(directory), "applied": apply, "plan": plan, "why": why})
        return FINE
    screen.title(str(directory), "dropped" if apply else "a plan; nothing was changed")
    what = "nothing"
    if plan.through:
        segments = f"{plural(len(plan.files), 'segment')}, {size(plan.size)}"
        what = f"events up to seq {number(plan.through)}: {segments}"
    screen.facts([("dropped" if apply else "may go", what), ("because", why)])
    if plan.through and not apply:
        screen.line()
        screen.line("First `daybook backup`, then the same command with --apply.")
    return FINE


def rebuild(directory: Path, *, as_json: bool) -> int:
    """Make the snapshot of all projections anew from the journal."""
    existing(directory)
    with screen.progress("folding") as move:
        made = rebuild_snapshots(directory, lambda done: move(done, 0, plural(done, "event")))
    if as_json:
        screen.json_text({"journal": str(directory), "rebuilt": made})
        return FINE
    screen.line(_rebuilt_text(made))
    return FINE


def repair(directory: Path, verdict: Verdict, *, as_json: bool) -> int:
    """Do to a damaged journal what a person has decided on."""
    existing(directory)
    done = _cut_torn_end(directory) if verdict == "tail" else keep_prefix(directory)
    if as_json:
        screen.json_text({"journal": str(directory), "verdict": verdict, "repaired": done})
        return FINE
    if not done.moved:
        found = "no end is torn: the journal ends at" if verdict == "tail" else "whole up to"
        screen.line(f"nothing to repair, {found} seq {number(done.last_good)}")
        return FINE
    screen.facts(
        [
            ("goes on", f"after seq {number(done.last_good)}"),
            *(("quarantined", name) for name in done.moved),
        ]
    )
    return FINE


def salvage(directory: Path, into: Path, *, as_json: bool) -> int:
    """Copy what is good of a damaged journal into a new folder."""
    done = salvage_into(existing(directory), _folder(into))
    if as_json:
        screen.json_text({"journal": str(directory), "into": str(into), "salvaged": done})
        return FINE
    screen.facts(
        [
            ("journal", f"{into}", f"whole up to seq {number(done.last_good)}"),
            (
                "loose",
                plural(done.salvaged, "event"),
                f"behind the damage, in {into / SALVAGED}; no chain vouches for them",
            ),
        ]
    )
    return FINE


def _seal_rest(directory: Path) -> list[manifest.Segment]:
    """Seal all finished tail files as one segment, however few events they hold."""
    end = recover.find_end(OS_FS, directory)
    names = recover.tail_after(OS_FS, directory, end.place.next_seq - 1 - end.unsealed)
    if not names:
        return []
    begun = layout.tail_first(names[-1]) or 0
    before = end.unsealed - (end.place.next_seq - begun)
    # The last file may be one that is still written, and then it counts for nothing.
    for events in (end.unsealed, before):
        made = seal_due(directory, limits=SealLimits(events=events)) if events else []
        if made:
            return made
    return []


def _why_not(directory: Path, everything: bool) -> str:
    unsealed = recover.find_end(OS_FS, directory).unsealed
    if not unsealed:
        return "every event is sealed"
    waiting = plural(unsealed, "event")
    if everything:
        return f"the file with the newest {waiting} is finished when the engine stops"
    enough = number(SealLimits().events)
    return f"{waiting} in the tail; {enough} make a segment, and --all does not wait for them"


def _needed(directory: Path) -> int:
    """Return the sequence of the newest snapshot that agrees with a replay, 0 when none does."""
    with screen.progress("replaying") as move:
        found = compare(directory, lambda done: move(done, 0, plural(done, "event")))
    wrong = [one for one in found if one.verdict == "differs"]
    if wrong:
        raise UsageError(
            f"{layout.SNAPSHOTS}/{wrong[0].file} does not agree with a replay ({wrong[0].detail}); "
            f"nothing was dropped. `daybook rebuild {quoted(directory)}` makes it anew"
        )
    return max((one.seq for one in found if one.verdict == "agrees"), default=0)


def _cut_torn_end(directory: Path) -> Repaired:
    """Open the journal for writing, which cuts a torn end off, and close it."""
    torn = recover.find_end(OS_FS, directory).torn
    with Writer.open(directory, run="", seal=False) as writer:
        last = writer.durable_seq
    return Repaired(last, [f"{layout.TAIL}/{torn.name} from byte {torn.offset}"] if torn else [])


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is a file; a journal is a folder of its own")
    return path


def _say_copied(report: Report, source: Path, target: Path, *, as_json: bool) -> int:
    if as_json:
        value = {"source": str(source), "target": str(target), "ok": report.ok, "report": report}
        screen.json_text(value)
        return FINE
    screen.title(str(target), f"a copy of {source}")
    screen.result("chain", ok=report.ok, text=chain_text(report))
    if report.last_seq:
        screen.facts([("head", f"{report.last_seq}:{report.head}", "for verify --expect")])
    return FINE


def _rebuilt_text(made: Rebuilt) -> str:
    replaced = f"in place of {plural(len(made.replaced), 'older one')}" if made.replaced else ""
    if not made.seq:
        return " ".join(filter(None, ["no step is whole yet: there is no snapshot", replaced]))
    return " ".join(filter(None, [f"a snapshot after seq {number(made.seq)}", replaced]))

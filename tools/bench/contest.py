"""Runs a contest: ours and its references in turns, A B A B, and sums the rounds up into rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tools.bench.contender import Contender, Missing
from tools.bench.rows import Contest, Figure, Metric, Result, Row, Sample, Setting, figure

OURS = "ours"

Start = Callable[[str, Setting], Contender]
"""Starts a contender: entrant and setting. Raises Missing."""


def run(
    contest: Contest, start: Start, *, folder: Path, corpus: Path, size: int, rounds: int
) -> Result:
    """Run a contest of `rounds` rounds that count; more than one are preceded by one that does not.

    Raises Missing when ours lacks something; a reference that does is left out, with the reason.
    """
    missing: dict[str, str] = {}
    samples: dict[str, list[Sample]] = {}
    with _started(contest, start, folder, corpus, size, missing) as contenders:
        for number in range(rounds + (rounds > 1)):
            for name, contender in contenders.items():
                sample = contender.round()
                if number or rounds == 1:
                    samples.setdefault(name, []).append(sample)
    rows = [row for metric in contest.metrics for row in _rows(contest, metric, samples, missing)]
    return Result(rows, _note(contest, samples))


@contextmanager
def _started(
    contest: Contest,
    start: Start,
    folder: Path,
    corpus: Path,
    size: int,
    missing: dict[str, str],
) -> Iterator[dict[str, Contender]]:
    contenders: dict[str, Contender] = {}
    try:
        for index, (name, entrant) in enumerate({OURS: contest.ours, **contest.references}.items()):
            place = folder / f"{contest.name}-{index}"
            try:
                contenders[name] = start(entrant, Setting(str(place), str(corpus), size))
            except Missing as error:
                if name == OURS:
                    raise
                missing[name] = str(error)
        yield contenders
    finally:
        for contender in contenders.values():
            contender.close()


def _rows(
    contest: Contest, metric: Metric, samples: dict[str, list[Sample]], missing: dict[str, str]
) -> Iterator[Row]:
    """Yield a row for each reference of a metric; ours alone where it has none or a limit."""
    mine = [sample[metric.key] for sample in samples[OURS]]
    keys = {other.key for other in contest.metrics}
    first = samples[OURS][0]
    facts = {
        key: median(sample[key] for sample in samples[OURS]) for key in first if key not in keys
    }

    def row(**rest: object) -> Row:
        return Row(
            name=contest.name,
            group=contest.group,
            what=metric.what,
            unit=metric.unit,
            ours=figure(mine),
            rounds=len(mine),
            facts=facts,
            **rest,  # type: ignore[arg-type] # the fields that differ from row to row
        )

    if metric.limit is not None or not metric.against:
        target, reached = _limit(metric, figure(mine))
        yield row(target=target, reached=reached)
    for name, least in metric.against.items():
        target = "" if least is None else f"≥ {least:g} x"
        if name not in samples:
            yield row(against=name, missing=missing[name], target=target)
            continue
        theirs = [sample[metric.key] for sample in samples[name]]
        ratio = _ratio(metric, mine, theirs)
        reached = None if least is None else ratio.median >= least
        yield row(
            against=name, reference=figure(theirs), ratio=ratio, target=target, reached=reached
        )


def _limit(metric: Metric, mine: Figure) -> tuple[str, bool | None]:
    if metric.limit is None:
        return "", None
    bound = f"{metric.limit:,.0f}" if metric.limit >= 1000 else f"{metric.limit:g}"
    if metric.better == "more":
        return f"≥ {bound}", mine.median >= metric.limit
    return f"< {bound}", mine.median < metric.limit


def _ratio(metric: Metric, mine: list[float], theirs: list[float]) -> Figure:
    """Divide round by round: what slows the machine for some seconds slows both sides."""
    pairs = zip(mine, theirs, strict=True)
    if metric.better == "more":
        return figure([ours / other for ours, other in pairs])
    return figure([other / ours for ours, other in pairs])


def _note(contest: Contest, samples: dict[str, list[Sample]]) -> str:
    """Fill in the note's figures; empty when a contender that it speaks of did not run."""
    medians = {
        name: {key: median(sample[key] for sample in rounds) for key in rounds[0]}
        for name, rounds in samples.items()
    }
    try:
        return contest.note.format(**medians)
    except KeyError:
        return ""

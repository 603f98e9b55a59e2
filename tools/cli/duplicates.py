"""Show what may have been done twice in a journal, and what was done without being meant."""

from __future__ import annotations

from pathlib import Path

from journal import read
from replay.duplicates import Findings, Intent, Unmeant, find
from tools.cli import screen
from tools.cli.errors import FINE, PROBLEM
from tools.cli.places import existing


def duplicates(directory: Path, *, within_s: float, as_json: bool) -> int:
    """Print every pair of like intents and every effect without one; PROBLEM when there are any."""
    found = find(read(existing(directory)), within_s)
    if as_json:
        screen.json_text({"journal": directory, "within_s": within_s, **_plain(found)})
    else:
        _print(directory, found)
    return PROBLEM if found.pairs or found.unmeant else FINE


def _plain(found: Findings) -> dict[str, object]:
    return {name: getattr(found, name) for name in Findings.__struct_fields__}


def _print(directory: Path, found: Findings) -> None:
    looked = f"{screen.plural(found.intents, 'intent')}, {screen.plural(found.deals, 'trade')}"
    screen.title(str(directory), looked)
    pairs, unmeant = len(found.pairs), len(found.unmeant)
    screen.result("intents", ok=not pairs, text=_pairs_text(pairs))
    screen.result("effects", ok=not unmeant, text=_effects_text(unmeant))
    if pairs:
        screen.line()
        screen.table(
            [("", "left"), *_INTENT],
            [
                row
                for pair in found.pairs
                for row in (
                    (pair.why, *_intent(pair.first)),
                    ("", *_intent(pair.second)),
                )
            ],
        )
    if unmeant:
        screen.line()
        screen.table(_UNMEANT, [_effect(one) for one in found.unmeant])


_INTENT: list[tuple[str, screen.Justify]] = [
    ("order key", "left"),
    ("at", "left"),
    ("seq", "right"),
    ("strategy", "left"),
    ("symbol", "left"),
    ("side", "left"),
    ("lots", "right"),
    ("for", "left"),
    ("came to", "left"),
]
_UNMEANT: list[tuple[str, screen.Justify]] = [
    ("deal", "left"),
    ("order", "left"),
    ("position", "left"),
    ("symbol", "left"),
    ("side", "left"),
    ("lots", "right"),
    ("magic", "right"),
    ("comment", "left"),
    ("seq", "right"),
    ("why", "left"),
]


def _pairs_text(count: int) -> str:
    if count:
        return f"{screen.plural(count, 'pair')} may have had one purpose"
    return "no two may have had one purpose"


def _effects_text(count: int) -> str:
    return f"{count} without an intent" if count else "each has an intent"


def _intent(one: Intent) -> tuple[str, ...]:
    purpose = f"{one.action} {one.position}" if one.position else one.action
    return (
        one.key, screen.moment(one.ts), str(one.seq), one.strategy, one.symbol, one.side,
        f"{one.volume:g}", purpose, one.effect,
    )  # fmt: skip


def _effect(one: Unmeant) -> tuple[str, ...]:
    return (
        str(one.deal or "-"), str(one.order or "-"), str(one.position or "-"), one.symbol, one.side,
        f"{one.volume:g}", str(one.magic or "-"), one.comment, str(one.seq), one.why,
    )  # fmt: skip

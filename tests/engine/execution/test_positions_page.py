"""The page about positions names every rule, every policy and every key, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec

from engine.config import PositionPolicy
from engine.execution.protection.rules import Protection
from projections.protection import WAIT_MS

PAGE = Path(__file__).resolve().parents[3] / "engine" / "execution" / "POSITIONS.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows(section: str) -> dict[str, str]:
    """The rows of a section's table by their first cell."""
    text = TEXT.split(f"## {section}\n")[1].split("\n## ")[0]
    found = dict(re.findall(r"^\| `([a-z-]+)` \|(.*)$", text, re.MULTILINE))
    return {name: row for name, row in found.items() if name not in ("kind", "policy")}


def test_every_rule_has_a_row_with_all_its_keys_and_no_others() -> None:
    table = rows("Protection")
    kinds = {kind.__struct_config__.tag: kind for kind in get_args(Protection)}
    assert table.keys() == kinds.keys()
    for tag, kind in kinds.items():
        keys = table[tag].rsplit("|", 2)[1]
        assert set(re.findall(r"`([a-z_]+)`", keys)) == set(kind.__struct_fields__)


def test_every_policy_has_a_row_and_every_key_a_word() -> None:
    fields = {field.name: field for field in msgspec.structs.fields(PositionPolicy)}
    assert rows("Policies").keys() == set(get_args(fields["policy"].type))
    for name in fields:
        assert f"`{name}`" in TEXT, name
    for choice in (*get_args(fields["found"].type), *get_args(fields["close"].type)):
        assert f"`{choice}`" in TEXT, choice


def test_the_waits_are_those_of_the_code() -> None:
    shortest, longest = (ms // 1000 for ms in WAIT_MS)
    assert f"waits {shortest} seconds" in TEXT
    assert f"up to {longest // 60} minutes" in TEXT

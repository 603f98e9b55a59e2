"""`daybook duplicates` tells an honest journal from a doctored one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from journal import Writer, read
from journal.events import DealRecorded, OrderIntended, OrderProposed
from tests.tools.cli.conftest import Call


def doctored(journal: Path, target: Path) -> Path:
    """Write a journal anew in which the first fill is told twice under another key, and the last
    trade of ours is of an order, and bears a key, that no intent has."""
    events = list(read(journal))
    key = next(event.data.key for event in events if isinstance(event.data, OrderIntended))
    fill = next(e for e in events if isinstance(e.data, DealRecorded) and e.corr == key)
    last = max(e.seq for e in events if isinstance(e.data, DealRecorded) and e.data.entry == 0)
    with Writer.open(target, run="") as writer:
        for event in events:
            data, corr = event.data, event.corr
            if event.seq == last and isinstance(data, DealRecorded):
                data, corr = msgspec.structs.replace(data, order=7, comment="LOST"), ""
            told = [msgspec.structs.replace(event, data=data, corr=corr)]
            if corr == key and isinstance(data, OrderProposed | OrderIntended):
                again = msgspec.structs.replace(data, key="DOUBLED0000")
                told.append(msgspec.structs.replace(event, data=again, corr="DOUBLED0000"))
            if event.seq == fill.seq and isinstance(data, DealRecorded):
                copy = msgspec.structs.replace(
                    data, ticket=5, order=6, position_id=6, comment="DOUBLED0000"
                )
                told.append(msgspec.structs.replace(event, data=copy, corr="DOUBLED0000"))
            for one in told:
                writer.append(msgspec.structs.replace(one, seq=writer.next_seq))
        writer.commit()
    return target


def test_an_honest_journal_has_nothing_to_show(call: Call, recorded: Path) -> None:
    said = call("duplicates", recorded)
    assert (said.code, said.err) == (0, "")
    assert "no two may have had one purpose" in said.out
    assert "each has an intent" in said.out


def test_a_doubled_intent_and_an_effect_without_one_are_found(
    call: Call, recorded: Path, tmp_path: Path
) -> None:
    journal = doctored(recorded, tmp_path / "doctored")
    said = call("duplicates", journal)
    assert said.code == 1
    assert "1 pair may have had one purpose" in said.out
    assert "DOUBLED0000" in said.out
    assert "LOST" in said.out
    value = json.loads(call("duplicates", journal, "--json").out)
    [pair] = value["pairs"]
    assert pair["second"]["key"] == "DOUBLED0000"
    assert pair["first"]["filled"] == pair["second"]["filled"] > 0
    assert [one["comment"] for one in value["unmeant"]] == ["LOST"]


def test_what_is_no_journal_is_refused(call: Call, tmp_path: Path) -> None:
    said = call("duplicates", tmp_path / "nowhere")
    assert (said.code, said.out) == (2, "")

"""`status`, `verify` and `replay` say what is in a journal, and find what was done to it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from journal import Writer, read
from journal.envelope import AnyEvent
from journal.events import OrderProposed, RunEnded, TradingHalted
from projections.account import net_profit
from projections.state import digest, fold
from tests.tools.cli.conftest import BARS, Call, tail_file


def rewrite(journal: Path, target: Path, change: Callable[[AnyEvent], AnyEvent | None]) -> Path:
    """Write a journal anew with some events changed or left out; its chain is whole again."""
    with Writer.open(target, run="") as writer:
        for event in read(journal):
            changed = change(event)
            if changed is not None:
                writer.append(msgspec.structs.replace(changed, seq=writer.next_seq))
        writer.commit()
    return target


def unended(event: AnyEvent) -> AnyEvent | None:
    return None if isinstance(event.data, RunEnded) else event


def test_status_says_what_the_projections_say(call: Call, recorded: Path) -> None:
    state = fold(read(recorded))
    said = call("status", recorded)
    assert (said.code, said.err) == (0, "")
    facts = dict(re.findall(r"^  (\w+(?: \w+)?) {2,}(.*?)(?: {3}.*)?$", said.out, re.MULTILINE))
    assert facts["run"] == state.run.id
    assert facts["account"] == "5012345 on Daybook-ECN"
    assert facts["balance"] == f"{state.account.balance:,.2f} USD"
    assert facts["net profit"] == f"{net_profit(state.account):,.2f} USD"
    assert facts["orders"] == str(state.orders.intended)
    assert facts["trading"] == "not halted"
    assert facts["events"] == f"{state.seq:,}"
    assert "bars reached" in said.out


def test_status_as_json_is_the_projections_values(call: Call, recorded: Path) -> None:
    state = fold(read(recorded))
    value = json.loads(call("status", recorded, "--json").out)
    assert value["events"] == state.seq
    assert value["account"]["balance"] == state.account.balance
    assert value["performance"]["equity"] == state.performance.equity
    assert len(value["positions"]) == len(state.positions.open)
    assert value["orders"]["intended"] == state.orders.intended
    assert value["digest"] == digest(state)


def test_status_shows_an_open_position_and_an_order_without_an_outcome(
    call: Call, recorded: Path, tmp_path: Path
) -> None:
    events = list(read(recorded))
    deal = next(i for i, e in enumerate(events) if e.type == "DealRecorded" and e.corr)
    with Writer.open(tmp_path / "cut", run="") as writer:
        for event in events[: deal + 1]:
            writer.append(event)
        writer.commit()
    said = call("status", tmp_path / "cut")
    assert "not ended: it goes on, or was killed" in said.out
    assert re.search(r"positions +1 open", said.out)
    assert re.search(rf"EURUSD +(buy|sell) .* {events[deal].corr}$", said.out, re.MULTILINE)
    with Writer.open(tmp_path / "sent", run="") as writer:
        intent = next(i for i, e in enumerate(events) if e.type == "OrderIntended")
        for event in events[: intent + 1]:
            writer.append(event)
        writer.commit()
    said = call("status", tmp_path / "sent")
    assert re.search(r"open orders +1\n", said.out)
    assert re.search(rf"{events[intent].corr} +intended +EURUSD", said.out)


def test_status_says_that_trading_is_halted_and_why(
    call: Call, recorded: Path, tmp_path: Path
) -> None:
    def halt(event: AnyEvent) -> AnyEvent:
        if not isinstance(event.data, RunEnded):
            return event
        data = TradingHalted("balance", "differs by \x1b[31m0.01")
        return msgspec.structs.replace(event, type="TradingHalted", v=data.VERSION, data=data)

    said = call("status", rewrite(recorded, tmp_path / "halted", halt))
    assert re.search(r"trading +halted +balance: differs by \\x1b\[31m0\.01", said.out)
    assert "\x1b" not in said.out


def test_status_of_a_journal_without_events_says_so(call: Call, tmp_path: Path) -> None:
    with Writer.open(tmp_path / "empty", run=""):
        pass
    said = call("status", tmp_path / "empty")
    assert said.code == 0
    assert "none has started yet" in said.out
    assert json.loads(call("status", tmp_path / "empty", "--json").out)["events"] == 0


def test_verify_finds_nothing_in_a_whole_journal(call: Call, recorded: Path) -> None:
    said = call("verify", recorded)
    assert said.code == 0
    assert re.search(r"chain +ok +[\d,]+ events in 1 file, nothing found +0\.\d\d s\n", said.out)
    head = re.search(r"head +(\d+:[0-9a-f]{32})", said.out)
    assert head
    assert call("verify", recorded, "--expect", head[1]).code == 0
    value = json.loads(call("verify", recorded, "--json").out)
    assert value["ok"] is True
    assert f"{value['report']['last_seq']}:{value['report']['head']}" == head[1]


def test_verify_finds_a_rewritten_and_a_cut_off_end(call: Call, recorded: Path) -> None:
    for expect, found in (
        (f"7:{32 * '0'}", "the journal was rewritten"),
        (f"99999999:{32 * '0'}", "its end was cut off"),
    ):
        said = call("verify", recorded, "--expect", expect)
        assert said.code == 1
        assert re.search(r"chain +failed", said.out)
        assert found in said.out


@pytest.fixture
def rotten(journal: Path) -> Path:
    """Return a journal with one changed digit in its middle."""
    file = tail_file(journal)
    data = bytearray(file.read_bytes())
    at = data.index(b'"close":1.', len(data) // 2) + len('"close":1.')
    data[at] = ord("9") if data[at] != ord("9") else ord("8")
    file.write_bytes(data)
    return journal


def test_a_corrupt_journal_is_a_problem_for_every_command(call: Call, rotten: Path) -> None:
    said = call("verify", rotten)
    assert said.code == 1
    assert re.search(r"chain +failed", said.out)
    assert re.search(r"corrupt +tail/\S+\.jsonl\+\d+ seq \d+", said.out)
    report = json.loads(call("verify", rotten, "--json").out)
    assert report["ok"] is False
    assert report["report"]["findings"][0]["severity"] == "corrupt"
    before = tail_file(rotten).read_bytes()
    for arguments in (
        ["status", rotten],
        ["replay", rotten, "--verify"],
        ["demo", "--journal", rotten],
    ):
        said = call(*arguments)
        assert said.code == 1
        assert said.err.startswith("daybook: ")
        assert said.err.count("\n") == 1
    assert tail_file(rotten).read_bytes() == before


def test_a_torn_end_is_said_and_is_no_damage(call: Call, journal: Path) -> None:
    shutil.rmtree(journal / "snapshots")  # one shows that the journal once held more than is left
    *whole, last, _footer = tail_file(journal).read_bytes().splitlines(keepends=True)
    tail_file(journal).write_bytes(b"".join(whole) + last[:40])
    said = call("verify", journal)
    assert said.code == 0
    assert re.search(r"chain +ok .* 1 finding ", said.out)
    assert "opening the journal for writing moves these bytes to quarantine" in said.out
    assert call("status", journal).code == 0


def test_a_replay_agrees_with_its_record(call: Call, recorded: Path) -> None:
    said = call("replay", recorded, "--verify")
    assert (said.code, said.err) == (0, "")
    assert re.search(r"replay +ok +\d+ decisions from [\d,]+ inputs, as recorded", said.out)
    ended = [event.data for event in read(recorded, types={"RunEnded"})]
    assert isinstance(ended[-1], RunEnded)
    assert f"ok   {ended[-1].digest}, as recorded" in said.out
    value = json.loads(call("replay", recorded, "--verify", "--json").out)
    assert value["agrees"] is True
    assert value["report"]["digest"] == ended[-1].digest


def test_the_first_decision_that_differs_is_shown_beside_the_recorded_one(
    call: Call, recorded: Path, tmp_path: Path
) -> None:
    changed: list[int] = []

    def change(event: AnyEvent) -> AnyEvent:
        if not isinstance(event.data, OrderProposed) or len(changed) == 3:
            return event
        changed.append(event.seq)
        data = msgspec.structs.replace(event.data, reason="a whim", target_distance=0.5)
        return msgspec.structs.replace(event, data=data)

    said = call("replay", rewrite(recorded, tmp_path / "d", change), "--verify")
    assert said.code == 1
    where = rf"replay +failed +differs at seq {changed[0]}: today's code decides otherwise"
    assert re.search(where, said.out)
    assert re.search(r"data\.target_distance +0\.5 +0\.00\d+\n", said.out)
    assert re.search(r"data\.reason +a whim +MA 20 crossed ", said.out)
    assert "data.symbol" not in said.out, "what is equal is left out"
    value = json.loads(call("replay", tmp_path / "d", "--verify", "--json").out)
    assert value["report"]["divergence"]["seq"] == changed[0]


def test_a_replay_of_a_run_that_has_not_ended_says_so(
    call: Call, recorded: Path, tmp_path: Path
) -> None:
    said = call("replay", rewrite(recorded, tmp_path / "d", unended), "--verify")
    assert said.code == 0
    assert "none is recorded, the last run has not ended" in said.out


def test_a_state_that_differs_from_the_recorded_digest_diverges(
    call: Call, recorded: Path, tmp_path: Path
) -> None:
    def change(event: AnyEvent) -> AnyEvent:
        if not isinstance(event.data, RunEnded):
            return event
        data = msgspec.structs.replace(event.data, digest=32 * "0")
        return msgspec.structs.replace(event, data=data)

    said = call("replay", rewrite(recorded, tmp_path / "d", change), "--verify")
    assert said.code == 1
    assert "the projections' digest differs" in said.out
    assert re.search(rf"value +{32 * '0'} +[0-9a-f]{{32}}\n", said.out)


def test_looking_changes_nothing(call: Call, recorded: Path, journal: Path) -> None:
    call("status", journal)
    call("verify", journal)
    call("replay", journal, "--verify")
    call("sql", journal, "select count(*) from events")
    assert {file.name for file in journal.iterdir()} == {file.name for file in recorded.iterdir()}
    assert tail_file(journal).read_bytes() == tail_file(recorded).read_bytes()
    shutil.rmtree(journal)  # nothing is still open, which Windows would tell


def test_the_recorded_demo_has_what_these_tests_rest_on(recorded: Path) -> None:
    assert sum(1 for _ in read(recorded, types={"BarClosed"})) == BARS
    assert sum(1 for _ in read(recorded, types={"OrderProposed"})) >= 3

"""`verify` compares snapshots with a replay, and checks proofs and heads kept elsewhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from engine import memory
from engine.kernel import Kernel
from journal import keep, layout, snapshot
from journal.reader import lines
from journal.snapshot import Snapshot
from replay import snapshots
from replay.snapshots import compare
from tests.tools.cli.conftest import Call, tail_file

KEY = "6b" * 32


def saved(journal: Path) -> Path:
    """Return the one snapshot of a journal."""
    (file,) = (journal / "snapshots").iterdir()
    return file


def alter(file: Path, **changes: object) -> None:
    """Save a snapshot changed, with a label that fits it."""
    found = snapshot.load(file)
    assert found is not None
    file.unlink()
    snapshot.save(file.parents[1], msgspec.structs.replace(found, **changes))


def state_at(journal: Path, seq: int) -> Snapshot:
    """Return the snapshot that a replay up to an event gives."""
    kernel = Kernel()
    for event in memory.later(journal, kernel):
        if event.seq > seq:
            break
        kernel.evolve(event)
    (_, _, h) = next(lines(journal, after=seq - 1, until=seq))
    encoded = memory.encode(kernel)
    return Snapshot(seq, h.decode(), memory.NAME, memory.version(), encoded)


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """Put a keyring in memory in place of the operating system's."""
    keys: dict[tuple[str, str], str] = {("daybook", "trading"): KEY, ("daybook", "short"): "6b"}
    fake, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    fake.get_password = lambda service, name: keys.get((service, name))  # type: ignore[attr-defined] # a stand-in
    errors.KeyringError = RuntimeError  # type: ignore[attr-defined] # a stand-in
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return keys


@pytest.mark.parametrize("which", ["recorded", "segmented"])
def test_snapshots_of_a_real_run_are_what_a_replay_gives(
    call: Call, request: pytest.FixtureRequest, which: str
) -> None:
    said = call("verify", request.getfixturevalue(which), "--snapshots", "--deep")
    assert (said.code, said.err) == (0, "")
    assert "snapshots     ok   1 of 1 as a replay gives" in said.out
    assert "nothing found" in said.out


def test_a_snapshot_that_a_replay_does_not_give_is_a_problem(call: Call, sealed: Path) -> None:
    before = saved(sealed).name
    alter(saved(sealed), state=b"{}")
    said = call("verify", sealed, "--snapshots")
    assert said.code == 1
    assert "snapshots     failed   0 of 1 as a replay gives" in said.out
    assert f"snapshots/{before}" in said.out
    assert f"`daybook rebuild {sealed}` makes it anew" in said.out
    assert call("verify", sealed).code == 0, "only --snapshots compares them"
    assert call("rebuild", sealed).code == 0
    assert call("verify", sealed, "--snapshots").code == 0


def test_a_snapshot_of_another_event_is_a_problem(call: Call, sealed: Path) -> None:
    alter(saved(sealed), h=32 * "0")
    said = call("verify", sealed, "--snapshots")
    assert said.code == 1
    assert f"it was taken after {32 * '0'}" in said.out


def test_a_snapshot_that_a_start_ignores_is_no_failure(call: Call, sealed: Path) -> None:
    alter(saved(sealed), version=1)
    damaged = sealed / "snapshots" / layout.snapshot_name("kernel", 7)
    damaged.write_bytes(b"{")
    said = call("verify", sealed, "--snapshots")
    assert said.code == 0
    assert "none to compare" in said.out
    assert "other version: made by other code" in said.out
    assert "damaged: it is not a whole snapshot" in said.out


def test_where_events_were_dropped_the_replay_begins_with_the_oldest_snapshot(
    call: Call, sealed: Path
) -> None:
    for seq in (400, 2000):
        snapshot.save(sealed, state_at(sealed, seq), keep=9)
    assert [one.verdict for one in compare(sealed)] == 3 * ["agrees"]
    keep.retain(sealed, {memory.NAME: memory.version()}, keep=0, until=1000)
    verdicts = ["out of reach", "trusted", "agrees"]
    assert [one.verdict for one in compare(sealed)] == verdicts
    value = json.loads(call("verify", sealed, "--snapshots", "--json").out)
    assert value["checks"]["snapshots"] == {"ok": True, "what": "1 of 1 as a replay gives"}
    assert "trusted: what was before it was dropped" in {
        finding["what"] for finding in value["report"]["findings"]
    }


def test_a_snapshot_that_the_engine_replaces_meanwhile_is_no_problem(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = snapshot.save(sealed, state_at(sealed, 2000), keep=9)
    monkeypatch.setattr(snapshots, "PROGRESS_EVERY", 100)
    found = snapshots.compare(sealed, lambda _: old.unlink(missing_ok=True))
    assert [one.verdict for one in found] == ["out of reach", "agrees"]


def test_snapshots_of_a_damaged_journal_are_not_compared(call: Call, journal: Path) -> None:
    file = tail_file(journal)
    file.write_bytes(file.read_bytes().replace(b'"close":1.', b'"close":2.', 1))
    said = call("verify", journal, "--snapshots")
    assert said.code == 1
    assert "snapshots     failed   not compared: the chain is damaged" in said.out


def test_a_proof_is_held_against_the_manifest(call: Call, sealed: Path, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    said = call("prove", sealed, "1234", "--out", file)
    assert said.code == 0
    said = call("verify", sealed, "--proof", file)
    assert said.code == 0
    assert "proof         ok   seq 1234 is in 000000001001-000000001500.parquet" in said.out
    printed = json.loads(call("prove", sealed, "1234").out)
    assert printed == json.loads(file.read_bytes())
    said = call("prove", sealed, "1234", "--out", file)
    assert (said.code, said.err) == (2, f"daybook: {file} exists; name a new file\n")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"h": 32 * "0"}, "the event's bytes do not give the hash"),
        ({"root": 32 * "0"}, "the proof names the root 0000"),
        ({"path": []}, "leads to the root"),
        ({"path": [["left", "no hexadecimal"]]}, "non-hexadecimal"),
        ({"file": "of another journal"}, "is no segment of this journal"),
    ],
)
def test_a_changed_proof_is_a_problem(
    call: Call, segmented: Path, tmp_path: Path, change: dict[str, object], found: str
) -> None:
    file = tmp_path / "proof.json"
    proof = json.loads(call("prove", segmented, "1234").out)
    file.write_text(json.dumps({**proof, **change}), encoding="utf-8")
    said = call("verify", segmented, "--proof", file)
    assert said.code == 1
    assert "proof         failed" in said.out
    assert found in said.out


def test_an_event_that_is_not_sealed_cannot_be_proven(call: Call, recorded: Path) -> None:
    said = call("prove", recorded, "7")
    assert (said.code, said.out) == (2, "")
    assert "proofs are of sealed events" in said.err


def test_the_head_is_what_verify_expects(call: Call, recorded: Path, tmp_path: Path) -> None:
    head = call("head", recorded).out.strip()
    assert call("verify", recorded, "--expect", head).code == 0
    file = tmp_path / "head.json"
    file.write_text(call("head", recorded, "--json").out, encoding="utf-8")
    said = call("verify", recorded, "--head", file)
    assert said.code == 0
    assert "not signed" in said.out
    value = json.loads(file.read_bytes())
    file.write_text(json.dumps({**value, "h": 32 * "0"}), encoding="utf-8")
    said = call("verify", recorded, "--head", file)
    assert said.code == 1
    assert "the journal was rewritten" in said.out


@pytest.mark.usefixtures("keyring")
def test_a_signed_head_shows_who_signed_it(call: Call, recorded: Path, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    said = call("head", recorded, "--sign", "trading", "--json")
    assert said.code == 0
    value = json.loads(said.out)
    printed = call("head", recorded, "--sign", "trading").out.splitlines()
    assert printed == [
        f"{value['seq']}:{value['h']}",
        f"signature {value['signature']}",
        f"public key {value['public_key']}",
    ]
    file = tmp_path / "head.json"
    file.write_text(said.out, encoding="utf-8")
    signer = value["public_key"]
    said = call("verify", recorded, "--head", file, "--signed-by", signer)
    assert said.code == 0
    assert f"signed by {signer}" in said.out
    said = call("verify", recorded, "--head", file, "--signed-by", 64 * "0")
    assert said.code == 1
    assert f"is signed by {signer}, expected {64 * '0'}" in said.out
    file.write_text(json.dumps({**value, "signature": ""}), encoding="utf-8")
    said = call("verify", recorded, "--head", file, "--signed-by", signer)
    assert said.code == 1
    assert f"is signed by nobody, expected {signer}" in said.out
    file.write_text(json.dumps({**value, "seq": value["seq"] - 1}), encoding="utf-8")
    said = call("verify", recorded, "--head", file)
    assert said.code == 1
    assert "does not bear the signature of its public key" in said.out


@pytest.mark.usefixtures("keyring")
def test_a_key_that_cannot_sign_is_said_without_showing_it(call: Call, recorded: Path) -> None:
    said = call("head", recorded, "--sign", "absent")
    assert said.code == 2
    assert "the keyring has no key 'absent' under the service daybook" in said.err
    assert "keyring set daybook absent" in said.err
    said = call("head", recorded, "--sign", "short")
    assert said.code == 2
    assert "expected 64 hexadecimal digits" in said.err
    assert "6b" not in said.err


def test_signing_without_its_packages_names_the_extra(
    call: Call, recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    said = call("head", recorded, "--sign", "trading")
    assert said.code == 2
    assert "mt5-daybook[sign]" in said.err
    assert said.err.count("\n") == 1


def test_what_is_no_evidence_is_one_line(call: Call, recorded: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("{", encoding="utf-8")
    head = tmp_path / "head.json"
    head.write_text(json.dumps({"seq": 7, "h": 32 * "x"}), encoding="utf-8")
    mistakes: list[tuple[list[str | Path], str]] = [
        (["--head", head], "expected SEQ:HASH"),
        (["--expect", f"7:{32 * 'x'}"], "expected SEQ:HASH"),
        (["--head", head, "--signed-by", "00"], "--signed-by '00' is not a key; expected 64"),
        (["--proof", file], "is not a proof as `daybook prove` writes it"),
        (["--head", file], "is not a head as `daybook head --json` writes it"),
        (["--proof", tmp_path / "absent"], "No such file"),
        (["--head", file, "--expect", f"7:{32 * '0'}"], "exclude each other"),
        (["--signed-by", 64 * "0"], "give its file, too"),
    ]
    for arguments, message in mistakes:
        said = call("verify", recorded, *arguments)
        assert (said.code, said.out) == (2, "")
        assert message in said.err
        assert said.err.count("\n") == 1

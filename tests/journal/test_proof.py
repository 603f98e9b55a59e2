from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from journal import Limits, Writer, manifest, verify
from journal.errors import JournalCorrupt, UsageError
from journal.fs import OS_FS
from journal.merkle import leaf, node, root
from journal.proof import Head, check, head, is_signed, listed_root, prove, public_key, sign
from journal.seal import SealLimits, seal
from tests.journal.builders import RUN, grow


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    grow(tmp_path, 24, limits=Limits(batch=5, file_events=5))
    seal(tmp_path, limits=SealLimits(events=10), now=lambda: 0)
    return tmp_path


def test_the_head_is_the_writers_and_verifies_later(journal: Path) -> None:
    with Writer.open(journal, run=RUN) as writer:
        found = head(journal)
        assert (found.seq, found.h) == (24, writer.head.decode())
    grow(journal, 3)
    assert verify(journal, expect=(found.seq, found.h)).ok
    assert head(journal).seq == 27


def test_an_empty_journal_has_a_head_at_zero(tmp_path: Path) -> None:
    grow(tmp_path, 0)
    assert head(tmp_path) == Head(0, "0" * 32)


@pytest.mark.parametrize("count", range(1, 18))
def test_the_root_is_the_one_of_the_recursive_definition(count: int) -> None:
    def recursive(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return leaf(hashes[0])
        half = 1 << (len(hashes) - 1).bit_length() - 1  # RFC 9162: the largest power of two below
        return node(recursive(hashes[:half]), recursive(hashes[half:]))

    hashes = [b"%032x" % number for number in range(count)]
    assert root(hashes) == recursive(hashes).hex()


def test_every_sealed_event_can_be_proven(journal: Path) -> None:
    roots = [entry.merkle for entry in manifest.load(OS_FS, journal).segments]
    for seq in range(1, 21):
        check(prove(journal, seq), root=roots[(seq - 1) // 10])


def test_a_changed_proof_proves_nothing(journal: Path) -> None:
    proof = prove(journal, 7)
    side, sibling = proof.path[0]
    changes: list[dict[str, object]] = [
        {"body": proof.body.replace('"spread":7', '"spread":8')},
        {"seq": 8},
        {"h": "0" * 32},
        {"prev": "0" * 32},
        {"root": "0" * 32},
        {"path": [(side, "0" * 32), *proof.path[1:]]},
        {"path": [("left" if side == "right" else "right", sibling), *proof.path[1:]]},
        {"path": proof.path[1:]},
    ]
    for change in changes:
        with pytest.raises(JournalCorrupt):
            check(msgspec.structs.replace(proof, **change))
    other = prove(journal, 11).root
    for changed in (proof, msgspec.structs.replace(proof, root=other)):
        with pytest.raises(JournalCorrupt, match="leads to the root"):
            check(changed, root=other)
    with pytest.raises(JournalCorrupt, match="names the root"):
        check(msgspec.structs.replace(proof, root=other), root=proof.root)


def test_the_manifest_knows_the_root_of_a_segment_that_was_dropped(journal: Path) -> None:
    proof = prove(journal, 7)
    listed = manifest.load(OS_FS, journal)
    manifest.drop(OS_FS, journal, listed, manifest.Dropped(10, 0))
    assert listed_root(journal, proof.file) == proof.root
    assert listed_root(journal, "of another journal") == ""


def test_an_event_that_is_not_sealed_cannot_be_proven(journal: Path) -> None:
    for seq in (0, 21, 99):
        with pytest.raises(UsageError, match="proofs are of sealed events"):
            prove(journal, seq)


def test_a_signed_head_is_recognised_and_any_other_is_not() -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    key = b"k" * 32
    private = ed25519.Ed25519PrivateKey.from_private_bytes(key)
    public = private.public_key().public_bytes_raw()
    signature = sign(Head(7, "ab"), key)
    assert public_key(key) == public
    assert is_signed(Head(7, "ab"), signature, public)
    assert not is_signed(Head(8, "ab"), signature, public)
    assert not is_signed(Head(7, "ab"), "00" + signature[2:], public)
    assert not is_signed(Head(7, "ab"), "no hexadecimal", public)

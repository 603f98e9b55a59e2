"""Evidence that holds without the journal: its head, a signature of that, and proofs of inclusion.

The chain cannot show that the newest events were cut off or that everything was rewritten; a head
that was written down elsewhere can. A segment's Merkle tree is that of RFC 9162 (Certificate
Transparency) with BLAKE2b-128 in place of SHA-256: a leaf is H(0x00 + h), a node
H(0x01 + left + right), `h` being the event's hash as 32 ASCII characters.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import msgspec

from journal import layout, manifest
from journal.chain import link
from journal.cursor import Cursor
from journal.errors import JournalCorrupt, UsageError
from journal.fs import OS_FS, Fs
from journal.merkle import Step, leaf, node, path_to


class Head(msgspec.Struct, frozen=True):
    """A journal's last event: its sequence and hash. `verify(expect=(seq, h))` checks it later."""

    seq: int
    h: str


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That an event is in a segment with a known Merkle root.

    prev, body, h  the hash it chains to, its exact bytes, its own hash
    path           from its leaf to the root: side and hash of each sibling
    file, root     the segment it was taken from and that segment's root in the manifest
    """

    seq: int
    prev: str
    body: str
    h: str
    path: list[Step]
    file: str
    root: str


class _Listed(msgspec.Struct, frozen=True):
    """What a segment's line in the manifest says, as far as it matters here."""

    file: str
    merkle: str


def head(directory: Path, *, fs: Fs = OS_FS) -> Head:
    """Return the head of a journal. Raises JournalMissing, JournalCorrupt."""
    listed = manifest.load(fs, directory)
    seq, h = listed.last, listed.head
    for first, bodies, hashes in Cursor(fs, directory, seq).blocks():
        seq, h = first + len(bodies) - 1, hashes[-1]
    return Head(seq, h.decode())


def prove(directory: Path, seq: int, *, fs: Fs = OS_FS) -> Proof:
    """Return the proof that an event is in its segment.

    Raises UsageError when the event is not sealed, JournalCorrupt when the segment is damaged.
    """
    listed = manifest.load(fs, directory)
    entry = next((e for e in listed.segments if e.first <= seq <= e.last), None)
    if entry is None:
        held = (
            f"they hold {listed.dropped + 1} to {listed.last}" if listed.last else "there is none"
        )
        raise UsageError(f"seq {seq} is in no segment ({held}); proofs are of sealed events")
    bodies: list[bytes] = []
    hashes: list[bytes] = []
    for _, some_bodies, some_hashes in Cursor(fs, directory, entry.first - 1).blocks(entry.last):
        bodies += some_bodies
        hashes += some_hashes
    index = seq - entry.first
    return Proof(
        seq=seq,
        prev=hashes[index - 1].decode() if index else entry.prev,
        body=bodies[index].decode(),
        h=hashes[index].decode(),
        path=path_to(hashes, index),
        file=entry.file,
        root=entry.merkle,
    )


def listed_root(directory: Path, file: str, *, fs: Fs = OS_FS) -> str:
    """Return the root that the manifest has for a segment, dropped or not; empty for none.

    Raises JournalCorrupt.
    """
    path = directory / layout.MANIFEST
    if not fs.exists(path):
        return ""
    data = fs.read(path)
    whole = manifest.parse(data).size  # its chain holds so far
    for line in data[:whole].splitlines():
        if line.startswith(b'{"file":'):
            entry = msgspec.json.decode(line, type=_Listed)
            if entry.file == file:
                return entry.merkle
    return ""


def check(proof: Proof, *, root: str | None = None) -> None:
    """Check a proof by itself, and against a root that is known from elsewhere when one is given.

    Raises JournalCorrupt with the first step that fails.
    """
    if link(proof.prev.encode(), proof.body.encode()).decode() != proof.h:
        raise JournalCorrupt(f"the event's bytes do not give the hash {proof.h} of seq {proof.seq}")
    if not proof.body.startswith(f'{{"seq":{proof.seq},'):
        raise JournalCorrupt(f"the proof is about seq {proof.seq}, its event is another one")
    here = leaf(proof.h.encode())
    for side, sibling in proof.path:
        other = bytes.fromhex(sibling)
        here = node(other, here) if side == "left" else node(here, other)
    expected = proof.root if root is None else root
    for what, found in (("path leads to", here.hex()), ("proof names", proof.root)):
        if found != expected:
            raise JournalCorrupt(
                f"the {what} the root {found} for seq {proof.seq}, expected {expected}"
            )


def sign(what: Head, private_key: bytes) -> str:
    """Return the Ed25519 signature of a head in hexadecimal; the key is 32 bytes.

    Raises UsageError when the package `cryptography` is not installed.
    """
    key = _ed25519().Ed25519PrivateKey.from_private_bytes(private_key)
    signature: bytes = key.sign(_signed(what))
    return signature.hex()


def public_key(private_key: bytes) -> bytes:
    """Return the 32 bytes that others check the signatures of a private key with.

    Raises UsageError when the package `cryptography` is not installed.
    """
    key = _ed25519().Ed25519PrivateKey.from_private_bytes(private_key)
    public: bytes = key.public_key().public_bytes_raw()
    return public


def is_signed(what: Head, signature: str, public_key: bytes) -> bool:
    """Whether a signature is the one of that head by the holder of the key.

    Raises UsageError when the package `cryptography` is not installed.
    """
    key = _ed25519().Ed25519PublicKey.from_public_bytes(public_key)
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (an optional extra)

    try:
        key.verify(bytes.fromhex(signature), _signed(what))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed(what: Head) -> bytes:
    return b"daybook head " + msgspec.json.encode(what)


def _ed25519() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise UsageError("signing needs the package `cryptography`; install it first") from error
    return ed25519

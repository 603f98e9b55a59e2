"""Make and check evidence that outlives the journal: heads, signed or not, and proofs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from journal import proof
from journal.errors import JournalCorrupt, UsageError
from journal.verify import Finding
from tools.cli import screen
from tools.cli.errors import FINE
from tools.cli.places import existing
from tools.cli.screen import quoted

SERVICE = "daybook"
"""Under which the keyring has our keys."""

_HASH = re.compile("[0-9a-f]{32}")

_CHANGED = "Get the proof again from who gave it, and compare the manifest with a backup's."

T = TypeVar("T")


class WrittenHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `daybook head --json` writes and `daybook verify --head` reads.

    signature, public_key  Ed25519, hexadecimal; empty when it is not signed
    """

    seq: int
    h: str
    signature: str = ""
    public_key: str = ""


def head(directory: Path, *, key: str, as_json: bool) -> int:
    """Print the journal's head, signed when a key is named."""
    found = proof.head(existing(directory))
    if not found.seq:
        raise UsageError(f"{directory} holds no event yet, and so it has no head")
    written = WrittenHead(found.seq, found.h)
    if key:
        private = _private_key(key)
        signature, public = proof.sign(found, private), proof.public_key(private).hex()
        written = WrittenHead(found.seq, found.h, signature, public)
    if as_json:
        screen.json_text(written)
        return FINE
    screen.copyable(f"{written.seq}:{written.h}")
    if key:
        screen.copyable(f"signature {written.signature}")
        screen.copyable(f"public key {written.public_key}")
    return FINE


def prove(directory: Path, seq: int, out: Path | None) -> int:
    """Print the proof that an event is in its segment, or write it to a new file."""
    made = proof.prove(existing(directory), seq)
    if out is None:
        screen.json_text(made)
        return FINE
    try:
        with out.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    except FileExistsError:
        raise UsageError(f"{out} exists; name a new file") from None
    screen.line(f"wrote {out}; `daybook verify {quoted(directory)} --proof {quoted(out)}`")
    return FINE


def check_proof(directory: Path, file: Path) -> tuple[str, list[Finding]]:
    """Check a proof against the journal's manifest; return a summary, and what is wrong."""
    found = _read(file, proof.Proof, "a proof as `daybook prove` writes it")
    root = proof.listed_root(directory, found.file)
    try:
        if not root:
            raise JournalCorrupt(f"{found.file} is no segment of this journal")
        proof.check(found, root=root)
    except (JournalCorrupt, ValueError) as error:  # ValueError: a sibling that is no hexadecimal
        return f"of seq {found.seq}", [
            Finding("corrupt", str(file), -1, found.seq, str(error), _CHANGED)
        ]
    return f"seq {found.seq} is in {found.file}", []


def check_head(file: Path, signer: str) -> tuple[tuple[int, str], str, list[Finding]]:
    """Check a head's signature; return what it expects, a summary, and what is wrong.

    signer  public key that must have signed it, empty when any signature will do, or none
    """
    if signer:
        _hexadecimal(signer, f"--signed-by {signer!r}")
    found = _read(file, WrittenHead, "a head as `daybook head --json` writes it")
    expected = parse_head(f"{found.seq}:{found.h}", f"the head in {file}")
    what = ""
    signed_by = found.public_key if found.signature else ""
    if signer and signed_by.lower() != signer.lower():
        what = f"is signed by {signed_by or 'nobody'}, expected {signer}"
    elif found.signature:
        key = _hexadecimal(found.public_key, f"the public key in {file}")
        if not proof.is_signed(proof.Head(*expected), found.signature, key):
            what = "does not bear the signature of its public key: it was changed"
    if what:
        advice = "Get the head again from where it was kept."
        return expected, "", [Finding("corrupt", str(file), -1, found.seq, what, advice)]
    said = f"signed by {found.public_key}" if found.signature else "not signed"
    return expected, f"seq {found.seq}, {said}", []


def parse_head(text: str, where: str) -> tuple[int, str]:
    """Return the sequence and the hash that a person wrote down. Raises UsageError."""
    seq, _, h = text.partition(":")
    if not (seq.isdecimal() and int(seq) > 0 and _HASH.fullmatch(h.lower())):
        raise UsageError(
            f"{where} is {text!r}; expected SEQ:HASH as `daybook verify` prints it, "
            "a sequence and 32 hexadecimal digits"
        )
    return int(seq), h.lower()


def _read(file: Path, kind: type[T], expected: str) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not {expected}: {error}") from error


def _private_key(name: str) -> bytes:
    try:
        import keyring  # noqa: PLC0415 (an optional extra)
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            "a head is signed with a key from the operating system's keyring, which takes the "
            "extra `sign`: pip install 'mt5-daybook[sign]'"
        ) from error
    try:
        text = keyring.get_password(SERVICE, name)
    except KeyringError as error:
        raise UsageError(f"the keyring cannot be read: {error}".rstrip(".")) from error
    if text is None:
        raise UsageError(
            f"the keyring has no key {name!r} under the service {SERVICE}. Make one: "
            'python -c "import secrets; print(secrets.token_hex(32))" | '
            f"keyring set {SERVICE} {quoted(name)}"
        )
    return _hexadecimal(text.strip(), f"the key {name!r} in the keyring")


def _hexadecimal(text: str, what: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:  # and never show a key
        raise UsageError(f"{what} is not a key; expected 64 hexadecimal digits")
    return key

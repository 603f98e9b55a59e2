from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from journal import lock
from journal.errors import JournalLocked

HOLD = """
import sys
from pathlib import Path
from journal import lock
release = lock.hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_names_this_process_and_forgets_it_on_release(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    release = lock.hold(path)
    held = lock.holder(path)
    assert held is not None
    assert held.pid == os.getpid()
    release()
    assert lock.holder(path) is None
    lock.hold(path)()


def test_a_killed_holder_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"held"
        with pytest.raises(JournalLocked, match=f"process {child.pid} "):
            lock.hold(path)
        child.kill()
    lock.hold(path)()


def test_a_lock_that_cannot_be_written_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left") as refused:
            lock.hold(path)
    assert refused.value.filename == str(path)
    lock.hold(path)()


def test_a_lock_file_with_half_a_name_is_still_refused_politely(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    release = lock.hold(path)
    path.write_bytes(b'{"pid": 1')
    with pytest.raises(JournalLocked, match="has not written its name"):
        lock.hold(path)
    release()

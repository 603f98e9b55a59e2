"""Real processes: killed, starved of space, cheated by strace, and compared byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from journal import Limits, Writer, read, verify
from tests.journal.builders import RUN, event, events, only_tail

WRITE = """
import sys
from pathlib import Path
from journal import Limits, Writer
from journal.errors import JournalHalted
from tests.journal.builders import RUN, event

directory, count, batch = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
try:
    with Writer.open(directory, run=RUN, limits=Limits(batch=batch), seal=False) as writer:
        for _ in range(count):
            writer.append(event(writer.next_seq))
            if writer.durable_seq == writer.next_seq - 1:
                sys.stdout.write(f"{writer.durable_seq}\\n")
                sys.stdout.flush()
except JournalHalted as halted:
    sys.stdout.write(f"halted {halted.operation} {halted.errno}\\n")
    sys.exit(3)
"""


def start(
    directory: Path, count: int, batch: int, *, before: str = "", wrap: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*wrap, sys.executable, "-c", before + WRITE, str(directory), str(count), str(batch)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        text=True,
    )


def halted(process: subprocess.Popen[str]) -> tuple[list[str], str]:
    """Return the acknowledgements and how the writer halted."""
    out, err = process.communicate()
    assert process.returncode == 3, err
    *acknowledged, last = out.splitlines()
    return acknowledged, last


def test_a_killed_writer_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    acknowledged = 0
    for round_ in range(4):
        with start(tmp_path, 10**6, batch=3) as child:
            assert child.stdout is not None
            for _ in range(5 + 11 * round_):
                acknowledged = int(child.stdout.readline())
            child.kill()
            acknowledged = max([acknowledged, *map(int, child.stdout.read().split()[:-1])])
        with Writer.open(tmp_path, run=RUN) as writer:
            assert writer.next_seq > acknowledged
            last = writer.next_seq - 1
        assert list(read(tmp_path)) == events(last)
    assert verify(tmp_path).ok


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file size")
def test_a_full_disk_halts_the_writer_with_its_reason(tmp_path: Path) -> None:
    room = Limits().room  # the first write makes it, and the next one that needs more is refused
    limit = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
"""
    acknowledged, last = halted(start(tmp_path, 10**4, batch=40, before=limit))
    assert last.startswith("halted write")
    assert only_tail(tmp_path).stat().st_size == room  # written short
    with Writer.open(tmp_path, run=RUN) as writer:
        assert writer.next_seq > int(acknowledged[-1])
        assert len(writer.recovered) == 1
        writer.append(event(writer.next_seq))
        last_seq = writer.next_seq - 1
    assert list(read(tmp_path))[:-1] == events(last_seq - 1)


def can_trace() -> bool:
    """Whether strace is installed and may trace here (containers often forbid it)."""
    strace = shutil.which("strace")
    if strace is None:
        return False
    return subprocess.run([strace, "-o", os.devnull, "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_trace(), reason="strace is not installed or may not trace")
@pytest.mark.parametrize(
    ("inject", "halt"),
    [
        ("fdatasync:error=EIO:when=3", "halted sync 5"),
        ("fdatasync:error=ENOSPC:when=3", "halted sync 28"),
        ("write:error=ENOSPC:when=4", "halted write 28"),
        ("write:retval=7:when=4", "halted write 0"),
    ],
)
def test_a_system_call_that_fails_halts_the_writer(tmp_path: Path, inject: str, halt: str) -> None:
    path = tmp_path / "tail" / "000000000001.jsonl"
    call = inject.partition(":")[0]
    wrap = ("strace", "-f", "-o", os.devnull, "-P", str(path), "-e", f"trace={call}", "-e",
            f"inject={inject}")  # fmt: skip
    acknowledged, last = halted(start(tmp_path, 100, batch=2, wrap=wrap))
    assert last == halt
    with Writer.open(tmp_path, run=RUN) as writer:
        assert writer.next_seq > int(acknowledged[-1])
        assert list(read(tmp_path)) == events(writer.next_seq - 1)


def test_hash_seed_zone_and_locale_change_no_byte(tmp_path: Path) -> None:
    found = []
    for number, (seed, zone, locale) in enumerate(
        [("0", "UTC", "C"), ("77", "Asia/Kathmandu", "de_DE.UTF-8")]
    ):
        directory = tmp_path / str(number)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "LC_ALL": locale,
        }
        arguments = [sys.executable, "-c", WRITE, str(directory), "50", "7"]
        subprocess.run(arguments, check=True, env=environment, stdout=subprocess.DEVNULL)
        found.append(only_tail(directory).read_bytes())
    assert found[0] == found[1]


def test_the_holder_of_the_lock_is_named_to_another_process(tmp_path: Path) -> None:
    script = "import sys; from pathlib import Path; from journal import Writer\n"
    script += "Writer.open(Path(sys.argv[1]), run='second')"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with Writer.open(tmp_path, run=RUN):
        arguments = [sys.executable, "-c", script, str(tmp_path)]
        done = subprocess.run(
            arguments, capture_output=True, text=True, env=environment, check=False
        )
        holder = json.loads((tmp_path / "lock").read_text(encoding="utf-8"))
    assert done.returncode == 1
    assert f"is being written by process {os.getpid()} of" in done.stderr
    assert holder["pid"] == os.getpid()


def test_the_readers_of_other_processes_see_whole_prefixes_while_a_writer_writes(
    tmp_path: Path,
) -> None:
    with start(tmp_path, 10**6, batch=5) as child:
        assert child.stdout is not None
        last = 0
        for _ in range(15):
            acknowledged = int(child.stdout.readline())
            seen = list(read(tmp_path))
            assert len(seen) >= max(acknowledged, last)
            assert seen == events(len(seen))
            last = len(seen)
        child.send_signal(signal.SIGTERM)
        child.stdout.read()

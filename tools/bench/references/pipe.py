"""Two Python processes and the pipes between them, with nothing to say."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter_ns

from tools.bench.probes import percentile
from tools.bench.rows import Round, Sample, Setting

ECHO = """
import os
while data := os.read(0, 4096):
    os.write(1, data)
"""


def echo(setting: Setting) -> Round:
    """Send a hundred bytes to another process and read them back."""

    def run() -> Sample:
        with subprocess.Popen(
            [sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            times = []
            for _ in range(setting.size):
                begun = perf_counter_ns()
                other.stdin.write(b"x" * 100)
                other.stdout.read(4096)
                times.append(perf_counter_ns() - begun)
            other.stdin.close()
        return {"tick": percentile(times, 50) / 1e6}

    return run

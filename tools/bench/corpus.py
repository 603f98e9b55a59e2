"""The events that are measured with: the demo's own journal, written at the beginning of each run.

Invented events would have other sizes and another mix than those that the engine writes.
"""

from __future__ import annotations

from pathlib import Path

from engine.config import Config
from engine.settings import load
from journal import read
from journal.codec import frame
from journal.envelope import AnyEvent
from journal.reader import lines
from tools.bench.probes import Sealings
from tools.bench.rows import Round, Sample, Setting
from tools.cli.compose import run_engine

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "demo.yaml"


def demo_config(journal: Path) -> Config:
    """Return the demo's configuration for a journal; the environment does not change it."""
    return load(CONFIG, environ={"DAYBOOK_JOURNAL": str(journal)})


def make(setting: Setting) -> Round:
    """Write the corpus: the demo on `size` bars."""
    Sealings(prevented=True)

    def run() -> Sample:
        summary = run_engine(
            demo_config(Path(setting.corpus)), base=CONFIG.parent, max_bars=setting.size
        )
        return {"events": summary.events}

    return run


def events(setting: Setting, count: int) -> list[AnyEvent]:
    """Return the demo's first `count` events, or all when it has fewer."""
    return list(read(Path(setting.corpus), until=count))


def frames(setting: Setting, count: int) -> list[bytes]:
    """Return the same events as the lines that the journal writes."""
    return [frame(body, h) for _, body, h in lines(Path(setting.corpus), until=count)]

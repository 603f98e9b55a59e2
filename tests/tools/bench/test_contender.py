from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from tools.bench.contender import Apart, Broken, Here, Missing
from tools.bench.rows import Setting

ENTRANTS = "tests.tools.bench.entrants"


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(str(tmp_path / "own"), "", 10)


def test_a_contender_apart_keeps_its_state_in_another_process(setting: Setting) -> None:
    with closing(Apart(f"{ENTRANTS}:counting", setting)) as contender:
        first, second = contender.round(), contender.round()
    assert (first["rate"], second["rate"]) == (10.0, 20.0)
    assert first["process"] == second["process"] != os.getpid()


def test_what_a_library_prints_is_not_taken_for_an_answer(
    setting: Setting, capfd: pytest.CaptureFixture[str]
) -> None:
    with closing(Apart(f"{ENTRANTS}:chatty", setting)) as contender:
        assert contender.round() == {"rate": 1.0}
    assert capfd.readouterr().err == "a library says something\n"


@pytest.mark.parametrize("way", [Apart, Here])
def test_a_lacking_package_is_named(way: type[Apart | Here], setting: Setting) -> None:
    with pytest.raises(Missing, match="a_package_that_nobody_has is not installed"):
        way(f"{ENTRANTS}:lacking", setting)


def test_a_contender_that_dies_is_reported_with_its_exit_code(setting: Setting) -> None:
    with closing(Apart(f"{ENTRANTS}:dying", setting)) as contender:
        with pytest.raises(Broken, match="ended with code 3"):
            contender.round()
        with pytest.raises(Broken):
            contender.round()


def test_a_contender_here_runs_in_this_process(setting: Setting) -> None:
    with closing(Here(f"{ENTRANTS}:counting", setting)) as contender:
        assert contender.round()["process"] == os.getpid()

"""Set-up: what it decides, what it refuses, and what its lock files may contain."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools import dev
from tools.dev import SetupError, Stamp

ROOT = Path(__file__).resolve().parents[2]
PINS = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)

WANTED = Stamp(
    "cpython 3.11", "/here", "p1", {"runtime": "r1", "test": "t1", "dev": "d1", "bench": "b1"}
)


def lock_text(name: str) -> str:
    return (dev.LOCKS / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> dict[tuple[str, str], str]:
    """Return version by (package, marker)."""
    return {(found[0], found[2]): found[1] for found in PINS.findall(lock_text(name))}


# --- Python versions ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 11, 7), (3, 12, 1), (3, 13, 0), (3, 14, 2)])
def test_a_supported_python_is_accepted(version: tuple[int, ...]) -> None:
    assert dev.python_problem(version) == ""


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13), (3, 15, 0), (4, 0, 0)])
def test_another_python_is_refused_in_one_line(version: tuple[int, ...]) -> None:
    problem = dev.python_problem(version)
    assert ".".join(map(str, version)) in problem
    assert "3.11 to 3.14" in problem
    assert "\n" not in problem


def test_the_file_has_no_syntax_that_an_old_python_cannot_read() -> None:
    ast.parse(Path(dev.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))


def test_the_file_is_ascii_so_that_every_console_can_show_what_it_prints() -> None:
    assert Path(dev.__file__).read_bytes().isascii()


def test_supported_pythons_are_those_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, after = dev.OLDEST, (dev.NEWEST[0], dev.NEWEST[1] + 1)
    assert project["requires-python"] == f">={oldest[0]}.{oldest[1]},<{after[0]}.{after[1]}"


# --- what is installed --------------------------------------------------------------------------


def test_the_same_environment_is_not_installed_again() -> None:
    stamp = WANTED._replace(sets={"test": "t1"})
    assert stamp.holds("test", WANTED)


@pytest.mark.parametrize(
    ("installed", "asked"), [("test", "runtime"), ("dev", "test"), ("bench", "runtime")]
)
def test_a_larger_set_serves_a_smaller_one(installed: str, asked: str) -> None:
    stamp = WANTED._replace(sets={installed: WANTED.sets[installed]})
    assert stamp.holds(asked, WANTED)
    assert not stamp.holds("bench" if installed != "bench" else "dev", WANTED)


@pytest.mark.parametrize(
    "changed",
    [{"python": "cpython 3.12"}, {"root": "/moved"}, {"project": "p2"}, {"sets": {"test": "t0"}}],
)
def test_anything_that_changed_is_installed_again(changed: dict[str, Any]) -> None:
    stamp = WANTED._replace(sets={"test": "t1"})._replace(**changed)
    assert not stamp.holds("test", WANTED)


def test_installing_forgets_sets_of_other_locks() -> None:
    stamp = WANTED._replace(sets={"test": "t0", "bench": "b1"})
    assert stamp.with_set("runtime", WANTED).sets == {"bench": "b1", "runtime": "r1"}


def test_a_stamp_survives_writing_and_reading(tmp_path: Path) -> None:
    dev.write_stamp(tmp_path / "stamp.json", WANTED)
    assert dev.read_stamp(tmp_path / "stamp.json") == WANTED
    assert [path.name for path in tmp_path.iterdir()] == ["stamp.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"python": 1}', "null"])
def test_a_broken_stamp_counts_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stamp.json"
    path.write_text(text, encoding="utf-8")
    assert dev.read_stamp(path) is None
    assert dev.read_stamp(tmp_path / "absent.json") is None


def test_line_ends_do_not_change_a_digest(tmp_path: Path) -> None:
    (tmp_path / "unix").write_bytes(b"a\nb\n")
    (tmp_path / "windows").write_bytes(b"a\r\nb\r\n")
    assert dev.digest(tmp_path / "unix") == dev.digest(tmp_path / "windows")


class World:
    """A set-up with every step recorded in place of being carried out."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.failing = ""
        monkeypatch.setattr(dev, "VENV", folder / ".venv")
        monkeypatch.setattr(dev, "STAMP", folder / ".venv" / "stamp.json")
        monkeypatch.setattr(dev, "INSTALL_LOG", folder / ".venv" / "install.log")
        monkeypatch.setattr(dev, "GUARD", folder / ".venv.lock")
        monkeypatch.setattr(dev, "run_quietly", self.run)
        monkeypatch.setattr(dev, "has_pip", lambda: True)
        monkeypatch.setattr(dev, "missing_modules", list)

    def run(self, command: list[str], name: str) -> None:
        step = "venv" if "venv" in command else "editable" if "--editable" in command else name
        self.steps.append(step)
        if step == self.failing:
            raise SetupError("it failed")
        python = dev.venv_program("python")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_a_second_run_does_nothing(world: World) -> None:
    dev.ensure("test")
    assert world.steps == ["venv", "test", "editable"]
    dev.ensure("test")
    dev.ensure("runtime")
    assert world.steps == ["venv", "test", "editable"]


def test_a_larger_set_is_added_to_the_same_environment(world: World) -> None:
    dev.ensure("runtime")
    dev.ensure("dev")
    assert world.steps == ["venv", "runtime", "editable", "dev", "editable"]


@pytest.mark.parametrize("failing", ["venv", "test", "editable"])
def test_an_interrupted_installation_is_done_again(world: World, failing: str) -> None:
    world.failing = failing
    with pytest.raises(SetupError):
        dev.ensure("test")
    assert dev.read_stamp(dev.STAMP) is None
    world.failing, world.steps = "", []
    dev.ensure("test")
    assert world.steps == ["venv", "test", "editable"]


def test_an_environment_of_another_python_is_made_anew(world: World) -> None:
    dev.ensure("runtime")
    stamp = dev.wanted_stamp()._replace(python="cpython 3.9")
    dev.write_stamp(dev.STAMP, stamp)
    world.steps = []
    dev.ensure("runtime")
    assert world.steps == ["venv", "runtime", "editable"]


def test_an_environment_without_its_python_is_made_anew(world: World) -> None:
    dev.ensure("runtime")
    dev.venv_program("python").unlink()
    world.steps = []
    dev.ensure("runtime")
    assert world.steps == ["venv", "runtime", "editable"]


def test_a_changed_lock_is_installed_into_the_same_environment(world: World) -> None:
    dev.ensure("test")
    stamp = dev.wanted_stamp()
    dev.write_stamp(dev.STAMP, stamp._replace(sets={"test": "older"}))
    world.steps = []
    dev.ensure("test")
    assert world.steps == ["test", "editable"]


def test_two_set_ups_at_once_wait_for_each_other(world: World) -> None:
    with dev.GUARD.open("a+b") as other:
        with dev.alone():
            assert not dev.take(other.fileno())
        assert dev.take(other.fileno())


# --- commands built -----------------------------------------------------------------------------


@pytest.mark.parametrize("uv", [None, "/usr/bin/uv"])
@pytest.mark.parametrize("name", dev.SETS)
def test_packages_come_from_the_lock_with_hashes_and_as_wheels(name: str, uv: str | None) -> None:
    locked, editable = dev.install_commands(name, uv)
    assert "--require-hashes" in locked
    assert "--only-binary=:all:" in locked
    assert locked[-1] == str(dev.LOCKS / f"{name}.txt")
    assert "--no-deps" in editable
    assert "--no-build-isolation" in editable


def test_uv_is_used_when_there_is_one() -> None:
    assert dev.install_commands("test", "/bin/uv")[0][0] == "/bin/uv"
    assert "--without-pip" in dev.venv_command("/bin/uv")


def test_pip_of_the_environment_is_used_otherwise() -> None:
    assert dev.install_commands("test", None)[0][0] == str(dev.venv_program("python"))
    assert "--without-pip" not in dev.venv_command(None)


def test_programs_are_where_each_system_puts_them() -> None:
    assert dev.venv_program("daybook", windows=True) == dev.VENV / "Scripts" / "daybook.exe"
    assert dev.venv_program("daybook", windows=False) == dev.VENV / "bin" / "daybook"


@pytest.mark.parametrize("name", dev.SETS)
def test_locks_are_compiled_for_all_systems_without_naming_an_index(name: str) -> None:
    command = dev.compile_command("uv", name, None if name == "runtime" else "runtime")
    for option in ("--universal", "--generate-hashes", "--no-emit-index-url"):
        assert option in command
    assert command[command.index("--python-version") + 1] == "3.11"
    assert ("--constraints" in command) == (name != "runtime")


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES ... do not match the hashes", "test.txt"),
        ("error: Hash mismatch for `six`: hash mismatch", "hash"),
        ("Temporary failure in name resolution", "could not be reached"),
        ("error: Failed to fetch: ... dns error", "could not be reached"),
        ("NewConnectionError(...)\nERROR: No matching distribution found for six", "reached"),
        ("ERROR: No matching distribution found for six==9", "has no wheel"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("hint\nerror: something new\nmore", "error: something new"),
        ("only this", "only this"),
        ("", "printed nothing"),
    ],
)
def test_a_failed_installation_is_explained_in_one_line(output: str, said: str) -> None:
    explained = dev.explain(output, "test")
    assert said in explained
    assert "\n" not in explained


def test_the_whole_output_of_a_failed_step_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setattr(dev, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(dev, "INSTALL_LOG", tmp_path / ".venv" / "install.log")
    failing = [sys.executable, "-c", "print('error: one'); print('two'); raise SystemExit(3)"]
    with pytest.raises(SetupError, match=r"error: one \(all of its output: .*install\.log\)"):
        dev.run_quietly(failing, "test")
    assert "two" in dev.INSTALL_LOG.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("uv", "missing"), [(None, ["ensurepip"]), ("/bin/uv", ["venv", "ensurepip"])]
)
def test_a_python_without_venv_is_told_what_to_install(uv: str | None, missing: list[str]) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(SetupError, match=f"apt-get install python{version}-venv"):
        dev.make_venv(uv, missing)


def test_locks_cannot_be_compiled_without_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SetupError, match="uv, which is not on PATH"):
        dev.lock([])


@pytest.mark.parametrize("command", ["check", "env", "lock"])
def test_an_argument_that_goes_nowhere_is_refused(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main([command, "--no-such"]) == 2
    assert f"'{command}' does not take '--no-such'" in capsys.readouterr().err


def test_arguments_are_passed_on() -> None:
    assert dev.parse(["demo", "--bars", "10"]) == ("demo", ["--bars", "10"])
    assert dev.parse(["test", "-k", "a or b", "-x"]) == ("test", ["-k", "a or b", "-x"])
    assert dev.parse(["test", "--", "--help"]) == ("test", ["--help"])


@pytest.mark.parametrize("command", dev.COMMANDS)
def test_the_help_of_each_command_has_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        dev.parse([command, "--help"])
    assert stopped.value.code == 0
    assert f"Example: python3 tools/dev.py {command}" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [[], ["no-such"]])
def test_an_unknown_command_is_refused_with_the_known_ones(argv: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, dev.__file__, *argv], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "usage: python3 tools/dev.py COMMAND" in done.stderr


def test_env_prints_paths_and_makes_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.main(["env"]) == 0
    shown = capsys.readouterr().out
    assert str(dev.venv_program("daybook")) in shown
    assert "nothing yet" in shown
    assert world.steps == []


def test_every_check_runs_though_the_first_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failing = [sys.executable, "-c", "print('what it found'); raise SystemExit(3)"]
    passing = [sys.executable, "-c", "print('noise')"]
    monkeypatch.setattr(dev, "ensure", lambda name: None)
    monkeypatch.setattr(dev, "check_commands", lambda: [("first", failing), ("second", passing)])
    assert dev.main(["check"]) == 1
    first, found, second = capfd.readouterr().out.splitlines()
    assert first.startswith("FAILED first")
    assert found == "what it found"
    assert second.startswith("ok     second")


# --- lock files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", dev.SETS)
def test_a_lock_names_no_host_and_no_folder(name: str) -> None:
    text = lock_text(name)
    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text
    mentioned = set(re.findall(r"\S*/\S*", text))
    assert mentioned <= {"tools/dev.py", *(f"tools/locks/{other}.txt" for other in dev.SETS)}


@pytest.mark.parametrize("name", dev.SETS)
def test_every_requirement_of_a_lock_has_a_pin_and_hashes(name: str) -> None:
    # One requirement: its line, then its hashes, up to the comment that says who wants it.
    lines = [line for line in lock_text(name).splitlines() if not line.lstrip().startswith("#")]
    blocks = re.split(r"\n(?=\S)", "\n".join(lines).strip())
    assert len(blocks) == len(pins(name))
    for block in blocks:
        assert re.match(r"\S+==\S+( ; .+)? \\\n", block), block
        assert re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64}( \\)?\n?)+", block.split("\n", 1)[1])


@pytest.mark.parametrize("name", ["test", "dev", "bench"])
def test_every_lock_has_the_runtime_pins(name: str) -> None:
    larger = {(package, version) for (package, _), version in pins(name).items()}
    runtime = {(package, version) for (package, _), version in pins("runtime").items()}
    assert runtime <= larger


def test_packages_that_locks_share_have_the_same_versions() -> None:
    versions: dict[str, set[str]] = {}
    for name in dev.SETS:
        of_lock: dict[str, list[str]] = {}
        for (package, _), version in pins(name).items():
            of_lock.setdefault(package, []).append(version)
        for package, found in of_lock.items():
            versions.setdefault(package, set()).add(" or ".join(sorted(found)))
    assert {package: found for package, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize(("name", "larger"), [("test", "dev")])
def test_a_larger_set_contains_the_smaller_one(name: str, larger: str) -> None:
    assert pins(name).items() <= pins(larger).items()


def test_metatrader5_is_wanted_on_windows_only() -> None:
    (marker,) = [marker for package, marker in pins("runtime") if package == "metatrader5"]
    assert "sys_platform == 'win32'" in marker
    assert "platform_machine == 'AMD64'" in marker


def test_what_the_project_needs_is_in_the_runtime_lock() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[>=; ]", line, maxsplit=1)[0].lower() for line in project["dependencies"]}
    assert wanted <= {package for package, _ in pins("runtime")}


def test_a_stamp_file_is_readable_by_people(tmp_path: Path) -> None:
    dev.write_stamp(tmp_path / "stamp.json", WANTED)
    shown = json.loads((tmp_path / "stamp.json").read_text(encoding="utf-8"))
    assert shown["sets"]["runtime"] == "r1"

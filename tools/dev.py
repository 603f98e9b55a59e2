"""Set-up for people and for CI: makes `.venv`, installs a locked set of packages, runs one thing.

Needs nothing but the standard library, and never installs a file whose hash no lock names.
"""

# No `from __future__ import annotations` and no syntax newer than Python 3.6 in this file: an old
# Python must get as far as `python_problem` to be refused with a sentence, not with a SyntaxError.
import argparse
import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

OLDEST = (3, 11)
NEWEST = (3, 14)


def python_problem(version: "Sequence[int]") -> str:
    """Say why this Python cannot be used, in one line; empty when it can."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return ""
    found = ".".join(str(part) for part in version[:3])
    return (
        f"dev.py: Daybook runs on Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, and "
        f"this is {found}. Start it with one of those, for example: python3.11 tools/dev.py demo"
    )


if __name__ == "__main__" and python_problem(sys.version_info[:3]):
    print(python_problem(sys.version_info[:3]), file=sys.stderr)
    sys.exit(2)

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "tools" / "locks"
VENV = ROOT / ".venv"
STAMP = VENV / "daybook-stamp.json"
INSTALL_LOG = VENV / "daybook-install.log"
GUARD = ROOT / ".venv.lock"

# Each set with the sets that contain it. All locks agree on the pins they share, so one
# environment can hold all of them.
SETS: dict[str, tuple[str, ...]] = {
    "runtime": ("runtime", "test", "dev", "bench"),
    "test": ("test", "dev"),
    "dev": ("dev",),
    "bench": ("bench",),
}


class SetupError(Exception):
    """Set-up cannot go on; the text says what was found and what to do."""


class Stamp(NamedTuple):
    """What `.venv` holds; compared before every command, so a second run installs nothing."""

    python: str
    root: str
    project: str
    sets: dict[str, str]

    def holds(self, name: str, wanted: "Stamp") -> bool:
        """Tell whether the set `name` is installed as `wanted` describes it."""
        return self[:3] == wanted[:3] and any(
            self.sets.get(larger) == wanted.sets[larger] for larger in SETS[name]
        )

    def with_set(self, name: str, wanted: "Stamp") -> "Stamp":
        """Add one installed set; forget those that another version of the locks had installed."""
        kept = {key: digest for key, digest in self.sets.items() if wanted.sets.get(key) == digest}
        return wanted._replace(sets={**kept, name: wanted.sets[name]})


def digest(path: Path) -> str:
    """Hash a text file; line ends do not count, since git may change them on Windows."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def wanted_stamp() -> Stamp:
    """Describe the environment that this checkout and this Python ask for."""
    return Stamp(
        python=f"{sys.implementation.name} {sys.version}",
        root=str(ROOT),
        project=digest(ROOT / "pyproject.toml"),
        sets={name: digest(LOCKS / f"{name}.txt") for name in SETS},
    )


def read_stamp(path: Path) -> Stamp | None:
    """Read a stamp; None when there is none or when it is not one of ours."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Stamp(found["python"], found["root"], found["project"], dict(found["sets"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamp(path: Path, stamp: Stamp) -> None:
    """Write a stamp whole or not at all."""
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(stamp._asdict(), indent=1), encoding="utf-8")
    beside.replace(path)


def venv_program(name: str, windows: bool = os.name == "nt") -> Path:
    """Locate a program of the environment: `Scripts/name.exe` on Windows, else `bin/name`."""
    return VENV / "Scripts" / f"{name}.exe" if windows else VENV / "bin" / name


def say(text: str) -> None:
    """Print one step."""
    print(f"==> {text}", flush=True)


# --- installing ---------------------------------------------------------------------------------


def venv_command(uv: str | None) -> list[str]:
    """Build the command that makes `.venv`; uv brings its own installer, so pip is left out."""
    # The interpreter below any environment that dev.py may itself have been started from.
    python = getattr(sys, "_base_executable", None) or sys.executable
    without_pip = ["--without-pip"] if uv else []
    return [python, "-m", "venv", "--clear", "--prompt", "daybook", *without_pip, str(VENV)]


def install_commands(name: str, uv: str | None) -> list[list[str]]:
    """Build the commands that install one locked set, then this checkout in editable form.

    Wheels only: no package's set-up code runs, and no compiler is needed.
    """
    python = str(venv_program("python"))
    if uv:
        install = [uv, "pip", "install", "--python", python]
    else:
        install = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    lock = ["--require-hashes", "--only-binary=:all:", "--requirement", str(LOCKS / f"{name}.txt")]
    editable = ["--no-build-isolation", "--editable", str(ROOT)]
    return [[*install, "--no-deps", *lock], [*install, "--no-deps", *editable]]


CAUSES = (
    (
        r"do not match the hashes|hash mismatch",
        "a downloaded file does not have the hash that tools/locks/{name}.txt names, and was not "
        "installed. Clear the download cache (pip cache purge, uv cache clean) and try again; if "
        "it stays, the package index or something on the way to it serves another file",
    ),
    (
        r"No space left|not enough space",
        "the disk is full. Free about 2 GB and run the same command again",
    ),
    (
        r"name resolution|getaddrinfo|dns error|NewConnectionError|Network is unreachable"
        r"|ConnectTimeout|ReadTimeout|timed out|Connection refused|Connection reset"
        r"|error sending request|Failed to fetch|connection error|ProxyError|SSLError"
        r"|CERTIFICATE_VERIFY",
        "the package index could not be reached. Check the connection (or HTTPS_PROXY, or the "
        "index that pip or uv is configured for) and run the same command again",
    ),
    (
        r"no matching distribution|no wheels|no usable wheels",
        "a package of tools/locks/{name}.txt has no wheel for this system, or the index that pip "
        "or uv is configured for does not offer that release. All of them have wheels for CPython "
        "on 64-bit Windows and on 64-bit Linux with glibc",
    ),
)


def explain(output: str, name: str) -> str:
    """Turn an installer's output into one line a person can act on."""
    for pattern, cause in CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return cause.format(name=name)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(error|\w+Error):", line, re.IGNORECASE)]
    return f"the installer failed: {(telling or lines or ['it printed nothing'])[0]}"


def child_environment() -> dict[str, str]:
    """Copy the environment without what would point a child at another Python."""
    dropped = ("PYTHONHOME", "__PYVENV_LAUNCHER__", "PIP_USER", "PIP_TARGET", "PIP_PREFIX")
    return {key: value for key, value in os.environ.items() if key not in dropped}


def run_quietly(command: Sequence[str], name: str) -> None:
    """Run one step of an installation.

    Raises SetupError when it fails; all it printed is then in `.venv/daybook-install.log`.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return
    VENV.mkdir(exist_ok=True)
    text = f"$ {' '.join(command)}\n{done.stdout}\nexit code {done.returncode}\n"
    INSTALL_LOG.write_text(text, encoding="utf-8")
    shown = INSTALL_LOG.relative_to(ROOT)
    raise SetupError(f"{explain(done.stdout, name)} (all of its output: {shown}).")


def missing_modules() -> list[str]:
    """Name what a distribution's cut-down Python lacks of what `python -m venv` needs."""
    return [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]


def make_venv(uv: str | None, missing: Sequence[str]) -> None:
    """Make `.venv` anew with the Python that runs this file."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if "venv" in missing or (missing and not uv):
        raise SetupError(
            f"this Python has no module '{missing[0]}', which makes virtual environments. "
            f"On Debian and Ubuntu: apt-get install python{version}-venv; "
            "then run the same command again."
        )
    say(f"making .venv with Python {sys.version.split()[0]}")
    run_quietly(venv_command(uv), "runtime")


def has_pip() -> bool:
    """Tell whether `.venv` has pip; one that was made for uv has not."""
    command = [str(venv_program("python")), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold `.venv.lock`, so that of two set-ups at once the second waits for the first.

    The lock belongs to the open file, so it also goes when this process is killed.
    """
    with GUARD.open("a+b") as file:
        if not take(file.fileno()):
            say("waiting for another set-up to finish")
            while not take(file.fileno()):
                time.sleep(0.2)
        yield


def take(descriptor: int) -> bool:
    """Try to lock a file; tell whether it worked."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def ensure(name: str) -> None:
    """Bring `.venv` to the locked set `name`; costs milliseconds when it is there already.

    The stamp is removed first and written last, so an interrupted installation is done again.
    """
    wanted = wanted_stamp()
    with alone():
        stamp = read_stamp(STAMP)
        usable = stamp is not None and venv_program("python").exists()
        if stamp and usable and stamp.holds(name, wanted):
            return
        began = time.monotonic()
        uv = shutil.which("uv")
        usable = usable and stamp is not None and stamp[:2] == wanted[:2]
        STAMP.unlink(missing_ok=True)
        if not usable or not (uv or has_pip()):
            make_venv(uv, missing_modules())
            stamp = None
        say(f"installing tools/locks/{name}.txt with {'uv' if uv else 'pip'}, hashes checked")
        for command in install_commands(name, uv):
            run_quietly(command, name)
        write_stamp(STAMP, (stamp or wanted._replace(sets={})).with_set(name, wanted))
        say(f"installed in {time.monotonic() - began:.0f} s")


def hand_over(command: Sequence[str], extra: Mapping[str, str]) -> int:
    """Become the given program, so that signals and exit code are its own."""
    environment = {**child_environment(), **extra}
    sys.stdout.flush()
    if os.name != "nt":
        os.chdir(ROOT)
        os.execve(command[0], list(command), environment)
    # Windows has no exec. Ctrl-C reaches the child as well, which ends in its own way.
    child = subprocess.Popen(command, cwd=ROOT, env=environment)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return child.wait()


# --- commands -----------------------------------------------------------------------------------


def demo(arguments: Sequence[str]) -> int:
    """Trade three months of real EURUSD bars against the simulated terminal.

    Arguments go to `daybook demo`.
    Example: python3 tools/dev.py demo --bars 5000
    """
    ensure("runtime")
    return hand_over([str(venv_program("daybook")), "demo", *arguments], {})


def test(arguments: Sequence[str]) -> int:
    """Run the tests and print their coverage.

    Arguments go to pytest; --no-cov leaves the coverage out.
    Example: python3 tools/dev.py test tests/journal -x --no-cov
    """
    ensure("test")
    # From Python 3.12 on, coverage can count lines without a trace function.
    extra = {"COVERAGE_CORE": "sysmon"} if sys.version_info >= (3, 12) else {}
    pytest = [str(venv_program("python")), "-m", "pytest", "--cov", "--cov-report=term"]
    return hand_over([*pytest, *arguments], {**extra, **os.environ})


def check_commands() -> list[tuple[str, list[str]]]:
    """List the checks with their commands."""
    python = str(venv_program("python"))
    ruff = [python, "-m", "ruff"]
    return [
        ("ruff check", [*ruff, "check", "--output-format=concise", "."]),
        ("ruff format", [*ruff, "format", "--check", "--output-format=concise", "."]),
        ("import direction", [str(venv_program("lint-imports"))]),
        ("determinism", [python, "-m", "tools.checks.determinism"]),
        ("mypy strict", [python, "-m", "mypy"]),
    ]


def check(arguments: Sequence[str]) -> int:
    """Run ruff, mypy strict, the import direction and the determinism lint.

    All of them run; the exit code is 1 when one of them found something.
    Example: python3 tools/dev.py check
    """
    refuse_arguments("check", arguments)
    ensure("dev")
    failed = 0
    for name, command in check_commands():
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=child_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        verdict = "FAILED" if done.returncode else "ok"
        print(f"{verdict:6} {name:17} {time.monotonic() - began:5.1f} s", flush=True)
        if done.returncode:
            failed += 1
            sys.stdout.buffer.write(done.stdout)
            sys.stdout.flush()
    return 1 if failed else 0


def bench(arguments: Sequence[str]) -> int:
    """Measure the engine beside its references.

    Arguments go to `python -m tools.bench`.
    Example: python3 tools/dev.py bench
    """
    ensure("bench")
    return hand_over([str(venv_program("python")), "-m", "tools.bench", *arguments], {})


def compile_command(uv: str, name: str, agreeing_with: str | None) -> list[str]:
    """Build the uv command that compiles one lock for all systems and Pythons.

    The compiled files name neither an index nor a folder of the machine they were made on.
    """
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--python-version", f"{OLDEST[0]}.{OLDEST[1]}", "--no-emit-index-url"]
    command += ["--no-emit-find-links", "--custom-compile-command", "python3 tools/dev.py lock"]
    command += ["--group", "build"] + (["--group", name] if name != "runtime" else [])
    if agreeing_with:
        command += ["--constraints", f"tools/locks/{agreeing_with}.txt"]
    return [*command, "--output-file", f"tools/locks/{name}.txt", "pyproject.toml"]


def lock(arguments: Sequence[str]) -> int:
    """Compile tools/locks/*.txt from pyproject.toml again; needs uv and the network.

    Pins stay where they can; --upgrade takes the newest releases.
    Example: python3 tools/dev.py lock --upgrade
    """
    if list(arguments) not in ([], ["--upgrade"]):
        refuse_arguments("lock", arguments)
    uv = shutil.which("uv")
    if not uv:
        raise SetupError("locks are compiled by uv, which is not on PATH. Install it (pipx, pip).")
    agreeing_with = None
    for name in SETS:
        command = [*compile_command(uv, name, agreeing_with), *arguments]
        done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        if done.returncode:
            raise SetupError(f"uv could not compile tools/locks/{name}.txt; it says why above.")
        say(f"compiled tools/locks/{name}.txt")
        agreeing_with = name
    return 0


def env(arguments: Sequence[str]) -> int:
    """Print where the environment is, made or not.

    Example: python3 tools/dev.py env
    """
    refuse_arguments("env", arguments)
    stamp = read_stamp(STAMP)
    print(f"python    {venv_program('python')}")
    print(f"daybook   {venv_program('daybook')}")
    print(f"activate  {venv_program('python').with_name('activate')}")
    print(f"holds     {', '.join(sorted(stamp.sets)) if stamp else 'nothing yet'}")
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo": demo,
    "test": test,
    "check": check,
    "bench": bench,
    "lock": lock,
    "env": env,
}


def refuse_arguments(command: str, arguments: Sequence[str]) -> None:
    """Refuse what a command does not take.

    Raises SetupError that names the first argument.
    """
    if arguments:
        raise SetupError(
            f"'{command}' does not take '{arguments[0]}'. See: python3 tools/dev.py {command} -h"
        )


def first_line(function: Callable[..., object]) -> str:
    """Return the first line of a docstring."""
    return (function.__doc__ or "").splitlines()[0]


def parse(argv: Sequence[str]) -> tuple[str, list[str]]:
    """Split a command line into a command and what is passed on to it."""
    listing = "\n".join(f"  {name:6} {first_line(call)}" for name, call in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="dev.py",
        usage="python3 tools/dev.py COMMAND [ARGUMENT ...]",
        description="Makes .venv, installs the locked packages a command needs, and runs it.",
        epilog=f"commands:\n{listing}\n\nexample:\n  python3 tools/dev.py demo --bars 5000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help=argparse.SUPPRESS)
    command = parser.parse_args(argv[:1]).command
    rest = list(argv[1:])
    if rest in (["-h"], ["--help"]):
        text = (COMMANDS[command].__doc__ or "").replace("\n    ", "\n")
        print(f"python3 tools/dev.py {command}\n\n{text.strip()}")
        sys.exit(0)
    return command, rest[1:] if rest[:1] == ["--"] else rest


def main(argv: Sequence[str]) -> int:
    """Run one command; 0 fine, 1 something was found, 2 could not run."""
    command, rest = parse(argv)
    try:
        return COMMANDS[command](rest)
    except SetupError as problem:
        print(f"dev.py: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("dev.py: stopped; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

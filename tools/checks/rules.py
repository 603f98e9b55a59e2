"""What deterministic code may use and what it may not, each with the reason and the way out.

Modules are allowed by name and everything else is refused: a module nobody thought of is a finding.
"""

from __future__ import annotations

from typing import NamedTuple

DETERMINISTIC = (
    "engine/broker/fault.py",
    "engine/broker/prices.py",
    "engine/config.py",
    "engine/execution/",
    "engine/kernel.py",
    "engine/risk/",
    "engine/strategies/",
    "journal/chain.py",
    "journal/codec.py",
    "journal/envelope.py",
    "journal/errors.py",
    "journal/events/",
    "journal/upcast.py",
    "projections/",
)
"""Files and folders whose code must give the same result on every machine and every replay.

A folder means all Python files below it. Each of these may import only one another.
"""

EXCEPT = {
    "engine/execution/document.py": "writes pages for people; nothing that runs reads them",
    "engine/execution/evidence.py": "asks the broker; the kernel gets its answers as events",
}
"""Files in those folders that belong to the shell, each with its reason."""


class Rule(NamedTuple):
    """Why something is refused, and what to do in its place."""

    why: str
    instead: str


CLOCK = Rule("a replay would read another time", "take the event's time (`ts`)")
ZONE = Rule(
    "the machine's time zone and its zone files differ",
    "pass tz=UTC, or take the measured offset of server time from an event",
)
RANDOM = Rule("a replay would draw another value", "derive it from the event's `seq`")
ENVIRONMENT = Rule(
    "another machine, another value", "let RunStarted record it and take it from there"
)
DISK = Rule(
    "the disk is not in the journal", "let the shell read it and pass it in as an event or a value"
)
OUTSIDE = Rule(
    "the outside world is not in the journal", "let the shell ask and bring the answer as an event"
)
SCHEDULER = Rule(
    "a scheduler decides the order", "return events; the runtime has the tasks and the queues"
)
ADDRESS = Rule(
    "it changes with PYTHONHASHSEED or with memory addresses",
    "compare values, or use hashlib for a stable digest",
)
DYNAMIC = Rule("what runs cannot be seen by reading", "write the code out")
OUTPUT = Rule(
    "effects leave the process only after the decision is durable", "return an event or an error"
)
MUTABLE_GLOBAL = Rule(
    "state outside the projections is not rebuilt by a replay", "keep it in a projection's state"
)
C_LIBRARY = Rule(
    "its last bit differs between C libraries",
    "use + - * / and math.sqrt, which are rounded the same everywhere (10 ** -n is 1 / 10**n)",
)
SUM = Rule(
    "sum() of floats gives other last bits from Python 3.12 on",
    "use math.fsum, or a loop; sum() of int(), len() or literals is fine",
)
LOCALE = Rule("it depends on the locale", "use isoformat(), fromisoformat() or an f-string")
SET_ORDER = Rule(
    "the order of a set changes with PYTHONHASHSEED", "sort it, or keep a dict or a tuple"
)
STAR_IMPORT = Rule("it hides which names are used", "import the names")
UNKNOWN_MODULE = Rule(
    "it is not known to be deterministic",
    "if it is, add it to ALLOWED_MODULES in tools/checks/rules.py",
)
OUR_IMPURE = Rule(
    "it is not among the deterministic parts",
    "move what is pure, or list that file in DETERMINISTIC in tools/checks/rules.py",
)

ALLOWED_MODULES = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "json",
        "math",
        "msgspec",
        "numbers",
        "operator",
        "re",
        "string",
        "struct",
        "textwrap",
        "types",
        "typing",
        "zlib",
    }
)
"""Modules whose functions depend on their arguments alone, apart from the names below.

numpy is not among them: its sums depend on the width of the processor's vectors.
"""


def _each(rule: Rule, prefix: str, names: str) -> dict[str, Rule]:
    return {f"{prefix}{name}": rule for name in names.split()}


FORBIDDEN: dict[str, Rule] = {
    **_each(CLOCK, "", "time sched"),
    **_each(CLOCK, "datetime.", "datetime.now datetime.utcnow datetime.today date.today"),
    **_each(ZONE, "datetime.", "date.fromtimestamp"),
    **_each(ZONE, "", "zoneinfo calendar"),
    **_each(RANDOM, "", "random secrets uuid numpy.random os.urandom os.getrandom"),
    **_each(ENVIRONMENT, "", "os sys platform locale getpass sysconfig site"),
    **_each(DISK, "", "io pathlib shutil tempfile glob fileinput mmap sqlite3 pickle shelve"),
    **_each(DISK, "", "duckdb pyarrow polars msgspec.yaml msgspec.toml zipfile tarfile gzip"),
    **_each(OUTSIDE, "", "socket ssl http urllib httpx requests aiohttp smtplib telegram"),
    **_each(OUTSIDE, "", "subprocess MetaTrader5 select selectors prometheus_client"),
    **_each(SCHEDULER, "", "threading _thread multiprocessing concurrent asyncio anyio trio"),
    **_each(SCHEDULER, "", "queue signal contextvars"),
    **_each(ADDRESS, "", "weakref gc"),
    **_each(DYNAMIC, "", "importlib runpy code inspect ctypes"),
    **_each(OUTPUT, "", "logging loguru warnings rich typer traceback"),
    **_each(
        C_LIBRARY,
        "math.",
        "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp exp2 expm1 "
        "log log2 log10 log1p pow gamma lgamma erf erfc cbrt",
    ),
}
"""Dotted names and what is wrong with them; a name stands for everything below it too."""

BUILTINS: dict[str, Rule] = {
    **_each(DISK, "", "open"),
    **_each(ADDRESS, "", "hash id"),
    **_each(DYNAMIC, "", "eval exec compile __import__ globals locals vars breakpoint"),
    **_each(OUTSIDE, "", "input"),
    **_each(OUTPUT, "", "print"),
}

METHODS: dict[str, Rule] = {
    **_each(DISK, "", "read_text read_bytes write_text write_bytes iterdir rglob mkdir unlink"),
    **_each(LOCALE, "", "strftime strptime"),
    **_each(ADDRESS, "", "__hash__"),
}
"""Method names that give a thing away whatever it is called on."""

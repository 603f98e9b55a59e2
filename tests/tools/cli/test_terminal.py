"""Programs written for the real module run unmodified from the command line."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.cli.conftest import ROOT, Call

BARS = f"EURUSD={ROOT / 'tools' / 'data' / 'eurusd_m1_2023q4.csv'}"

BUYER = """
    import sys
    import time
    import MetaTrader5 as mt5

    assert mt5.initialize(), mt5.last_error()
    symbol = sys.argv[1]
    result = mt5.order_send({
        "action": mt5.TRADE_ACTION_DEAL, "symbol": symbol, "volume": 0.1,
        "type": mt5.ORDER_TYPE_BUY, "price": mt5.symbol_info_tick(symbol).ask,
        "deviation": 20, "type_filling": mt5.ORDER_FILLING_IOC,
    })
    print(mt5.symbol_info_tick(symbol).time, result.comment, sys.argv[2:])
    while True:
        time.sleep(3600)
"""
"""A robot as many are written: it trades and then waits for somebody to press Ctrl-C."""

Write = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "robot.py"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    return write


def test_a_program_runs_unmodified_to_the_end_of_the_prices(call: Call, program: Write) -> None:
    said = call("terminal", "run", program(BUYER), "--bars", BARS, "--", "EURUSD", "--fast")
    assert said.code == 0
    assert said.out.endswith(" Request executed ['--fast']\n")
    assert said.err.startswith("daybook: the prices have ended; balance 9,999.65 USD, equity ")
    assert said.err.endswith("open positions 1\n")
    assert "MetaTrader5" not in sys.modules


READER = """
    import MetaTrader5 as mt5

    mt5.initialize()
    print([mt5.symbol_info_tick("GBPUSD").bid for _ in range(50)])
"""


def test_drawn_prices_are_the_same_for_the_same_seed(call: Call, program: Write) -> None:
    file = program(READER)
    first, again, other = (
        call("terminal", "run", file, "--seed", seed).out for seed in ("1", "1", "2")
    )
    assert first == again
    assert first != other


def test_ticks_may_be_stamped_in_utc(call: Call, program: Write, tmp_path: Path) -> None:
    file = tmp_path / "ticks.csv"
    monday = 1_704_708_000_000  # 8 January 2024, 10:00
    rows = (f"{monday + 1000 * n},1.1,1.1001" for n in range(20))
    file.write_text("\n".join(["time_msc,bid,ask", *rows]), encoding="utf-8")
    script = program(BUYER)
    ticks = ["--ticks", f"EURUSD={file}"]
    server = call("terminal", "run", script, "EURUSD", *ticks).out
    utc = call("terminal", "run", script, "EURUSD", *ticks, "--stamps", "utc").out
    assert int(utc.split()[0]) - int(server.split()[0]) == 2 * 3600


def test_an_account_goes_on_in_its_book(call: Call, program: Write, tmp_path: Path) -> None:
    book = ["--bars", BARS, "--book", tmp_path / "book"]
    line = ["terminal", "run", program(BUYER), "EURUSD", *book]
    assert call(*line).err.endswith("open positions 1\n")
    count = "import MetaTrader5 as mt5; mt5.initialize(); print(mt5.positions_total())"
    line[2] = program(count)
    assert call(*line) == (0, "1\n", "")


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("quit()", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('no symbol')", 1, "no symbol\n"),
    ],
)
def test_the_exit_code_is_the_programs_own(
    call: Call, program: Write, text: str, code: int, message: str
) -> None:
    assert call("terminal", "run", program(text)) == (code, "", message)


def test_a_program_that_fails_shows_its_own_traceback_only(call: Call, program: Write) -> None:
    file = program("def divide():\n    1 / 0\n\n\ndivide()\n")
    said = call("terminal", "run", file)
    assert said.code == 1
    assert said.err.startswith(f'Traceback (most recent call last):\n  File "{file}", line 5')
    assert said.err.endswith("ZeroDivisionError: division by zero\n")
    assert "runpy" not in said.err
    file.write_text("def\n", encoding="utf-8")
    assert "SyntaxError" in call("terminal", "run", file).err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--profile", "none"], "there is no terminal profile 'none'"),
        (["--bars", "prices.csv"], "--bars is 'prices.csv'; expected SYMBOL=FILE"),
        (["--ticks", "EURUSD="], "--ticks is 'EURUSD='; expected SYMBOL=FILE"),
        (["--bars", "EURUSD=none.csv"], "there is no price file none.csv"),
        (["--ticks", "EURUSD=none.csv"], "there is no file none.csv"),
        (["--bars", BARS, "--bars", BARS], "--bars names EURUSD twice"),
        (["--bars", BARS, "--ticks", BARS], "--bars and --ticks exclude each other"),
        (["--ticks", BARS], f"{BARS.removeprefix('EURUSD=')} has no column time_msc, bid, ask"),
        (["--bars", BARS.replace("EURUSD", "EURXXX", 1)], "EURXXX"),
        (["--stamps", "local"], "Invalid value for '--stamps'"),
        (["--frob"], "No such option: --frob"),
    ],
)
def test_what_is_wrong_before_the_start_is_one_line(
    call: Call, program: Write, options: list[str], message: str
) -> None:
    said = call("terminal", "run", program("print('started')"), *options)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("daybook: ")
    assert message in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "holds no ticks"),
        (["1704708000000,1.1,x"], "column ask does not hold numbers throughout"),
        (["1704708000000,nan,1.1"], "column bid does not hold numbers throughout"),
        (["1704708000000,1.1,"], "column ask does not hold numbers throughout"),
    ],
)
def test_ticks_that_cannot_be_traded_on_are_named(
    call: Call, program: Write, tmp_path: Path, rows: list[str], message: str
) -> None:
    file = tmp_path / "ticks.csv"
    file.write_text("\n".join(["time_msc,bid,ask", *rows, ""]), encoding="utf-8")
    said = call("terminal", "run", program("quit()"), "--ticks", f"EURUSD={file}")
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_a_missing_program_is_named(call: Call, tmp_path: Path) -> None:
    said = call("terminal", "run", tmp_path / "none.py")
    expected = f"there is no program {tmp_path / 'none.py'}; give the path of a Python file"
    assert said == (2, "", f"daybook: {expected}\n")


def test_the_profiles_are_listed(call: Call) -> None:
    said = call("terminal", "profiles")
    assert (said.code, said.err) == (0, "")
    names = sorted(file.stem for file in (ROOT / "configs" / "terminal").glob("*.yaml"))
    assert [line.split()[0] for line in said.out.splitlines()] == ["profile", *names]


@pytest.mark.parametrize("command", ["run", "profiles"])
def test_help_ends_in_an_example(call: Call, command: str) -> None:
    said = call("terminal", command, "--help")
    assert said.code == 0
    assert f"Example: daybook terminal {command}" in said.out

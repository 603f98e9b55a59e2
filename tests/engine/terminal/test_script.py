"""Programs written for the real module, run unmodified."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.errors import ProfileError
from engine.terminal.market import BarMarket
from engine.terminal.script import run_script
from tests.engine.terminal.worlds import bars

#: As robots are written: a loop that polls, sleeps a minute and ends with Ctrl-C.
ROBOT = """
import sys
import time
import MetaTrader5 as mt5

if not mt5.initialize():
    print("initialize() failed, error code =", mt5.last_error())
    quit()
symbol = sys.argv[1]
seen = []
try:
    while True:
        rates = mt5.copy_rates_from_pos(symbol, mt5.TIMEFRAME_M1, 0, 3)
        seen.append(int(rates[-1]["time"]))
        if not mt5.positions_get(symbol=symbol):
            point = mt5.symbol_info(symbol).point
            price = mt5.symbol_info_tick(symbol).ask
            result = mt5.order_send({
                "action": mt5.TRADE_ACTION_DEAL, "symbol": symbol, "volume": 0.1,
                "type": mt5.ORDER_TYPE_BUY, "price": price, "sl": price - 100 * point,
                "tp": price + 100 * point, "deviation": 20, "magic": 234000,
                "comment": "python script open", "type_time": mt5.ORDER_TIME_GTC,
                "type_filling": mt5.ORDER_FILLING_FOK,
            })
            assert result.retcode == mt5.TRADE_RETCODE_DONE, result
        time.sleep(60)
except KeyboardInterrupt:
    print(len(seen), "minutes")
finally:
    mt5.shutdown()
assert seen == sorted(seen)
"""


@pytest.fixture
def terminal() -> Terminal:
    market = BarMarket({"EURUSD": bars([1.1 + n % 7 / 1e4 for n in range(60)])}, start=5)
    return Terminal(load_profile("ecn-hedging"), market)


def test_a_polling_robot_runs_to_the_end_of_the_data_without_waiting(
    tmp_path: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    robot = tmp_path / "robot.py"
    robot.write_text(ROBOT, encoding="utf-8")
    before = sys.argv, sys.path[:], time.sleep
    assert run_script(robot, terminal, ["EURUSD"])
    assert "minutes" in capsys.readouterr().out
    assert (sys.argv, sys.path, time.sleep) == before
    assert "MetaTrader5" not in sys.modules
    assert terminal.server.book.deals[-1].magic == 234000


def test_a_program_that_ends_or_fails_by_itself_does_so(tmp_path: Path, terminal: Terminal) -> None:
    program = tmp_path / "program.py"
    program.write_text("import MetaTrader5 as mt5\nassert mt5.initialize()\n", encoding="utf-8")
    assert not run_script(program, terminal)
    program.write_text("raise ValueError('mine')\n", encoding="utf-8")
    with pytest.raises(ValueError, match="mine"):
        run_script(program, terminal)
    with pytest.raises(ProfileError, match="no program at"):
        run_script(tmp_path / "none.py", terminal)

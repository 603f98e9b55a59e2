"""A MetaTrader 5 that runs anywhere: the simulated terminal.

    terminal = Terminal(load_profile("ecn-hedging"), BarMarket({"EURUSD": bars}))
    mt5 = terminal.module()
    while terminal.advance():
        ...

`install` puts the same module into `sys.modules` for programs that `import MetaTrader5`;
`run_script` runs such a program from its file.
"""

from __future__ import annotations

from engine.terminal.install import install
from engine.terminal.profile import load_profile
from engine.terminal.script import run_script
from engine.terminal.terminal import Terminal

__all__ = ["Terminal", "install", "load_profile", "run_script"]

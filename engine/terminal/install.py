"""Puts the simulated module where `import MetaTrader5` finds it."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.terminal.market import Market, RandomMarket
from engine.terminal.profile import Profile, load_profile
from engine.terminal.terminal import Terminal


def install(
    profile: Profile | str | Path = "ecn-hedging",
    market: Market | None = None,
    book: str | Path | None = None,
    seed: int = 0,
    pace: int = 1,
) -> Terminal:
    """Register a simulated terminal as `MetaTrader5` in `sys.modules` and return it.

    Without a market, prices are a seeded random stream of every symbol in the profile. A program
    written for the real module only waits for prices, so the market makes `pace` steps with each
    call that reads them; a caller that drives the market with `advance` itself gives 0.

    Raises:
        ProfileError: there is no such profile, or it is wrong.
    """
    facts = profile if isinstance(profile, Profile) else load_profile(profile)
    terminal = Terminal(facts, market or RandomMarket.of(facts, seed=seed), book, seed)
    terminal.pace(pace)
    sys.modules["MetaTrader5"] = terminal.module()
    return terminal

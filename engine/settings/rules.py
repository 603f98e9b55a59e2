"""What the shape of a configuration cannot say: values that are each allowed and together are not.

Looks at files only to say whether they are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from engine.broker.server_time import AUTO, ServerTime
from engine.config import DEFAULT, Config, Evidence, SimulatedTerminal
from engine.execution.protection.rules import PartialTarget
from engine.settings.shape import Finding, suggest
from engine.strategies.baseline import MaCrossRsiConfig
from engine.strategies.catalogue import StrategyConfig
from engine.terminal.errors import ProfileError
from engine.terminal.faults import load_faults
from engine.terminal.profile import load_profile
from journal.errors import ConfigError

BAR_FILES = (".csv", ".parquet")


def problems(config: Config, base: Path) -> list[Finding]:
    """Return what contradicts itself; relative files start at `base`, the file's own folder."""
    found = list(_doubles(config.strategies))
    for index, strategy in enumerate(config.strategies):
        found += [(("strategies", index, key), text) for key, text in _order(strategy)]
        found += [(("strategies", index, "protection"), t) for t in _parts(strategy)]
    found += _policies(config)
    found += _evidence(config.broker.evidence)
    try:
        if config.broker.zone != AUTO or config.broker.kind != "mt5":
            ServerTime(config.broker.zone)
    except ConfigError as error:
        found.append((("broker", "zone"), str(error)))
    if config.broker.kind == "simulated":
        if config.terminal is None:
            text = "this section is missing; it is needed while broker.kind is `simulated`"
            found.append((("terminal",), text))
        else:
            found += _terminal(config.terminal, config.strategies, base)
    return found


def _doubles(strategies: list[StrategyConfig]) -> Iterator[Finding]:
    names: dict[str, int] = {}
    magics: dict[int, int] = {}
    for index, strategy in enumerate(strategies):
        for key, value, first in (
            ("name", strategy.name, names.setdefault(strategy.name, index)),
            ("magic", strategy.magic, magics.setdefault(strategy.magic, index)),
        ):
            if first != index:
                text = f"found {value!r}, as in strategies[{first}]; allowed: a {key} of its own"
                yield ("strategies", index, key), text


def _order(strategy: StrategyConfig) -> Iterator[tuple[str, str]]:
    if isinstance(strategy, MaCrossRsiConfig):
        if strategy.fast >= strategy.slow:
            yield "fast", f"found {strategy.fast}; allowed: less than `slow`, {strategy.slow}"
        if strategy.rsi_low >= strategy.rsi_high:
            text = f"found {strategy.rsi_low}; allowed: less than `rsi_high`, {strategy.rsi_high}"
            yield "rsi_low", text


def _parts(strategy: StrategyConfig) -> Iterator[str]:
    targets = [rule for rule in strategy.protection if isinstance(rule, PartialTarget)]
    percent = sum(Fraction(rule.part_percent) for rule in targets)
    if percent >= 100:
        yield (
            f"its partial targets close {float(percent):g} % in all; allowed: less than 100, the "
            "rest is for the stop and the target"
        )


def _policies(config: Config) -> Iterator[Finding]:
    symbols = sorted({strategy.symbol for strategy in config.strategies})
    for name, policy in config.positions.items():
        key = ("positions", name)
        if name != DEFAULT and name not in symbols:
            hint = suggest(name, [DEFAULT, *symbols])
            yield key, f"no strategy trades {name!r}; allowed: `default` or its symbol{hint}"
        if (policy.policy == "one" and policy.most > 1) or (
            policy.policy == "add" and policy.most < 2
        ):
            fit = "1 with `one`" if policy.policy == "one" else "at least 2 with `add`"
            yield (*key, "most"), f"found {policy.most}; allowed: {fit}"
        known = [s.name for s in config.strategies if name in (DEFAULT, s.symbol)]
        if policy.adopt_by and policy.adopt_by not in known:
            text = f"found {policy.adopt_by!r}; allowed: a strategy that trades {name}"
            yield (*key, "adopt_by"), text + suggest(policy.adopt_by, known)


def _evidence(evidence: Evidence) -> Iterator[Finding]:
    """A search must be over before its time is: nothing else could halt meanwhile."""
    search_s = (evidence.polls - 1) * evidence.interval_s
    if search_s > evidence.limit_s:
        text = (
            f"found {evidence.limit_s:g}; allowed: at least the {search_s:g} seconds that "
            f"{evidence.polls} polls take, {evidence.interval_s:g} apart"
        )
        yield ("broker", "evidence", "limit_s"), text


def _terminal(
    terminal: SimulatedTerminal, strategies: list[StrategyConfig], base: Path
) -> Iterator[Finding]:
    for symbol, name in terminal.bars.items():
        key = ("terminal", "bars", symbol)
        path = base / name
        if path.suffix.lower() not in BAR_FILES:
            yield key, f"found {name!r}; allowed: a file that ends in {' or '.join(BAR_FILES)}"
        elif not path.is_file():
            yield key, f"there is no file {path}"
    if terminal.faults:
        try:
            load_faults(named_file(terminal.faults, base))
        except ProfileError as error:
            yield ("terminal", "faults"), str(error)
    try:
        symbols = load_profile(named_file(terminal.profile, base)).symbols
    except ProfileError as error:
        yield ("terminal", "profile"), str(error)
        return
    for index, strategy in enumerate(strategies):
        for where, known in (("terminal.bars", terminal.bars), ("the terminal's profile", symbols)):
            if strategy.symbol not in known:
                hint = suggest(strategy.symbol, known)
                text = f"found {strategy.symbol!r}, which is not in {where}{hint}"
                yield ("strategies", index, "symbol"), text


def named_file(name: str, base: Path) -> str | Path:
    """Return what `load_profile` and `load_faults` want: a name as it is, a file seen from
    `base`."""
    return base / name if name.endswith((".yaml", ".yml")) else name

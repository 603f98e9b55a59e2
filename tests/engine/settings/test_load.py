"""Every mistake that can be made in a configuration is named with place, value and remedy."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine.config import Config
from engine.execution.protection.rules import Protection
from engine.settings import canonical, load
from engine.strategies.baseline import MaCrossRsiConfig
from journal.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
DEMO = ROOT / "configs" / "demo.yaml"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes the demo's configuration with some texts replaced."""

    def write(*changes: tuple[str, str]) -> Path:
        text = DEMO.read_text(encoding="utf-8")
        for old, new in ((": ../tools/data/eurusd_m1_2023q4.csv", ": bars.csv"), *changes):
            assert old in text, f"{old!r} is no longer in {DEMO}"
            text = text.replace(old, new, 1)
        path = tmp_path / "wrong.yaml"
        path.write_text(text, encoding="utf-8")
        (tmp_path / "bars.csv").touch()
        return path

    return write


def refusal(path: Path, environ: dict[str, str] | None = None) -> str:
    """Return what `load` says about the file, with the folder cut off."""
    with pytest.raises(ConfigError) as refused:
        load(path, environ=environ or {})
    return str(refused.value).replace(str(path.parent) + "/", "").replace(str(path.parent), ".")


def test_the_demo_is_the_baseline_that_the_documents_describe() -> None:
    config = load(DEMO, environ={})
    strategy = config.strategies[0]
    assert isinstance(strategy, MaCrossRsiConfig)
    assert (strategy.symbol, strategy.timeframe) == ("EURUSD", "M1")
    assert (strategy.fast, strategy.slow) == (20, 50)
    assert (strategy.rsi_period, strategy.rsi_low, strategy.rsi_high) == (14, 30.0, 70.0)
    assert (strategy.atr_period, strategy.stop_atr, strategy.target_r) == (14, 2.0, 2.0)
    assert config.risk.per_trade_percent == 1.0
    assert config.broker.kind == "simulated"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "fast: 20 ",
            "fast: twenty ",
            "strategies[0].fast: found 'twenty'; allowed: a whole number from 2 to 10000",
            id="a text where a whole number belongs",
        ),
        pytest.param(
            "fast: 20 ",
            "fast: 20.0 ",
            "strategies[0].fast: found 20.0; allowed: a whole number from 2 to 10000",
            id="a fraction where a whole number belongs",
        ),
        pytest.param(
            "fast: 20 ",
            'fast: "20" ',
            "strategies[0].fast: found '20'; allowed: a whole number from 2 to 10000",
            id="a number in quotes",
        ),
        pytest.param(
            "fast: 20 ",
            "fast: true ",
            "strategies[0].fast: found true; allowed: a whole number from 2 to 10000",
            id="a truth value where a number belongs",
        ),
        pytest.param(
            "fast: 20 ",
            "fast: 1 ",
            "strategies[0].fast: found 1; allowed: a whole number from 2 to 10000",
            id="out of range",
        ),
        pytest.param(
            "fast: 20 ",
            "fast: ",
            "strategies[0].fast: found nothing; allowed: a whole number from 2 to 10000",
            id="nothing after the colon",
        ),
        pytest.param(
            "fast: 20 ",
            "fsat: 20 ",
            "strategies[0].fsat: unknown key; did you mean `fast`?",
            id="a misspelt key",
        ),
        pytest.param(
            "history: 200 ",
            "zzz: 200 ",
            "terminal.zzz: unknown key; known here: `profile`, `bars`, `model`, `history`",
            id="a key unlike any other",
        ),
        pytest.param(
            "model: ohlc ",
            "model: olhc ",
            "terminal.model: found 'olhc'; allowed: one of `ohlc`, `open`; did you mean `ohlc`?",
            id="a misspelt choice",
        ),
        pytest.param(
            "kind: ma-cross-rsi ",
            "kind: ma-cros-rsi ",
            "strategies[0].kind: found 'ma-cros-rsi'; allowed: one of `ma-cross-rsi`, `breakout`; "
            "did you mean `ma-cross-rsi`?",
            id="a misspelt strategy",
        ),
        pytest.param(
            "- kind: ma-cross-rsi ",
            "- # ",
            "strategies[0].kind: this key is missing; allowed: one of `ma-cross-rsi`, `breakout`",
            id="a strategy without its kind",
        ),
        pytest.param(
            "per_trade_percent: 1.0",
            "per_trade_percent: 0",
            "risk.per_trade_percent: found 0; allowed: a number above 0.0 and at most 100.0",
            id="a bound that is itself not allowed",
        ),
        pytest.param(
            "per_trade_percent: 1.0",
            "per_trade_percent: .nan",
            "risk.per_trade_percent: found nan; allowed: a number above 0.0 and at most 100.0",
            id="not a number",
        ),
        pytest.param(
            "seed: 1 ",
            "seed: -1 ",
            "seed: found -1; allowed: a whole number of at least 0 and below ",
            id="a negative seed",
        ),
        pytest.param(
            "name: demo",
            "name: My Demo!",
            "name: found 'My Demo!'; allowed: a text that matches ^[a-z0-9][a-z0-9_-]{0,31}$",
            id="a name with forbidden characters",
        ),
        pytest.param(
            "    login: 5012345\n",
            "",
            "broker.account.login: this key is missing; expected: a whole number above 0",
            id="a missing key",
        ),
        pytest.param(
            "risk:\n  per_trade_percent: 1.0 ",
            "risk: 1.0\nlimits:\n  batch: 1 # ",
            "risk: found 1.0; allowed: a section with the keys "
            "`per_trade_percent`, `margin_use_percent`",
            id="a value where a section belongs",
        ),
        pytest.param(
            "    slow: 50\n",
            "    slow: 50\n    slow: 60\n",
            "strategies[0].slow: this key stands twice, first at wrong.yaml:37",
            id="a key that stands twice",
        ),
        pytest.param(
            "fast: 20 ",
            "fast: 50 ",
            "strategies[0].fast: found 50; allowed: less than `slow`, 50",
            id="fast not less than slow",
        ),
        pytest.param(
            "target_r: 2.0 ",
            "protection: [{kind: trail-atrr}] # ",
            "strategies[0].protection[0].kind: found 'trail-atrr'; allowed: one of `trail-atr`, "
            "`trail-bar`, `trail-steps`, `trail-r`, `break-even`, `partial-target`, `time-stop`; "
            "did you mean `trail-atr`?",
            id="a misspelt rule of protection",
        ),
        pytest.param(
            "target_r: 2.0 ",
            "protection: [{kind: trail-steps, step_points: 0, behind_points: 0}] # ",
            "strategies[0].protection[0].step_points: found 0; allowed: a whole number above 0 "
            "and at most 1000000",
            id="steps of nothing",
        ),
        pytest.param(
            "target_r: 2.0 ",
            "protection: [{kind: partial-target, at_r: 1, part_percent: 60}, "
            "{kind: partial-target, at_r: 2, part_percent: 40}] # ",
            "strategies[0].protection: its partial targets close 100 % in all; allowed: less than "
            "100, the rest is for the stop and the target",
            id="partial targets that leave nothing",
        ),
        pytest.param(
            "risk:\n",
            "positions: {EURUSC: {policy: reverse}}\nrisk:\n",
            "positions.EURUSC: no strategy trades 'EURUSC'; allowed: `default` or its symbol; "
            "did you mean `EURUSD`?",
            id="a policy for a symbol that nobody trades",
        ),
        pytest.param(
            "risk:\n",
            "positions: {default: {policy: add}}\nrisk:\n",
            "positions.default.most: found 1; allowed: at least 2 with `add`",
            id="adding to one",
        ),
        pytest.param(
            "risk:\n",
            "positions: {EURUSD: {found: adopt, adopt_by: baselin}}\nrisk:\n",
            "positions.EURUSD.adopt_by: found 'baselin'; allowed: a strategy that trades EURUSD; "
            "did you mean `baseline`?",
            id="adoption by nobody",
        ),
        pytest.param(
            "  zone: new-york+7",
            "  evidence: {polls: 10, interval_s: 20, limit_s: 100}\n  zone: new-york+7",
            "broker.evidence.limit_s: found 100; allowed: at least the 180 seconds that 10 polls "
            "take, 20 apart",
            id="a search that is longer than its time",
        ),
        pytest.param(
            "rsi_low: 30",
            "rsi_low: 70",
            "strategies[0].rsi_low: found 70.0; allowed: less than `rsi_high`, 70.0",
            id="no room between the levels of RSI",
        ),
        pytest.param(
            ": bars.csv",
            ": none.csv",
            "terminal.bars.EURUSD: there is no file none.csv",
            id="bars that are not there",
        ),
        pytest.param(
            ": bars.csv",
            ": bars.xlsx",
            "terminal.bars.EURUSD: found 'bars.xlsx'; allowed: a file that ends in .csv or "
            ".parquet",
            id="bars in a format that is not read",
        ),
        pytest.param(
            "zone: new-york+7",
            "zone: mars",
            "broker.zone: broker.zone is 'mars'; allowed are new-york+7, ",
            id="an unknown rule of the server's clock",
        ),
        pytest.param(
            "symbol: EURUSD",
            "symbol: EURUDS",
            "strategies[0].symbol: found 'EURUDS', which is not in terminal.bars; "
            "did you mean `EURUSD`?",
            id="a symbol without bars",
        ),
        pytest.param(
            "kind: simulated",
            "kind: &a simulated",
            "not valid YAML: anchors, aliases and tags are not supported; write the value out",
            id="an anchor",
        ),
        pytest.param(
            "name: demo",
            "name: !!python/object/apply:os.getcwd []",
            "not valid YAML: anchors, aliases and tags are not supported; write the value out",
            id="a tag that would run code",
        ),
        pytest.param(
            "seed: 1 ",
            "? [a, b]\n: 1 #",
            "the file: a key must be a text",
            id="a list as a key",
        ),
        pytest.param(
            "name: demo", "name: demo: x", "not valid YAML: mapping values are not", id="two colons"
        ),
        pytest.param(
            "name: demo", "name: [demo", "not valid YAML: expected ',' or ']'", id="open bracket"
        ),
        pytest.param(
            "name: demo", "\tname: demo", "not valid YAML: found character '\\t'", id="a tab"
        ),
        pytest.param(
            "name: demo", "name: de\x07mo", "the character 0x7 cannot stand in YAML", id="a bell"
        ),
    ],
)
def test_a_mistake_is_named_with_its_line_its_key_and_what_is_allowed(
    write: Write, old: str, new: str, said: str
) -> None:
    first = refusal(write((old, new))).split("\n")[0]
    place = re.fullmatch(r"wrong\.yaml:\d+: (.*)", first)
    assert place, first
    assert place[1].startswith(said)


@pytest.mark.parametrize(
    ("new", "line"),
    [
        ("fast: 1 ", "fast: 1 "),
        ("fsat: 20 ", "fsat: 20 "),
        ("fast: 50 ", "fast: 50 "),
        ("fast: 20\n    fast: 30 ", "fast: 30 "),
        ("fast: [20 ", "slow: 50"),
        ("", "- kind: ma-cross-rsi"),
    ],
    ids=[
        "value",
        "unknown key",
        "contradiction",
        "double key",
        "syntax",
        "missing key: its section",
    ],
)
def test_the_line_is_the_one_to_look_at(write: Write, new: str, line: str) -> None:
    path = write(("magic: 20231001 ", "# ")) if not new else write(("fast: 20 ", new))
    number = int(refusal(path).split(":")[1])
    assert line in path.read_text(encoding="utf-8").split("\n")[number - 1]


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_shape(write: Write) -> None:
    path = write(("seed: 1 ", "seed: x "), ("fast: 20 ", "fast: 1 "), ("model: ohlc", "modle: x"))
    keys = [line.split(": ")[1] for line in refusal(path).split("\n")]
    assert keys == ["seed", "terminal.modle", "strategies[0].fast"]


def test_names_and_magics_belong_to_one_strategy_each(write: Write) -> None:
    text = DEMO.read_text(encoding="utf-8")
    strategy = text[text.index("  - kind") : text.index("risk:")].rstrip() + "\n"
    said = refusal(write((strategy, strategy + strategy)))
    assert (
        "strategies[1].name: found 'baseline', as in strategies[0]; allowed: a name of its own"
        in said
    )
    assert "strategies[1].magic: found 20231001, as in strategies[0]" in said


def test_a_simulated_broker_needs_a_terminal(write: Write) -> None:
    text = DEMO.read_text(encoding="utf-8")
    section = text[text.index("terminal: ") : text.index("strategies:")]
    path = write()
    path.write_text(text.replace(section, ""), encoding="utf-8")
    assert refusal(path) == (
        "wrong.yaml: terminal: this section is missing; "
        "it is needed while broker.kind is `simulated`"
    )


def test_a_terminal_profile_that_is_not_there_is_refused(write: Write) -> None:
    said = refusal(write(("profile: ecn-hedging", "profile: none")))
    assert said.startswith("wrong.yaml:24: terminal.profile: there is no terminal profile 'none'")
    said = refusal(write(("profile: ecn-hedging", "profile: mine/none.yaml")))
    assert "terminal.profile: there is no terminal profile at mine/none.yaml" in said


def test_a_profile_of_ones_own_is_found_beside_the_configuration(write: Write) -> None:
    path = write(("profile: ecn-hedging", "profile: my.yaml"))
    shutil.copy(ROOT / "configs" / "terminal" / "ecn-hedging.yaml", path.with_name("my.yaml"))
    assert load(path, environ={}).terminal is not None


def test_an_empty_strategy_list_is_refused(write: Write) -> None:
    text = DEMO.read_text(encoding="utf-8")
    section = text[text.index("strategies:\n") : text.index("risk:")]
    path = write()
    path.write_text(text.replace(section, "strategies: []\n"), encoding="utf-8")
    assert "strategies: found a list of 0; allowed: a list of at least 1" in refusal(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "wrong.yaml: the file is empty; configs/demo.yaml shows what belongs in it"),
        (b"# only words\n", "wrong.yaml: the file is empty"),
        (b"- a\n- b\n", "wrong.yaml:1: found a list of 2; allowed: a section with the keys `name`"),
        (b"demo\n", "wrong.yaml:1: found 'demo'; allowed: a section with the keys `name`"),
        (b"name: a\n---\nname: b\n", "wrong.yaml:2: not valid YAML: but found another document"),
        (b"name: \xff\n", "wrong.yaml: not UTF-8 text, byte 6 cannot be read"),
        (b"[" * 5000, "wrong.yaml: nested too deeply to be a configuration"),
    ],
)
def test_a_file_that_is_no_configuration_at_all_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_bytes(content)
    assert refusal(path).startswith(said)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == "none.yaml: there is no such file"
    assert refusal(tmp_path / "..") == "..: cannot be read: this is a folder, not a file"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E2", 100.0), (".5", 0.5), ("5.", 5.0), ("010", 10.0), ("1", 1.0)],
)
def test_a_number_is_read_as_people_write_it(write: Write, text: str, value: float) -> None:
    path = write(("per_trade_percent: 1.0", f"per_trade_percent: {text}"))
    assert load(path, environ={}).risk.per_trade_percent == value


@pytest.mark.parametrize("text", ["no", "off", "2023-10-01", "1:30", "null-terminal"])
def test_a_text_stays_a_text(write: Write, text: str) -> None:
    path = write(("server: Daybook-ECN", f"server: {text}"))
    assert load(path, environ={}).broker.account.server == text


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_profile_that_comes_along_can_be_read(path: Path) -> None:
    config = load(path, environ={})
    assert msgspec.convert(canonical(config)[0], Config) == config


def test_the_profile_for_protection_has_every_rule() -> None:
    config = load(ROOT / "configs" / "protected.yaml", environ={})
    kinds = {type(rule) for strategy in config.strategies for rule in strategy.protection}
    assert kinds == set(get_args(Protection))


def test_the_hash_is_of_what_is_meant_not_of_how_it_is_written(write: Write) -> None:
    plain, digest = canonical(load(write(), environ={}))
    shuffled = write(("seed: 1 ", "# "), ("name: demo", "seed: 0x1\nname: 'demo'"))
    assert canonical(load(shuffled, environ={})) == (plain, digest)
    other = write(("seed: 1 ", "seed: 2 "))
    assert canonical(load(other, environ={}))[1] != digest
    assert list(plain) == list(Config.__struct_fields__)
    assert msgspec.convert(plain, Config) == load(write(), environ={})

"""Variables override the file, and one that leads nowhere is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import Config
from engine.settings import load
from engine.strategies.baseline import MaCrossRsiConfig
from engine.strategies.breakout import BreakoutConfig
from journal.errors import ConfigError

DEMO = Path(__file__).resolve().parents[3] / "configs" / "demo.yaml"


def demo(**variables: str) -> Config:
    return load(DEMO, environ={f"DAYBOOK_{name}": text for name, text in variables.items()})


def test_a_variable_overrides_the_file() -> None:
    assert demo(RISK__PER_TRADE_PERCENT="0.5").risk.per_trade_percent == 0.5
    assert demo(BROKER__ACCOUNT__LOGIN="7").broker.account.login == 7


def test_a_list_member_is_named_by_its_position() -> None:
    strategy = demo(STRATEGIES__0__FAST="10").strategies[0]
    assert isinstance(strategy, MaCrossRsiConfig)
    assert strategy.fast == 10


def test_a_list_grows_by_the_next_position() -> None:
    config = demo(
        STRATEGIES__1__KIND="ma-cross-rsi",
        STRATEGIES__1__NAME="second",
        STRATEGIES__1__MAGIC="7",
        STRATEGIES__1__SYMBOL="EURUSD",
    )
    assert [strategy.name for strategy in config.strategies] == ["baseline", "second"]


def test_what_is_added_to_a_list_is_of_the_kind_that_is_named() -> None:
    config = demo(
        STRATEGIES__1__CHANNEL="30",
        STRATEGIES__1__KIND="breakout",
        STRATEGIES__1__NAME="second",
        STRATEGIES__1__MAGIC="7",
        STRATEGIES__1__SYMBOL="EURUSD",
    )
    second = config.strategies[1]
    assert isinstance(second, BreakoutConfig)
    assert second.channel == 30


def test_a_section_that_the_file_leaves_out_can_be_set() -> None:
    assert demo(LIMITS__BATCH="9").limits.batch == 9
    assert demo(BROKER__EVIDENCE__POLLS="3").broker.evidence.polls == 3


def test_a_text_is_taken_as_it_stands() -> None:
    assert demo(JOURNAL="1e3").journal == "1e3"
    assert demo(BROKER__ACCOUNT__SERVER="true").broker.account.server == "true"


def test_a_name_in_a_section_of_names_is_matched_without_case(tmp_path: Path) -> None:
    bars = tmp_path / "other.csv"
    bars.touch()
    config = demo(TERMINAL__BARS__EURUSD=str(bars))
    assert config.terminal is not None
    assert config.terminal.bars == {"EURUSD": str(bars)}


def test_variables_of_others_are_none_of_our_business() -> None:
    environ = {"PATH": "/bin", "DAYBOOKS": "1", "MY_DAYBOOK_X": "1"}
    assert load(DEMO, environ=environ) == load(DEMO, environ={})


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "RISK__PER_TRADE_PERCENT",
            "lots",
            "risk.per_trade_percent: found 'lots'; allowed: a number above 0.0 and at most 100.0",
        ),
        (
            "RISK__PER_TRADE",
            "1",
            "there is no `per_trade` in the configuration; "
            "did you mean DAYBOOK_RISK__PER_TRADE_PERCENT?",
        ),
        (
            "RSIK__PER_TRADE_PERCENT",
            "1",
            "there is no `rsik` in the configuration; did you mean DAYBOOK_RISK?",
        ),
        (
            "RISK__QQQ",
            "1",
            "there is no `qqq` in the configuration; known here: "
            "DAYBOOK_RISK__PER_TRADE_PERCENT, DAYBOOK_RISK__MARGIN_USE_PERCENT",
        ),
        (
            "STRATEGIES__FIRST__FAST",
            "1",
            "`strategies` is a list of 1: expected a position from 0, at most 1 to add one, "
            "found `FIRST`",
        ),
        (
            "STRATEGIES__2__FAST",
            "1",
            "`strategies` is a list of 1: expected a position from 0, at most 1 to add one, "
            "found `2`",
        ),
        ("SEED__X", "1", "`seed` is a single value and has no `x` in it"),
        (
            "RISK",
            "1",
            "this names a whole section; set what is in it, such as "
            "DAYBOOK_RISK__PER_TRADE_PERCENT",
        ),
        (
            "STRATEGIES",
            "1",
            "this names a whole section; set what is in it, such as DAYBOOK_STRATEGIES__0",
        ),
        ("", "1", "there is no `` in the configuration; known here: DAYBOOK_NAME, "),
    ],
)
def test_a_variable_that_is_wrong_is_named(name: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        demo(**{name: text})
    assert str(refused.value).startswith(f"environment variable DAYBOOK_{name}: {said}")


def test_a_section_that_the_file_has_wrong_is_not_papered_over(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        DEMO.read_text(encoding="utf-8").replace(
            "risk:\n  per_trade_percent: 1.0 ", "risk: 1.0\nlimits:\n  batch: 1 #"
        ),
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match=r"`risk` is not a section in the file"):
        load(path, environ={"DAYBOOK_RISK__PER_TRADE_PERCENT": "1"})

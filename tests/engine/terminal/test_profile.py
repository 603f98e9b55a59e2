"""Profiles: those that come with Daybook, and how wrong ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.terminal import Terminal, load_profile
from engine.terminal.errors import ProfileError
from engine.terminal.market import RandomMarket
from engine.terminal.profile import PROFILES
from tests.engine.terminal.worlds import connected

NAMES = sorted(path.stem for path in PROFILES.glob("*.yaml"))
GOOD = """
name: small
account: {login: 1}
symbols:
  EURUSD: {digits: 5, currency_base: EUR, currency_profit: USD}
"""


def test_there_are_an_ecn_a_market_maker_and_an_exchange_with_the_issues_symbols() -> None:
    assert NAMES == ["ecn-hedging", "exchange-netting", "market-maker"]
    symbols = {symbol for name in NAMES for symbol in load_profile(name).symbols}
    assert symbols >= {"EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "US500", "BTCUSD"}
    assert set(load_profile("ecn-hedging").symbols["BTCUSD"].sessions or ()) >= {
        "saturday",
        "sunday",
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_symbol_of_a_profile_can_be_traded(name: str) -> None:
    profile = load_profile(name)
    terminal = Terminal(profile, RandomMarket.of(profile, ticks=40_000, seed=1))
    mt5 = connected(terminal)
    while terminal.server_time_msc % 86_400_000 < 4 * 3_600_000:
        assert terminal.advance()
    for symbol, facts in profile.symbols.items():
        tick = mt5.symbol_info_tick(symbol)
        request = {
            "action": 1, "symbol": symbol, "volume": facts.volume_min, "type": 0,
            "price": tick.ask, "deviation": 1000,
        }  # fmt: skip
        allowed = mt5.symbol_info(symbol).filling_mode
        request["type_filling"] = mt5.ORDER_FILLING_FOK if allowed & 1 else mt5.ORDER_FILLING_IOC
        result = mt5.order_send(request)
        assert result.retcode == 10009, (symbol, result)
    assert len(mt5.positions_get()) == len(profile.symbols)


def test_a_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    profile = load_profile(path)
    assert (profile.name, profile.symbols["EURUSD"].point) == ("small", 1e-5)
    assert profile.fingerprint() == load_profile(str(path)).fingerprint()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("login: 1", "login: -1"), r"mine\.yaml: Expected `int` >= 1.*\$\.account\.login"),
        (("login: 1", "login: 1, lever: 5"), r"unknown field `lever`.*\$\.account"),
        (("digits: 5", "digits: many"), r"Expected `int`.*\$\.symbols"),
        (("digits: 5", "digits: 5, execution: magic"), r"Invalid enum value 'magic'"),
        (("currency_base: EUR", "currency_base: euro"), r"matching regex"),
        (("digits: 5", "digits: 5, calc_mode: futures"), r"a future needs tick_value"),
        (("digits: 5", "digits: 5, calc_mode: cfd_index"), r"needs a tick_value"),
        (("digits: 5", "digits: 5, volume_min: 500.0"), r"must not exceed volume_max"),
        (("EURUSD", "E" * 30), r"1 to 29 characters"),
        (("name: small", "name: [small"), r"mine\.yaml"),
    ],
)
def test_a_wrong_profile_names_file_key_and_what_is_allowed(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(ProfileError, match=message):
        load_profile(path)


def test_an_unknown_profile_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="there are: ecn-hedging, exchange-netting"):
        load_profile("nonesuch")
    with pytest.raises(ProfileError, match=r"no terminal profile at .*gone\.yaml"):
        load_profile(tmp_path / "gone.yaml")

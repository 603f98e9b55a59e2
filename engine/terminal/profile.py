"""What a simulated broker is like: account, symbols, costs, clock and switches, as typed YAML.

A profile holds facts only and decides nothing. Amounts are in the account's currency, volumes in
lots, distances in points unless a field says otherwise.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.terminal.errors import ProfileError

#: The profiles that come with Daybook.
PROFILES = Path(__file__).resolve().parents[2] / "configs" / "terminal"

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3,5}$")]
Minutes = Annotated[
    str, Meta(pattern="^([01][0-9]|2[0-4]):[0-5][0-9]-([01][0-9]|2[0-4]):[0-5][0-9]$")
]

Weekday = Literal[
    "sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"
]  # in MetaTrader's order: Sunday is 0
WEEKDAYS: tuple[Weekday, ...] = (
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
)

#: By digits.
_POINTS = tuple(float(f"1e-{digits}") for digits in range(9))


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of a profile: immutable, and a misspelt key is an error."""


class StopOut(_Facts, frozen=True):
    """When a margin call is flagged and when positions are closed (facts 4.3).

    `percent`: equity / margin * 100. `money`: equity in the account's currency.
    """

    mode: Literal["percent", "money"] = "percent"
    call: NotNegative = 100.0
    level: NotNegative = 50.0
    remove_orders_first: bool = False


class Account(_Facts, frozen=True):
    """The trading account."""

    login: Annotated[int, Meta(gt=0)]
    password: str | None = None
    name: str = "Simulated trader"
    server: str = "Daybook-Simulated"
    company: str = "Daybook simulated broker"
    currency: Currency = "USD"
    currency_digits: Annotated[int, Meta(ge=0, le=8)] = 2
    balance: NotNegative = 10_000.0
    credit: NotNegative = 0.0
    leverage: Annotated[int, Meta(ge=1)] = 100
    margin_mode: Literal["netting", "exchange", "hedging"] = "hedging"
    trade_mode: Literal["demo", "contest", "real"] = "demo"
    stop_out: StopOut = StopOut()
    limit_orders: Count = 0
    limit_positions: Count = 0
    fifo_close: bool = False
    trade_allowed: bool = True
    trade_expert: bool = True


class Commission(_Facts, frozen=True):
    """What a deal costs. `per_lot` is money per lot; `percent` is of the deal's value."""

    per_lot: NotNegative = 0.0
    percent: NotNegative = 0.0
    minimum: NotNegative = 0.0
    charged: Literal["both", "entry", "exit"] = "both"
    currency: Currency | None = None


class Spread(_Facts, frozen=True):
    """How far the ask lies above the bid, in points.

    `data`: what the market data say, at least `minimum`. `fixed`: always `points`. `modelled`:
    `points` at the calm of the day, up to three times as much around the server's midnight.
    """

    model: Literal["data", "fixed", "modelled"] = "data"
    points: NotNegative = 0.0
    minimum: NotNegative = 0.0


class Slippage(_Facts, frozen=True):
    """How far a market execution misses the quoted price, in points; seeded.

    `fixed`: always `points` against the client. `normal`: a normal draw with that deviation, either
    way. `volatility`: `points` times the last minute's range over the last hour's mean range.
    """

    model: Literal["none", "fixed", "normal", "volatility"] = "none"
    points: NotNegative = 0.0


class Latency(_Facts, frozen=True):
    """How much later the server sees an order, in milliseconds; seeded.

    `normal` adds the absolute value of a normal draw with deviation `spread_ms` to `ms`.
    `volatility`: `ms` times the last minute's range over the last hour's mean range.
    """

    model: Literal["none", "fixed", "normal", "volatility"] = "none"
    ms: NotNegative = 0.0
    spread_ms: NotNegative = 0.0


class Swap(_Facts, frozen=True):
    """What holding a position over the server's midnight costs (facts 4.2)."""

    mode: Literal[
        "disabled",
        "points",
        "currency_symbol",
        "currency_margin",
        "currency_deposit",
        "interest_current",
        "interest_open",
        "reopen_current",
        "reopen_bid",
    ] = "disabled"
    long: float = 0.0
    short: float = 0.0
    triple: Weekday = "wednesday"


class Margin(_Facts, frozen=True):
    """Margin rules of a symbol. `initial` is money per lot and counts in the futures modes only."""

    initial: NotNegative = 0.0
    maintenance: NotNegative = 0.0
    hedged: NotNegative = 0.0
    hedged_use_leg: bool = False


class Symbol(_Facts, frozen=True):
    """One tradable instrument."""

    digits: Annotated[int, Meta(ge=0, le=8)]
    currency_base: Currency
    currency_profit: Currency
    description: str = ""
    path: str = ""
    currency_margin: Currency | None = None
    calc_mode: Literal[
        "forex",
        "forex_no_leverage",
        "cfd",
        "cfd_leverage",
        "cfd_index",
        "futures",
        "exchange_stocks",
        "exchange_futures",
    ] = "forex"
    contract_size: Positive = 100_000.0
    tick_size: Positive | None = None
    tick_value: NotNegative = 0.0
    volume_min: Positive = 0.01
    volume_max: Positive = 100.0
    volume_step: Positive = 0.01
    volume_limit: NotNegative = 0.0
    available_volume: NotNegative = 0.0
    stops_level: Count = 0
    freeze_level: Count = 0
    execution: Literal["request", "instant", "market", "exchange"] = "market"
    trade_mode: Literal["disabled", "long_only", "short_only", "close_only", "full"] = "full"
    filling: tuple[Literal["fok", "ioc", "boc"], ...] = ("fok", "ioc")
    expiration: tuple[Literal["gtc", "day", "specified", "specified_day"], ...] = (
        "gtc",
        "day",
        "specified",
        "specified_day",
    )
    orders: tuple[Literal["market", "limit", "stop", "stop_limit", "sl", "tp", "close_by"], ...] = (
        "market",
        "limit",
        "stop",
        "stop_limit",
        "sl",
        "tp",
        "close_by",
    )
    gtc_mode: Literal["gtc", "daily", "daily_no_stops"] = "gtc"
    book_depth: Count = 0
    visible: bool = True
    spread: Spread = Spread()
    commission: Commission | None = None
    swap: Swap = Swap()
    margin: Margin = Margin()
    sessions: dict[Weekday, tuple[Minutes, ...]] | None = None
    holidays: tuple[Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")], ...] = ()

    @property
    def point(self) -> float:
        """The unit of the last digit of a price."""
        return _POINTS[self.digits]

    @property
    def tick(self) -> float:
        """The smallest step of a price."""
        return self.tick_size or self.point

    @property
    def margin_currency(self) -> str:
        """The currency in which the margin is computed before conversion."""
        return self.currency_margin or self.currency_base


class Clock(_Facts, frozen=True):
    """The zone of the server's wall clock (facts 5.1)."""

    zone: Literal["new-york+7", "eu", "fixed"] = "new-york+7"
    hours: Annotated[float, Meta(ge=-12, le=14)] = 2.0


class Machine(_Facts, frozen=True):
    """The terminal program on its computer, and the switches a user can flip in it."""

    path: str = "C:\\Program Files\\MetaTrader 5\\terminal64.exe"
    any_path: bool = False
    build: Annotated[int, Meta(gt=0)] = 5836
    build_date: str = "02 Apr 2026"
    max_bars: Annotated[int, Meta(gt=0)] = 100_000
    trade_allowed: bool = True
    tradeapi_disabled: bool = False
    connected: bool = True
    ping_ms: NotNegative = 20.0
    retransmission: NotNegative = 0.0


class Switches(_Facts, frozen=True):
    """What nobody has confirmed about real terminals: the `[?]` of the facts, one switch each."""

    #: The order in which the server looks for reasons to refuse; the first that applies is told.
    checks: tuple[
        Literal[
            "connection", "permission", "symbol", "position", "mode", "session", "volume",
            "filling", "expiration", "price", "stops", "limits", "money",
        ],
        ...,
    ] = (
        "connection", "permission", "symbol", "position", "mode", "session", "volume",
        "filling", "expiration", "price", "stops", "limits", "money",
    )  # fmt: skip
    #: With the API switched off: `-8` and no reply, or a reply with retcode 10027.
    tradeapi_disabled_as: Literal["error", "retcode"] = "error"
    #: `symbol_info_tick` of a symbol outside Market Watch.
    tick_of_unselected: Literal["zeros", "quote", "none"] = "zeros"
    #: `positions_get(symbol="UNKNOWN")`.
    unknown_symbol_lists: Literal["empty", "none"] = "empty"
    #: Which stamp of an order `history_orders_get` compares.
    history_orders_by: Literal["setup", "done"] = "done"
    #: A take profit or limit that the price jumped over gets the better price.
    limit_improvement: bool = False
    #: With stops level 0, SL/TP nearer than the spread are refused.
    floating_stops: bool = False
    #: Under exchange execution a market order is answered when it is done, or when it is placed
    #: (10008) and then filled by the next price.
    exchange_answers: Literal["done", "placed"] = "done"
    #: `account_info().profit` is the floating profit with the swaps, or without them.
    account_profit_with_swap: bool = True
    #: Comments for retcodes, by number, where a broker words them differently.
    texts: dict[int, str] = msgspec.field(default_factory=dict)


class Profile(_Facts, frozen=True):
    """A simulated broker, whole."""

    name: str
    account: Account
    symbols: Annotated[dict[str, Symbol], Meta(min_length=1)]
    description: str = ""
    clock: Clock = Clock()
    commission: Commission = Commission()
    slippage: Slippage = Slippage()
    latency: Latency = Latency()
    machine: Machine = Machine()
    switches: Switches = Switches()
    #: Conversion rates for currencies that no symbol converts: `JPY: 0.0067` is one yen in money.
    rates: dict[Currency, Positive] = msgspec.field(default_factory=dict)
    #: The first order, deal and position ticket.
    first_ticket: Annotated[int, Meta(gt=0)] = 50_000_001

    def fingerprint(self) -> str:
        """A hash of every fact: two profiles with the same one are the same broker."""
        text = msgspec.json.encode(self, order="deterministic")
        return hashlib.blake2b(text, digest_size=16).hexdigest()


def load_profile(name: str | Path) -> Profile:
    """The profile of that name in `configs/terminal/`, or in that file.

    Raises:
        ProfileError: there is none, or it is wrong; the message names the file, the key and what is
            allowed.
    """
    path = _find(name)
    try:
        profile = msgspec.yaml.decode(path.read_bytes(), type=Profile)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ProfileError(f"{path}: {error}") from error
    _check(profile, path)
    return profile


def _find(name: str | Path) -> Path:
    path = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if path.is_file():
            return path
        raise ProfileError(f"there is no terminal profile at {path}")
    found = PROFILES / f"{name}.yaml"
    if found.is_file():
        return found
    known = ", ".join(sorted(file.stem for file in PROFILES.glob("*.yaml")))
    raise ProfileError(
        f"there is no terminal profile {str(name)!r} in configs/terminal; there are: {known}."
        " Give one of these names, or the path of a YAML file"
    )


def _check(profile: Profile, path: Path) -> None:
    """Raise for values that are each allowed and together are not."""
    for name, symbol in profile.symbols.items():
        where = f"{path}: `$.symbols.{name}`"
        if not 1 <= len(name.encode("utf-16-le")) // 2 <= 29:
            raise ProfileError(f"{where}: a symbol has 1 to 29 characters")
        if not symbol.volume_min <= symbol.volume_max:
            raise ProfileError(f"{where}: volume_min must not exceed volume_max")
        if symbol.calc_mode == "cfd_index" and not symbol.tick_value:
            raise ProfileError(f"{where}: calc_mode cfd_index needs a tick_value")
        if symbol.calc_mode in {"futures", "exchange_futures"} and not (
            symbol.tick_value and symbol.margin.initial
        ):
            raise ProfileError(f"{where}: a future needs tick_value and margin.initial")

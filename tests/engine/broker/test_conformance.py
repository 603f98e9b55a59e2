"""One suite of cases against everything that calls itself a MetaTrader 5."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest
from msgspec.structs import replace

from engine.broker.calls import Answer, InProcess
from engine.broker.conformance import CASES, Case, Outcome, Part, Session, run_suite
from engine.broker.conformance.session import Nonconforming, NotHere
from engine.broker.gateway import WrongAccount
from engine.broker.launch import launch_simulated
from engine.broker.simulated import Setup
from engine.broker.supervisor import supervise
from engine.config import Account
from engine.feeds.bars import read_rates
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from engine.terminal.profile import Profile
from tests.engine.broker.test_zones import Q4_2023

SYMBOL = "EURUSD"
HISTORY = 20_000


def as_demo(name: str) -> Profile:
    """A shipped profile, with a demo account."""
    profile = load_profile(name)
    return replace(profile, account=replace(profile.account, trade_mode="demo"))


def netting(name: str) -> Profile:
    profile = as_demo(name)
    return replace(profile, account=replace(profile.account, margin_mode="netting"))


PROFILES: dict[str, Callable[[], Profile]] = {
    "hedging, market execution": lambda: as_demo("ecn-hedging"),
    "netting, market execution": lambda: netting("ecn-hedging"),
    "hedging, instant execution": lambda: as_demo("market-maker"),
    "exchange execution": lambda: as_demo("exchange-netting"),
}


def account_of(profile: Profile) -> Account:
    return Account(login=profile.account.login, server=profile.account.server, trade_mode="demo")


async def outcomes(session: Session, parts: tuple[Part, ...] = tuple(Part)) -> list[Outcome]:
    return [outcome async for outcome in run_suite(session, parts)]


def failed(found: list[Outcome]) -> list[str]:
    return [f"{one.number} {one.title}: {one.said}" for one in found if one.result == "failed"]


def in_process(
    profile: Profile, *, account: Account | None = None, cases: list[Case] | None = None
) -> list[Outcome]:
    market = BarMarket({SYMBOL: read_rates(Q4_2023)[: HISTORY + 5_000]}, start=HISTORY)
    with Terminal(profile, market) as terminal:

        async def wait(seconds: float) -> None:
            terminal.advance()

        calls = InProcess(terminal.module())
        session = Session(calls, SYMBOL, account or account_of(profile), wait, {})

        async def run() -> list[Outcome]:
            return [one async for one in run_suite(session, cases=cases)]

        return anyio.run(run)


@pytest.mark.parametrize("kind", PROFILES)
def test_the_simulated_terminal_conforms(kind: str) -> None:
    profile = PROFILES[kind]()
    found = in_process(profile)
    assert failed(found) == []
    results = Counter(one.result for one in found)
    assert results["passed"] >= 55
    skipped = {one.number: one.said for one in found if one.result == "skipped"}
    hedging = profile.account.margin_mode == "hedging"
    for number in (309, 310, 311) if hedging else (307, 308):
        assert "for accounts that are" in skipped.pop(number)
    assert set(skipped) <= {403, 404}, "all else is left out for no reason"


def test_the_simulated_terminal_conforms_behind_the_worker() -> None:
    profile = load_profile("ecn-hedging")
    setup = Setup(profile="ecn-hedging", bars={SYMBOL: str(Q4_2023)}, history=HISTORY)

    async def run() -> list[Outcome]:
        async with supervise(launch_simulated(setup), None) as calls:

            async def wait(seconds: float) -> None:
                await calls.call("advance")

            return await outcomes(Session(calls, SYMBOL, account_of(profile), wait, {}))

    found = anyio.run(run)
    assert failed(found) == []
    here = in_process(profile)
    assert [(one.number, one.result) for one in found] == [(one.number, one.result) for one in here]


# --- the suite itself


def test_every_case_has_a_number_of_its_own_and_belongs_to_its_part() -> None:
    numbers = [case.number for case in CASES]
    assert numbers == sorted(set(numbers))
    parts = {1: Part.UNCONNECTED, 2: Part.READING, 3: Part.TRADING, 4: Part.TRADING}
    for case in CASES:
        assert case.part is parts[case.number // 100]


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("market-maker", Account(login=710044, server="Daybook-MarketMaker", trade_mode="real")),
        ("market-maker", Account(login=710044, server="Daybook-MarketMaker", trade_mode="demo")),
        ("ecn-hedging", Account(login=1, server="Daybook-ECN", trade_mode="demo")),
    ],
    ids=["a real one as configured", "a real one configured as demo", "another demo"],
)
def test_nothing_is_sent_to_another_account_than_the_configured_demo(
    name: str, account: Account
) -> None:
    sent: list[Case] = []

    async def body(session: Session) -> None:
        sent.append(trading)

    trading = Case(999, "a case that trades", Part.TRADING, frozenset(), body)
    with pytest.raises(WrongAccount):
        in_process(load_profile(name), account=account, cases=[trading])
    assert sent == []


def test_a_case_that_fails_is_told_and_the_next_one_runs() -> None:
    async def wrong(session: Session) -> None:
        await session.ask("version")
        raise Nonconforming("it is not so")

    async def absent(session: Session) -> None:
        raise NotHere("there is none here")

    cases = [
        Case(1, "wrong", Part.READING, frozenset(), wrong),
        Case(2, "absent", Part.READING, frozenset(), absent),
    ]
    first, second = in_process(as_demo("ecn-hedging"), cases=cases)
    assert (first.result, first.said) == ("failed", "it is not so")
    assert [call.function for call in first.calls] == ["version"]
    assert (second.result, second.said) == ("skipped", "there is none here")


def test_a_case_leaves_no_position_and_no_order_behind_even_when_it_fails() -> None:
    seen: dict[str, Any] = {}

    async def messy(session: Session) -> None:
        await session.open("buy")
        raise Nonconforming("half-way")

    async def after(session: Session) -> None:
        seen["positions"] = await session.get("positions_get")

    cases = [
        Case(1, "messy", Part.TRADING, frozenset(), messy),
        Case(2, "after", Part.READING, frozenset(), after),
    ]
    first, second = in_process(as_demo("ecn-hedging"), cases=cases)
    assert (first.result, first.said, second.result) == ("failed", "half-way", "passed")
    assert seen["positions"] == ()


class Lying:
    """The simulated terminal with one answer bent."""

    def __init__(self, module: Any, function: str, bend: Callable[[Any], Any]) -> None:
        self._calls, self._function, self._bend = InProcess(module), function, bend

    async def ask(self, function: str, *args: Any, **kwargs: Any) -> Answer:
        answer = await self._calls.ask(function, *args, **kwargs)
        if function == self._function and answer.value is not None:
            return replace(answer, value=self._bend(answer.value))
        return answer

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        return (await self.ask(function, *args, **kwargs)).value


def changed(record: Any, **values: Any) -> Any:
    """A copy of a record with other values."""
    return type(record)([values.get(name, value) for name, value in record._asdict().items()])


MUTANTS: dict[str, tuple[int, str, Callable[[Any], Any]]] = {
    "a retcode of success for every order": (
        401, "order_send", lambda result: changed(result, retcode=10009),
    ),
    "a terminal that keeps no comment": (
        301, "positions_get", lambda all_: tuple(changed(one, comment="") for one in all_),
    ),
    "deals without a magic": (
        301, "history_deals_get", lambda all_: tuple(changed(one, magic=0) for one in all_),
    ),
    "bars in descending order": (209, "copy_rates_from_pos", lambda rates: rates[::-1]),
    "bars without the last column": (
        209, "copy_rates_from_pos", lambda rates: rates[[*rates.dtype.names[:-1]]],
    ),
    "a tick whose stamps differ": (
        204, "symbol_info_tick", lambda tick: changed(tick, time=tick.time + 3600),
    ),
    "a version that is a list of two": (201, "version", lambda version: version[:2]),
    "levels that are not kept": (
        304, "positions_get", lambda all_: tuple(changed(one, sl=0.0) for one in all_),
    ),
    "an order that changes its type": (
        321, "orders_get", lambda all_: tuple(changed(one, type=3) for one in all_),
    ),
    "a position that is listed twice": (342, "positions_get", lambda all_: all_ * 2),
    "deals without a ticket": (
        341, "history_deals_get", lambda all_: tuple(tuple(one)[1:] for one in all_),
    ),
    "a total that counts one more": (206, "positions_total", lambda total: total + 1),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broker_that_does_otherwise_fails_the_case(mutant: str) -> None:
    number, function, bend = MUTANTS[mutant]
    profile = load_profile("ecn-hedging")
    market = BarMarket({SYMBOL: read_rates(Q4_2023)[: HISTORY + 5_000]}, start=HISTORY)
    [case] = [one for one in CASES if one.number == number]
    with Terminal(profile, market) as terminal:

        async def wait(seconds: float) -> None:
            terminal.advance()

        calls = Lying(terminal.module(), function, bend)
        session = Session(calls, SYMBOL, account_of(profile), wait, {})

        async def run() -> list[Outcome]:
            if function == "positions_total":  # nothing to count otherwise
                await session.get("initialize")
                await session.open("buy")
            return [one async for one in run_suite(session, cases=[case])]

        [outcome] = anyio.run(run)
    assert (outcome.number, outcome.result) == (number, "failed")


def test_the_answers_are_kept_as_json() -> None:
    found = in_process(as_demo("ecn-hedging"), cases=[one for one in CASES if one.number < 300])
    vectors = json.loads(msgspec.json.encode(found))
    calls = [call for one in vectors for call in one["calls"]]
    assert {call["function"] for call in calls} >= {"version", "copy_rates_from_pos", "order_check"}
    accounts = [call["result"] for call in calls if call["function"] == "account_info"]
    assert {str(account["name"]) for account in accounts if account} == {""}
    [order] = [one for one in vectors if one["number"] == 215]
    answer = order["calls"][-1]
    assert answer["function"] == "order_check"
    assert answer["result"]["request"]["symbol"] == SYMBOL
    assert (answer["code"], answer["text"]) == (1, "Success")

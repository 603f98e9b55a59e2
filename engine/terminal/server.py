"""The broker's trade server: takes requests, keeps the book, moves with the market.

It knows neither Python callers nor connections to a terminal; those are `terminal` and `api`. Its
state survives in the book's file if one is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine.terminal import checks
from engine.terminal import constants as mt5
from engine.terminal.account import Account
from engine.terminal.book import Book, Deal, Order
from engine.terminal.case import Case
from engine.terminal.clock import ZoneRule
from engine.terminal.conditions import Conditions
from engine.terminal.dealer import Dealer, side_of
from engine.terminal.desk import Desk, Reply
from engine.terminal.execution import Execution
from engine.terminal.lifetime import DAY, DAY_MSC
from engine.terminal.market.base import Market, Point
from engine.terminal.matching import Matcher
from engine.terminal.money import BUY
from engine.terminal.profile import Profile
from engine.terminal.request import Request
from engine.terminal.rollover import Rollover
from engine.terminal.sessions import is_open
from engine.terminal.store import BookStore, Header
from engine.terminal.texts import CHECK_PASSED


class Server:
    """One account at one broker."""

    def __init__(
        self, profile: Profile, market: Market, book: str | Path | None = None, seed: int = 0
    ) -> None:
        self.profile = profile
        self.market = market
        self.seed = seed
        self.conditions = Conditions.of(profile)
        market.bind(profile.symbols, ZoneRule.of(profile.clock))
        self.book = Book(profile.first_ticket, profile.account.currency_digits)
        self.account = Account(profile, self.book, market.quotes)
        self.dealer = Dealer(self.account, self.book, market)
        execution = Execution(profile, market, seed)
        self.desk = Desk(profile, self.account, self.book, self.dealer, market, execution)
        self._checks = [checks.CHECKS[name] for name in profile.switches.checks]
        self.rollover = Rollover(self.account, self.book, self.dealer, market)
        self.matcher = Matcher(
            self.account, self.book, self.dealer, market, execution, self.desk.activate,
            self.rollover.run,
        )  # fmt: skip
        market.listener = self._play
        self._require_rates()
        self._cursor = memoryview(bytearray(8)).cast("Q")
        self._resumed = False
        #: How many of the next steps bring nothing: no tick, and a clock that stands.
        self.frozen = 0
        self._store = self._open(Path(book)) if book is not None else None
        if not self._resumed:
            self._found()
        self.commit()

    def _open(self, path: Path) -> BookStore:
        header = Header(
            profile=self.profile.fingerprint(), market=self.market.fingerprint(), seed=self.seed
        )
        store = BookStore(path, header)
        step = store.resume(self.book)
        if step is not None:
            self.market.seek(step)
            self._resumed = True
        self._cursor = store.cursor
        return store

    def _require_rates(self) -> None:
        """Raise now, rather than in the middle of a trade, for a currency that nothing converts."""
        for name in self.market.quotes:
            symbol = self.profile.symbols[name]
            rule = symbol.commission or self.profile.commission
            for currency in (symbol.currency_profit, symbol.margin_currency, rule.currency):
                if currency is not None:
                    self.account.converter.rate(currency)

    def _found(self) -> None:
        """Open the account with its first deposit (recorded form: facts 4.2)."""
        account = self.profile.account
        self.book.set_day(self.market.time_msc // DAY_MSC)
        for kind, amount in (
            (mt5.DEAL_TYPE_BALANCE, account.balance),
            (mt5.DEAL_TYPE_CREDIT, account.credit),
        ):
            if amount:
                self._book_money(kind, amount, "")

    def operate(self, kind: int, amount: float, comment: str = "") -> Deal:
        """Book a deal that is no trade: balance, credit, correction, bonus, dividend or tax."""
        deal = self._book_money(kind, amount, comment)
        self.commit()
        return deal

    def _book_money(self, kind: int, amount: float, comment: str) -> Deal:
        deal = Deal(
            ticket=self.book.ticket(),
            type=kind,
            time_msc=self.market.time_msc,
            profit=round(amount, self.account.digits),
            comment=comment,
        )
        self.book.add_deal(deal)
        return deal

    def change_tickets(self) -> None:
        """Re-open every position at its price under a new ticket, as a broker's service may."""
        for position in list(self.book.positions.values()):
            self.rollover.reopen(position, 0.0)
        self.commit()

    # Time

    def advance(self) -> bool:
        """The market's next step, with everything it sets off; False at the end of the data."""
        if self.frozen:
            self.frozen -= 1
            return True
        market = self.market
        if not market.advance():
            return False
        if self.book.changed:
            self._write()
        self._cursor[0] = market.step
        return True

    def glide(self, limit: int) -> list[int]:
        """Make up to `limit` of the market's next steps at once, as far as nothing happens in them;
        return the server milliseconds of each."""
        passed = self.market.glide(limit) if not self.frozen else []
        self._cursor[0] = self.market.step
        return passed

    def back(self, steps: int) -> None:
        """Undo the last steps of the glide just made."""
        self.market.back(steps)
        self._cursor[0] = self.market.step

    def _play(self, points: Iterator[Point]) -> None:
        self.matcher.play(points)
        self._set_guards()

    def commit(self) -> None:
        """End a transition that a request made: write what has changed and set the guards anew."""
        if self.book.changed:
            self._write()
        self._set_guards()

    def _write(self) -> None:
        change = self.book.take_change(self.market.step)
        if self._store is not None:
            self._store.write(change)

    def _set_guards(self) -> None:
        self.matcher.guard()
        self.market.timer = self.rollover.next_msc()

    def close(self) -> None:
        """Let go of the book's file."""
        if self._store is not None:
            self._store.close()
            self._store = None
            self._cursor = memoryview(bytearray(8)).cast("Q")

    # Requests

    def case(self, request: Request) -> Case:
        """A request beside what it speaks of."""
        book = self.book
        order = book.orders.get(request.order) if request.order else None
        position = book.positions.get(request.position) if request.position else None
        name = request.symbol
        if not name and order is not None:
            name = order.symbol
        if not name and position is not None:
            name = position.symbol
        if position is None and not request.position and not self.account.hedging:
            position = next(iter(book.by_symbol[name].values()), None) if name else None
        symbol = self.profile.symbols.get(name)
        return Case(
            request=request,
            account=self.account,
            book=book,
            conditions=self.conditions,
            is_open=symbol is None or is_open(symbol, self.market.time_msc),
            now_msc=self.market.time_msc,
            name=name,
            symbol=symbol,
            quote=self.market.quotes.get(name),
            position=position,
            other=book.positions.get(request.position_by) if request.position_by else None,
            order=order,
        )

    def execute(self, request: Request) -> Reply:
        """Carry a request out, or refuse it."""
        case = self.case(request)
        refused = checks.refusal(case, self._checks)
        if refused is not None:
            return self.desk.answer(refused)
        reply = self.desk.carry_out(case)
        self.commit()
        return reply

    def price_for(self, order: Order) -> float:
        """The market price that a live order looks at."""
        quote = self.market.quotes[order.symbol]
        return quote.ask if side_of(order.type) == BUY else quote.bid

    def check(self, request: Request) -> tuple[Reply, tuple[float, ...] | None]:
        """What `order_check` says: a reply, and the money after the trade unless it is refused.

        The money is balance, equity, profit, margin, free margin and margin level.
        """
        case = self.case(request)
        refused = checks.refusal(case, self._checks)
        if refused is not None:
            return self.desk.answer(refused), None
        now = self.account.standing()
        margin = now.margin
        if case.opens and case.quote is not None:
            price = case.quote.ask if request.type == BUY else case.quote.bid
            _, margin = self.account.margins(case.name, request.type, request.volume, price)
        level = now.equity / margin * 100 if margin else 0.0
        free = round(now.equity - margin, self.account.digits)
        after = (now.balance, now.equity, now.profit, margin, free, level)
        return Reply(0, CHECK_PASSED), after

    def day_range(self, name: str) -> dict[str, float]:
        """The extremes of the server's day so far, for `symbol_info`."""
        rates = self.market.rates(name, mt5.TIMEFRAME_M1)
        count = rates.count()
        midnight = self.market.quotes[name].time_msc // DAY_MSC * DAY
        bars = rates.slice(rates.position(midnight), count)
        if not len(bars):
            return {}
        spread = self.market.quotes[name].ask - self.market.quotes[name].bid
        digits = self.profile.symbols[name].digits
        low, high = float(bars["low"].min()), float(bars["high"].max())
        return {
            "bidlow": low,
            "bidhigh": high,
            "asklow": round(low + spread, digits),
            "askhigh": round(high + spread, digits),
            "session_open": float(bars["open"][0]),
        }

"""The questions people ask, as ready views and macros over the views of events.

A deal that was recorded twice counts once. Prices are in price units, volumes in lots, money in the
account's currency; `utc` is nanoseconds UTC, days and `server_time` follow the broker's clock.
"""

from __future__ import annotations

import msgspec


class Question(msgspec.Struct, frozen=True):
    """One view, or one macro when it takes arguments.

    call      how it is asked: `orders`, `why(of_seq)`
    meaning   what it answers, one sentence
    columns   units and meanings, where the name alone is not enough
    query     SQL
    example   a query that a person may try first
    """

    call: str
    meaning: str
    columns: dict[str, str]
    query: str
    example: str

    @property
    def name(self) -> str:
        """The name of the view or macro."""
        return self.call.partition("(")[0]

    @property
    def is_view(self) -> bool:
        """Whether it takes no arguments."""
        return "(" not in self.call


FILLS = Question(
    call="fills",
    meaning="Every trading deal of the account, once, with the order key it belongs to.",
    columns={
        "seq": "sequence of the deal's first recording",
        "server_time": "the broker's wall clock",
        "side": "buy or sell",
        "entry": "in, out, inout or out_by",
        "volume": "lots",
        "price": "price units",
        "profit": "account currency, before costs",
        "net": "account currency: profit and commission, swap and fee together",
    },
    query="""
        SELECT seq, utc, make_timestamp_ms(time_msc) AS server_time,
               nullif(corr, '') AS order_key, ticket, "order" AS order_ticket,
               position_id AS position, symbol,
               CASE data_type WHEN 0 THEN 'buy' ELSE 'sell' END AS side,
               CASE entry WHEN 0 THEN 'in' WHEN 1 THEN 'out' WHEN 2 THEN 'inout'
                          ELSE 'out_by' END AS entry,
               volume, price, profit, commission, swap, fee,
               profit + commission + swap + fee AS net, magic
        FROM deal_recorded
        WHERE data_type IN (0, 1)
        QUALIFY row_number() OVER (PARTITION BY ticket ORDER BY seq) = 1""",
    example="SELECT * FROM fills ORDER BY seq DESC LIMIT 10",
)

ORDERS = Question(
    call="orders",
    meaning="One row an order: what was wished, what was sent, what became of it.",
    columns={
        "status": "proposed, vetoed, intended, unresolved, accepted, refused or filled",
        "volume": "lots sent",
        "price": "the quote it was decided on, price units",
        "risk": "account currency lost at the stop, costs apart",
        "filled": "lots filled on the way in",
        "average": "volume-weighted price of those fills, price units",
        "note": "why it was vetoed, refused or is unresolved",
    },
    query="""
        WITH proposed AS (
            SELECT key, seq, utc, strategy, symbol, side, reason FROM order_proposed
        ), entered AS (
            SELECT f.order_key AS key, sum(f.volume) AS filled,
                   sum(f.volume * f.price) / sum(f.volume) AS average
            FROM fills f
            WHERE f.entry IN ('in', 'inout') AND f.order_key IS NOT NULL GROUP BY f.order_key
        ), doubted AS (
            SELECT key, arg_max(reason, seq) AS reason FROM order_unresolved GROUP BY ALL
        )
        SELECT coalesce(p.key, i.key) AS key, coalesce(p.seq, i.seq) AS seq,
               coalesce(p.utc, i.utc) AS utc, coalesce(p.strategy, i.strategy) AS strategy,
               coalesce(p.symbol, i.symbol) AS symbol, coalesce(p.side, i.side) AS side,
               CASE WHEN v.key IS NOT NULL THEN 'vetoed'
                    WHEN r.key IS NOT NULL THEN 'refused'
                    WHEN e.key IS NOT NULL THEN 'filled'
                    WHEN a.key IS NOT NULL THEN 'accepted'
                    WHEN d.key IS NOT NULL THEN 'unresolved'
                    WHEN i.key IS NOT NULL THEN 'intended'
                    ELSE 'proposed' END AS status,
               i.volume, i.price, i.sl, i.tp, i.risk, a."order" AS ticket, e.filled, e.average,
               p.reason, coalesce(v.rule || ': ' || v.reason, r.reason, d.reason) AS note
        FROM proposed p FULL JOIN order_intended i USING (key)
        LEFT JOIN order_vetoed v ON v.key = coalesce(p.key, i.key)
        LEFT JOIN order_accepted a ON a.key = coalesce(p.key, i.key)
        LEFT JOIN order_refused r ON r.key = coalesce(p.key, i.key)
        LEFT JOIN entered e ON e.key = coalesce(p.key, i.key)
        LEFT JOIN doubted d ON d.key = coalesce(p.key, i.key)""",
    example="SELECT status, count(*) FROM orders GROUP BY status",
)

ORDER_STORY = Question(
    call="order_story(key)",
    meaning="Every event of one order, from proposal to its closing deals, in order.",
    columns={},
    # Of `_but_bulk`, events without those that no order has: their texts need not be read then.
    query="""
        WITH own AS MATERIALIZED (
            SELECT seq, utc, type, cause, data, position FROM _but_bulk WHERE corr = key
        )
        SELECT seq, utc, type, cause, data FROM own
        UNION ALL
        SELECT seq, utc, type, cause, data FROM _but_bulk
        WHERE type = 'DealRecorded' AND corr <> key AND position IN (
            SELECT position FROM own WHERE position > 0)
        ORDER BY seq""",
    example="FROM order_story((SELECT max(key) FROM order_intended))",
)

POSITIONS_AT = Question(
    call="positions_at(last_seq)",
    meaning="The positions that were open after an event, from the deals recorded until then.",
    columns={},
    query="""
        SELECT * FROM (
            SELECT f.position, any_value(f.symbol) AS symbol, arg_min(f.side, f.seq) AS side,
                   round(sum(CASE f.entry WHEN 'in' THEN f.volume ELSE -f.volume END), 8)
                       AS volume,
                   sum(f.price * f.volume) FILTER (f.entry = 'in')
                       / sum(f.volume) FILTER (f.entry = 'in') AS price_open,
                   min(f.server_time) AS opened, sum(f.commission + f.swap + f.fee) AS costs,
                   arg_min(f.order_key, f.seq) AS order_key
            FROM fills f WHERE f.seq <= last_seq AND f.position > 0 GROUP BY f.position)
        WHERE volume > 0 ORDER BY position""",
    example="FROM positions_at((SELECT max(seq) FROM events))",
)

SLIPPAGE = Question(
    call="slippage",
    meaning="How far each entry was filled from the quote it was decided on; positive is worse.",
    columns={"slipped": "price units against us", "points": "the same in the symbol's points"},
    query="""
        SELECT f.seq, f.utc, f.order_key AS key, f.symbol, f.side, f.volume,
               i.price AS intended, f.price AS filled,
               CASE f.side WHEN 'buy' THEN f.price - i.price ELSE i.price - f.price END AS slipped,
               round(slipped / s.point, 1) AS points
        FROM fills f JOIN order_intended i ON i.key = f.order_key
        LEFT JOIN (
            SELECT symbol, arg_max(point, seq) AS point FROM symbol_specified GROUP BY symbol
        ) s ON s.symbol = f.symbol
        WHERE f.entry = 'in'""",
    example="SELECT symbol, side, avg(points), max(points) FROM slippage GROUP BY ALL",
)

VETOES = Question(
    call="vetoes",
    meaning="What risk refused, and why.",
    columns={"rule": "the check that refused"},
    query="SELECT seq, utc, key, strategy, symbol, side, rule, reason FROM order_vetoed",
    example="SELECT rule, count(*) FROM vetoes GROUP BY rule ORDER BY 2 DESC",
)

UNRESOLVED = Question(
    call="unresolved",
    meaning="Intents whose outcome nobody knows: neither accepted nor refused.",
    columns={"reason": "why, as it was last said; empty when nothing was said yet"},
    query="""
        SELECT i.seq, i.utc, i.key, i.strategy, i.symbol, i.side, i.volume,
               coalesce(u.reason, '') AS reason
        FROM order_intended i
        LEFT JOIN (
            SELECT key, arg_max(reason, seq) AS reason FROM order_unresolved GROUP BY key
        ) u USING (key)
        WHERE i.key NOT IN (SELECT key FROM order_accepted)
          AND i.key NOT IN (SELECT key FROM order_refused)""",
    example="FROM unresolved",
)

TRADES = Question(
    call="trades",
    meaning="Every position that was closed completely: in, out, and what was left of it.",
    columns={
        "volume": "lots",
        "price_in": "volume-weighted, price units",
        "price_out": "volume-weighted, price units",
        "costs": "commission, swap and fee, account currency",
        "net": "profit after costs, account currency",
    },
    query="""
        SELECT f.position, any_value(f.symbol) AS symbol, arg_min(f.side, f.seq) AS side,
               sum(f.volume) FILTER (f.entry = 'in') AS volume,
               min(f.server_time) AS opened, max(f.server_time) AS closed,
               sum(f.price * f.volume) FILTER (f.entry = 'in')
                   / sum(f.volume) FILTER (f.entry = 'in') AS price_in,
               sum(f.price * f.volume) FILTER (f.entry <> 'in')
                   / sum(f.volume) FILTER (f.entry <> 'in') AS price_out,
               sum(f.profit) AS profit, sum(f.commission + f.swap + f.fee) AS costs,
               sum(f.net) AS net, arg_min(f.order_key, f.seq) AS order_key, max(f.seq) AS seq
        FROM fills f WHERE f.position > 0 GROUP BY f.position
        HAVING round(sum(CASE f.entry WHEN 'in' THEN f.volume ELSE -f.volume END), 8) = 0""",
    example="SELECT side, count(*), sum(net), avg(closed - opened) FROM trades GROUP BY side",
)

DAILY_PNL = Question(
    call="daily_pnl",
    meaning="What each of the broker's days brought.",
    columns={
        "day": "of the broker's wall clock",
        "net": "account currency, after costs",
        "running": "net of all days until then, account currency",
    },
    query="""
        SELECT *, sum(net) OVER (ORDER BY day) AS running FROM (
            SELECT f.server_time::DATE AS day, count(*) FILTER (f.entry <> 'in') AS exits,
                   sum(f.profit) AS profit, sum(f.commission + f.swap + f.fee) AS costs,
                   sum(f.net) AS net
            FROM fills f GROUP BY day)
        ORDER BY day""",
    example="FROM daily_pnl ORDER BY net LIMIT 5",
)

LATENCY = Question(
    call="latency",
    meaning="How long the broker took to answer each intent.",
    columns={
        "reply_ms": "milliseconds from the decision's cause to the reply",
        "deal_ms": "milliseconds from there to the first recording of a deal",
    },
    query="""
        SELECT i.seq, i.utc, i.key, r.retcode, (r.ts - i.ts) / 1e6 AS reply_ms,
               (d.ts - r.ts) / 1e6 AS deal_ms
        FROM order_intended i JOIN broker_replied r ON r.key = i.key
        LEFT JOIN (
            SELECT corr, min(ts) AS ts FROM deal_recorded WHERE entry = 0 GROUP BY corr
        ) d ON d.corr = i.key""",
    example="SELECT quantile_cont(reply_ms, [0.5, 0.99]) FROM latency",
)

GAPS = Question(
    call="gaps()",
    meaning="Where bars are missing from a series: closed markets, and holes in the feed.",
    columns={},
    query="""
        WITH steps AS (
            SELECT symbol, timeframe, time,
                   lead(time) OVER (PARTITION BY symbol, timeframe ORDER BY time) AS next
            FROM bar_closed
        ), lengths AS (
            SELECT symbol, timeframe, min(next - time) AS step
            FROM steps WHERE next > time GROUP BY ALL
        )
        SELECT symbol, timeframe, make_timestamp(time * 1000000) AS last_bar,
               make_timestamp(next * 1000000) AS next_bar, (next - time) // step - 1 AS missing
        FROM steps JOIN lengths USING (symbol, timeframe)
        WHERE next - time > step ORDER BY time""",
    example="FROM gaps() WHERE missing < 60",
)

WHY = Question(
    call="why(of_seq)",
    meaning="The chain of causes that led to an event, from the event back to what came first.",
    columns={},
    query="""
        WITH RECURSIVE caused AS MATERIALIZED (
            SELECT seq, cause FROM events WHERE seq <= of_seq AND cause > 0
        ), chain AS (
            SELECT of_seq::BIGINT AS seq, 0 AS depth
            UNION ALL
            SELECT e.cause, c.depth + 1 FROM chain c JOIN caused e ON e.seq = c.seq
        ), found AS MATERIALIZED (FROM chain)
        SELECT f.depth, e.seq, e.utc, e.type, e.corr, e.data
        FROM events e JOIN found f ON f.seq = e.seq
        WHERE e.seq BETWEEN (SELECT min(seq) FROM found) AND of_seq  -- spares the other segments
        ORDER BY f.depth""",
    example="FROM why((SELECT max(seq) FROM order_intended))",
)

QUESTIONS = (
    FILLS,
    ORDERS,
    ORDER_STORY,
    POSITIONS_AT,
    SLIPPAGE,
    VETOES,
    UNRESOLVED,
    TRADES,
    DAILY_PNL,
    LATENCY,
    GAPS,
    WHY,
)
"""In an order in which each finds what it needs."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("How many events of each type are there?", "SELECT type, count(*) FROM events GROUP BY type"),
    ("What happened last?", "SELECT seq, utc, type, corr FROM events ORDER BY seq DESC LIMIT 20"),
    *((question.meaning, question.example) for question in QUESTIONS),
    (
        "How did hours of the day do?",
        "SELECT hour(opened) AS hour, count(*), sum(net) FROM trades GROUP BY hour ORDER BY hour",
    ),
    ("Which runs wrote this journal?", "SELECT seq, utc, run, code_version, mode FROM run_started"),
)
"""What a person may ask, and how."""

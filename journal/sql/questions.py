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
        "reason": "who made it: client (by hand), mobile, web, expert, sl, tp, so, rollover, …",
        "volume": "lots",
        "price": "price units",
        "profit": "account currency, before costs",
        **dict.fromkeys(["commission", "swap", "fee"], "account currency"),
        "net": "account currency: profit and commission, swap and fee together",
    },
    query="""
        SELECT seq, utc, make_timestamp_ms(time_msc) AS server_time,
               nullif(corr, '') AS order_key, ticket, "order" AS order_ticket,
               position_id AS position, symbol,
               CASE data_type WHEN 0 THEN 'buy' ELSE 'sell' END AS side,
               CASE entry WHEN 0 THEN 'in' WHEN 1 THEN 'out' WHEN 2 THEN 'inout'
                          ELSE 'out_by' END AS entry,
               coalesce(list_extract(['client', 'mobile', 'web', 'expert', 'sl', 'tp', 'so',
                   'rollover', 'vmargin', 'split'], reason + 1), 'reason ' || reason) AS reason,
               volume, price, profit, commission, swap, fee,
               profit + commission + swap + fee AS net, magic
        FROM deal_recorded
        WHERE data_type IN (0, 1)
        QUALIFY row_number() OVER (PARTITION BY ticket ORDER BY seq) = 1""",
    example="SELECT * FROM fills ORDER BY seq DESC LIMIT 10",
)

ORDERS = Question(
    call="orders",
    meaning="One row an order, opening or closing: what was wished, sent, and became of it.",
    columns={
        "action": "open, close (a position or part of one) or close by (an opposite one)",
        "type": "market, limit, stop or stop limit",
        "status": "proposed, vetoed, intended, unresolved, refused, accepted, working (pending), "
        "partially filled, filled, cancelled, expired or rejected",
        "volume": "lots sent",
        "price": "price units: the quote it was decided on; of a pending order, its own",
        "limit_price": "of a stop limit, the limit's; price units",
        **dict.fromkeys(["sl", "tp"], "price units, 0 for none"),
        "expiration": "server seconds, 0 for never",
        "position": "identifier of the position to close, 0 of an opening",
        "risk": "account currency lost at the stop, costs apart",
        "filled": "lots",
        "average": "volume-weighted price of the fills, price units",
        "follows": "key of the refused order that this one tries again; attempts count from 0",
        "note": "why it was vetoed, refused or is unresolved",
    },
    query="""
        WITH proposed AS (
            SELECT key, seq, utc, strategy, symbol, side, reason, action, data_type AS type,
                   position, follows, attempt
            FROM order_proposed
        ), ended AS (
            SELECT key, arg_max(state, seq) AS state, arg_max(filled, seq) AS filled
            FROM order_finished GROUP BY key
        ), said AS (
            SELECT key, arg_max(filled, seq) AS filled, arg_max(average, seq) AS average
            FROM order_resolved WHERE filled > 0 GROUP BY key
        ), entered AS (
            SELECT i.key, sum(f.volume) AS filled,
                   sum(f.volume * f.price) / sum(f.volume) AS average
            FROM order_intended i JOIN fills f ON f.order_key = i.key
            LEFT JOIN order_accepted a ON a.key = i.key
            WHERE CASE WHEN coalesce(a."order", 0) > 0 THEN f.order_ticket = a."order"
                       ELSE f.entry IN ('in', 'inout') OR i.action <> 'open' END
              AND (i.action <> 'close by' OR f.position = i.position)
            GROUP BY i.key
        ), doubted AS (
            SELECT key, arg_max(reason, seq) AS reason FROM order_unresolved GROUP BY ALL
        )
        SELECT coalesce(p.key, i.key) AS key, coalesce(p.seq, i.seq) AS seq,
               coalesce(p.utc, i.utc) AS utc, coalesce(p.strategy, i.strategy) AS strategy,
               coalesce(p.symbol, i.symbol) AS symbol, coalesce(p.side, i.side) AS side,
               coalesce(p.action, i.action) AS action, coalesce(p.type, i.data_type) AS type,
               coalesce(e.filled, s.filled) AS filled, coalesce(e.average, s.average) AS average,
               CASE WHEN v.key IS NOT NULL THEN 'vetoed'
                    WHEN r.key IS NOT NULL THEN 'refused'
                    WHEN coalesce(e.filled, s.filled)
                         >= coalesce(n.filled, i.volume) - 1e-9 THEN 'filled'
                    WHEN coalesce(e.filled, s.filled, 0) > 0 THEN 'partially filled'
                    WHEN n.filled = 0 THEN
                        CASE n.state WHEN 5 THEN 'rejected' WHEN 6 THEN 'expired'
                                     ELSE 'cancelled' END
                    WHEN a."order" = 0 AND a.proof = 'reply' THEN 'cancelled'
                    WHEN a.key IS NOT NULL THEN
                        CASE i.data_type WHEN 'market' THEN 'accepted' ELSE 'working' END
                    WHEN d.key IS NOT NULL THEN 'unresolved'
                    WHEN i.key IS NOT NULL THEN 'intended'
                    ELSE 'proposed' END AS status,
               i.volume, i.price, i."limit" AS limit_price, i.sl, i.tp, i.expiration, i.risk,
               a."order" AS ticket, coalesce(i.position, p.position) AS position,
               p.follows, p.attempt, p.reason,
               coalesce(v.rule || ': ' || v.reason, r.reason, d.reason) AS note
        FROM proposed p FULL JOIN order_intended i USING (key)
        LEFT JOIN order_vetoed v ON v.key = coalesce(p.key, i.key)
        LEFT JOIN order_accepted a ON a.key = coalesce(p.key, i.key)
        LEFT JOIN order_refused r ON r.key = coalesce(p.key, i.key)
        LEFT JOIN ended n ON n.key = coalesce(p.key, i.key)
        LEFT JOIN said s ON s.key = coalesce(p.key, i.key)
        LEFT JOIN entered e ON e.key = coalesce(p.key, i.key)
        LEFT JOIN doubted d ON d.key = coalesce(p.key, i.key)""",
    example="SELECT action, type, status, count(*) FROM orders GROUP BY ALL",
)

CHANGES = Question(
    call="changes",
    meaning="One row a change: what was to be altered at the broker, and what became of it.",
    columns={
        "action": "levels (of a position), modify or cancel (a pending order)",
        "status": "intended, unresolved, applied or refused",
        "position": "identifier, of levels",
        "order_key": "of the pending order's own intent",
        **dict.fromkeys(["price", "limit_price", "sl", "tp"], "price units, as it shall be"),
        "expiration": "server seconds, as it shall be; 0 for never",
        "proof": "reply, evidence or operator",
        "note": "why it was refused or is unresolved",
    },
    query="""
        WITH doubted AS (
            SELECT key, arg_max(reason, seq) AS reason FROM change_unresolved GROUP BY key
        )
        SELECT i.seq, i.utc, i.key, i.strategy, i.symbol, i.action, i.position,
               i.data_order_key AS order_key,
               i.price, i."limit" AS limit_price, i.sl, i.tp, i.expiration,
               CASE WHEN a.key IS NOT NULL THEN 'applied'
                    WHEN r.key IS NOT NULL THEN 'refused'
                    WHEN d.key IS NOT NULL THEN 'unresolved'
                    ELSE 'intended' END AS status,
               coalesce(a.proof, r.proof) AS proof, i.reason,
               coalesce(r.reason, d.reason) AS note
        FROM change_intended i
        LEFT JOIN change_applied a ON a.key = i.key
        LEFT JOIN change_refused r ON r.key = i.key
        LEFT JOIN doubted d ON d.key = i.key""",
    example="SELECT action, status, count(*) FROM changes GROUP BY ALL",
)

ORDER_STORY = Question(
    call="order_story(key)",
    meaning="Every event of one order, from proposal to its closing deals, in order.",
    columns={},
    # Of `_but_bulk`, events without those that no order has: their texts need not be read then.
    # `key` stands here once: a query in its place may give another key each time it is asked.
    query="""
        WITH own AS MATERIALIZED (
            SELECT seq, utc, type, cause, data, position FROM _but_bulk WHERE corr = key
        )
        SELECT seq, utc, type, cause, data FROM own
        UNION
        SELECT seq, utc, type, cause, data FROM _but_bulk
        WHERE type = 'DealRecorded' AND position IN (
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
    meaning="How far each fill lay from the price that was intended; positive is worse.",
    columns={
        "action": "open or close: a close is held against the quote that it was decided on",
        "volume": "lots",
        "intended": "price units: the quote; of a pending order its own price or limit, as last "
        "moved",
        "filled": "price units",
        "slipped": "price units against us",
        "points": "the same in the symbol's points",
    },
    query="""
        WITH moved AS (
            SELECT w.data_order_key AS key, arg_max(w.price, w.seq) AS price,
                   arg_max(w."limit", w.seq) AS "limit"
            FROM change_intended w JOIN change_applied a ON a.key = w.key
            WHERE w.action = 'modify' GROUP BY w.data_order_key
        )
        SELECT f.seq, f.utc, f.order_key AS key, f.symbol, f.side, f.volume,
               i.action, i.data_type AS type,
               CASE i.data_type WHEN 'stop limit' THEN coalesce(m."limit", i."limit")
                                ELSE coalesce(m.price, i.price) END AS intended,
               f.price AS filled,
               CASE i.side WHEN 'buy' THEN f.price - intended ELSE intended - f.price END
                   AS slipped,
               round(slipped / s.point, 1) AS points
        FROM fills f JOIN order_intended i ON i.key = f.order_key
        LEFT JOIN order_accepted a ON a.key = i.key
        LEFT JOIN moved m ON m.key = i.key
        LEFT JOIN (
            SELECT symbol, arg_max(point, seq) AS point FROM symbol_specified GROUP BY symbol
        ) s ON s.symbol = f.symbol
        WHERE i.action <> 'close by'
          AND CASE WHEN coalesce(a."order", 0) > 0 THEN f.order_ticket = a."order"
                   ELSE f.entry IN ('in', 'inout') OR i.action = 'close' END""",
    example="SELECT symbol, action, type, avg(points), max(points) FROM slippage GROUP BY ALL",
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
    meaning="Intents and changes whose outcome nobody knows: neither accepted nor refused.",
    columns={
        "action": "open, close, close by; levels, modify or cancel of a change",
        "side": "of an order; empty of a change",
        "volume": "lots; 0 of a change",
        "reason": "why, as it was last said; empty when nothing was said yet",
    },
    query="""
        SELECT i.seq, i.utc, i.key, i.strategy, i.symbol, i.action, i.side, i.volume,
               coalesce(u.reason, '') AS reason
        FROM order_intended i
        LEFT JOIN (
            SELECT key, arg_max(reason, seq) AS reason FROM order_unresolved GROUP BY key
        ) u USING (key)
        WHERE i.key NOT IN (SELECT key FROM order_accepted)
          AND i.key NOT IN (SELECT key FROM order_refused)
        UNION ALL
        SELECT seq, utc, key, strategy, symbol, action, '', 0.0, coalesce(note, '')
        FROM changes WHERE status IN ('intended', 'unresolved')""",
    example="FROM unresolved",
)

TRADES = Question(
    call="trades",
    meaning="Every position that was closed completely: in, out, and what was left of it.",
    columns={
        "volume": "lots",
        "price_in": "volume-weighted, price units",
        "price_out": "volume-weighted, price units",
        **dict.fromkeys(["opened", "closed"], "the broker's wall clock"),
        "profit": "account currency, before costs",
        "costs": "commission, swap and fee, account currency",
        "net": "profit after costs, account currency",
        "closed_by": "reason of the last deal: expert, sl, tp, so, client (by hand), mobile, …",
        "closing_reason": "the rule that closed it, where an order of ours did",
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
               sum(f.net) AS net, arg_min(f.order_key, f.seq) AS order_key,
               arg_max(f.reason, f.seq) AS closed_by,
               arg_max(c.reason, f.seq) FILTER (f.entry <> 'in') AS closing_reason,
               max(f.seq) AS seq
        FROM fills f
        LEFT JOIN order_proposed c ON c.key = f.order_key AND c.action <> 'open'
        WHERE f.position > 0 GROUP BY f.position
        HAVING round(sum(CASE f.entry WHEN 'in' THEN f.volume ELSE -f.volume END), 8) = 0""",
    example="SELECT side, count(*), sum(net), avg(closed - opened) FROM trades GROUP BY side",
)

DAILY_PNL = Question(
    call="daily_pnl",
    meaning="What each of the broker's days brought.",
    columns={
        "day": "of the broker's wall clock",
        "exits": "deals that closed something",
        "profit": "account currency, before costs",
        "costs": "commission, swap and fee, account currency",
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

COMMANDS = Question(
    call="commands",
    meaning="What operators asked for: every command that was obeyed, who gave it, and why.",
    columns={
        "command": "pause, halt, resume, flatten, cancel, resolve, stop or reconcile",
        "asked_by": "the user's name on the machine",
        "order_key": "of the order that it names, NULL for none",
        "symbol": "only of this symbol, NULL for all",
        "strategy": "only of this strategy, NULL for all",
        "dry_run": "of a comparison: whether nothing might be healed because of it",
    },
    query="""
        SELECT seq, utc, command, data->>'by' AS asked_by, data->>'reason' AS reason,
               nullif(coalesce(data->>'order_key', data->>'key'), '') AS order_key,
               nullif(data->>'symbol', '') AS symbol, nullif(data->>'strategy', '') AS strategy,
               (data->>'dry_run')::BOOLEAN AS dry_run
        FROM _but_bulk
        JOIN (VALUES ('TradingPaused', 'pause'), ('OperatorHalted', 'halt'),
                     ('TradingResumed', 'resume'), ('FlattenRequested', 'flatten'),
                     ('CancelRequested', 'cancel'), ('OrderResolved', 'resolve'),
                     ('StopRequested', 'stop'), ('ReconcileRequested', 'reconcile')
        ) AS named(type, command) USING (type)""",
    example="FROM commands ORDER BY seq DESC LIMIT 20",
)

LATENCY = Question(
    call="latency",
    meaning="How long the broker took to answer each intent and each change.",
    columns={
        "action": "open, close, close by; levels, modify or cancel of a change",
        "reply_ms": "milliseconds from the decision's cause to the reply",
        "deal_ms": "milliseconds from there to the first recording of a deal of that order",
    },
    query="""
        WITH sent AS (
            SELECT seq, utc, ts, key, action FROM order_intended
            UNION ALL
            SELECT seq, utc, ts, key, action FROM change_intended
        )
        SELECT i.seq, i.utc, i.key, i.action, r.retcode, (r.ts - i.ts) / 1e6 AS reply_ms,
               (d.ts - r.ts) / 1e6 AS deal_ms
        FROM sent i JOIN broker_replied r ON r.key = i.key
        LEFT JOIN (
            SELECT a.key, min(f.ts) AS ts FROM order_accepted a
            JOIN deal_recorded f ON f.corr = a.key AND f."order" = a."order" GROUP BY a.key
        ) d ON d.key = i.key""",
    example="SELECT action, quantile_cont(reply_ms, [0.5, 0.99]) FROM latency GROUP BY action",
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
    CHANGES,
    ORDER_STORY,
    POSITIONS_AT,
    SLIPPAGE,
    VETOES,
    UNRESOLVED,
    TRADES,
    DAILY_PNL,
    COMMANDS,
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

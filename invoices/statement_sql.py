"""What statements say, as SQL: statements.py stores it, statement_verification.py compares it."""

from plans.day_counts import COUNTED, PLAN_OF_DAY, QUANTITY

# Index posting_of_month, primary key of the entries.
CHARGED = """
SELECT bot_id, service_day, meter, version_id, sum(quantity) AS quantity,
    sum(free + bought + overdraft)::numeric(20, 4) AS amount, sum(free)::numeric(20, 4) AS free,
    sum(bought)::numeric(20, 4) AS bought, sum(overdraft)::numeric(20, 4) AS overdraft
FROM plans_posting posting
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE account = 'free_credits'), 0) AS free,
        coalesce(sum(amount) FILTER (WHERE account = 'prepaid_credits'), 0) AS bought,
        coalesce(sum(amount) FILTER (WHERE account = 'overdraft'), 0) AS overdraft
    FROM plans_ledgerentry
    WHERE workspace_id = %(workspace)s AND posting_id = posting.id
) paid
WHERE workspace_id = %(workspace)s AND booking_month = %(month)s AND kind = 'charge'
GROUP BY bot_id, service_day, meter, version_id
HAVING (sum(quantity), sum(free), sum(bought), sum(overdraft)) <> (0, 0, 0, 0)
"""
ADD_CHARGED = f"""
INSERT INTO invoices_statementline
    (workspace_id, statement_id, bot_id, service_day, meter, version_id, quantity, amount, free,
     bought, overdraft)
SELECT %(workspace)s, %(statement)s, * FROM ({CHARGED}) charged
ORDER BY bot_id, service_day, meter, version_id
"""
# What no charge says: of plans without credits, without a price, and under a contract. Beside the
# indexes of `COUNTED`: statement_line_counted, and the primary key of the plans of bots.
DUE = f"""
WITH {COUNTED}, due AS (
    SELECT counted.bot_id, counted.day AS service_day, stated.meter, stated.version_id,
        {QUANTITY.format(meter="stated.meter", of="counted.")} AS quantity
    FROM counted
    CROSS JOIN {PLAN_OF_DAY.format(bot="counted.bot_id", day="counted.day")}
    JOIN plans_planversion version ON version.id = plan.version_id
    CROSS JOIN LATERAL (
        SELECT meter.meter, version.id AS version_id FROM plans_planmeter meter
        WHERE meter.version_id = version.id AND meter.meter <> ALL(%(seats)s)
            AND (%(contract_from)s::date IS NULL OR counted.day < %(contract_from)s)
            AND NOT (version.uses_credits AND EXISTS (
                SELECT FROM plans_price
                WHERE version_id = version.id AND meter = meter.meter
                    AND currency_id = %(currency)s AND amount > 0))
        UNION ALL
        SELECT unnest(%(under_contract)s::text[]), NULL WHERE counted.day >= %(contract_from)s
    ) stated
    WHERE counted.day < %(end)s
), stated AS (
    SELECT bot_id, service_day, meter, version_id, quantity FROM due
    UNION ALL
    SELECT bot_id, service_day, meter, version_id, -quantity FROM invoices_statementline
    WHERE workspace_id = %(workspace)s AND amount IS NULL
        AND bot_id IN (SELECT bot_id FROM rolled)
)
"""
NOT_STATED = f"""
{DUE}
SELECT bot_id, service_day, meter, version_id, sum(quantity) AS quantity
FROM stated
GROUP BY bot_id, service_day, meter, version_id
HAVING sum(quantity) <> 0
ORDER BY bot_id, service_day, meter, version_id
"""
ADD_COUNTED = f"""
INSERT INTO invoices_statementline
    (workspace_id, statement_id, bot_id, service_day, meter, version_id, quantity)
SELECT %(workspace)s, %(statement)s, * FROM ({NOT_STATED}) counted
"""
# What moved in wallets since a first month. Index posting_of_month, primary keys of entries and
# lots.
MOVED = """
SELECT coalesce(lot.bot_id, entry.bot_id) AS bot_id,
    CASE entry.account WHEN 'free_credits' THEN 'free' WHEN 'prepaid_credits' THEN 'bought'
        ELSE 'overdraft' END AS kind,
    CASE WHEN booking_month < %(month)s THEN 'opening' ELSE posting.kind END AS why,
    -entry.amount AS amount
FROM plans_posting posting
JOIN plans_ledgerentry entry
    ON entry.workspace_id = %(workspace)s AND entry.posting_id = posting.id
LEFT JOIN plans_creditlot lot
    ON lot.workspace_id = %(workspace)s AND lot.id = entry.lot_id
WHERE posting.workspace_id = %(workspace)s AND booking_month BETWEEN %(first)s AND %(month)s
    AND entry.account IN ('free_credits', 'prepaid_credits', 'overdraft')
"""
KINDS = {
    "opening": "= 'opening'",
    "granted": "IN ('grant', 'purchase')",
    "used": "= 'charge'",
    "settled": "= 'settlement'",
    "lapsed": "= 'lapse'",
    "refunded": "= 'refund'",
    "corrected": "NOT IN"
    " ('opening', 'grant', 'purchase', 'charge', 'settlement', 'lapse', 'refund')",
}
ADD_UP = ", ".join(
    f"coalesce(sum(amount) FILTER (WHERE why {kinds}), 0)::numeric(20, 4) AS {name}"
    for name, kinds in (KINDS | {"closing": "IS NOT NULL"}).items()
)
NAMES = ", ".join((*KINDS, "closing"))
# Index statement_balance_once.
ADD_BALANCES = f"""
INSERT INTO invoices_statementbalance
    (workspace_id, statement_id, bot_id, kind, {NAMES})
SELECT %(workspace)s, %(statement)s, bot_id, kind, {ADD_UP}
FROM (
    {MOVED}
    UNION ALL
    SELECT bot_id, kind, 'opening', closing FROM invoices_statementbalance
    WHERE workspace_id = %(workspace)s AND statement_id = %(before)s AND closing <> 0
) moved
GROUP BY bot_id, kind
ORDER BY bot_id NULLS FIRST, kind
"""
COUNT_MONTH = f"""
WITH {COUNTED}
SELECT bot_id, sum(usage_sessions), sum(alert_sessions), sum(voice_sessions), sum(conversations),
    sum(notifications)
FROM counted
WHERE day >= %(month)s AND day < %(end)s
GROUP BY bot_id
"""

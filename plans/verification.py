"""Balances and charges that are kept for speed are compared with the ledger, and it with itself."""

from typing import NamedTuple

from django.db import connection

from accounts.models import Workspace
from accounts.tenancy import in_workspace_at_one_instant

# Each has the rows that differ: what they are, what is kept, what the entries say.
SUMS = """
SELECT 'posting ' || posting.key, '0', coalesce(sum(entry.amount)::text, 'no entries')
FROM plans_posting posting
LEFT JOIN plans_ledgerentry entry
    ON entry.workspace_id = %(workspace)s AND entry.posting_id = posting.id
WHERE posting.workspace_id = %(workspace)s
GROUP BY posting.id, posting.key
HAVING sum(entry.amount) IS DISTINCT FROM 0
ORDER BY 1
"""
ORPHANS = """
SELECT 'entries of posting ' || entry.posting_id, '0', sum(entry.amount)::text
FROM plans_ledgerentry entry
WHERE entry.workspace_id = %(workspace)s AND NOT EXISTS (
    SELECT FROM plans_posting
    WHERE workspace_id = %(workspace)s AND id = entry.posting_id)
GROUP BY entry.posting_id
ORDER BY 1
"""
CURRENCIES = """
SELECT 'currency', workspace.currency, entry.currency
FROM plans_ledgerentry entry JOIN accounts_workspace workspace ON workspace.id = entry.workspace_id
WHERE entry.workspace_id = %(workspace)s AND entry.currency <> workspace.currency
GROUP BY 2, 3
ORDER BY 3
"""
LOTS = """
SELECT 'lot ' || id, balance::text, coalesce(said.amount, 0)::text
FROM (SELECT * FROM plans_creditlot WHERE workspace_id = %(workspace)s) lot
FULL JOIN (
    SELECT lot_id AS id, -sum(amount) AS amount FROM plans_ledgerentry
    WHERE workspace_id = %(workspace)s AND lot_id IS NOT NULL
    GROUP BY 1
) said USING (id)
WHERE lot.balance IS DISTINCT FROM coalesce(said.amount, 0)
ORDER BY id
"""
OVERDRAFTS = """
SELECT 'overdraft of bot ' || bot_id, coalesce(overdraft, 0)::text, coalesce(said.amount, 0)::text
FROM (SELECT * FROM plans_botbilling WHERE workspace_id = %(workspace)s) billing
FULL JOIN (
    SELECT bot_id, sum(amount) AS amount FROM plans_ledgerentry
    WHERE workspace_id = %(workspace)s AND bot_id IS NOT NULL
    GROUP BY 1
) said USING (bot_id)
WHERE coalesce(overdraft, 0) <> coalesce(said.amount, 0)
ORDER BY bot_id
"""
CHARGED_DAYS = """
SELECT concat_ws(' ', 'charges of bot', bot_id, 'on', day, meter, 'version', version_id),
    format('%%s for %%s in %%s', kept.amount, kept.quantity, kept.postings),
    format('%%s for %%s in %%s', said.amount, said.quantity, said.postings)
FROM (SELECT * FROM plans_chargedday WHERE workspace_id = %(workspace)s) kept
FULL JOIN (
    SELECT bot_id, service_day AS day, meter, version_id, sum(cost.amount) AS amount,
        sum(quantity) AS quantity, count(*) AS postings
    FROM plans_posting posting
    CROSS JOIN LATERAL (
        SELECT -sum(amount) AS amount FROM plans_ledgerentry
        WHERE workspace_id = %(workspace)s AND posting_id = posting.id
            AND account IN ('revenue_usage', 'promotion')
    ) cost
    WHERE workspace_id = %(workspace)s AND kind = 'charge'
    GROUP BY 1, 2, 3, 4
) said USING (bot_id, day, meter, version_id)
WHERE (kept.amount, kept.quantity, kept.postings)
    IS DISTINCT FROM (said.amount, said.quantity, said.postings)
ORDER BY bot_id, day, meter, version_id
"""
CHECKS = (SUMS, ORPHANS, CURRENCIES, LOTS, OVERDRAFTS, CHARGED_DAYS)


class Difference(NamedTuple):
    """What differs: what is kept (or ought to be, 0), and what the entries of the ledger say."""

    what: str
    kept: str | None
    ledger: str | None


def verify(workspace: Workspace) -> list[Difference]:
    """Return every difference found in a workspace; none in one that is whole.

    All checks see the ledger at one instant, whoever charges meanwhile, and nobody waits for them.
    """
    with in_workspace_at_one_instant(workspace.pk), connection.cursor() as cursor:
        found: list[Difference] = []
        for check in CHECKS:
            cursor.execute(check, {"workspace": workspace.pk})
            found += [Difference(*row) for row in cursor.fetchall()]
    return found

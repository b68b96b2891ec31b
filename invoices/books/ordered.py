"""Which order a posting is of. Its key says so, and never changes."""

# Beside ``posting``: ``source`` has id and method of the order, the payment or the payback. Of the
# parts at most one is looked up. Keys order_number_unique, payment_reference_unique, primary keys.
OF_ORDER = """
LEFT JOIN LATERAL (
    SELECT placed.id, placed.method FROM invoices_order placed
    WHERE posting.kind IN ('purchase', 'subscription', 'payment', 'refund')
        AND placed.workspace_id = posting.workspace_id
        AND placed.number = substring(
            posting.key FROM '^(?:order|renewal|refund):([0-9]{1,9})(?:$|:)')::int
    UNION ALL
    SELECT note.order_id, '' FROM invoices_issueddocument note
    WHERE posting.kind = 'correction' AND note.workspace_id = posting.workspace_id
        AND note.number = substring(posting.key FROM '^credit_note:(.+)$')
    UNION ALL
    SELECT back.order_id,
        CASE WHEN back.sent_by_id IS NULL THEN coalesce(paid.method, '') ELSE 'by_hand' END
    FROM invoices_payback back LEFT JOIN invoices_payment paid ON paid.id = back.payment_id
    WHERE posting.kind = 'payment' AND back.workspace_id = posting.workspace_id
        AND back.id = substring(posting.key FROM '^payback:([0-9]{1,18})$')::bigint
    UNION ALL
    SELECT paid.order_id, paid.method FROM invoices_payment paid
    WHERE posting.kind = 'payment' AND paid.workspace_id = posting.workspace_id
        AND paid.reference = substring(posting.key FROM '^surplus:([^:]+)')
    LIMIT 1
) source ON true
LEFT JOIN invoices_order ordered ON ordered.id = source.id
"""

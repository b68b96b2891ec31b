"""The operator's books: what the ledgers of all workspaces come to, month by month."""

"""Pages of plans, balances and credits."""

"""Plans, credits and balances; built on usage."""

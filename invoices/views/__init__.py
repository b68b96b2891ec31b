"""Pages of orders and payments."""

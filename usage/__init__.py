"""Events, the session rule and what it counts."""

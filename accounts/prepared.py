"""Statements that each connection plans once: for what programs ask a thousand times a second."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from weakref import WeakSet

from django.db import connection

from accounts.tenancy import admitted


class Prepared:
    """A statement that takes longer to plan than to run.

    A pooler in front of PostgreSQL has to hand out whole sessions. ``text`` names its parameters
    $1, $2 and so on; ``types`` are theirs in PostgreSQL.
    """

    def __init__(self, name: str, *, types: Sequence[str], text: str) -> None:
        self.prepare = f"PREPARE {name} ({', '.join(types)}) AS {text}"
        self.run = f"EXECUTE {name} ({', '.join(['%s'] * len(types))})"
        self.sessions: WeakSet[object] = WeakSet()  # of the database that have it

    def fetch_one(
        self, parameters: Sequence[str | int | datetime], *, admitting: tuple[str, object]
    ) -> tuple[Any, ...] | None:
        """Return the first row that a setting lets one see (`accounts.tenancy`); None: no row.

        Outside of a transaction it is one of its own, in a single trip to the database.
        """
        setting, value = admitting
        if connection.in_atomic_block:
            with admitted(setting, value):
                return self.execute("", parameters)
        return self.execute(f"SET LOCAL {setting} = %s; ", [str(value), *parameters])

    def execute(
        self, before: str, parameters: Sequence[str | int | datetime]
    ) -> tuple[Any, ...] | None:
        """Run the statement, after another one that returns nothing."""
        with connection.cursor() as cursor:
            if connection.connection not in self.sessions:
                cursor.execute(self.prepare)
                self.sessions.add(connection.connection)
            cursor.execute(before + self.run, parameters)
            if before:
                cursor.nextset()
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

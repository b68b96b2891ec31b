"""Statements that each connection plans once: for what programs ask a thousand times a second."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import connection
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from accounts.tenancy import admitted


class Prepared:
    """A statement that takes longer to plan than to run.

    A pooler in front of PostgreSQL has to hand out whole sessions. ``text`` names its parameters
    $1, $2 and so on; ``types`` are theirs in PostgreSQL.
    """

    def __init__(self, name: str, *, types: Sequence[str], text: str) -> None:
        self.prepare = f"PREPARE {name} ({', '.join(types)}) AS {text}".encode()
        self.name = name.encode()
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
                return self.execute(parameters)
        return self.execute(parameters, setting=setting, value=str(value))

    def execute(
        self, parameters: Sequence[str | int | datetime], *, setting: str = "", value: str = ""
    ) -> tuple[Any, ...] | None:
        """Run the statement, with a setting of its transaction.

        By libpq alone: cursors of Django and psycopg take longer than the statement does.
        """
        connection.ensure_connection()
        session: psycopg.Connection[Any] = connection.connection
        with connection.wrap_database_errors:
            if session not in self.sessions:
                ask(session, self.prepare)
                self.sessions.add(session)
            values = Transformer.from_context(session)
            literals = b", ".join(values.as_literal(parameter) for parameter in parameters)
            statement = b"EXECUTE %b (%b)" % (self.name, literals)
            if setting:
                statement = b"SET LOCAL %b = %b; %b" % (
                    setting.encode(),
                    values.as_literal(value),
                    statement,
                )
            rows = ask(session, statement)
            values.set_pgresult(rows)
            return values.load_row(0, tuple) if rows.ntuples else None


def ask(session: psycopg.Connection[Any], statement: bytes) -> psycopg.pq.abc.PGresult:
    """Return the result of the last of some statements.

    Raises:
        psycopg.Error: one of them fails.
    """
    result = session.pgconn.exec_(statement)
    if result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise error_from_result(result)
    return result

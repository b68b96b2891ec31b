"""Statements that each connection plans once: for what programs ask a thousand times a second."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakSet

import psycopg
from django.db import connection
from psycopg import abc
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus

from accounts.tenancy import WORKSPACE, admitted


class Expression(NamedTuple):
    """A parameter that PostgreSQL computes."""

    sql: bytes


Parameter = str | int | datetime | Expression
# What a statement before has admitted; null: nothing.
ADMITTED_WORKSPACE = Expression(
    f"nullif(current_setting('{WORKSPACE}', true), '')::bigint".encode()
)


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
        self, parameters: Sequence[Parameter], *, admitting: tuple[str, object]
    ) -> tuple[Any, ...] | None:
        """Return the first row that a setting lets one see (`accounts.tenancy`); None: no row.

        Outside of a transaction it is one of its own, in a single trip to the database.
        """
        if connection.in_atomic_block:
            with admitted(*admitting):
                (row,) = execute_all([(self, parameters)])
        else:
            (row,) = execute_all([(self, parameters)], admitting=admitting)
        return row

    def write(self, values: abc.Transformer, parameters: Sequence[Parameter]) -> bytes:
        """Return what runs the statement with some parameters."""
        literals = (
            parameter.sql if isinstance(parameter, Expression) else values.as_literal(parameter)
            for parameter in parameters
        )
        return b"EXECUTE %b (%b)" % (self.name, b", ".join(literals))


def execute_all(
    calls: Sequence[tuple[Prepared, Sequence[Parameter]]],
    *,
    admitting: tuple[str, object] | None = None,
) -> list[tuple[Any, ...] | None]:
    """Run statements one after the other in one trip; return the first row of each, or None.

    Outside of a transaction they are one of their own, with a setting (``admitting``). By libpq
    alone: cursors of Django and psycopg take longer than the statements do.
    """
    connection.ensure_connection()
    session: psycopg.Connection[Any] = connection.connection
    with connection.wrap_database_errors:
        values = Transformer.from_context(session)
        parts = [statement.write(values, parameters) for statement, parameters in calls]
        if admitting:
            setting, value = admitting
            literal = values.as_literal(str(value))
            parts.insert(0, b"SET LOCAL %b = %b" % (setting.encode(), literal))
        for statement, _ in calls:
            if session not in statement.sessions:
                ask(session, statement.prepare)
                statement.sessions.add(session)
        results = ask(session, b"; ".join(parts))[-len(calls) :]
        return [load_first(values, result) for result in results]


def load_first(values: abc.Transformer, result: psycopg.pq.abc.PGresult) -> tuple[Any, ...] | None:
    """Return the first row of a result; None: it has none."""
    values.set_pgresult(result)
    return values.load_row(0, tuple) if result.ntuples else None


def ask(session: psycopg.Connection[Any], statements: bytes) -> list[psycopg.pq.abc.PGresult]:
    """Return the results of some statements.

    Raises:
        psycopg.Error: one of them fails.
    """
    session.pgconn.send_query(statements)
    results = []
    while (result := session.pgconn.get_result()) is not None:
        results.append(result)
    if results[-1].status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise error_from_result(results[-1])
    return results

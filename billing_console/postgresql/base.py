"""Connections of the pool are looked at without a trip to the database."""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes no connection from the pool that the server has ended.

    Django can ask each by an empty statement, which takes longer than some requests do. But to one
    that nobody uses the server sends nothing, unless it says good-bye: that is seen here, in
    this process. What a network lost without a word is found out by the first statement.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        """Return a connection that is alive: from the pool, where there is one."""
        while True:
            connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
            if self.pool is None or not has_news(connection):
                return connection
            connection.close()  # the pool makes another for one that comes back closed
            self.pool.putconn(connection)


def has_news(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the server has sent something that nobody asked for."""
    if connection.pgconn.transaction_status == TransactionStatus.UNKNOWN:
        return True
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.exceptions import MigrationSchemaMissing

from billing_console import roles


class Command(migrate.Command):
    help = "Bring the tables up to date, as their owner; the database roles too."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:  # Any: the base class has it
        connection = connections[options["database"]]
        try:
            with roles.one_at_a_time(connection):
                roles.ensure(connection)
                super().handle(*args, **options)
        except roles.NotPermitted as error:
            raise CommandError(str(error)) from None
        except MigrationSchemaMissing:
            raise CommandError(
                "This user may not make tables; DATABASE_OWNER_URL is to name one who may."
            ) from None

"""Migration operations that isolate workspaces: row-level security, grants, composite foreign keys.

Each table of customer data is isolated in the migration that makes it; a test walks all models and
fails for one that was forgotten.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import RunSQL
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from accounts.tenancy import API_KEY, APP_ROLE, OPERATOR_ROLE, USER, WORKSPACE, WORKSPACE_SLUG


def setting(name: str, kind: str = "bigint") -> str:
    """Return the SQL of a transaction's setting: NULL, which admits no row, if it is not set."""
    # After a transaction the setting is '' on the connection, not NULL.
    return f"NULLIF(current_setting('{name}', true), '')::{kind}"


OF_WORKSPACE = f"workspace_id = {setting(WORKSPACE)}"
OF_USER = f"user_id = {setting(USER)}"
OF_API_KEY = f"hash = {setting(API_KEY, 'text')}"
OF_WORKSPACE_ITSELF = (
    f"id = {setting(WORKSPACE)} OR slug = {setting(WORKSPACE_SLUG, 'text')}"
    f" OR id IN (SELECT workspace_id FROM accounts_membership WHERE {OF_USER})"
)
WRITE = "SELECT, INSERT, UPDATE, DELETE"


def grant(table: str, rights: str) -> RunSQL:
    """Give the application rights on a table that has no workspace; operators may read it."""
    return RunSQL(
        [f"GRANT {rights} ON {table} TO {APP_ROLE}", f"GRANT SELECT ON {table} TO {OPERATOR_ROLE}"],
        [f"REVOKE ALL ON {table} FROM {APP_ROLE}, {OPERATOR_ROLE}"],
    )


class TableOperation(Operation, ABC):
    """SQL on the table of one model, with its reverse; does nothing to the models' state."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model: str, *args: Any) -> None:
        self.model = model
        self.args = args

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """Return how a migration file would write this operation."""
        return (type(self).__name__, [self.model, *self.args], {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the models' state as it is."""

    def describe(self) -> str:
        """Return the line that `migrate --plan` prints."""
        return f"{type(self).__name__} {self.model}"

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run the operation."""
        table = to_state.apps.get_model(app_label, self.model)._meta.db_table
        for statement in self.forwards(table):
            schema_editor.execute(statement)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Take the operation back."""
        table = from_state.apps.get_model(app_label, self.model)._meta.db_table
        for statement in self.backwards(table):
            schema_editor.execute(statement)

    @abstractmethod
    def forwards(self, table: str) -> list[str]:
        """Return the statements that do it."""

    @abstractmethod
    def backwards(self, table: str) -> list[str]:
        """Return the statements that undo it."""


class Isolate(TableOperation):
    """Force row-level security on a table; ``rights`` are those of the application.

    ``admits`` replaces the condition on the workspace; ``finds`` are further conditions on which
    rows may be read before a workspace is known. Operators read all; the owner, who migrates, sees
    all.
    """

    def __init__(
        self, model: str, rights: str, admits: str = OF_WORKSPACE, finds: Sequence[str] = ()
    ) -> None:
        super().__init__(model, rights, admits, list(finds))
        self.rights = rights
        self.admits = admits
        self.finds = finds

    def forwards(self, table: str) -> list[str]:
        """Return the statements that isolate the table."""
        reads = [
            f"CREATE POLICY found_{number} ON {table} FOR SELECT TO {APP_ROLE} USING ({condition})"
            for number, condition in enumerate(self.finds, 1)
        ]
        return [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY of_workspace ON {table} TO {APP_ROLE} USING ({self.admits})",
            f"CREATE POLICY of_operator ON {table} TO {OPERATOR_ROLE} USING (true)",
            f"CREATE POLICY of_owner ON {table} TO CURRENT_USER USING (true)",
            *reads,
            f"GRANT {self.rights} ON {table} TO {APP_ROLE}",
            f"GRANT SELECT ON {table} TO {OPERATOR_ROLE}",
        ]

    def backwards(self, table: str) -> list[str]:
        """Return the statements that open the table again."""
        policies = ["of_workspace", "of_operator", "of_owner"]
        policies += [f"found_{number}" for number, _ in enumerate(self.finds, 1)]
        return [
            f"REVOKE ALL ON {table} FROM {APP_ROLE}, {OPERATOR_ROLE}",
            *(f"DROP POLICY {policy} ON {table}" for policy in policies),
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ]


class TieToWorkspace(TableOperation):
    """Let a reference reach only rows of the same workspace.

    Foreign keys are checked without row-level security: without this a row could name another
    workspace's bot. ``column`` refers to ``target`` (table and column), whose pair with
    ``workspace_id`` is unique there.
    """

    def __init__(self, model: str, column: str, target: str, target_column: str = "id") -> None:
        super().__init__(model, column, target, target_column)
        self.column = column
        self.target = target
        self.target_column = target_column

    def forwards(self, table: str) -> list[str]:
        """Return the statement that adds the composite foreign key."""
        return [
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_{self.column}_tied"
            f" FOREIGN KEY (workspace_id, {self.column})"
            f" REFERENCES {self.target} (workspace_id, {self.target_column})"
            " DEFERRABLE INITIALLY DEFERRED"
        ]

    def backwards(self, table: str) -> list[str]:
        """Return the statement that drops it."""
        return [f"ALTER TABLE {table} DROP CONSTRAINT {table}_{self.column}_tied"]


class AppendOnly(TableOperation):
    """Refuse every change and removal of a table's rows, to its owner too.

    TRUNCATE is left to the owner alone, by privilege.
    """

    def forwards(self, table: str) -> list[str]:
        """Return the statement that adds the trigger."""
        return [
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ]

    def backwards(self, table: str) -> list[str]:
        """Return the statement that drops it."""
        return [f"DROP TRIGGER append_only ON {table}"]

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.isolation import AppendOnly, Isolate

REFUSE_CHANGE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: its rows are neither changed nor removed', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_value_limits")]

    operations = [
        migrations.CreateModel(
            "AuditEntry",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=Now())),
                ("action", models.CharField(max_length=64)),
                ("actor_kind", models.CharField(max_length=8)),
                ("actor_id", models.TextField(blank=True)),
                ("actor_name", models.TextField(blank=True)),
                ("target", models.TextField(blank=True)),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                (
                    "workspace",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.workspace",
                    ),
                ),
            ],
            {
                "indexes": [
                    models.Index(fields=["workspace", "at", "id"], name="audit_by_time"),
                    models.Index(fields=["workspace", "action", "at"], name="audit_by_action"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(action__regex=r"^[a-z_]+(\.[a-z_]+)+$"),
                        name="audit_action_is_code",
                    ),
                    models.CheckConstraint(
                        condition=Q(actor_kind__in=["person", "key", "command", "system"]),
                        name="audit_actor_kind_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL(REFUSE_CHANGE, "DROP FUNCTION refuse_change()"),
        AppendOnly("AuditEntry"),
        Isolate("AuditEntry", "SELECT, INSERT"),
        # An entry of the installation may be added by anybody's request, such as a failed sign-in,
        # and is read by operators alone.
        migrations.RunSQL(
            "CREATE POLICY of_installation ON accounts_auditentry FOR INSERT TO console_app"
            " WITH CHECK (workspace_id IS NULL)",
            "DROP POLICY of_installation ON accounts_auditentry",
        ),
    ]

from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

from accounts.isolation import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_audit_entry")]

    operations = [
        migrations.CreateModel(
            "UnsealedEntry",
            [("entry_id", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
        migrations.CreateModel(
            "AuditSeal",
            [
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("sealed_at", models.DateTimeField()),
                ("entries", ArrayField(models.BigIntegerField())),
                ("hashes", ArrayField(models.CharField(blank=True, max_length=64))),
                ("previous", models.CharField(max_length=64, unique=True)),
                ("hash", models.CharField(max_length=64)),
            ],
        ),
        AppendOnly("AuditSeal"),
        # Who adds entries does not seal them, and who seals adds none.
        migrations.RunSQL(
            [
                "GRANT USAGE ON SEQUENCE accounts_auditentry_id_seq TO console_app",
                "GRANT INSERT ON accounts_unsealedentry TO console_app",
                "GRANT SELECT, DELETE ON accounts_unsealedentry TO console_operator",
                "GRANT SELECT, INSERT ON accounts_auditseal TO console_operator",
            ],
            [
                "REVOKE ALL ON SEQUENCE accounts_auditentry_id_seq FROM console_app",
                "REVOKE ALL ON accounts_unsealedentry FROM console_app, console_operator",
                "REVOKE ALL ON accounts_auditseal FROM console_operator",
            ],
        ),
    ]

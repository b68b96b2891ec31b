import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

import usage.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0002_isolate_workspaces"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE usage_stream_id; CREATE SEQUENCE usage_dirtystream_id",
            "DROP SEQUENCE usage_stream_id; DROP SEQUENCE usage_dirtystream_id",
        ),
        migrations.CreateModel(
            name="Conversation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "stream_id",
                        "started_at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("stream_id", models.BigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("closed", models.BooleanField()),
                ("voice", models.BooleanField()),
                ("bot_time", models.DurationField()),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="DirtyStream",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "stream_id",
                        "due_at",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "id",
                    models.BigIntegerField(db_default=usage.models.NextId("usage_dirtystream_id")),
                ),
                ("stream_id", models.BigIntegerField()),
                ("due_at", models.DateTimeField()),
                ("touched_from", models.DateTimeField()),
                ("touched_to", models.DateTimeField()),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="EventSource",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(db_collation="C", max_length=512)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.workspace"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "source_id",
                        "event_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("stream_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
                ("type", models.SmallIntegerField()),
                ("direction", models.SmallIntegerField()),
                ("voice", models.BooleanField()),
                ("developer", models.BooleanField()),
                ("test", models.BooleanField()),
                ("event_id", models.CharField(db_collation="C", max_length=256)),
                ("agent", models.CharField(db_collation="C", max_length=256)),
                ("alert", models.CharField(db_collation="C", max_length=256)),
                ("notification", models.CharField(db_collation="C", max_length=256)),
                ("parent_bot", models.CharField(db_collation="C", max_length=128)),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="usage.eventsource",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Intake",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("received_at", models.DateTimeField()),
                ("source", models.CharField(db_collation="C", max_length=512)),
                ("accepted", models.PositiveIntegerField()),
                ("duplicate", models.PositiveIntegerField()),
                ("differing", models.PositiveIntegerField()),
                ("rejected", models.PositiveIntegerField()),
                (
                    "api_key",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.apikey",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.workspace"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RejectedEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("received_at", models.DateTimeField()),
                ("place", models.PositiveIntegerField()),
                ("code", models.CharField(max_length=32)),
                ("detail", models.CharField(max_length=500)),
                ("source", models.CharField(db_collation="C", max_length=512)),
                ("event_id", models.CharField(db_collation="C", max_length=256)),
                ("subject", models.CharField(db_collation="C", max_length=128)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.workspace"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RolledBot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rolled_to", models.DateTimeField(null=True)),
                (
                    "bot",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Stream",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("id", models.BigIntegerField(db_default=usage.models.NextId("usage_stream_id"))),
                ("key", models.UUIDField()),
                ("channel", models.CharField(db_collation="C", max_length=64)),
                ("user", models.CharField(db_collation="C", max_length=256)),
                ("conversation", models.CharField(db_collation="C", max_length=256)),
                ("agent", models.CharField(db_collation="C", max_length=256)),
                ("voice", models.BooleanField(default=False)),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UsageBucket",
            fields=[
                ("channel", models.CharField(db_collation="C", max_length=64)),
                ("usage_sessions", models.IntegerField()),
                ("alert_sessions", models.IntegerField()),
                ("voice_sessions", models.IntegerField()),
                ("conversations", models.IntegerField()),
                ("notifications", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "starts_at",
                        "channel",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                ("channel", models.CharField(db_collation="C", max_length=64)),
                ("usage_sessions", models.IntegerField()),
                ("alert_sessions", models.IntegerField()),
                ("voice_sessions", models.IntegerField()),
                ("conversations", models.IntegerField()),
                ("notifications", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "day",
                        "channel",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="UsageMonth",
            fields=[
                ("channel", models.CharField(db_collation="C", max_length=64)),
                ("usage_sessions", models.IntegerField()),
                ("alert_sessions", models.IntegerField()),
                ("voice_sessions", models.IntegerField()),
                ("conversations", models.IntegerField()),
                ("notifications", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "month",
                        "channel",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("month", models.DateField()),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Agent",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "stream_id",
                        "signed_in",
                        "started_at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("stream_id", models.BigIntegerField()),
                ("signed_in", models.BooleanField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("workspace"),
                        models.F("bot"),
                        models.F("signed_in"),
                        models.F("started_at"),
                        name="agent_of_bot",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BillingSession",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "stream_id",
                        "started_at",
                        "kind",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("stream_id", models.BigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("conversation_started_at", models.DateTimeField(null=True)),
                ("number", models.IntegerField()),
                (
                    "kind",
                    models.SmallIntegerField(
                        choices=[(1, "usage"), (2, "alert"), (3, "voice"), (4, "notification")]
                    ),
                ),
                ("rule", models.SmallIntegerField(default=1)),
                ("closed", models.BooleanField()),
                ("completed", models.BooleanField()),
                ("channel", models.CharField(db_collation="C", max_length=64)),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("workspace"),
                        models.F("bot"),
                        models.F("started_at"),
                        include=("kind", "number", "closed", "completed", "channel"),
                        name="session_of_bot",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="eventsource",
            constraint=models.UniqueConstraint(
                models.F("workspace"), models.F("name"), name="event_source_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("workspace"),
                models.F("stream_id"),
                models.F("at"),
                models.F("type"),
                condition=models.Q(("developer", False), ("test", False)),
                include=("direction", "voice", "agent"),
                name="event_of_stream",
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=django.contrib.postgres.indexes.BrinIndex(models.F("at"), name="event_by_time"),
        ),
        migrations.AddIndex(
            model_name="intake",
            index=models.Index(
                models.F("workspace"), models.F("received_at"), name="intake_by_time"
            ),
        ),
        migrations.AddIndex(
            model_name="rejectedevent",
            index=models.Index(
                models.F("workspace"), models.F("received_at"), name="rejected_by_time"
            ),
        ),
        migrations.AddIndex(
            model_name="stream",
            index=models.Index(
                models.F("workspace"), models.F("bot"), models.F("id"), name="stream_of_bot"
            ),
        ),
        migrations.AddConstraint(
            model_name="stream",
            constraint=models.UniqueConstraint(
                models.F("workspace"), models.F("key"), name="stream_key_unique"
            ),
        ),
    ]

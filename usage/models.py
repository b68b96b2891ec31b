"""Events as received, what is derived from them, and what has to be derived again.

All tables here are or may become large: their keys lead with the workspace, and they have no
foreign keys among each other (each row is written by one statement from rows that it has just
read). docs/usage.md says what the rows mean.
"""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from accounts.models import ApiKey, Bot, WorkspaceOwned, WorkspaceOwnedQuerySet
from usage.sessions import RULE


class NextId(Func):
    """The next number of a sequence, as a column's default in the database."""

    function = "nextval"
    output_field = models.BigIntegerField()

    def __init__(self, sequence: str) -> None:
        super().__init__(Value(sequence))


class LargeTable(WorkspaceOwned):
    """A table whose key leads with the workspace, without an index or a constraint on it alone."""

    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.CASCADE, db_index=False, db_constraint=False
    )

    class Meta:
        abstract = True


class EventSource(WorkspaceOwned):
    """The ``source`` of events; with it their ids are unique."""

    name = models.CharField(max_length=512, db_collation="C")

    objects = WorkspaceOwnedQuerySet["EventSource"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "name", name="event_source_unique")
        ]

    def __str__(self) -> str:
        return self.name


class Stream(LargeTable):
    """One user with one bot, channel and conversation id (rule 2), or one agent of a bot (rule 12).

    ``key`` is a hash of these, by which arriving events find their stream. ``voice``: some event on
    a text channel said that it was voice, which reaches to the neighboring ends of conversations.
    Numbers rise in order of creation, within a batch bot by bot: new streams lie side by side in
    the indexes, and there those of a bot.
    """

    pk = models.CompositePrimaryKey("workspace_id", "id")
    id = models.BigIntegerField(db_default=NextId("usage_stream_id"))
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    key = models.UUIDField()
    channel = models.CharField(max_length=64, db_collation="C")
    user = models.CharField(max_length=256, db_collation="C")
    conversation = models.CharField(max_length=256, db_collation="C")
    agent = models.CharField(max_length=256, db_collation="C")
    voice = models.BooleanField(default=False)

    objects = WorkspaceOwnedQuerySet["Stream"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "key", name="stream_key_unique")
        ]
        indexes: ClassVar = [
            models.Index("workspace", "bot", "id", name="stream_of_bot"),
            # People find sessions by the beginning of a user or conversation id.
            models.Index("workspace", "user", name="stream_of_user"),
            models.Index(
                "workspace",
                "conversation",
                condition=~Q(conversation=""),
                name="stream_of_conversation",
            ),
        ]

    def __str__(self) -> str:
        return f"stream {self.id}"


class Event(LargeTable):
    """One fact received, append-only. Its user and conversation stand in its stream."""

    pk = models.CompositePrimaryKey("workspace_id", "source_id", "event_id")
    stream_id = models.BigIntegerField()
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    source = models.ForeignKey(
        EventSource, on_delete=models.CASCADE, db_index=False, db_constraint=False
    )
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    type = models.SmallIntegerField()
    direction = models.SmallIntegerField()
    voice = models.BooleanField()
    developer = models.BooleanField()
    test = models.BooleanField()
    event_id = models.CharField(max_length=256, db_collation="C")
    agent = models.CharField(max_length=256, db_collation="C")
    alert = models.CharField(max_length=256, db_collation="C")
    notification = models.CharField(max_length=256, db_collation="C")
    parent_bot = models.CharField(max_length=128, db_collation="C")

    objects = WorkspaceOwnedQuerySet["Event"].as_manager()

    class Meta:
        indexes: ClassVar = [
            # The rollup reads streams from this index alone, in order.
            models.Index(
                "workspace",
                "stream_id",
                "at",
                "type",
                include=("direction", "voice", "agent"),
                condition=Q(developer=False, test=False),
                name="event_of_stream",
            ),
            # Small, since events come in nearly in order of time: finds what is too old.
            BrinIndex("at", name="event_by_time"),
            # What came in last, for the event log, and how much of each source on a day (the
            # tie-out); it grows at its end only, and is small: whole batches have the same key.
            models.Index("workspace", "received_at", "source", name="event_by_receipt"),
            # Few: with event_of_stream it finds all events of a stream.
            models.Index(
                "workspace",
                "stream_id",
                condition=Q(developer=True) | Q(test=True),
                name="event_uncounted",
            ),
        ]

    def __str__(self) -> str:
        return self.event_id


class Intake(WorkspaceOwned):
    """How many events of one source came in with one batch, and what became of them.

    ``received``: counted as they were read, before anything became of them. ``differing``: those of
    the duplicates that say something else than the event stored first. ``removed``: those of the
    accepted that are kept no longer. Both are None where the batch came before they were counted.
    ``source`` is empty for refused events of which none could be read. ``api_key`` is None for the
    import command.
    """

    received_at = models.DateTimeField()
    source = models.CharField(max_length=512, db_collation="C")
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, db_index=False)
    received = models.PositiveIntegerField(null=True)
    accepted = models.PositiveIntegerField()
    duplicate = models.PositiveIntegerField()
    differing = models.PositiveIntegerField()
    rejected = models.PositiveIntegerField()
    removed = models.PositiveIntegerField(null=True)

    objects = WorkspaceOwnedQuerySet["Intake"].as_manager()

    class Meta:
        indexes: ClassVar = [models.Index("workspace", "received_at", name="intake_by_time")]

    def __str__(self) -> str:
        return f"{self.source} at {self.received_at}"


class RejectedEvent(WorkspaceOwned):
    """An event that was refused, with the code and the sentence that its sender got.

    ``place`` counts from 1 within the batch. Texts are cut to the length of their column.
    """

    received_at = models.DateTimeField()
    place = models.PositiveIntegerField()
    code = models.CharField(max_length=32)
    detail = models.CharField(max_length=500)
    source = models.CharField(max_length=512, db_collation="C")
    event_id = models.CharField(max_length=256, db_collation="C")
    subject = models.CharField(max_length=128, db_collation="C")

    objects = WorkspaceOwnedQuerySet["RejectedEvent"].as_manager()

    class Meta:
        indexes: ClassVar = [models.Index("workspace", "received_at", name="rejected_by_time")]

    def __str__(self) -> str:
        return f"{self.code}: {self.event_id}"


class DirtyStream(LargeTable):
    """A mark: from ``due_at`` on, a stream has to be counted again around what was touched.

    Marks are appended by whoever makes them necessary, in the same transaction, and removed by the
    rollup before it reads; so what is committed meanwhile leaves the stream dirty. ``marked_at``
    says since when, where ``due_at`` is not later.
    """

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "stream_id", "due_at", "id")
    id = models.BigIntegerField(db_default=NextId("usage_dirtystream_id"))
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    stream_id = models.BigIntegerField()
    due_at = models.DateTimeField()
    touched_from = models.DateTimeField()
    touched_to = models.DateTimeField()
    marked_at = models.DateTimeField(db_default=Now())

    objects = WorkspaceOwnedQuerySet["DirtyStream"].as_manager()

    def __str__(self) -> str:
        return f"stream {self.stream_id} due at {self.due_at}"


class RolledBotQuerySet(WorkspaceOwnedQuerySet["RolledBot"]):
    """Bots that were rolled up, or are to be."""

    def in_other_zone(self) -> Self:
        """Keep the bots whose days and months are not those of their workspace's zone.

        A bot that was never rolled up has none.
        """
        return self.exclude(zone=F("workspace__timezone")).exclude(rolled_to=None)


class RolledBot(LargeTable):
    """The clock of a bot's latest roll-up; whoever rolls it up holds the lock of this row.

    ``zone``: the one that all of the bot's days and months are counted in; '' before the first.
    While it is not the workspace's they wait to be counted again (usage/zones.py), and readers take
    the bot's buckets instead.
    """

    bot = models.OneToOneField(Bot, on_delete=models.CASCADE, db_constraint=False)
    rolled_to = models.DateTimeField(null=True)
    zone = models.CharField(max_length=64, db_default="", blank=True)

    objects = RolledBotQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # The bots of a workspace are walked through in their order.
            models.UniqueConstraint("workspace", "bot", name="rolled_bot_of_workspace")
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} to {self.rolled_to}"

    def advance(self, now: datetime) -> datetime:
        """Return the clock to count with: where clocks differ the later one holds.

        With the earlier one, what the later one counted would be left out again.
        """
        self.rolled_to = max(now, self.rolled_to or now)
        return self.rolled_to


class ChangedBotQuerySet(WorkspaceOwnedQuerySet["ChangedBot"]):
    """Marks of changed bots."""

    def changed_before(self, at: datetime) -> Self:
        """Keep those by which totals of before an instant may have changed."""
        return self.filter(Q(changed_from=None) | Q(changed_from__lt=at))


class ChangedBot(LargeTable):
    """A mark: totals of a bot have changed, and whoever derives from them has to look again.

    Appended in the transaction of the change; removed by the one reader, who does so before it
    reads, so that a change committed meanwhile leaves a mark. ``marked_at`` says since when what is
    derived has been behind. ``changed_from``: the first bucket that is another now; None: any may.
    """

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "id")
    id = models.BigIntegerField(db_default=NextId("usage_changedbot_id"))
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    marked_at = models.DateTimeField(db_default=Now())
    changed_from = models.DateTimeField(null=True)

    objects = ChangedBotQuerySet.as_manager()

    def __str__(self) -> str:
        return f"bot {self.bot_id}"


class Conversation(LargeTable):
    """A conversation that has a session, from its first to its latest event (rule 3)."""

    pk = models.CompositePrimaryKey("workspace_id", "stream_id", "started_at")
    stream_id = models.BigIntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    closed = models.BooleanField()
    voice = models.BooleanField()
    bot_time = models.DurationField()

    objects = WorkspaceOwnedQuerySet["Conversation"].as_manager()

    class Meta:
        indexes: ClassVar = [
            # How far conversations went beyond a block is read from this index alone.
            models.Index(
                "workspace",
                "bot",
                "ended_at",
                include=("started_at", "stream_id", "bot_time"),
                condition=Q(bot_time__gt=timedelta(minutes=15)),
                name="conversation_beyond",
            ),
        ]

    def __str__(self) -> str:
        return f"conversation of {self.started_at}"


class SessionKind(models.IntegerChoices):
    """What a session is. Usage and alert sessions are billing sessions."""

    USAGE = 1, "usage"
    ALERT = 2, "alert"
    VOICE = 3, "voice"
    NOTIFICATION = 4, "notification"


class BillingSession(LargeTable):
    """One counted unit: a block of a conversation or of a call, or a delivered alert.

    Delivered notifications lie here too, since they are counted alike. ``number``: the block's
    place in its conversation, from 1; of alerts and notifications the place among those of their
    stream at one instant. ``closed``: its conversation is closed; ``completed``: it counts (rule
    9).
    """

    pk = models.CompositePrimaryKey("workspace_id", "stream_id", "started_at", "kind", "number")
    stream_id = models.BigIntegerField()
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    conversation_started_at = models.DateTimeField(null=True)
    number = models.IntegerField()
    kind = models.SmallIntegerField(choices=SessionKind.choices)
    rule = models.SmallIntegerField(default=RULE)
    closed = models.BooleanField()
    completed = models.BooleanField()
    channel = models.CharField(max_length=64, db_collation="C")

    objects = WorkspaceOwnedQuerySet["BillingSession"].as_manager()

    class Meta:
        indexes: ClassVar = [
            # Buckets are counted from this index alone.
            models.Index(
                "workspace",
                "bot",
                "started_at",
                include=("kind", "number", "closed", "completed", "channel"),
                name="session_of_bot",
            ),
            # Few at any time: how many are still open.
            models.Index("workspace", "bot", condition=Q(completed=False), name="session_open"),
        ]

    def __str__(self) -> str:
        return f"{SessionKind(self.kind).label} session of {self.started_at}"


class Agent(LargeTable):
    """An agent's seat, or time signed in, at one bot (rule 12); the end is exclusive."""

    pk = models.CompositePrimaryKey("workspace_id", "stream_id", "signed_in", "started_at")
    stream_id = models.BigIntegerField()
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    signed_in = models.BooleanField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = WorkspaceOwnedQuerySet["Agent"].as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index("workspace", "bot", "signed_in", "started_at", name="agent_of_bot")
        ]

    def __str__(self) -> str:
        return f"agent of stream {self.stream_id}"


class Totals(LargeTable):
    """Completed sessions and closed conversations that start in one stretch of time."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    usage_sessions = models.IntegerField()
    alert_sessions = models.IntegerField()
    voice_sessions = models.IntegerField()
    conversations = models.IntegerField()
    notifications = models.IntegerField()

    class Meta:
        abstract = True


class ChannelTotals(Totals):
    """Totals of one channel."""

    channel = models.CharField(max_length=64, db_collation="C")

    class Meta:
        abstract = True


class UsageBucket(ChannelTotals):
    """Totals of 15 minutes, in UTC."""

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "starts_at", "channel")
    starts_at = models.DateTimeField()

    objects = WorkspaceOwnedQuerySet["UsageBucket"].as_manager()


class UsageDay(ChannelTotals):
    """Totals of a local day in the workspace's zone."""

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "day", "channel")
    day = models.DateField()

    objects = WorkspaceOwnedQuerySet["UsageDay"].as_manager()


class UsageDayInAll(Totals):
    """Totals of a local day in the workspace's zone, over all channels: half the rows, or less."""

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "day")
    day = models.DateField()

    objects = WorkspaceOwnedQuerySet["UsageDayInAll"].as_manager()


class UsageSixHours(Totals):
    """Totals of six hours of UTC over all channels, from which periods of any zone are read."""

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "starts_at")
    starts_at = models.DateTimeField()

    objects = WorkspaceOwnedQuerySet["UsageSixHours"].as_manager()


class UsageMonth(ChannelTotals):
    """Totals of a local month in the workspace's zone; ``month`` is its first day."""

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "month", "channel")
    month = models.DateField()

    objects = WorkspaceOwnedQuerySet["UsageMonth"].as_manager()

"""The demo installation is filled, the same way as any other: by the console's own functions.

What is there stays as it is. A fill that was interrupted is completed by the next one, and later
ones add what has happened since: events are made up in the order of their arrival, and stored in
that order, each before what is done after it. So months close with what was known by then, and
their documents can be proved.
"""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from accounts import bots, dispatch, people, workspaces
from accounts.models import Bot, BotShare, User, Workspace
from accounts.tenancy import in_workspace
from billing_console.demo import parties, plan, story
from billing_console.demo.generate import Business, generate
from billing_console.demo.plan import DemoBot, DemoPerson, DemoWorkspace
from billing_console.demo.sign_ins import SignIns
from invoices import billing_details, reloads, renewals, seller
from plans import billing, charging
from usage import importing, rollup
from usage.importing import Counts
from usage.intake import Outcome
from usage.models import Event, EventSource

CHITCHAT = Path(__file__).with_name("chitchat.ndjson.gz")
CHITCHAT_EVENTS = 258_145
CHITCHAT_OPENED = datetime(2018, 4, 1, tzinfo=UTC)
QUIET = 2.0  # seconds without a word at most

Say = Callable[[str], None]


def fill(*, now: datetime, sign_ins: SignIns, say: Say) -> None:
    """Make the demo's workspaces, people, bots and events up to ``now``, and roll them up."""
    people.add_operator(email=plan.OPERATOR, password=ensure_password(plan.OPERATOR, sign_ins))
    if seller.find() is None:
        seller.change(**parties.SELLER)
    for planned in plan.WORKSPACES:
        workspace = set_up(planned, now=now, sign_ins=sign_ins)
        tell_story(planned, workspace, now=now, say=say)


def ensure_password(email: str, sign_ins: SignIns) -> str:
    """Return a person's password; one that had to be made up anew also becomes their account's."""
    password, made = sign_ins.ensure(email)
    if made and (user := User.objects.filter(email__iexact=email).first()):
        user.set_password(password)
        user.save(update_fields=["password"])
    return password


@transaction.atomic
def set_up(planned: DemoWorkspace, *, now: datetime, sign_ins: SignIns) -> Workspace:
    """Return a workspace with its people and bots; what exists is left as it is."""
    workspace, created = workspaces.create(
        slug=planned.slug, name=planned.name, timezone=planned.zone, currency=planned.currency
    )
    if created:
        with in_workspace(workspace.pk):
            workspace.created_at = find_opening(planned, now=now)
            workspace.save(update_fields=["created_at"])
    if billing_details.find(workspace) is None:
        billing_details.change(
            workspace=workspace, at=workspace.created_at, **parties.BUYERS[planned.slug]
        )
    for person in planned.people:
        add_person(workspace, person, sign_ins=sign_ins)
    for bot in planned.bots:
        add_bot(workspace, planned, bot)
    if not planned.bots:
        owner = planned.people[0].email
        register(workspace, key=plan.CHITCHAT_BOT, name="Chitchat", owner=owner)
    return workspace


def find_opening(planned: DemoWorkspace, *, now: datetime) -> datetime:
    """Return the first instant of a new workspace, as if it had been there all the time."""
    if not planned.bots:
        return CHITCHAT_OPENED
    zone = ZoneInfo(planned.zone)
    opened = plan.shift_months(now.astimezone(zone).date(), -plan.MONTHS)
    return datetime.combine(opened, time(), zone)


def add_person(workspace: Workspace, person: DemoPerson, *, sign_ins: SignIns) -> None:
    """Give a person their role."""
    password = ensure_password(person.email, sign_ins)
    member, created = people.add_member(
        workspace=workspace, email=person.email, role=person.role, password=password
    )
    if created and not member.user.name:
        member.user.name = person.name
        member.user.save(update_fields=["name"])


def add_bot(workspace: Workspace, planned: DemoWorkspace, bot: DemoBot) -> None:
    """Register a bot of the plan, with its owner, its status and those it is shared with."""
    made = register(workspace, key=bot.key, name=bot.name, owner=bot.owner)
    if made is None:
        return
    guests = [person.email for person in planned.people if bot.key in person.shared]
    with in_workspace(workspace.pk):
        made.publish_status = bot.status
        made.created_at += timedelta(days=bot.traffic.launched)
        made.save(update_fields=["publish_status", "created_at"])
        for user in User.objects.filter(email__in=guests):
            BotShare.objects.create(workspace=workspace, bot=made, user=user)


def register(workspace: Workspace, *, key: str, name: str, owner: str) -> Bot | None:
    """Register a bot that is as old as its workspace; None: there was one already."""
    bot, created = bots.create(workspace=workspace, key=key, name=name)
    if not created:
        return None
    with in_workspace(workspace.pk):
        bot.owner = User.objects.get(email=owner)
        bot.created_at = workspace.created_at
        bot.save(update_fields=["owner", "created_at"])
    return bot


def import_outstanding(
    planned: DemoWorkspace, workspace: Workspace, *, now: datetime, pace: "Pace"
) -> None:
    """Import the events that had arrived by ``now`` and that the workspace still lacks."""
    if planned.bots:
        file = open_made_up(planned, workspace, now=now)
    elif count_events(workspace) < CHITCHAT_EVENTS:
        file = io.BufferedReader(CHITCHAT.open("rb", buffering=0))
    else:
        return

    def report(counts: Counts, outcome: Outcome) -> None:
        pace.say(f"{workspace.name}: {counts.received:,} events read")

    with file:
        importing.import_events(
            file, workspace=workspace, create_bots=False, now=now, report=report
        )


def count_events(workspace: Workspace) -> int:
    """Return how many events the workspace has."""
    with in_workspace(workspace.pk):
        return Event.objects.for_workspace(workspace).count()


def open_made_up(
    planned: DemoWorkspace, workspace: Workspace, *, now: datetime
) -> io.BufferedReader:
    """Return the made-up events that arrived since the latest one that is stored."""
    zone = ZoneInfo(planned.zone)
    opened = workspace.created_at.astimezone(zone).date()
    business = Business(planned.slug, zone, opened, planned.traffic())
    lines = generate(business, until=now, since=find_latest(planned, workspace))
    return io.BufferedReader(LineFile(lines), buffer_size=1 << 16)


def find_latest(planned: DemoWorkspace, workspace: Workspace) -> datetime | None:
    """Return the time of the latest made-up event, whatever else was sent; None: there is none."""
    with in_workspace(workspace.pk):
        sources = EventSource.objects.for_workspace(workspace)
        made_up = list(sources.filter(name__startswith=f"/{planned.slug}/").values_list("pk"))
        events = Event.objects.for_workspace(workspace)
        latest = events.filter(source__in=[pk for (pk,) in made_up]).aggregate(at=Max("at"))["at"]
    return latest if isinstance(latest, datetime) else None


def tell_story(planned: DemoWorkspace, workspace: Workspace, *, now: datetime, say: Say) -> None:
    """Have happen what has not happened yet, day by day: events, purchases, plans, and charges."""
    pace = Pace(say)
    with in_workspace(workspace.pk):
        opened = billing.open_billing(workspace=workspace, at=workspace.created_at)
    for at, acts in story.find_days(workspace, now=now).items():
        if opened.charged_at and at <= opened.charged_at:
            continue
        import_outstanding(planned, workspace, now=at, pace=pace)
        story.act(workspace, acts, at=at)
        rollup.run(workspace_id=workspace.pk, now=at, wait=True)
        charging.run(workspace_id=workspace.pk, now=at)
        reloads.run(workspace_id=workspace.pk, now=at)
        renewals.run(workspace_id=workspace.pk, now=at)
        if not settings.MAIL_GOES_OUT:  # into files; nobody is written to about years ago
            dispatch.run(workspace_id=workspace.pk, now=at)
        pace.say(f"{workspace.name}: counted and charged up to {at:%-d %B %Y}")
    say(f"{workspace.name}: {count_events(workspace):,} events, counted and charged")


class Pace:
    """Passes on what is said, but not more often than people read."""

    def __init__(self, say: Say) -> None:
        self.pass_on = say
        self.spoken = monotonic()

    def say(self, text: str) -> None:
        """Say it, if nothing was said for a while."""
        if monotonic() - self.spoken > QUIET:
            self.spoken = monotonic()
            self.pass_on(text)


class LineFile(io.RawIOBase):
    """Lines to be read as a file, made while it is read."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.lines = lines
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # called by BufferedReader
        """Fill the buffer as far as the next lines go; 0: there are no more."""
        if not self.rest:
            # Two hundred lines at once: a call of this method costs more than a line.
            self.rest = memoryview(b"".join(islice(self.lines, 200)))
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size

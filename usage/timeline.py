"""A conversation drawn to scale: where its blocks, agent time and events lie. Pure arithmetic.

Templates draw the shapes as SVG; colors and hatching are classes of the style sheet.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import NamedTuple

from usage.explaining import Measured
from usage.sessions import SECOND, Block, Direction, EventType, Interval, StreamEvent
from usage.wording import LocalClock

WIDTH = 960
LEFT, RIGHT = 104, 928
ROW = 34
BAR = 22
TICK_WIDTH = 3  # events that lie closer are drawn as one tick
NARROWEST = 2  # blocks that are narrower are drawn as one
NUMBER_WIDTH = 20  # a block has room for its number
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
STEPS = (
    *(SECOND * seconds for seconds in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(HOUR * hours for hours in (1, 2, 3, 4, 6, 12)),
    *(DAY * days for days in (1, 2, 7, 14, 28, 91, 364)),
)
MOST_TICKS = 8

LANES = {"user": "User", "bot": "Bot", "agent": "Agent", "turn": "Other"}
LANE_OF_DIRECTION = {Direction.USER: "user", Direction.BOT: "bot", Direction.AGENT: "agent"}


class Bar(NamedTuple):
    """A rectangle: ``kind`` is its class, ``label`` stands in it where there is room."""

    x: float
    y: float
    width: float
    kind: str
    label: str = ""
    height: int = BAR

    @property
    def middle(self) -> float:
        """Where a label is centered: at the beginning, which agent time never hides."""
        return round(self.x + NUMBER_WIDTH / 2, 1)

    @property
    def base(self) -> float:
        """Where a label stands."""
        return self.y + self.height - 6


class Tick(NamedTuple):
    """One or several events at one place of a lane."""

    x: float
    y: float
    kind: str
    title: str

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.y + BAR


class Mark(NamedTuple):
    """A place of the axis with its local time."""

    x: float
    label: str


class Label(NamedTuple):
    """The name of a row."""

    y: float
    text: str


class Drawing(NamedTuple):
    """All shapes of a time line; ``title`` says in words what it shows."""

    title: str
    height: int
    labels: Sequence[Label]
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    marks: Sequence[Mark]

    @property
    def width(self) -> int:
        """How wide it is."""
        return WIDTH

    @property
    def left(self) -> int:
        """Where the axis begins."""
        return LEFT

    @property
    def right(self) -> int:
        """Where the axis ends."""
        return RIGHT

    @property
    def axis(self) -> int:
        """Where the axis lies."""
        return self.height - 26

    @property
    def axis_text(self) -> int:
        """Where the axis' labels stand."""
        return self.height - 8


class Scale(NamedTuple):
    """Turns instants into places between the left and the right edge."""

    start: int
    end: int

    def x(self, at: int) -> float:
        """Return the place of an instant."""
        return round(LEFT + (at - self.start) * (RIGHT - LEFT) / (self.end - self.start), 1)

    def bar(self, interval: Interval, *, row: int, kind: str, label: str = "") -> Bar:
        """Return the rectangle of an interval; it is seen also where it has no length."""
        x = self.x(interval.start)
        width = round(max(self.x(interval.end) - x, NARROWEST), 1)
        return Bar(x, top(row), width, kind, label if width >= NUMBER_WIDTH else "")


def top(row: int) -> int:
    """Return where a row begins."""
    return 8 + row * ROW


def draw(measured: Measured, clock: LocalClock) -> Drawing:
    """Draw a conversation."""
    conversation = measured.conversation
    scale = make_scale(conversation.start, conversation.end)
    names = ["Clock"] if conversation.clock else []
    bars = [scale.bar(conversation.clock, row=0, kind="clock")] if conversation.clock else []
    for name, blocks, kind in (
        ("Usage", conversation.usage, "usage"),
        ("Voice", conversation.voice_blocks, "voice"),
    ):
        if blocks:
            pause = conversation.agent_time if kind == "usage" else ()
            bars += draw_blocks(blocks, pause, scale=scale, row=len(names), kind=kind)
            names.append(name)
    if conversation.agent_time:
        for interval in conversation.agent_time:
            bars.append(scale.bar(interval, row=len(names), kind="with-agent"))
        names.append("Agent time")
    ticks, lanes = draw_events(measured.run.events, scale=scale, clock=clock, row=len(names))
    names += lanes
    return Drawing(
        title=(
            f"Time line from {clock.say(conversation.start)} to {clock.say(conversation.end)}: "
            f"{len(conversation.usage)} usage and {len(conversation.voice_blocks)} voice sessions, "
            f"{len(measured.run.events)} events"
        ),
        height=top(len(names)) + 32,
        labels=[Label(top(row) + 16, name) for row, name in enumerate(names)],
        bars=bars,
        ticks=ticks,
        marks=list(draw_axis(scale, clock)),
    )


def draw_alerts(instants: Sequence[int], *, until: int, clock: LocalClock) -> Drawing:
    """Draw delivered alerts: each is a session at its instant."""
    scale = make_scale(instants[0], until)
    bars = [
        Bar(scale.x(at), top(0), NUMBER_WIDTH, "alert", str(number))
        for number, at in enumerate(instants, 1)
    ]
    return Drawing(
        title=f"Time line of {len(instants)} delivered alerts: {len(instants)} alert sessions",
        height=top(1) + 32,
        labels=[Label(top(0) + 16, "Alerts")],
        bars=bars,
        ticks=[],
        marks=list(draw_axis(scale, clock)),
    )


def make_scale(start: int, end: int) -> Scale:
    """Return a scale for a stretch of time, of a minute at least."""
    return Scale(start, max(end, start + MINUTE))


def draw_blocks(
    blocks: Sequence[Block], pauses: Sequence[Interval], *, scale: Scale, row: int, kind: str
) -> Iterator[Bar]:
    """Yield a rectangle for each block, and the agent time in it over it."""
    whole = Interval(blocks[0].start, blocks[-1].end)
    if (RIGHT - LEFT) / len(blocks) < NARROWEST:
        yield scale.bar(whole, row=row, kind=kind)
    else:
        for number, block in enumerate(blocks, 1):
            shade = ("odd" if number % 2 else "even") if block.completed else "open"
            interval = Interval(block.start, block.end)
            yield scale.bar(interval, row=row, kind=f"{kind} {shade}", label=str(number))
    for pause in pauses:
        start, end = max(pause.start, whole.start), min(pause.end, whole.end)
        if start < end and not is_between(blocks, start, end):
            yield scale.bar(Interval(start, end), row=row, kind="with-agent")


def is_between(blocks: Sequence[Block], start: int, end: int) -> bool:
    """Tell whether a pause lies where one block has ended and the next has not begun."""
    return all(block.end <= start or end <= block.start for block in blocks)


def draw_events(
    events: Iterable[StreamEvent], *, scale: Scale, clock: LocalClock, row: int
) -> tuple[list[Tick], list[str]]:
    """Return ticks and the names of the lanes in which they lie; what is too close is one tick."""
    found: dict[str, dict[int, list[StreamEvent]]] = {}
    for event in events:
        lane = LANE_OF_DIRECTION.get(Direction(event.direction), "turn")
        place = round(scale.x(event.at) / TICK_WIDTH)
        found.setdefault(lane, {}).setdefault(place, []).append(event)
    lanes = [lane for lane in LANES if lane in found]
    ticks = [
        Tick(scale.x(here[0].at), top(row + number), lane, name_events(here, clock))
        for number, lane in enumerate(lanes)
        for here in found[lane].values()
    ]
    return ticks, [LANES[lane] for lane in lanes]


def name_events(events: Sequence[StreamEvent], clock: LocalClock) -> str:
    """Return what a tick stands for."""
    first = f"{clock.say(events[0].at)} {name_event(events[0])}"
    return first if len(events) == 1 else f"{first} and {len(events) - 1} more"


def name_event(event: StreamEvent) -> str:
    """Return what kind of event it is."""
    if event.type == EventType.MESSAGE:
        return f"{Direction(event.direction).name.lower()} message"
    return {
        EventType.STARTED: "conversation started",
        EventType.TRANSFER_STARTED: "transfer to an agent",
        EventType.TRANSFER_ENDED: "transfer back",
        EventType.ENDED: "conversation ended",
    }[EventType(event.type)]


def draw_axis(scale: Scale, clock: LocalClock) -> Iterator[Mark]:
    """Yield marks at full local times, as many as are read easily."""
    span = scale.end - scale.start
    step = next((step for step in STEPS if span / step <= MOST_TICKS), STEPS[-1])
    for at in list_full_times(scale, clock, step):
        yield Mark(scale.x(at), name_mark(clock.local(at), step))


def list_full_times(scale: Scale, clock: LocalClock, step: int) -> Iterator[int]:
    """Yield the instants at which the local clock shows full multiples of ``step``."""
    start = clock.local(scale.start)
    midnight = datetime.combine(start.date(), time.min)
    into = (start.replace(tzinfo=None) - midnight) // timedelta(microseconds=1)
    at = scale.start - into + -(-into // step) * step
    while at <= scale.end:
        yield at
        at += step


def name_mark(local: datetime, step: int) -> str:
    """Return the local time of a mark; at midnight the day."""
    if local.time() == time.min:
        return f"{local.day} {local:%b}"
    return f"{local:%H:%M:%S}" if step < MINUTE else f"{local:%H:%M}"

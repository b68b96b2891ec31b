"""Why a conversation is that many sessions: session rule 1 in sentences about one conversation.

Pure, like usage/sessions.py, whose functions decide; here is only said what they found.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from usage.sessions import (
    SESSION,
    VOICE_CHANNELS,
    AgentTime,
    Conversation,
    Direction,
    EventType,
    Interval,
    Run,
    StreamEvent,
    count_sessions,
    covers,
    find_agent_time,
    find_runs,
    is_with_agent,
    merge,
    spoken_with_bot,
)
from usage.wording import LocalClock, say_length, say_number

BOT_MESSAGE = "the last bot message"
USER_MESSAGE = "the last user message"
AGENT_START = "the start of agent time"


class Measured(NamedTuple):
    """One conversation of a stream, its events, and those that lie before and after it."""

    conversation: Conversation
    run: Run
    agent: AgentTime
    channel: str
    before: StreamEvent | None
    after: StreamEvent | None


def measure_stream(events: Sequence[StreamEvent], *, channel: str, now: int) -> Iterator[Measured]:
    """Yield the conversations of a stream as the rule counts them, in order of time."""
    runs = list(find_runs(events, channel=channel))
    found = count_sessions(events, channel=channel, now=now)
    for place, (run, conversation) in enumerate(zip(runs, found, strict=True)):
        before = runs[place - 1].events[-1] if place else None
        after = runs[place + 1].events[0] if place + 1 < len(runs) else None
        yield Measured(conversation, run, find_agent_time(run), channel, before, after)


def explain(measured: Measured, clock: LocalClock) -> list[str]:
    """Return the sentences that say why a conversation is that many sessions."""
    explain_kind = explain_call if measured.conversation.voice else explain_text
    return [
        *explain_beginning(measured, clock),
        *explain_agents(measured, clock),
        *explain_kind(measured, clock),
        *explain_end(measured, clock),
    ]


def explain_beginning(measured: Measured, clock: LocalClock) -> Iterator[str]:
    """Say what cut the conversation off from the one before."""
    if measured.before is None:
        return
    at = clock.say(measured.before.at)
    if measured.before.type == EventType.ENDED:
        yield f"The conversation before was ended at {at}, so this is another one."
    else:
        yield (
            f"The event before was at {at}, more than 15:00 earlier, so this is another "
            "conversation."
        )


def explain_agents(measured: Measured, clock: LocalClock) -> Iterator[str]:
    """Say where agent time comes from, if not from transfers that have an end."""
    last = measured.conversation.end
    starts = merge(list_transfers(measured))
    for place, event in enumerate(measured.run.events):
        if event.direction == Direction.AGENT and not covers(starts, event.at, event.at):
            yield (
                f"An agent wrote at {clock.say(event.at)} without a transfer: agent time runs from "
                "such a message to the bot's next message, or to the conversation's end."
            )
            break
        if is_lasting(measured, place):
            yield (
                f"The transfer at {clock.say(event.at)} was never ended: agent time lasts from "
                f"there to the conversation's end at {clock.say(last)}, and every message after it "
                "is with the agent."
            )


def list_transfers(measured: Measured) -> Iterator[Interval]:
    """Yield the agent intervals that a transfer began, in order of their start."""
    run = measured.run
    for place, event in enumerate(run.events):
        if event.type == EventType.TRANSFER_STARTED:
            end = run.ends[place]
            if end is None:
                later = (
                    other.at
                    for other in run.events[place + 1 :]
                    if other.type == event.type and other.agent == event.agent
                )
                end = next(later, measured.conversation.end)
            yield Interval(event.at, end)


def is_lasting(measured: Measured, place: int) -> bool:
    """Tell whether the event is a transfer that lasts to the conversation's end."""
    event = measured.run.events[place]
    return (
        event.type == EventType.TRANSFER_STARTED
        and measured.run.ends[place] is None
        and not any(
            other.type == event.type and other.agent == event.agent
            for other in measured.run.events[place + 1 :]
        )
    )


def explain_text(measured: Measured, clock: LocalClock) -> Iterator[str]:
    """Say how the clock of a text conversation ran, and what that makes."""
    conversation = measured.conversation
    events = measured.run.events
    if conversation.clock is None:
        wrote = any(event.direction == Direction.USER for event in events)
        why = (
            "Every message of the user was with a human agent."
            if wrote
            else "The user wrote nothing."
        )
        yield f"{why} The clock never starts, so nothing is billed: 0 usage sessions."
        return
    start, end = conversation.clock
    first = next(event.at for event in events if event.direction == Direction.USER)
    with_bot = "" if first == start else " with the bot"
    yield (
        f"The clock runs from the first user message{with_bot} at {clock.say(start)} to "
        f"{name_clock_end(measured, end)} at {clock.say(end)}: {say_length(end - start)}."
    )
    if start > conversation.start:
        yield "What came before that message is free."
    yield from explain_bot_time(conversation, end - start)
    if conversation.end > end:
        yield (
            f"The {say_length(conversation.end - end)} from there to the last event at "
            f"{clock.say(conversation.end)} are free: neither idle time nor time with an agent at "
            "the end extends the clock."
        )


def name_clock_end(measured: Measured, end: int) -> str:
    """Return what the clock of a text conversation ends with."""
    for direction, name in ((Direction.BOT, BOT_MESSAGE), (Direction.USER, USER_MESSAGE)):
        if end in spoken_with_bot(measured.run.events, by=direction, agent=measured.agent):
            return name
    return AGENT_START


def explain_call(measured: Measured, clock: LocalClock) -> Iterator[str]:
    """Say how a call is measured, and what that makes."""
    conversation = measured.conversation
    start, end = conversation.start, conversation.end
    why = (
        f"The channel {measured.channel} is a voice channel"
        if measured.channel in VOICE_CHANNELS
        else "An event says that it is voice"
    )
    voice = say_number(len(conversation.voice_blocks), "voice session")
    yield (
        f"{why}: the call runs from its first event at {clock.say(start)} to its last at "
        f"{clock.say(end)}: {say_length(end - start)}. Voice sessions count the whole call, time "
        f"with agents included, and each started 15:00: {voice}."
    )
    yield from explain_bot_time(conversation, end - start)


def explain_bot_time(conversation: Conversation, length: int) -> Iterator[str]:
    """Say what is taken out of the clock, and how many sessions the rest is."""
    with_agent = length - conversation.bot_time
    bot_time = say_length(conversation.bot_time)
    if with_agent:
        yield (
            f"{say_length(with_agent)} with a human agent is taken out, which leaves {bot_time} of "
            "bot time."
        )
    sessions = say_number(len(conversation.usage), "usage session")
    if not conversation.usage:
        yield (
            "No time was spent with the bot, and the user said nothing to it, so there is nothing "
            f"to count: {sessions}."
        )
    elif conversation.bot_time == 0:
        yield f"The user spoke with the bot, and that is at least one session: {sessions}."
    elif conversation.bot_time <= SESSION:
        yield f"{bot_time} of bot time is not more than 15:00: {sessions}."
    else:
        yield f"Each started 15:00 counts: {sessions}."


def explain_end(measured: Measured, clock: LocalClock) -> Iterator[str]:
    """Say why the conversation is closed, or what is open and how long."""
    conversation = measured.conversation
    last = clock.say(conversation.end)
    if measured.run.events[-1].type == EventType.ENDED:
        yield f"The conversation was ended at {last}; ending it does not count as time."
    elif measured.after is not None:
        yield (
            f"The next event came at {clock.say(measured.after.at)}, more than 15:00 after {last}, "
            "so that is another conversation."
        )
    elif conversation.closed:
        yield f"Nothing came for more than 15:00 after {last}: the conversation is closed."
    else:
        closes = clock.say(closes_after(conversation))
        yield (
            "The conversation is open. If nothing more comes, it closes when more than 15:00 have "
            f"passed, after {closes}."
        )
        yield from explain_open_blocks(conversation, closes)


def explain_open_blocks(conversation: Conversation, closes: str) -> Iterator[str]:
    """Say which blocks do not count yet, and when they do."""
    for name, blocks in (("Block", conversation.usage), ("Voice block", conversation.voice_blocks)):
        if blocks and not blocks[-1].completed:
            yield (
                f"{name} {len(blocks)} is open and not counted yet. It completes after {closes}, "
                "or earlier with an event by which its 15:00 are full."
            )


def closes_after(conversation: Conversation) -> int:
    """Return the instant after which silence closes an open conversation."""
    return conversation.end + SESSION


def describe_events(measured: Measured) -> list[str]:
    """Return for each event of a conversation what it means for the count."""
    return [describe_event(measured, place) for place in range(len(measured.run.events))]


def describe_event(measured: Measured, place: int) -> str:
    """Return what one event means for the count."""
    event = measured.run.events[place]
    if event.type == EventType.MESSAGE:
        return describe_message(measured, event)
    if event.type == EventType.TRANSFER_STARTED:
        if is_lasting(measured, place):
            return "Agent time begins and lasts to the end"
        return "Agent time begins"
    if event.type == EventType.TRANSFER_ENDED:
        ended = event.at in measured.run.ends
        return "Agent time ends" if ended else "Ignored: no transfer is open"
    if event.type == EventType.ENDED:
        extends = "the call ends here" if measured.conversation.voice else "no time is added"
        return f"Closes the conversation; {extends}"
    return "The call begins" if measured.conversation.voice else "Does not start the clock"


def describe_message(measured: Measured, event: StreamEvent) -> str:
    """Return what a message means for the count."""
    clock = measured.conversation.clock
    if event.direction == Direction.AGENT:
        return "With an agent"
    if is_with_agent(event.at, measured.agent):
        return "With an agent: does not count"
    if clock is None or event.at < clock.start:
        return "Before the clock starts: free"
    if event.at == clock.start:
        return "Starts the clock"
    return "Ends the clock" if event.at == clock.end else "The clock runs"

"""Made-up conversations: chats on text channels, with or without agents, and calls."""

import random
from dataclasses import dataclass
from enum import Enum

from billing_console.demo.daybook import MINUTE, SECOND, Daybook

VOICE = "ivr"
# These channels tell when a conversation starts and ends, and give it an id.
WITH_ID = frozenset({"web", "msteams", VOICE})
LOST_END = 0.07
LOST_TRANSFER_END = 0.1
UNTOLD_TRANSFER = 0.1
NAMED_AGENT = 0.7
GONE = 0.1  # of the users a bot answers, those who do not come back to the chat


class Staging(Enum):
    """Whose conversation it is: customers', or one that is not billed."""

    LIVE = ""
    DEVELOPER = ',"developer":true'
    TEST = ',"environment":"test"'


@dataclass(frozen=True)
class Talk:
    """A conversation about to begin: when, whose, where."""

    at: int
    user: str
    channel: str
    staging: Staging = Staging.LIVE
    parent: str = ""


class Writer:
    """Writes the events of one conversation, numbered."""

    def __init__(self, book: Daybook, talk: Talk) -> None:
        self.book = book
        self.id = book.new_id()
        self.source = "telephony" if talk.channel == VOICE else f"chat/{talk.channel}"
        self.number = 0
        self.told = talk.channel in WITH_ID
        conversation = f',"conversation":"{self.id}"' if self.told else ""
        parent = f',"parent_bot":"{talk.parent}"' if talk.parent else ""
        voice = ',"modality":"voice"' if talk.channel == VOICE else ""
        self.data = (
            f'"user":"{talk.user}","channel":"{talk.channel}"{conversation}'
            f"{voice}{parent}{talk.staging.value}"
        )

    def write(self, at: int, name: str, more: str = "") -> None:
        """Write one event of the conversation."""
        self.book.write(at, name, self.source, f"{self.id}-{self.number:03}", self.data + more)
        self.number += 1

    def say(self, at: int, who: str, more: str = "") -> None:
        """Write a message of ``who``: user, bot or agent."""
        self.write(at, "conversation.message", f',"direction":"{who}"{more}')


def pick_minutes(rng: random.Random) -> float:
    """Return how long a chat lasts: mostly some minutes, now and then more than an hour."""
    luck = rng.random()
    if luck < 0.62:
        return rng.uniform(0.6, 7)
    if luck < 0.86:
        return rng.uniform(7, 20)
    if luck < 0.97:
        return rng.uniform(20, 48)
    return rng.uniform(48, 78)


def chat(book: Daybook, talk: Talk, *, agent: str | None = None, transfer: bool = False) -> None:
    """Write a chat; with ``transfer`` an agent takes it over: ``agent``, if it is known who."""
    rng = book.rng
    writer = Writer(book, talk)
    minutes = pick_minutes(rng)
    if writer.told:
        writer.write(talk.at, "conversation.started")
    at = exchange(writer, talk.at + int(rng.uniform(1, 6) * SECOND), minutes)
    if transfer:
        at = hand_over(writer, at, agent)
    if writer.told and rng.random() >= LOST_END:
        # Either the user closes the window, or it is closed for them when nothing comes.
        idle = rng.uniform(2, 90) if rng.random() < 0.7 else rng.uniform(300, 840)
        writer.write(at + int(idle * SECOND), "conversation.ended")


def exchange(writer: Writer, at: int, minutes: float) -> int:
    """Write questions and answers over some minutes; return when the last one came."""
    rng = writer.book.rng
    # Never apart so far that the conversation would be two.
    turns = max(1 + (minutes > 2), 1 + int(minutes / rng.uniform(6, 9.5)))
    step = minutes * MINUTE / turns
    answered = at
    for turn in range(turns):
        asked = max(answered + SECOND, at + int(step * (turn + rng.uniform(-0.25, 0.25))))
        writer.say(asked, "user")
        answered = asked + int(rng.uniform(0.6, 4) * SECOND)
        writer.say(answered, "bot")
    if rng.random() >= GONE:
        answered = max(answered + 3 * SECOND, at + int(minutes * MINUTE))
        writer.say(answered, "user")
    return answered


def hand_over(writer: Writer, at: int, agent: str | None) -> int:
    """Write the agent's part of a chat; return when it was over."""
    rng = writer.book.rng
    told = rng.random() >= UNTOLD_TRANSFER
    tag = f',"agent":"{agent}"' if agent and rng.random() < NAMED_AGENT else ""
    at += int(rng.uniform(2, 20) * SECOND)
    if told:
        writer.write(at, "agent.transfer_started", tag)
    for _ in range(rng.randint(1, 4)):
        # An agent may take longer to look something up than a conversation lasts without them.
        wait = rng.uniform(0.5, 6) if rng.random() < 0.93 else rng.uniform(15, 40)
        at += int(wait * MINUTE)
        writer.say(at, "agent", tag)
        at += int(rng.uniform(5, 150) * SECOND)
        writer.say(at, "user")
    at += int(rng.uniform(2, 60) * SECOND)
    if told and rng.random() >= LOST_TRANSFER_END:
        writer.write(at, "agent.transfer_ended", tag)
        if rng.random() < 0.5:  # the bot asks how it was
            writer.say(at + 2 * SECOND, "bot")
            at += int(rng.uniform(8, 60) * SECOND)
            writer.say(at, "user")
    return at


def call(book: Daybook, talk: Talk, *, agent: str | None = None, transfer: bool = False) -> None:
    """Write a call, which an agent may take over like a chat."""
    rng = book.rng
    writer = Writer(book, talk)
    writer.write(talk.at, "conversation.started")
    at = talk.at + int(rng.uniform(1, 4) * SECOND)
    minutes = min(40.0, rng.expovariate(1 / 5) + 0.3)
    for _ in range(max(1, min(5, int(minutes)))):
        writer.say(at, "bot")
        at += int(rng.uniform(2, 9) * SECOND)
        writer.say(at, "user")
        at += int(minutes / 6 * MINUTE)
    if transfer:
        tag = f',"agent":"{agent}"' if agent and rng.random() < NAMED_AGENT else ""
        writer.write(at, "agent.transfer_started", tag)
        at += int(rng.uniform(1, 18) * MINUTE)
        if rng.random() >= LOST_TRANSFER_END:
            writer.write(at, "agent.transfer_ended", tag)
            at += int(rng.uniform(0.5, 3) * SECOND)
    if rng.random() >= LOST_END / 2:
        writer.write(at, "conversation.ended")

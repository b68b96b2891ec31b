"""Files of events are imported: the next chunk is read and checked while this one is stored.

A thread reads, and a process of its own checks what was read (usage/checker.py), so that checking
takes no time from storing. Two chunks are under way at most: one is stored, the next read, checked
or waiting.

Chunks are committed one by one. Whatever interrupts an import leaves whole chunks, and the same
import again completes it.
"""

import gc
import zlib
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from gzip import GzipFile
from io import BufferedReader
from itertools import islice
from typing import NamedTuple

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from usage import retention
from usage.checker import Checker
from usage.chunks import Chunk, Lines, check_events
from usage.event_format import MAX_EVENT_BYTES, Limits
from usage.intake import Outcome, store

EVENTS_AT_ONCE = 50_000
BYTES_AT_ONCE = 32 * 1024 * 1024  # or a little more: what bounds the memory where events are long
GZIP_MAGIC = b"\x1f\x8b"
UTF_8_MARK = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """The input ended in the middle or is not what it seems; what came before it is imported."""


class Counts(NamedTuple):
    """What became of the events of an import, as the command prints it."""

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0

    def plus(self, outcome: Outcome) -> "Counts":
        """Return the counts with those of one more chunk."""
        return Counts(
            self.received + outcome.received,
            self.accepted + outcome.accepted,
            self.duplicate + outcome.duplicate,
            self.rejected + len(outcome.rejections),
        )


def import_events(
    file: BufferedReader,
    *,
    workspace: Workspace,
    create_bots: bool,
    now: datetime,
    report: Callable[[Counts, Outcome], None] = lambda counts, outcome: None,
) -> Counts:
    """Import events of any age that the workspace keeps, one a line, plain or compressed by gzip.

    ``create_bots``: bots that are not known are created. ``report`` is told of each stored chunk:
    the counts so far, and its outcome.

    Raises:
        Unreadable: the input broke off; what stands before that place is stored and reported.
        CheckerEnded: the process that checks is gone; whole chunks are stored and reported.
    """
    limits = Limits(now, retention.oldest_kept(workspace, now=now))
    with in_workspace(workspace.pk):
        bots = None if create_bots else known_bots(workspace)
    counts = Counts()
    with (
        closing(read_chunks(file, limits=limits, bots=bots)) as chunks,
        ThreadPoolExecutor(1) as reader,
        without_cycles(),
    ):
        following = reader.submit(next, chunks, None)
        while (chunk := following.result()) is not None:
            following = reader.submit(next, chunks, None)
            outcome = store(chunk, workspace_id=workspace.pk, now=now)
            counts = counts.plus(outcome)
            report(counts, outcome)
    return counts


def known_bots(workspace: Workspace) -> frozenset[str]:
    """Return the keys of the workspace's bots; an archived bot still takes events.

    The caller is in a transaction of the workspace.
    """
    return frozenset(Bot.objects.for_workspace(workspace).values_list("key", flat=True))


def read_chunks(
    file: BufferedReader, *, limits: Limits, bots: frozenset[str] | None
) -> Generator[Chunk, None, None]:
    """Yield the events of a file in chunks.

    The first is checked here: most inputs have no other, and to start a process would take longer.

    Raises:
        Unreadable: after the last chunk that could be read.
        CheckerEnded: the process that checks is gone.
    """
    with ExitStack() as stack:
        for number, lines in enumerate(read_portions(file)):
            if number == 0:
                yield check_events(lines.events(), limits=limits, bots=bots)
                continue
            if number == 1:
                checker = stack.enter_context(Checker(limits=limits, bots=bots))
            yield checker.check(lines)


def read_portions(file: BufferedReader) -> Iterator[Lines]:
    """Yield the lines of a file in portions.

    Raises:
        Unreadable: after the last portion that could be read.
    """
    packed = file.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    lines = read_lines(BufferedReader(GzipFile(fileobj=file)) if packed else file)
    place = 1
    while True:
        portion: list[bytes] = []
        broken = fill(portion, lines)
        if portion:
            yield Lines(place, b"".join(portion))
        if broken:
            raise broken
        if not portion:
            return
        place += len(portion)


def fill(portion: list[bytes], lines: Iterator[bytes]) -> Unreadable | None:
    """Add the next lines to a portion; return why there are no more, if the input broke off."""
    size = 0
    try:
        for line in islice(lines, EVENTS_AT_ONCE):
            portion.append(line)
            size += len(line)
            if size >= BYTES_AT_ONCE:
                break
    except (EOFError, OSError, zlib.error) as error:
        return Unreadable(f"The input cannot be read to its end: {error}.")
    return None


def read_lines(file: BufferedReader) -> Iterator[bytes]:
    """Yield the lines of a file; of one that is too long for an event no more than tells so."""
    limit = MAX_EVENT_BYTES + 2
    line = file.readline(limit).removeprefix(UTF_8_MARK)
    while line:
        if line.endswith(b"\n") or len(line) < limit - len(UTF_8_MARK):
            yield line
        else:
            yield line + b"\n"
            while line and not line.endswith(b"\n"):
                line = file.readline(limit)
        line = file.readline(limit)


@contextmanager
def without_cycles() -> Iterator[None]:
    """Run the block without the search for cycles, which looks at every event again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()

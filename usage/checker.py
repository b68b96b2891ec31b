"""The events of an import are checked in a process of its own, while the importing one stores.

Run as a program this is that process. It knows neither Django nor the database.
"""

import gc
import os
import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from usage.chunks import Chunk, Lines, check_events
from usage.event_format import Limits


class CheckerEnded(Exception):
    """The process that checks events is gone, though it was still needed."""


class Checker:
    """The checking process, as the importing one sees it; it runs while the block of code does.

    It has a group of its own, so that Ctrl-C in the terminal does not reach it. No other process
    holds this end of its pipe, so that it ends when this one does, be it by kill -9.
    """

    def __init__(self, *, limits: Limits, bots: frozenset[str] | None) -> None:
        """Start the process.

        Raises:
            CheckerEnded: it cannot be started.
        """
        self.pipe, other = Pipe()
        with other:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-m", __name__],
                    stdin=other.fileno(),
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                    process_group=0,
                )
            except OSError as error:
                raise CheckerEnded(
                    f"The process that checks events cannot be started: {error.strerror}."
                ) from None
        with suppress(OSError):  # `check` tells it
            self.pipe.send((limits, bots))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.wait()

    def check(self, lines: Lines) -> Chunk:
        """Have the events of some lines checked.

        Raises:
            CheckerEnded: there is nobody to do it any more.
        """
        try:
            self.pipe.send(lines)
            chunk: Chunk = self.pipe.recv()
        except (EOFError, OSError):
            status = self.process.wait()
            how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
            raise CheckerEnded(f"The process that checks events ended {how}.") from None
        return chunk


def main() -> None:
    """Check what comes in, until nobody asks any more."""
    gc.disable()  # it would look at every event again and again
    pipe = Connection(sys.stdin.fileno())
    with suppress(EOFError, OSError):
        limits, bots = pipe.recv()
        while True:
            lines: Lines = pipe.recv()
            pipe.send(check_events(lines.events(), limits=limits, bots=bots))


if __name__ == "__main__":
    main()

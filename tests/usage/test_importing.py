"""Files of many chunks: order, places, and what is left when a process of the import ends early."""

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.conftest import ROOT, process_environment
from usage import importing
from usage.intake import Outcome, store
from usage.models import Event

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

AT_ONCE = 10


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have chunks of ten events."""
    monkeypatch.setattr(importing, "EVENTS_AT_ONCE", AT_ONCE)


def import_lines(of: Workspace, lines: list[bytes], tmp_path: Path) -> dict[str, int]:
    path, output = tmp_path / "events", io.StringIO()
    path.write_bytes(b"\n".join(lines))
    call_command(
        *("import_events", str(path), "--workspace", of.slug, "--create-bots"),
        *("--rejects", str(tmp_path / "rejects")),
        stdout=output,
        stderr=io.StringIO(),
    )
    counts: dict[str, int] = json.loads(output.getvalue())
    return counts


def stored(of: Workspace) -> dict[str, datetime]:
    with in_workspace(of.pk):
        return dict(Event.objects.for_workspace(of).values_list("event_id", "at"))


def children(of: int) -> list[int]:
    """Return the processes that a process has started, by whichever thread, and not awaited."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{of}/task").glob("*/children")]
    except FileNotFoundError:  # a thread has ended meanwhile
        return []
    return [int(number) for each in lists for number in each.split()]


def checkers(of: int) -> list[int]:
    """Return the processes of an importing one that check events."""
    return [
        child
        for child in children(of)
        if b"usage.checker" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def runs(process: int) -> bool:
    """Tell whether a process is there, and not only waits to be noticed as ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_until(done: Callable[[], object]) -> None:
    give_up = time.monotonic() + 60
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.01)


@pytest.mark.usefixtures("small_chunks")
def test_many_chunks_keep_order_and_places(tmp_path: Path) -> None:
    acme = make.workspace()
    lines = make.encode(*make.talk(*range(95)))
    for place in (90, 33, 33, 10, 0):
        lines.insert(place, b"{broken")
    lines[50:50] = [b"", b" \r"]

    counts = import_lines(acme, lines, tmp_path)

    assert counts == {"received": 100, "accepted": 95, "duplicate": 0, "rejected": 5}
    rejected = [json.loads(line) for line in (tmp_path / "rejects").read_text().splitlines()]
    places = [place for place, line in enumerate(lines, 1) if line == b"{broken"]
    assert [row["place"] for row in rejected] == places


@pytest.mark.usefixtures("small_chunks")
def test_first_of_two_with_one_id_counts_across_chunks(tmp_path: Path) -> None:
    acme = make.workspace()
    events = make.talk(*range(40))
    for number in (15, 25, 39):
        events[number] |= {"id": "one"}

    counts = import_lines(acme, make.encode(*events), tmp_path)

    assert counts == {"received": 40, "accepted": 38, "duplicate": 2, "rejected": 0}
    assert stored(acme)["one"] == make.NOON + 15 * make.MINUTE


@pytest.mark.usefixtures("small_chunks")
def test_bots_that_are_not_known_are_rejected_in_every_chunk() -> None:
    acme = make.workspace()
    make.bot(acme)
    events = [
        event for minute in range(20) for event in make.talk(minute) + make.talk(0, subject="no")
    ]
    rejected = []

    importing.import_events(
        io.BufferedReader(io.BytesIO(b"\n".join(make.encode(*events)))),
        workspace=acme,
        create_bots=False,
        now=make.LONG_AFTER,
        report=lambda counts, outcome: rejected.extend(outcome.rejections),
    )

    assert [(each.place, each.code) for each in rejected] == [
        (place, "unknown_bot") for place in range(2, 41, 2)
    ]
    assert len(stored(acme)) == 20


@pytest.mark.usefixtures("small_chunks")
def test_input_that_breaks_off_after_many_chunks_is_kept_up_to_there(tmp_path: Path) -> None:
    acme = make.workspace()
    path = tmp_path / "events.gz"
    packed = gzip.compress(b"\n".join(make.encode(*make.talk(*range(1200)))))
    path.write_bytes(packed[: len(packed) // 2])

    with pytest.raises(CommandError, match="cannot be read to its end"):
        call_command("import_events", path, "--workspace", "acme", "--create-bots")

    kept = sorted(stored(acme).values())
    assert len(kept) > 2 * AT_ONCE
    assert kept == [make.NOON + minute * make.MINUTE for minute in range(len(kept))]


def test_long_events_come_in_smaller_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BYTES_AT_ONCE", 1000)
    lines = [b"x" * 400 + b"\n"] * 10

    blocks = importing.read_portions(io.BufferedReader(io.BytesIO(b"".join(lines))))

    assert [(block.place, len(list(block.events()))) for block in blocks] == [
        *((1, 3), (4, 3), (7, 3), (10, 1)),
    ]


def test_one_chunk_is_checked_without_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = make.workspace()
    monkeypatch.setattr(importing, "Checker", None)

    counts = import_lines(acme, make.encode(*make.talk(0, 1)), tmp_path)

    assert counts["accepted"] == 2


@pytest.mark.usefixtures("small_chunks")
def test_killed_checker_is_told_and_importing_again_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = make.workspace()
    lines = make.encode(*make.talk(*range(95)))
    killed: list[int] = []

    def kill_and_store(*arguments: object, **options: object) -> Outcome:
        for checker in [] if killed else checkers(os.getpid()):
            os.kill(checker, signal.SIGKILL)
            killed.append(checker)
        return store(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(importing, "store", kill_and_store)

    with pytest.raises(CommandError, match=r"ended by signal 9\. \d0 events were read") as raised:
        import_lines(acme, lines, tmp_path)

    assert raised.value.returncode == 1
    assert not any(map(runs, killed))
    before = len(stored(acme))
    assert 0 < before < 95
    assert before % AT_ONCE == 0
    again = import_lines(acme, lines, tmp_path)
    assert again == {"received": 95, "accepted": 95 - before, "duplicate": before, "rejected": 0}


def make_lines(chunks: int) -> bytes:
    """Return some chunks of events, and one event more."""
    (line,) = make.encode(make.event(id="NUMBER"))
    count = chunks * importing.EVENTS_AT_ONCE + 1
    return b"".join(line.replace(b"NUMBER", b"e%d" % number) + b"\n" for number in range(count))


@contextmanager
def importing_process(lines: bytes, errors: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the command with lines on its standard input, left open; yield it and its checker."""
    with (
        errors.open("wb") as file,
        subprocess.Popen(
            [sys.executable, "manage.py", *("import_events", "-", "--workspace", "acme")],
            cwd=ROOT,
            env=process_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            start_new_session=True,
        ) as command,
    ):
        assert command.stdin
        try:
            command.stdin.write(lines)
            command.stdin.flush()
            wait_until(lambda: checkers(command.pid))
            yield command, checkers(command.pid)[0]
        finally:
            command.kill()


@pytest.mark.slow
def test_killed_import_leaves_no_process(tmp_path: Path) -> None:
    make.bot(make.workspace())

    with importing_process(make_lines(2), tmp_path / "errors") as (command, checker):
        assert runs(checker)
        command.kill()
        command.wait()

        wait_until(lambda: not runs(checker))


@pytest.mark.slow
def test_interrupted_import_leaves_whole_chunks_and_no_process(tmp_path: Path) -> None:
    acme = make.workspace()
    make.bot(acme)
    errors = tmp_path / "errors"

    with importing_process(make_lines(2), errors) as (command, checker):
        wait_until(lambda: "100,000 events read" in errors.read_text())
        os.killpg(command.pid, signal.SIGINT)
        output = command.communicate()[0]

    assert command.returncode == 130
    assert output == b""
    assert "Traceback" not in errors.read_text()
    assert errors.read_text().endswith(
        "Interrupted. 100,000 events were read before that; what they said is stored.\n"
    )
    assert not runs(checker)
    assert len(stored(acme)) == 2 * importing.EVENTS_AT_ONCE

"""The commands, from a file of events to exported sessions and usage."""

import csv
import gzip
import io
import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from tests import make
from tests.make import NOON
from tests.usage.test_sessions import CASES

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

COUNTED = ("usage_sessions", "alert_sessions", "voice_sessions", "conversations", "notifications")
Row = dict[str, Any]


def run(*arguments: object) -> str:
    """Run a command and return what it printed."""
    output = io.StringIO()
    call_command(*map(str, arguments), stdout=output, stderr=io.StringIO())
    return output.getvalue()


def import_file(of: Workspace, path: Path, *options: object) -> Row:
    result: Row = json.loads(run("import_events", path, "--workspace", of.slug, *options))
    return result


def write(path: Path, events: list[make.Event]) -> Path:
    path.write_bytes(b"\n".join(make.encode(*events)) + b"\n")
    return path


def export_sessions(of: Workspace, *options: str) -> list[Row]:
    text = run("export_sessions", "--workspace", of.slug, "--format", "csv", *options)
    return list(csv.DictReader(io.StringIO(text)))


def export_usage(of: Workspace, first: str, last: str, by: str, *options: str) -> list[Row]:
    text = run(
        "export_usage", "--workspace", of.slug, "--from", first, "--to", last, "--by", by,
        "--format", "json", *options,
    )  # fmt: skip
    rows: list[Row] = json.loads(text)
    return rows


def case_events(case: Row) -> list[make.Event]:
    return [
        {
            "specversion": "1.0",
            "id": name,
            "source": "/cases",
            "type": type_,
            "subject": bot,
            "time": time,
            "data": data,
        }
        for name, bot, time, type_, data in case["events"]
    ]


def check_case(of: Workspace, case: Row) -> None:
    blocks = sorted(
        [row["bot"], row["kind"], row["user"], *map(at, (row["started_at"], row["ended_at"]))]
        for row in export_sessions(of)
        if row["kind"] != "alert"
    )
    expected = [[*names, at(start), at(end)] for *names, start, end in case["blocks"]]
    assert blocks == sorted(expected)
    days = export_usage(of, "2026-02-20", "2026-04-01", "day")
    totals = {name: sum(row[name] for row in days) for name in COUNTED}
    assert totals == dict.fromkeys(COUNTED, 0) | case["totals"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_worked_case(case: Row, tmp_path: Path) -> None:
    at_once, in_parts = make.workspace("at-once"), make.workspace("in-parts")
    events = case_events(case)
    rng = random.Random(case["name"])

    import_file(at_once, write(tmp_path / "all", events), "--create-bots")
    run("roll_up")

    check_case(at_once, case)
    rng.shuffle(events)
    while events:
        part = [events.pop() for _ in range(rng.randint(1, min(6, len(events))))]
        import_file(in_parts, write(tmp_path / "part", part), "--create-bots")
        run("roll_up", "--workspace", "in-parts")
    check_case(in_parts, case)
    assert json.loads(run("roll_up", "--rebuild"))["differences"] == []


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    acme = make.workspace()
    make.bot(acme)
    path = write(tmp_path / "events", make.talk(0, 5, 20))
    import_file(acme, path)
    run("roll_up")
    before = export_sessions(acme)

    again = import_file(acme, path)

    assert again == {"received": 3, "accepted": 0, "duplicate": 3, "rejected": 0}
    run("roll_up")
    assert export_sessions(acme) == before


def test_rejected_events_do_not_keep_others_out(tmp_path: Path) -> None:
    acme = make.workspace()
    make.bot(acme)
    good, unknown = make.talk(0, 1), make.event(subject="nobody")
    naive = make.event() | {"time": "2026-03-02T12:00:00"}
    texts = make.encode(good[0], unknown, naive, good[1])
    lines = [texts[0], b"", b"{broken", *texts[1:]]
    path, rejects = tmp_path / "events", tmp_path / "rejects"
    path.write_bytes(b"\r\n".join(lines))

    counts = import_file(acme, path, "--rejects", rejects)

    assert counts == {"received": 5, "accepted": 2, "duplicate": 0, "rejected": 3}
    rejected = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(row["place"], row["code"]) for row in rejected] == [
        (3, "bad_json"),
        (4, "unknown_bot"),
        (5, "no_offset"),
    ]


def test_gzip_is_unpacked_and_a_byte_order_mark_left_out(tmp_path: Path) -> None:
    acme = make.workspace()
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + b"\n".join(make.encode(*make.talk(0, 1)))))

    counts = import_file(acme, path, "--create-bots")

    assert counts["accepted"] == 2


def test_broken_gzip_is_told_and_what_came_before_is_kept(tmp_path: Path) -> None:
    acme = make.workspace()
    lines = b"\n".join(make.encode(*make.talk(*range(2000))))
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress(lines)[:-2000])

    with pytest.raises(CommandError, match="cannot be read to its end"):
        import_file(acme, path, "--create-bots")

    run("roll_up")
    assert export_sessions(acme)


def test_line_that_is_too_long_is_rejected_alone(tmp_path: Path) -> None:
    acme = make.workspace()
    first, last = make.encode(*make.talk(0, 1))
    path = tmp_path / "events"
    path.write_bytes(b"\n".join([first, b"x" * 2_000_000, last]))

    counts = import_file(acme, path, "--create-bots")

    assert counts == {"received": 3, "accepted": 2, "duplicate": 0, "rejected": 1}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import_events", "/does/not/exist", "--workspace", "acme"], "No such file"),
        (["import_events", "/", "--workspace", "acme"], "Is a directory"),
        (["import_events", "-", "--workspace", "nobody"], "no workspace 'nobody'"),
        (["roll_up", "--workspace", "nobody"], "no workspace 'nobody'"),
        (["roll_up", "--as-of", "2026-03-02T10:00:00"], "no offset"),
        (["roll_up", "--as-of", "9999-12-31T23:59:59-14:00"], "outside the years"),
        (["roll_up", "--as-of", "yesterday"], "not an instant"),
        (["export_sessions", "--workspace", "acme", "--format", "csv", "--bot", "no"], "no bot"),
        (
            [
                "export_sessions",
                "--workspace",
                "acme",
                "--format",
                "csv",
                "--from",
                "2026-03-03",
                "--to",
                "2026-03-02T10:00:00Z",
            ],
            "after --to",
        ),
        (["export_sessions", "--workspace", "acme", "--format", "xml"], "invalid choice"),
        (
            ["export_sessions", "--workspace", "acme", "--format", "csv", "--from", "9999-01-01"],
            "outside the years",
        ),
        (["create_workspace", "No Such Slug"], "slug"),
        (["create_workspace", "globex", "--timezone", "Mars/Base"], "no time zone"),
        (["create_workspace", "globex", "--currency", "dollars"], "currency"),
        (["create_user", "nobody", "--workspace", "acme", "--role", "owner"], "mail"),
        (["create_user", "a@b.example", "--workspace", "acme", "--role", "king"], "invalid choice"),
        (["create_api_key", "k", "--workspace", "acme", "--scope", "all"], "invalid choice"),
        (["create_bot", "x" * 200, "--workspace", "acme"], "at most 128"),
    ],
)
def test_bad_input_gets_a_sentence(arguments: list[str], sentence: str) -> None:
    make.workspace()

    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["2026-02-30", "2026-03-01", "day"], "not a date"),
        (["2026-03-02", "2026-03-01", "day"], "after --to"),
        (["2026-03-01", "2026-03-02", "fortnight"], "invalid choice"),
        (["2026-03-01", "2026-03-02", "day", "--timezone", "Mars/Base"], "no time zone"),
        (["2026-03-01", "2026-03-02", "day", "--bot", "nobody"], "no bot"),
        (["1900-03-01", "2026-03-02", "day"], "outside the years"),
    ],
)
def test_bad_range_of_usage_gets_a_sentence(options: list[str], sentence: str) -> None:
    acme = make.workspace()

    with pytest.raises(CommandError, match=sentence):
        export_usage(acme, options[0], options[1], options[2], *options[3:])


def test_usage_has_a_row_for_each_bot_and_period_in_order(tmp_path: Path) -> None:
    kolkata = make.workspace("kolkata", timezone="Asia/Kolkata")
    make.bot(kolkata, "quiet")
    # 18:29 in UTC is the last minute of the day there, 18:30 the first of the next.
    start = NOON.replace(hour=18, minute=29)
    make.take_in(kolkata, *make.talk(0, start=start), *make.talk(1, start=start, user="u2"))
    make.roll_up(kolkata)

    rows = export_usage(kolkata, "2026-03-01", "2026-03-04", "day")

    assert [(row["bot"], row["period_start"], row["usage_sessions"]) for row in rows] == [
        ("quiet", "2026-03-01T00:00:00+05:30", 0),
        ("quiet", "2026-03-02T00:00:00+05:30", 0),
        ("quiet", "2026-03-03T00:00:00+05:30", 0),
        ("support", "2026-03-01T00:00:00+05:30", 0),
        ("support", "2026-03-02T00:00:00+05:30", 1),
        ("support", "2026-03-03T00:00:00+05:30", 1),
    ]


def test_weeks_are_clipped_to_the_range() -> None:
    acme = make.workspace()
    make.bot(acme)

    rows = export_usage(acme, "2026-03-04", "2026-03-10", "week")

    assert [(row["period_start"], row["period_end"]) for row in rows] == [
        ("2026-03-04T00:00:00+00:00", "2026-03-09T00:00:00+00:00"),
        ("2026-03-09T00:00:00+00:00", "2026-03-10T00:00:00+00:00"),
    ]


def test_sessions_are_chosen_by_local_dates_bot_and_kind() -> None:
    berlin = make.workspace("berlin", timezone="Europe/Berlin")
    before = NOON.replace(hour=22, minute=59)
    make.take_in(
        berlin,
        *make.talk(0, start=before),
        *make.talk(1, start=before, user="u2"),
        make.event("alert.delivered", at=before.replace(hour=23)),
        *make.talk(2, start=before, subject="sales"),
    )
    make.roll_up(berlin)

    chosen = export_sessions(
        berlin, "--from", "2026-03-03", "--to", "2026-03-04", "--bot", "support", "--kind", "usage"
    )

    assert [row["user"] for row in chosen] == ["u2"]
    assert chosen[0]["started_at"] == "2026-03-02T23:00:00.000000Z"


def test_alert_has_no_conversation() -> None:
    acme = make.workspace()
    make.take_in(acme, make.event("alert.delivered"))
    make.roll_up(acme)

    (row,) = export_sessions(acme)

    assert row["kind"] == "alert"
    assert row["conversation_started_at"] == row["conversation_ended_at"] == ""


def test_json_lines_say_the_same_as_csv() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 14, 28))
    make.roll_up(acme)

    text = run("export_sessions", "--workspace", "acme", "--format", "jsonl")

    rows = [json.loads(line) for line in text.splitlines()]
    assert [{name: str(value) for name, value in row.items()} for row in rows] == export_sessions(
        acme
    )


def test_session_id_stays_when_it_is_counted_again() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 14, 28))
    make.roll_up(acme)
    before = [row["session_id"] for row in export_sessions(acme)]

    run("roll_up", "--rebuild")

    assert [row["session_id"] for row in export_sessions(acme)] == before
    assert len(set(before)) == len(before) == 2

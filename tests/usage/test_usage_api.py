"""``GET usage``: the rows of the export, for a program with a key."""

import csv
import io
import json

import pytest
from django.core.management import call_command
from django.test import Client
from ninja.responses import NinjaJSONEncoder

from accounts.models import Scope, Workspace
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", timezone="Europe/Berlin")
    make.take_in(
        acme,
        *make.talk(0, 14, 28, subject="alpha"),
        make.event("alert.delivered", subject="beta"),
        make.event("agent.seat_assigned", subject="beta", agent="ann"),
    )
    make.roll_up(acme)
    globex = make.workspace("globex")
    make.take_in(globex, make.event("alert.delivered", subject="theirs"))
    return acme


def ask(of: Workspace, query: str, *scopes: Scope) -> tuple[int, dict[str, object]]:
    key = make.api_key(of, *(scopes or (Scope.READ_USAGE,)))
    headers = {"Authorization": f"Bearer {key}"}
    response = Client().get(f"/api/v1/usage?{query}", headers=headers)
    answer: dict[str, object] = response.json()
    return response.status_code, answer


def test_rows_are_those_of_the_export(acme: Workspace) -> None:
    status, answer = ask(acme, "from=2026-03-01&to=2026-03-04&by=day")

    printed = io.StringIO()
    call_command(
        "export_usage", "--workspace", "acme", "--from", "2026-03-01", "--to", "2026-03-04",
        "--by", "day", "--format", "csv", stdout=printed,
    )  # fmt: skip
    exported = list(csv.DictReader(io.StringIO(printed.getvalue())))
    assert status == 200
    assert answer["timezone"] == "Europe/Berlin"
    rows = json.loads(json.dumps(answer["usage"], cls=NinjaJSONEncoder))
    assert {row.pop("charged") for row in rows} == {"0"}  # which the command does not say
    assert [{name: str(value) for name, value in row.items()} for row in rows] == exported


def test_bots_and_zone_can_be_chosen(acme: Workspace) -> None:
    query = "from=2026-03-02&to=2026-03-03&by=hour&bot=beta&timezone=Asia/Kolkata"

    status, answer = ask(acme, query)

    rows = answer["usage"]
    assert status == 200
    assert isinstance(rows, list)
    assert {row["bot"] for row in rows} == {"beta"}
    assert len(rows) == 24
    assert rows[0]["period_start"] == "2026-03-02T00:00:00+05:30"


def test_key_without_the_scope_is_refused(acme: Workspace) -> None:
    status, answer = ask(acme, "from=2026-03-01&to=2026-03-04", Scope.WRITE_EVENTS)

    assert (status, answer["code"]) == (403, "scope")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("from=2026-03-04&to=2026-03-04", "from before to"),
        ("from=0001-01-01&to=2026-03-04", "between 1970 and 2199"),
        ("from=2026-01-01&to=2026-06-04", "at most 90 days"),
        ("from=2026-03-01&to=2026-03-20&by=hour", "at most 14 days"),
        ("from=2126-03-01&to=2126-03-02", "has not begun"),
        ("from=2026-03-01&to=2026-03-02&timezone=Mars", "no time zone"),
        ("from=2026-03-01&to=2026-03-02&bot=theirs", "There is no bot 'theirs'."),
        ("from=2026-03-01&to=2026-03-02&bot=%00", "There is no bot"),
    ],
)
def test_bad_filter_gets_a_sentence(acme: Workspace, query: str, sentence: str) -> None:
    status, answer = ask(acme, query)

    assert (status, answer["code"]) == (400, "bad_filter")
    assert sentence in str(answer["detail"])


def test_more_rows_than_one_answer_holds_are_refused(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("usage.usage_api.MOST_ROWS", 5)

    status, answer = ask(acme, "from=2026-03-01&to=2026-03-04")

    assert status == 400
    assert "more than 5 rows" in str(answer["detail"])

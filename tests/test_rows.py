"""Rows that many tests begin with are put back as they were made, and only where that is the same.

Each run from empty tables stands for a test.
"""

from collections.abc import Iterator

import pytest

from accounts import bots, workspaces
from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from billing_console.settings import SERVERS
from tests.at_once import at_once
from tests.rows import Rows, connected, copy_out, empty_tables, latest, list_filled, made_once

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.skipif(not SERVERS.postgres, reason="rows are made anew on servers of others"),
]

calls: list[str] = []  # of the functions below, as far as they were really run


@pytest.fixture(autouse=True)
def _count_anew() -> None:
    calls.clear()


@made_once
def open_workspace(slug: str) -> Workspace:
    calls.append(slug)
    return workspaces.create(slug=slug)[0]


@made_once
def add_bot(of: Workspace) -> Bot:
    calls.append("bot")
    return bots.create(workspace=of, key="support")[0]


@made_once
def rename(of: Workspace) -> None:
    calls.append("rename")
    workspaces.change(workspace=of, name="Renamed")


def as_tests(number: int) -> Iterator[int]:
    """Yield as often as there are tests, each time with empty tables."""
    for each in range(number):
        empty_tables()
        yield each


def read() -> Rows:
    return copy_out(connected(), list_filled())


def test_rows_are_put_back_from_the_third_time_on() -> None:
    found = []
    for _ in as_tests(4):
        bot = add_bot(open_workspace("first"))
        found.append((bot.pk, bot.workspace.slug, read().keys()))

    assert calls == ["first", "bot"] * 2
    assert found == [found[0]] * 4


def test_what_is_put_back_is_gone_on_with_as_if_it_were_new() -> None:
    found = []
    for _ in as_tests(4):
        of = open_workspace("second")
        made = bots.create(workspace=of, key="next")[0]
        with in_workspace(of.pk):
            found.append((made.pk, [bot.key for bot in Bot.objects.for_workspace(of)]))

    assert found == [(1, ["next"])] * 4


def test_rows_that_were_changed_are_put_back_as_they_are_then() -> None:
    for _ in as_tests(3):
        of = open_workspace("third")
        rename(of)

        stored = workspaces.find_all()

        assert [(one.slug, one.name) for one in stored] == [("third", "Renamed")]
    assert calls == ["third", "rename"] * 2


def test_beside_other_rows_they_are_made_anew() -> None:
    for turn in as_tests(4):
        if turn == 3:
            workspaces.create(slug="other")
        of = open_workspace("fourth")
        if turn == 3:
            bots.create(workspace=of, key="other")
        add_bot(of)

    assert calls == ["fourth", "bot"] * 3
    assert [one.slug for one in workspaces.find_all()] == ["fourth", "other"]


def test_rows_of_the_same_name_are_told_apart() -> None:
    @made_once
    def share(bot: Bot) -> None:
        workspaces.change(workspace=bot.workspace, name="Chosen")

    for turn in as_tests(5):
        both = [add_bot(open_workspace(slug)) for slug in ("fifth", "sixth")]

        share(both[turn % 2])

        chosen = [one.slug for one in workspaces.find_all() if one.name == "Chosen"]
        assert chosen == [("fifth", "sixth")[turn % 2]]


def test_what_a_test_does_to_an_object_is_not_seen_by_the_next() -> None:
    for _ in as_tests(4):
        of = open_workspace("seventh")
        assert of.name == "seventh"
        of.name = "changed here only"


def test_in_threads_and_with_another_catalog_they_are_made_anew() -> None:
    for _ in as_tests(3):
        open_workspace("eighth")
    calls.clear()

    empty_tables()
    assert at_once(lambda: open_workspace("eighth")) == [None]
    empty_tables()
    latest.is_off = True
    open_workspace("eighth")
    latest.is_off = False

    assert calls == ["eighth"] * 2

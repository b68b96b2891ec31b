"""Saved payment methods that expire: when providers say so, and who is told of it, once."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
import stripe

from accounts.models import AuditEntry, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import expiry, sandbox, saved_methods, tasks
from invoices.models import SavedMethod
from invoices.providers import SetupAnswer
from invoices.sandbox import Expiry, SavedAnswer
from invoices.stripe_api import find_expiry
from plans import grants
from tests import letters, make
from tests.at_once import at_once
from tests.invoices import buying
from tests.pages import sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

LAST = date(2026, 3, 31)
THEN = datetime(2026, 3, 2, 12, tzinfo=UTC)  # 29 days before
DAY = timedelta(days=1)


@pytest.fixture
@made_once
def acme() -> Workspace:
    """A workspace with one person of each role, and another one with a method that lasts."""
    globex = make.workspace("globex")
    buying.kept_method(globex, by=make.member(globex).user, until=date(2031, 1, 31))
    made = make.workspace("acme", name="Acme Ltd")
    for role in Role:
        make.member(made, role)
    return made


def keep(
    of: Workspace,
    by: Role = Role.OWNER,
    *,
    until: date | None = LAST,
    as_default: bool = False,
) -> SavedMethod:
    person = make.member(of, by).user
    return buying.kept_method(of, by=person, until=until, as_default=as_default)


def tell(of: Workspace, at: datetime = THEN) -> None:
    expiry.run(workspace_id=of.pk, now=at)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (datetime(2026, 2, 28, 23, 59, tzinfo=UTC), 0),
        (datetime(2026, 3, 1, 0, 0, tzinfo=UTC), 1),
        (datetime(2026, 3, 31, 23, 59, tzinfo=UTC), 1),
        (datetime(2026, 4, 1, 0, 0, tzinfo=UTC), 0),
    ],
)
def test_people_are_told_within_30_days_before(acme: Workspace, at: datetime, told: int) -> None:
    keep(acme, Role.MEMBER)

    tell(acme, at)

    assert len(letters.find(acme, "method_expiring")) == told


def test_mail_is_sent_once_for_a_method_and_its_last_day(acme: Workspace) -> None:
    saved = keep(acme, Role.MEMBER)

    raised = at_once(*[partial(tell, acme)] * 3)
    for days in range(9):
        tell(acme, THEN + days * DAY)
    assert raised == [None] * 3
    assert letters.addressed(acme, "method_expiring") == ["member"]
    assert letters.subjects(acme, "method_expiring") == [
        "Sandbox, Accepts expires after 31 Mar 2026"
    ]

    keep(acme, Role.MEMBER, until=date(2026, 4, 30))
    tell(acme, datetime(2026, 4, 10, tzinfo=UTC))
    assert len(letters.find(acme, "method_expiring")) == 2
    assert saved.pk == keep(acme, Role.MEMBER).pk


def test_two_methods_of_one_person_are_both_told_of(acme: Workspace) -> None:
    for answers in (SavedAnswer.ACCEPT, SavedAnswer.DECLINE):
        by = make.member(acme, Role.MEMBER).user
        buying.kept_method(acme, by=by, answers=answers, until=LAST)

    tell(acme)

    assert len(letters.find(acme, "method_expiring")) == 2


@pytest.mark.parametrize(
    ("by", "who"),
    [(Role.MEMBER, ["member"]), (Role.OWNER, ["admin", "owner"]), (Role.ADMIN, ["admin", "owner"])],
)
def test_of_the_one_that_pays_renewals_owners_and_admins_are_told(
    acme: Workspace, by: Role, who: list[str]
) -> None:
    keep(acme, by, as_default=True)

    tell(acme)

    assert letters.addressed(acme, "method_expiring") == who
    said = letters.texts(acme, "method_expiring")
    assert ("renewals" in said) == (len(who) == 2)
    assert letters.find(make.workspace("globex"), "method_expiring") == []


def test_of_another_method_only_who_saved_it_is_told(acme: Workspace) -> None:
    keep(acme, Role.OWNER, until=None, as_default=True)
    keep(acme, Role.ADMIN)

    tell(acme)

    assert letters.addressed(acme, "method_expiring") == ["admin"]
    assert "Nothing is paid by it at the moment." in letters.texts(acme, "method_expiring")


def remove(of: Workspace, saved: SavedMethod) -> None:
    saved_methods.remove(saved=saved, by=make.member(of).user, at=THEN)


def sign(of: Workspace, saved: SavedMethod) -> None:
    grants.begin_contract(workspace=of, day=THEN.date(), reason="Signed.", at=THEN - DAY)


@pytest.mark.parametrize("happen", [remove, sign])
def test_removed_and_under_a_contract_nothing_is_told(
    acme: Workspace, happen: Callable[[Workspace, SavedMethod], None]
) -> None:
    happen(acme, keep(acme))

    tell(acme)

    assert letters.find(acme, "method_expiring") == []


def test_beat_finds_the_workspaces(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    keep(acme, until=now.date() + 10 * DAY)
    called: list[int] = []
    monkeypatch.setattr(
        tasks.tell_expiring_methods,
        "apply_async",
        lambda kwargs, **_: called.append(kwargs["workspace_id"]),
    )

    tasks.find_expiring_methods()

    assert called == [acme.pk]


def test_last_day_that_is_said_anew_is_noted(acme: Workspace) -> None:
    keep(acme)
    keep(acme, until=date(2029, 3, 31))
    keep(acme, until=None)

    with in_workspace(acme.pk):
        assert SavedMethod.objects.get().expires_on == date(2029, 3, 31)
        entry = AuditEntry.objects.get(action="payment_method.renewed")
    assert (entry.before, entry.after) == (
        {"expires_on": "2026-03-31"}, {"expires_on": "2029-03-31"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("year", "month", "last"), [(2028, 2, date(2028, 2, 29)), (2026, 12, date(2026, 12, 31))]
)
def test_card_of_stripe_is_good_to_the_end_of_its_month(year: int, month: int, last: date) -> None:
    card = {"brand": "visa", "last4": "4242", "exp_month": month, "exp_year": year}
    values = {"id": "pm_1", "object": "payment_method", "type": "card", "card": card}
    method = stripe.PaymentMethod.construct_from(values, "key")

    assert find_expiry(method) == last


@pytest.mark.parametrize(
    ("chosen", "last"),
    [
        (Expiry.NEVER, None),
        (Expiry.SOON, date(2026, 1, 31)),
        (Expiry.NEXT, date(2026, 2, 28)),
        (Expiry.LATE, date(2029, 1, 31)),
    ],
)
def test_sandbox_has_methods_that_expire(chosen: Expiry, last: date | None) -> None:
    assert sandbox.find_last_day(chosen, today=date(2026, 1, 31)) == last


def test_last_day_survives_the_way_of_a_callback() -> None:
    answer = SetupAnswer("r", "accept", "Sandbox", LAST)
    body = sandbox.write_callback(answer, workspace_id=7)

    read = sandbox.read_callback(body.encode(), signature=sandbox.sign(body))

    assert read == (7, answer)


@pytest.mark.parametrize(
    ("days", "said"), [(100, "After"), (10, "Soon"), (-1, "Expired"), (None, "")]
)
def test_page_says_when_a_method_expires(acme: Workspace, days: int | None, said: str) -> None:
    today = datetime.now(UTC).date()
    keep(acme, until=None if days is None else today + days * DAY)

    text = words(sign_in(make.member(acme)).get("/w/acme/settings/payment-methods"))

    assert ("Expires After" in text) == (days is not None)
    assert said in text

"""Pages of usage alerts: who sees which, the rehearsal before and after saving, bad input."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import plotly.graph_objects as go
import pytest
from django.test import Client

from accounts import bots
from accounts.models import Bot, Role, Workspace
from accounts.tenancy import in_workspace
from plans import usage_alerts
from plans.alert_forms import NO_BOT
from plans.alerted import UsageAlert
from plans.models import Currency
from tests import make
from tests.pages import GARBAGE, count_reads, sign_in, words
from tests.plans import books, watching
from tests.plans.watching import MONEY, MONTH, alert, fired, use
from tests.rows import made_once
from usage import zones

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PAGE = "/w/acme/usage-alerts/"
NEW = f"{PAGE}new"
WANTED = {"bot": "support", "watched": "billing_sessions", "per": "day", "threshold": "3"}
ONE_DAY = timedelta(days=1)


@made_once
def fill(today: date) -> None:
    made = books.open_without_credits(make.workspace("acme", name="Acme Ltd"))
    for role in Role:
        make.member(made, role)
    bots.change(bot=make.bot(made), owner=make.member(made, Role.MEMBER).user)
    make.bot(made, "sales")
    for days, sessions in ((40, 5), (20, 2), (10, 3), (0, 4)):
        use(made, sessions, at=datetime.now(UTC) - days * ONE_DAY - make.MINUTE)


@pytest.fixture
def acme() -> Workspace:
    """A workspace whose bot `support`, of the member, was used today, and in weeks before."""
    fill(datetime.now(UTC).date())
    return make.workspace("acme")


@pytest.fixture
def client(acme: Workspace) -> Client:
    return sign_in(make.member(acme))


def count(of: Workspace) -> int:
    with in_workspace(of.pk):
        return UsageAlert.objects.for_workspace(of).count()


def post(client: Client, **values: str) -> str:
    response = client.post(NEW, WANTED | values)
    assert response.status_code == 200
    return words(response)


def test_empty_list_says_what_a_usage_alert_is(client: Client) -> None:
    text = words(client.get(PAGE))

    assert "No usage alerts yet" in text
    assert "you see when it would have fired" in text


def test_list_leads_to_each_alert(acme: Workspace, client: Client) -> None:
    made = [alert(acme, 3, bot=make.bot(acme)), alert(acme, 9)]

    page = client.get(PAGE).content.decode()

    for one in made:
        assert f'href="{PAGE}{one.pk}/"' in page
    assert page.index("Whole workspace") < page.index(">support<")


def test_change_begins_with_what_is(acme: Workspace, client: Client) -> None:
    money = alert(acme, "3.40", watched=MONEY)
    sessions = alert(acme, 300)

    for one, written in ((money, "3.40"), (sessions, "300")):
        assert f'value="{written}"' in client.get(f"{PAGE}{one.pk}/change").content.decode()


def test_finance_reads_and_changes_nothing(acme: Workspace) -> None:
    made = alert(acme, 3, bot=make.bot(acme))
    browser = sign_in(make.member(acme, Role.FINANCE))

    assert "3 billing sessions" in words(browser.get(PAGE))
    text = words(browser.get(f"{PAGE}{made.pk}/"))
    assert "Rehearsal" in text
    assert "Change" not in text
    for path in ("new", f"{made.pk}/change", f"{made.pk}/remove"):
        assert browser.get(f"{PAGE}{path}").status_code == 403
        assert browser.post(f"{PAGE}{path}", WANTED).status_code == 403
    assert count(acme) == 1


def test_member_sees_alerts_of_own_bots_only(acme: Workspace) -> None:
    own = alert(acme, 3, bot=make.bot(acme))
    others = [alert(acme, 7, bot=make.bot(acme, "sales")), alert(acme, 9)]
    browser = sign_in(make.member(acme, Role.MEMBER))

    text = words(browser.get(PAGE))

    assert "3 billing sessions" in text
    assert "sales" not in text
    assert "Whole workspace" not in text
    assert browser.get(f"{PAGE}{own.pk}/").status_code == 200
    for other in others:
        for path in ("", "change", "remove"):
            assert browser.get(f"{PAGE}{other.pk}/{path}").status_code == 404
            assert browser.post(f"{PAGE}{other.pk}/{path}").status_code in (404, 405)
    assert count(acme) == 3


def test_member_makes_alerts_for_own_bots_only(acme: Workspace) -> None:
    browser = sign_in(make.member(acme, Role.MEMBER))

    assert NO_BOT in post(browser, bot="sales")
    assert "Choose one of your bots." in post(browser, bot="")
    assert browser.post(NEW, WANTED).status_code == 302

    assert count(acme) == 1


def test_bots_are_offered_as_typed(acme: Workspace) -> None:
    bots.archive(bot=make.bot(acme, "supper"), reason="Unused.", at=make.NOON)

    seen = sign_in(make.member(acme)).get(f"{PAGE}bots?bot=s").content.decode()
    own = sign_in(make.member(acme, Role.MEMBER)).get(f"{PAGE}bots?bot=s").content.decode()

    assert seen.count("<option") == 2
    assert own.count("<option") == 1
    assert "supper" not in seen


def test_other_workspace_has_nothing_of_it(acme: Workspace) -> None:
    made = alert(acme, 3)
    globex = make.workspace("globex")
    browser = sign_in(make.member(globex))

    for path in ("", f"{made.pk}/", f"{made.pk}/change", f"{made.pk}/remove"):
        assert browser.get(f"{PAGE}{path}").status_code == 404
        assert browser.get(f"/w/globex/usage-alerts/{path}").status_code == (404 if path else 200)
    answer = browser.get("/w/globex/usage-alerts/new", WANTED)
    assert NO_BOT in words(answer)


def test_rehearsal_before_saving_names_days_and_numbers(acme: Workspace, client: Client) -> None:
    text = words(client.get(NEW, WANTED))

    day = datetime.now(UTC)
    assert "would have fired 3 times" in text
    for days, number in ((40, 5), (10, 3), (0, 4)):
        assert f"{day - days * ONE_DAY:%-d %b %Y} {number} billing sessions Yes" in text
    fires = text.partition("When it would have fired")[2].partition("All ")[0]
    assert fires.count("billing sessions") == 3
    assert "Already reached: it fires at once when it is saved, once for this day." in text
    assert "The mail goes to member@acme.example, who owns the bot." in text
    assert count(acme) == 0


def test_rehearsal_of_months_and_money(acme: Workspace, client: Client) -> None:
    asked = WANTED | {"bot": "", "watched": MONEY, "per": MONTH, "threshold": "0.01"}

    text = words(client.get(NEW, asked | {"months": "12"}))

    assert "With the threshold 0.01 USD per month" in text
    assert "All 13 months as table" in text
    assert "The mail goes to owners and admins." in text


def test_rehearsal_that_never_fires(acme: Workspace, client: Client) -> None:
    text = words(client.get(NEW, WANTED | {"threshold": "6"}))

    assert "would have fired never" in text
    assert "The highest day has 5 billing sessions." in text
    assert "When it would have fired" not in text


def test_figure_is_one_that_plotly_knows(acme: Workspace, client: Client) -> None:
    response = client.get(NEW, WANTED)

    figure = response.context["figure"]
    drawn: Any = go.Figure(__import__("json").loads(unescape(figure)))
    assert list(drawn.data[0].y)[-1] == 4
    assert drawn.layout.shapes[0].y0 == 3
    assert len(drawn.data[0].x) == len(drawn.layout.xaxis.ticktext)


def test_saved_alert_fires_once(acme: Workspace, client: Client) -> None:
    response = client.post(NEW, WANTED, follow=True)
    assert "The usage alert is on. support: 3 billing sessions per day." in words(response)
    assert "Already reached: it fires within a minute, once for this day." in words(response)

    now = datetime.now(UTC)
    assert watching.look(acme, now) == 1

    (found,) = fired(acme)
    assert found == (f"{now:%Y-%m-%d}", "4")
    text = words(client.get(response.redirect_chain[-1][0]))
    assert f"{now:%-d %b %Y} 4 billing sessions 3 billing sessions" in text
    assert "It has fired for this day already" in text
    assert "Fired" in words(client.get(PAGE))


BAD: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({"threshold": ""}, "Write a number."),
    "zero": ({"threshold": "0"}, "Write a number above 0"),
    "negative": ({"threshold": "-5"}, "Write a number above 0"),
    "huge": ({"threshold": "1000000001"}, "at most 1,000,000,000"),
    "far too large": ({"threshold": "9" * 40}, "Write a whole number of sessions"),
    "not a number": ({"threshold": "NaN"}, "Write a whole number of sessions"),
    "infinite": ({"threshold": "Infinity"}, "Write a whole number of sessions"),
    "exponent": ({"threshold": "1e3"}, "Write a whole number of sessions"),
    "part of a session": ({"threshold": "2.5"}, "Write a whole number of sessions"),
    "too many decimals": (
        {"watched": MONEY, "threshold": "0.001"},
        "An amount in this currency has at most 2 decimals",
    ),
    "money not a number": ({"watched": MONEY, "threshold": "nan"}, "Write an amount such as"),
    "no such bot": ({"bot": "nobody"}, NO_BOT),
    "archived bot": ({"bot": "old"}, "old is archived"),
    "bot of another workspace": ({"bot": "theirs"}, NO_BOT),
    "no such meter": ({"watched": "seats"}, "There is no such number."),
    "no such period": ({"per": "week"}, "By day or month."),
    "no such span": ({"months": "99"}, "A rehearsal looks back 3, 6 or 12 months."),
    "there already": ({"threshold": "8"}, usage_alerts.TWICE),
}


def test_bad_input_is_refused(acme: Workspace, client: Client) -> None:
    make.bot(make.workspace("globex"), "theirs")
    bots.archive(bot=make.bot(acme, "old"), reason="Unused.", at=make.NOON)
    alert(acme, 8, bot=make.bot(acme))

    for name, (values, said) in BAD.items():
        assert said in post(client, **values), name

        assert count(acme) == 1, name


@pytest.mark.usefixtures("own_catalog")
def test_amounts_have_the_decimals_of_the_currency() -> None:
    Currency.objects.using("operator").create(
        code="JPY", decimals=0, free_credits=0, top_up_from=1, top_up_to=2, low_balance=5000
    )
    of = make.workspace("acme", currency="JPY")
    browser = sign_in(make.member(of))

    text = words(browser.post(NEW, WANTED | {"bot": "", "watched": MONEY, "threshold": "0.5"}))

    assert "An amount in this currency has no decimals" in text
    assert count(of) == 0


@pytest.mark.parametrize("odd", GARBAGE)
def test_garbage_is_answered(client: Client, odd: str) -> None:
    for name in ("bot", "watched", "per", "threshold", "months"):
        assert client.get(NEW, WANTED | {name: odd}).status_code == 200
        assert client.post(NEW, WANTED | {name: odd}).status_code in (200, 302)
    assert client.get(f"{PAGE}bots", {"bot": odd}).status_code == 200
    assert client.get(PAGE, {"page": odd, "sort": odd}).status_code == 200


def test_same_alert_is_pointed_to_before_it_is_sent(acme: Workspace, client: Client) -> None:
    made = alert(acme, 3, bot=make.bot(acme))

    text = words(client.get(NEW, WANTED))

    assert f"There is a usage alert for just this already: #{made.pk}" in text
    assert "Save usage alert" not in text


def change(client: Client, made: UsageAlert, **values: str) -> str:
    return words(client.post(f"{PAGE}{made.pk}/change", values, follow=True))


def test_change_is_rehearsed_then_saved(acme: Workspace, client: Client) -> None:
    made = alert(acme, 3, bot=make.bot(acme), at=datetime.now(UTC))
    watching.look(acme, datetime.now(UTC))

    text = words(client.get(f"{PAGE}{made.pk}/change", {"threshold": "4", "is_on": "on"}))
    assert "would have fired 2 times" in text
    assert "It has fired for this day already, and does not again before the next." in text

    assert "4 billing sessions per day" in change(client, made, threshold="4", is_on="on")
    assert "Off" in change(client, made, threshold="4")
    with in_workspace(acme.pk):
        made.refresh_from_db()
    assert (made.threshold, made.is_on) == (Decimal(4), False)


@pytest.mark.parametrize(
    ("value", "said"), [("0", "above 0"), ("x", "whole number"), ("9", "just")]
)
def test_bad_change_is_refused(acme: Workspace, client: Client, value: str, said: str) -> None:
    made = alert(acme, 3, bot=make.bot(acme))
    alert(acme, 9, bot=make.bot(acme))

    assert said in change(client, made, threshold=value, is_on="on")

    with in_workspace(acme.pk):
        made.refresh_from_db()
    assert made.threshold == 3


def test_removal_shows_its_effect_first(acme: Workspace, client: Client) -> None:
    made = alert(acme, 3, bot=make.bot(acme), at=datetime.now(UTC))
    watching.look(acme, datetime.now(UTC))

    text = words(client.get(f"{PAGE}{made.pk}/remove"))
    assert "Its history of 1 firing is removed with it." in text
    assert count(acme) == 1

    assert "The usage alert is removed." in words(
        client.post(f"{PAGE}{made.pk}/remove", follow=True)
    )
    assert count(acme) == 0
    assert client.post(f"{PAGE}{made.pk}/remove").status_code == 404


def test_archived_bot_is_said_to_rest(acme: Workspace, client: Client) -> None:
    made = alert(acme, 3, bot=make.bot(acme))
    bots.archive(bot=make.bot(acme), reason="Unused.", at=make.NOON)

    assert "Rests: bot archived" in words(client.get(PAGE))
    assert "Rests: bot archived" in words(client.get(f"{PAGE}{made.pk}/"))
    for page in ("", "change"):  # its threshold of today is reached
        text = words(client.get(f"{PAGE}{made.pk}/{page}"))
        assert "It rests while its bot is archived." in text
        assert "Already reached" not in text


def test_running_period_is_that_of_charging_after_a_change_of_zone(
    acme: Workspace, client: Client
) -> None:
    alert(acme, 8, bot=make.bot(acme))
    zones.change(workspace=acme, zone="Asia/Kolkata", at=datetime.now(UTC))
    zones.recount(workspace_id=acme.pk)

    text = words(client.get(PAGE))

    assert "50% 4 billing sessions" in text
    assert "in the zone UTC" in text


def test_list_needs_as_many_statements_for_many_alerts(acme: Workspace, client: Client) -> None:
    def show(number: int) -> Callable[[], object]:
        for threshold in range(number, number + 10):
            bot: Bot = make.bot(acme, f"bot{threshold}")
            alert(acme, threshold + 1, bot=bot)
            alert(acme, threshold + 1, bot=bot, watched=MONEY, per=MONTH)
        return lambda: client.get(PAGE)

    assert count_reads(show(0)) == count_reads(show(10))

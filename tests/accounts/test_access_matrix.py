"""Who may what, written out by hand: every address and API operation as every role and stranger."""

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

import pytest
from django.test import Client

from accounts.models import ApiKey, Bot, BotShare, Role, Scope, Workspace
from accounts.tenancy import in_workspace
from plans import billing
from plans.models import CreditLot
from tests import make
from tests.invoices import buying, stating
from tests.pages import sign_in
from tests.plans import watching
from tests.rows import made_once
from tests.test_architecture import patterns
from usage.models import Stream
from usage.session_queries import name_conversation

pytestmark = pytest.mark.django_db(transaction=True)

OWNER, ADMIN, FINANCE, MEMBER, SHARED = Role
BELOW = "w/<slug:slug>/"
PLACE = "/w/acme/"
RANGE = "?from=2026-03-01&to=2026-04-01"
DAY = "?first=2026-03-02&last=2026-03-02&range=custom"


class Page(NamedTuple):
    """An address below the workspace and who may use it; all others are refused.

    {shared}, {owned} and {other} stand for a bot shared with the person, one that a member owns and
    one of others; {talk_...} for a conversation with it.
    """

    address: str
    may: str  # the letters of the roles
    post: dict[str, str] | None = None

    def allows(self, role: Role) -> bool:
        return role.value[0] in self.may


# By first letters: owner, admin, finance, member, shared.
PAGES = [
    Page("", "oafm"),
    Page("usage/", "oafms"),
    Page("usage/usage.csv", "oafms"),
    Page("usage/usage.xlsx", "oafms"),
    Page("usage/bots", "oafms"),
    Page("usage/channels", "oafms"),
    Page("usage/time-zones", "oafms"),
    Page("usage/sessions/", "oafms"),
    Page("usage/sessions.csv", "oafms"),
    Page("usage/how-sessions-are-counted/", "oafms"),
    Page("usage/conversations/{talk_shared}/", "oafms"),
    Page("plan/", "oafm"),
    Page("plan/export", "oafm"),
    Page("plan/credits/", "oafm"),
    Page("plan/credits/{lot_shared}/", "oafm"),
    Page("plan/bots/{owned}/", "oafm"),
    Page("plan/bots/{owned}/low-balance", "oam", {"low_balance": "20"}),
    Page("plan/bots/{owned}/extension", "oam"),
    Page("plan/bots/{owned}/extension", "oam", {"days": "3", "reason": "Late."}),
    Page("plan/bots/{owned}/owner", "oa"),
    Page("plan/bots/{owned}/owner", "oa", {"owner": "1", "reason": "Moves on."}),
    Page("usage-alerts/", "oafm"),
    Page("usage-alerts/new", "oam"),
    Page("usage-alerts/new", "oam", {"threshold": "5"}),
    Page("usage-alerts/bots", "oam"),
    Page("usage-alerts/{alert_owned}/", "oafm"),
    Page("usage-alerts/{alert_owned}/change", "oam"),
    Page("usage-alerts/{alert_owned}/change", "oam", {"threshold": "5"}),
    Page("usage-alerts/{alert_owned}/remove", "oam"),
    Page("usage-alerts/{alert_owned}/remove", "oam", {}),
    Page("bots/", "oafms"),
    Page("bots/export", "oafms"),
    Page("bots/{shared}/", "oafms"),
    Page("bots/new", "oa"),
    Page("bots/new", "oa", {"key": "new"}),
    Page("bots/{owned}/name", "oam", {"name": "Renamed"}),
    Page("bots/{owned}/publish-status", "oam", {"publish_status": "suspended"}),
    Page("bots/{owned}/share", "oam", {"user": "1"}),
    Page("bots/{owned}/take-back", "oam", {"user": "1"}),
    Page("bots/{shared}/name", "oa", {"name": "Renamed"}),
    Page("bots/{shared}/publish-status", "oa", {"publish_status": "suspended"}),
    Page("bots/{shared}/share", "oa", {"user": "1"}),
    Page("bots/{shared}/take-back", "oa", {"user": "1"}),
    Page("bots/{owned}/archive", "oa"),
    Page("bots/{owned}/archive", "oa", {"reason": "Unused."}),
    Page("bots/{owned}/restore", "oa"),
    Page("bots/{owned}/restore", "oa", {"reason": "Used."}),
    Page("plan/compare", "oafm"),
    Page("insight/", "oafm"),
    Page("insight/sessions/", "oafm"),
    Page("insight/sessions.csv", "oafm"),
    Page("insight/credits/", "oafm"),
    Page("plan/bots/{owned}/change", "oam"),
    Page("plan/bots/{owned}/change", "oam", {"version": "1"}),
    Page("plan/bots/{owned}/change/undo", "oam", {}),
    Page("plan/funds", "oa"),
    Page("plan/funds", "oa", {"amount": "100"}),
    Page("plan/bots/{owned}/funds", "oam"),
    Page("plan/bots/{owned}/funds", "oam", {"amount": "100"}),
    Page("plan/reload", "oa"),
    Page("plan/reload", "oa", {"amount": "100"}),
    Page("plan/reload/stop", "oa", {}),
    Page("plan/bots/{owned}/reload", "oam"),
    Page("plan/bots/{owned}/reload", "oam", {"amount": "100"}),
    Page("plan/bots/{owned}/reload/stop", "oam", {}),
    Page("orders/", "oafm"),
    Page("orders/orders.csv", "oafm"),
    Page("orders/orders.xlsx", "oafm"),
    Page("orders/zips/", "oafm"),
    Page("orders/zips/", "oafm", {}),
    Page("orders/{order_shared}/", "oafm"),
    Page("orders/{order_shared}/pay", "oam", {}),
    Page("orders/{order_shared}/payment", "oam"),
    Page("orders/{order_shared}/cancel", "oam", {}),
    Page("orders/{order_shared}/wire", "oafm"),
    Page("invoices/{document_shared}/", "oafm"),
    Page("invoices/{document_shared}.pdf", "oafm"),
    Page("invoices/{document_shared}/proof", "oaf"),
    Page("invoices/{document_shared}/proof", "oaf", {}),
    Page("statements/", "oaf"),
    Page("statements/{statement_shared}/", "oaf"),
    Page("statements/{statement_shared}.pdf", "oaf"),
    Page("statements/{statement_shared}.pdf", "oaf", {}),
    Page("statements/{statement_shared}.csv", "oaf"),
    Page("usage/statements/", "oafms"),
    Page("usage/statements/{statement_shared}/", "oafms"),
    Page("usage/statements/{statement_shared}.pdf", "oafms"),
    Page("usage/statements/{statement_shared}.csv", "oafms"),
    Page("mails", "oafms"),
    Page("mails", "oafms", {"wanted": "credits"}),
    Page("audit-log/", "oaf"),
    Page("audit-log/export", "oaf"),
    Page("tie-out/", "oaf"),
    Page("tie-out/export", "oaf"),
    Page("people/", "oa"),
    Page("people/invite", "oa"),
    Page("people/invite", "oa", {"email": "new@acme.example", "role": "member"}),
    Page("people/invitations/{invitation_shared}/resend", "oa", {}),
    Page("people/invitations/{invitation_shared}/withdraw", "oa", {}),
    Page("people/{person_shared}/role", "oa"),
    Page("people/{person_shared}/role", "oa", {"role": "member", "reason": "Asked for."}),
    Page("people/{person_shared}/bots", "oa", {"user": "1"}),
    Page("people/{person_shared}/remove", "oa"),
    Page("people/{person_shared}/remove", "oa", {"role": "member"}),
    Page("people/{person_shared}/transfer", "o"),
    Page("people/{person_shared}/transfer", "o", {"role": "member"}),
    Page("developers/", "oa"),
    Page("developers/events/", "oa"),
    Page("developers/events/streams/{stream_shared}/", "oa"),
    Page("developers/keys/new", "oa"),
    Page("developers/keys/new", "oa", {"name": "new", "scopes": "usage:read"}),
    Page("developers/keys/{key_shared}/revoke", "oa"),
    Page("developers/keys/{key_shared}/revoke", "oa", {"sure": "1"}),
    Page("settings/documents", "oaf"),
    Page("settings/billing-details", "oaf"),
    Page("settings/billing-details", "oaf", {"legal_name": "Acme Ltd"}),
    Page("settings/payment-methods", "oa"),
    Page("settings/payment-methods/new", "oa"),
    Page("settings/payment-methods/new", "oa", {"method": "sandbox"}),
    Page("settings/payment-methods/setups/{setup_shared}", "oa"),
    Page("settings/payment-methods/{method_shared}/default", "oa", {}),
    Page("settings/payment-methods/{method_shared}/remove", "oa"),
    Page("settings/payment-methods/{method_shared}/remove", "oa", {}),
    Page("settings/", "oa"),
    Page("settings/general", "oa", {"name": "Acme", "lateness_days": "30"}),
    Page("settings/sign-in", "oa", {"idle_minutes": "30"}),
    Page("settings/retention", "oa", {"retention_months": ""}),
    Page("settings/zone", "oa", {"timezone": "Europe/Berlin"}),
]
# ZIP files of documents: each is of the person who asked for it, and of nobody else. Bundles of
# proofs: of one document (tests/invoices/test_proof_pages.py).
OF_ONE_PERSON = ["orders/zips/*/download", "orders/zips/*/cancel", "orders/zips/*/retry"]
OF_ONE_DOCUMENT = ["invoices/*/proof/*/download"]
# Of bots not shared: who sees all still does, to all others there is none.
UNSEEN = [
    Page("usage-alerts/{alert_shared}/", "oaf"),
    Page("usage-alerts/{alert_other}/", "oaf"),
    Page("usage-alerts/{alert_other}/change", "oa"),
    Page("usage-alerts/{alert_other}/change", "oa", {"threshold": "5"}),
    Page("usage-alerts/{alert_other}/remove", "oa"),
    Page("plan/bots/{other}/change", "oa"),
    Page("plan/bots/{other}/change/undo", "oa", {}),
    Page("usage/conversations/{talk_other}/", "oaf"),
    Page("plan/bots/{other}/", "oaf"),
    Page("plan/bots/{other}/low-balance", "oa", {"low_balance": "20"}),
    Page("plan/bots/{other}/extension", "oa"),
    Page("orders/{order_other}/", "oaf"),
    Page("invoices/{document_other}/", "oaf"),
    Page("invoices/{document_other}.pdf", "oaf"),
    Page("orders/{order_other}/pay", "oa", {}),
    Page("orders/{order_other}/payment", "oa"),
    Page("orders/{order_other}/cancel", "oa", {}),
    Page("orders/{order_other}/wire", "oaf"),
    Page("plan/bots/{other}/funds", "oa"),
    Page("plan/bots/{other}/reload", "oa"),
    Page("plan/bots/{shared}/funds", "oa"),
    Page("plan/bots/{shared}/reload", "oa"),
    Page("bots/{other}/", "oaf"),
    Page("bots/{other}/name", "oa", {"name": "Renamed"}),
    Page("bots/{other}/publish-status", "oa", {"publish_status": "suspended"}),
    Page("bots/{other}/share", "oa", {"user": "1"}),
    Page("bots/{other}/take-back", "oa", {"user": "1"}),
]
ABOVE = ["Dashboard", "Orders & Invoices", "Plan"]
WITH_STATEMENTS = ["Dashboard", "Orders & Invoices", "Statements", "Plan"]
OF_ADMINS = [
    "Usage", "Usage alerts", "Insight", "Bots", "Users & roles", "Audit log", "Tie-out",
    "Developers", "Billing details", "Payment methods", "Settings",
]  # fmt: skip
MENUS = {
    OWNER: [*WITH_STATEMENTS, *OF_ADMINS],
    ADMIN: [*WITH_STATEMENTS, *OF_ADMINS],
    FINANCE: [
        *WITH_STATEMENTS,
        "Usage",
        "Usage alerts",
        "Insight",
        "Bots",
        "Audit log",
        "Tie-out",
        "Billing details",
    ],
    MEMBER: [*ABOVE, "Usage", "Usage alerts", "Insight", "Bots"],
    SHARED: ["Usage", "Bots"],
}
SCOPES = {
    "POST events": {"events:write"},
    "GET usage?from=2026-03-01&to=2026-03-04": {"usage:read"},
    "GET sessions": {"usage:read"},
    "GET conversations/{talk_shared}": {"usage:read"},
    "GET bots": {"usage:read", "bots:write"},
    "PUT bots/newbot": {"bots:write"},
    "GET bots/{owned}/entitlement": {"entitlement:read"},
    "GET invoices": {"invoices:read"},
    "GET invoices/{document_shared}.pdf": {"invoices:read"},
}
# What is only of others: words of their bots, people and users.
ADDRESSES = {
    "Dashboard": "",
    "Orders & Invoices": "orders/",
    "Statements": "statements/",
    "Plan": "plan/",
    "Usage": "usage/",
    "Usage alerts": "usage-alerts/",
    "Insight": "insight/",
    "Bots": "bots/",
    "Users & roles": "people/",
    "Audit log": "audit-log/",
    "Tie-out": "tie-out/",
    "Developers": "developers/",
    "Billing details": "settings/billing-details",
    "Payment methods": "settings/payment-methods",
    "Settings": "settings/",
}
# What is of others only: words of their bots, users, people and workspaces.
SECRETS = (
    "otherbot", "ownedbot", "unseen-user", "own-user", "alerted", "hidden-channel", "theirbot",
    "their-user", "Globex", "globex", "owner@acme", "admin@acme", "finance@acme", "member@acme",
)  # fmt: skip
# The alerts of all bots, with or without some more; not the same digits within a time or a token.
COUNTED = re.compile(r"(?<![\w.,])4,?3\d\d(?!\w)")
VARIANTS = (
    "", "&view=table", "&view=table&rows=bot", "&rows=bot&channel=web", "&kind=all&state=all",
    "&kind=alert", "&by=month", "&timezone=Asia/Kolkata",
)  # fmt: skip
PARTS = (
    "talk_shared",
    "stream_shared",
    "key_shared",
    "person_shared",
    "invitation_shared",
    "order_shared",
    "document_shared",
    "statement_shared",
    "lot_shared",
    "alert_owned",
    "method_shared",
    "setup_shared",
)
# Orders that a member placed, and others.
ORDERED_BY = {"shared": MEMBER, "owned": MEMBER, "other": OWNER, "their": OWNER}
BOT_QUERIES = ("", "?status=archived", "?sort=owner", "?sort=-shares", "?owner={}", "?q=o")


@made_once
def fill(*, alerts: int = 4) -> dict[str, int | str]:
    """Make two workspaces; return what stands in addresses for their parameters.

    ``alerts``: what `otherbot` has of them.
    """
    acme, globex = make.workspace("acme"), make.workspace("globex", name="Globex Corp")
    make.take_in(
        acme,
        *make.talk(0, 10, 20, subject="sharedbot", user="seen-user"),
        *make.talk(0, 16, subject="ownedbot", user="own-user"),
        *make.talk(0, 10, subject="otherbot", user="unseen-user", channel="hidden-channel"),
        *(make.event("alert.delivered", subject="otherbot", user="alerted") for _ in range(alerts)),
    )
    make.take_in(globex, *make.talk(0, subject="theirbot", user="their-user"))
    users = {"shared": "seen-user", "owned": "own-user", "other": "unseen-user"}
    return fill_one(acme, users) | fill_one(globex, {"their": "their-user"})


def fill_one(place: Workspace, users: dict[str, str]) -> dict[str, int | str]:
    """Make people and a key; return the numbers of bots, conversations, streams and the key."""
    make.roll_up(place)
    make.api_key(place)
    billing.open_billing(workspace=place, at=datetime.now(UTC))
    invited = make.invitation(place, at=datetime.now(UTC))
    people = {role: make.member(place, role) for role in Role}
    for role in Role:
        user = people[role].user
        user.name = f"Known {role.value} of {place.slug}"
        user.save(update_fields=["name"])
    found: dict[str, int | str] = {}
    saved = buying.kept_method(place, by=people[OWNER].user)
    setup = buying.setup(place, by=people[OWNER].user)
    invoices = {
        name: buying.invoice(buying.paid(place, buyer=people[role].user)).number
        for name, role in ORDERED_BY.items()
    }
    orders = {
        name: buying.wire(place, buyer=people[role].user).order.number
        for name, role in ORDERED_BY.items()
        # Numbers begin with 1 in each workspace: theirs is one that the other does not have.
        if name != "their" or name in users
    }
    # Months are the same everywhere: theirs is one that the other does not have.
    statement = stating.make_one(place, date(2026, 2 if "their" in users else 3, 1))
    with in_workspace(place.pk):
        for name, sender in users.items():
            stream = Stream.objects.for_workspace(place).select_related("bot").get(user=sender)
            found |= {
                name: stream.bot.pk,
                f"talk_{name}": name_conversation(stream.key, make.NOON),
                f"stream_{name}": stream.id,
                f"person_{name}": people[Role.FINANCE].pk,
                f"invitation_{name}": invited.pk,
                f"lot_{name}": CreditLot.objects.for_workspace(place).get(kind="free").pk,
                f"alert_{name}": watching.alert(place, 5, bot=stream.bot).pk,
                f"order_{name}": orders[name],
                f"method_{name}": saved.pk,
                f"setup_{name}": setup.pk,
                f"document_{name}": invoices[name],
                f"statement_{name}": str(statement),
                f"key_{name}": ApiKey.objects.for_workspace(place).get().pk,
            }
    return found


def enter(role: Role) -> Client:
    """Sign in a person of acme who has a role, owns `ownedbot` and was given `sharedbot`."""
    acme = make.workspace("acme")
    person = make.member(acme, role)
    with in_workspace(acme.pk):
        if role == MEMBER:
            Bot.objects.filter(workspace=acme, key="ownedbot").update(owner=person.user)
        elif role == SHARED:
            Bot.objects.filter(workspace=acme, key="ownedbot").update(owner=None)
        if role in (MEMBER, SHARED):
            bot = Bot.objects.get(workspace=acme, key="sharedbot")
            BotShare.objects.get_or_create(workspace=acme, bot=bot, user=person.user)
    return sign_in(person)


def ask(client: Client, page: Page, values: dict[str, int | str]) -> int:
    """Return the status that a page answers."""
    address = f"{PLACE}{page.address.format(**values)}"
    if page.post is None:
        return client.get(f"{address}{RANGE}").status_code
    return client.post(address, page.post).status_code


def refusal(page: Page, role: Role, *, seen: bool = True) -> int:
    """Return the status by which a role is refused."""
    return 404 if role == SHARED or (role == MEMBER and not seen) else 403


def test_every_address_is_in_the_table() -> None:
    walked = {
        re.sub("<[^>]+>", "*", address.removeprefix(BELOW))
        for address, _ in patterns()
        if address.startswith(BELOW)
    }

    named = {re.sub("{[^}]+}", "*", page.address) for page in PAGES}
    assert walked == named | {*OF_ONE_PERSON, *OF_ONE_DOCUMENT}


@pytest.mark.parametrize("role", list(Role))
def test_role_reaches_what_the_table_says(role: Role) -> None:
    values = fill()
    client = enter(role)

    wrong = []
    for seen, pages in ((True, PAGES), (False, UNSEEN)):
        for page in pages:
            status = ask(client, page, values)
            if page.allows(role):
                right = status in (200, 202, 302)  # 202: no worker has made the PDF
            elif role == SHARED and "{owned}" in page.address:
                right = status == 404
            else:
                right = status == refusal(page, role, seen=seen)
            if not right:
                wrong.append((page.address, page.post, status))

    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
def test_ids_of_another_workspace_are_of_nobody(role: Role) -> None:
    values = fill()
    client = enter(role)

    for page in PAGES:
        theirs = page.address
        for name in ("shared", "owned"):
            theirs = theirs.replace(f"{{{name}}}", "{their}")
        for name in PARTS:
            theirs = theirs.replace(f"{{{name}}}", f"{{{name.split('_')[0]}_their}}")
        if theirs != page.address:
            expected = (403, 404) if not page.allows(role) else (404,)
            assert ask(client, page._replace(address=theirs), values) in expected, theirs


def test_strangers_reach_nothing() -> None:
    values = fill()
    theirs = sign_in(make.member(make.workspace("globex")))

    for page in (*PAGES, *UNSEEN):
        assert ask(theirs, page, values) == 404, page
        assert ask(Client(), page, values) == 302, page
        path = page.address.format(**values)
        there, nowhere = (theirs.get(f"/w/{slug}/{path}") for slug in ("acme", "nowhere"))
        assert there.content == nowhere.content, page
        assert there.headers.keys() == nowhere.headers.keys(), page


def test_every_page_forbids_what_is_inline_framed_or_of_other_hosts() -> None:
    values = fill()
    client = enter(OWNER)
    paths = [f"{PLACE}{page.address.format(**values)}" for page in PAGES if page.post is None]

    for path in (*paths, "/", "/profile/", "/sign-in", "/nowhere", "/api/v1/docs"):
        policy = client.get(path).headers["Content-Security-Policy"]
        rules = {name: sources for name, *sources in map(str.split, policy.split(";"))}
        assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == ["'none'"]
        for name, sources in rules.items():
            others = [source for source in sources if not source.startswith("'nonce-")]
            allowed = {"'self'", "'none'"} | ({"data:"} if name == "img-src" else set())
            assert set(others) <= allowed, (path, name)


@pytest.mark.parametrize("role", list(Role))
def test_menu_has_what_the_role_may_see(role: Role) -> None:
    fill()

    page = enter(role).get(f"{PLACE}usage/").content.decode()

    shown = [label for label, address in ADDRESSES.items() if f'href="{PLACE}{address}"' in page]
    assert shown == MENUS[role]


def test_shared_user_learns_of_nothing_else() -> None:
    values = fill(alerts=4321)
    client = enter(SHARED)
    member = make.member(make.workspace("acme"), MEMBER)
    secrets = (*SECRETS, *(f"Known {role.value}" for role in Role if role != SHARED))

    pages = [page for page in PAGES if page.post is None and page.may.endswith("s")]
    asked = [f"{PLACE}{page.address.format(**values)}" for page in pages]
    asked += [f"{address}{RANGE}" for address in asked]
    asked += [f"{PLACE}usage/{DAY}{more}" for more in VARIANTS]
    asked += [f"{PLACE}usage/sessions/{RANGE}{more}" for more in VARIANTS]
    asked += [f"{PLACE}usage/sessions.csv{RANGE}{more}" for more in VARIANTS]
    asked += [f"{PLACE}bots/{query}" for query in BOT_QUERIES]
    asked += [f"{PLACE}bots/export{query.format(member.user.pk)}" for query in BOT_QUERIES]
    asked += [f"{PLACE}{page.address.format(**values)}" for page in UNSEEN]
    asked += [PLACE, f"{PLACE}settings/", f"{PLACE}developers/events/", "/"]
    for address in asked:
        response = client.get(address)
        text = b"".join(response) if response.streaming else response.content
        said = text.decode("utf-8", "replace")
        for secret in secrets:
            assert secret not in said, (secret, address)
        assert not COUNTED.search(said), address


@pytest.mark.parametrize("scope", list(Scope))
def test_api_asks_for_its_scope(scope: Scope) -> None:
    values = fill()
    acme = make.workspace("acme")
    secret = make.api_key(acme, scope, name=scope.value)

    for operation, scopes in SCOPES.items():
        method, path = operation.format(**values).split(" ")
        response = Client().generic(
            method,
            f"/api/v1/{path}",
            "{}",
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        assert (response.status_code == 403) == (scope.value not in scopes), operation
        assert Client().generic(method, f"/api/v1/{path}").status_code == 401, operation


def test_every_operation_is_in_the_table() -> None:
    schema = Client().get("/api/v1/openapi.json").json()

    found = {
        f"{method.upper()} {path.removeprefix('/api/v1/')}"
        for path, operations in schema["paths"].items()
        for method in operations
    }
    assert {operation.split("{")[0] for operation in found} == {
        operation.split("?")[0].split("{")[0].replace("newbot", "") for operation in SCOPES
    }


def test_api_key_reads_nothing_of_another_workspace() -> None:
    values = fill()
    secret = make.api_key(make.workspace("acme"), Scope.READ_USAGE, name="reader")

    answers = [
        Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})
        for path in (
            "bots?archived=true",
            "usage?from=2026-03-01&to=2026-03-04",
            "usage?from=2026-03-01&to=2026-03-04&bot=theirbot",
            "sessions?from=2026-03-01&to=2026-03-04",
            f"conversations/{values['talk_their']}",
        )
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 404]
    for answer in answers:
        assert "their-user" not in answer.content.decode()
        assert "globex" not in answer.content.decode()

"""Everything that writes or takes rows out is in the audit log: by page, by key and by command.

The list is written by hand. Each entry does one thing; the log has one entry more, which says who,
and what it was before and after.
"""

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import bots, keys, people
from accounts.days import next_month
from accounts.models import ApiKey, AuditEntry, Bot, Invitation, Membership, Role, Scope, Workspace
from accounts.tenancy import in_workspace
from invoices import files
from plans import billing, subscriptions
from plans.alerted import UsageAlert
from plans.models import PlanVersion
from tests import make
from tests.conftest import ROOT
from tests.invoices import buying, stating
from tests.pages import sign_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PERSON, KEY, COMMAND = "person", "key", "command"
DETAILS = {
    **make.BUYER, "vat_id": "123456789", "purchase_order": "PO 7", "recipients": "a@acme.example",
}  # fmt: skip
BOT = {"name": "support", "owner": None, "publish_status": "published"}


class World:
    """A workspace with a bot, its owner in a browser, a guest, and a key of a program."""

    def __init__(self) -> None:
        self.acme = make.workspace()
        self.bot = make.bot(self.acme)
        self.owner = make.member(self.acme)
        self.guest = make.member(self.acme, Role.SHARED)
        self.browser = sign_in(self.owner)
        scopes = (Scope.WRITE_BOTS, Scope.READ_INVOICES)
        self.secret = make.api_key(self.acme, *scopes, name="platform")
        with in_workspace(self.acme.pk):
            self.key = ApiKey.objects.for_workspace(self.acme).get()

    @property
    def alert(self) -> int:
        """The usage alert that was made first; 0: there is none."""
        with in_workspace(self.acme.pk):
            found = UsageAlert.objects.for_workspace(self.acme).order_by("pk").first()
        return found.pk if found else 0

    def post(self, page: str, **values: object) -> None:
        address = f"/w/acme/{page.format(bot=self.bot.pk, key=self.key.pk, alert=self.alert)}"
        assert self.browser.post(address, values).status_code in (200, 302)

    def get(self, page: str) -> None:
        response = self.browser.get(f"/w/acme/{page}")
        assert response.status_code == 200
        assert b"".join(response) if response.streaming else response.content

    def head(self, page: str) -> None:
        assert self.browser.head(f"/w/acme/{page}").status_code == 405

    def put(self, key: str, **values: object) -> None:
        response = Client().put(
            f"/api/v1/bots/{key}",
            json.dumps(values),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self.secret}"},
        )
        assert response.status_code in (200, 201)

    def fetch(self, path: str) -> None:
        headers = {"Authorization": f"Bearer {self.secret}"}
        assert Client().get(f"/api/v1/{path}", headers=headers).status_code == 200

    def invited(self) -> int:
        with in_workspace(self.acme.pk):
            return Invitation.objects.for_workspace(self.acme).get().pk

    def remove(self, member: Membership) -> None:
        values = {"reason": "Has left."}
        response = self.browser.post(f"/w/acme/people/{member.pk}/remove", values)
        assert response.status_code in (302, 404)

    def transfer(self, member: Membership) -> None:
        self.post(f"people/{member.pk}/transfer", reason="Moves on.")

    def run(self, *arguments: str) -> None:
        call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO())


class Write(NamedTuple):
    """One way to write; ``again`` it changes nothing, but a download is one each time."""

    do: Callable[[World], None]
    by: str
    action: str
    target: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    first: Callable[[World], object] = lambda world: None
    again: bool = True


def share(world: World) -> None:
    bots.share(bot=world.bot, person=world.guest)


def archive(world: World) -> None:
    bots.archive(bot=world.bot, reason="Unused.", at=make.NOON)


def with_events(world: World) -> None:
    make.take_in(world.acme, *make.talk(0, 10, 20))
    make.roll_up(world.acme)


def with_invoice(world: World) -> None:
    """Have an invoice with its PDF."""
    invoice = buying.invoice(buying.paid(world.acme))
    files.make(workspace_id=world.acme.pk, document_id=invoice.pk, now=make.NOON)


def with_statement(world: World) -> None:
    """Have a statement with its PDF, on which the bot is."""
    with_events(world)
    statement = stating.make_one(world.acme)
    with in_workspace(world.acme.pk):
        file = files.ask_for_statement(statement=statement, bot=None, at=make.NOON)
        files.make_file(workspace_id=world.acme.pk, file_id=file.pk, now=make.NOON)


def have_essential(world: World) -> None:
    subscriptions.change_today(bot=world.bot, version=find_plan("essential"), at=datetime.now(UTC))


def change_plan(world: World) -> None:
    version, current = find_plan("standard").pk, find_plan("essential").pk
    key = "6f1f4f0c-3c1b-4d0c-9a53-3f0f5d6b1a52"
    world.post(
        "plan/bots/{bot}/change", version=version, current=current, scheduled="", net="0", key=key
    )


def have_scheduled(world: World) -> None:
    have_essential(world)
    change_plan(world)


def find_plan(code: str) -> PlanVersion:
    return PlanVersion.objects.on_offer().get(plan__code=code)


NEXT_MONTH = "the first of the next month"  # on the day of the test: it may run past a month's end
RANGE = "from=2026-03-01&to=2026-03-04"
DAYS = "range=custom&first=2026-03-02&last=2026-03-03"
ALERT = {"bot": "support", "watched": "billing_sessions", "per": "day", "threshold": "3"}
OF_ALERT = {"watches": "Billing sessions per day", "threshold": "3 billing sessions", "on": True}
OF_DAYS = {"range": ["custom"], "first": ["2026-03-02"], "last": ["2026-03-03"]}

WRITES = {
    "bot made by page": Write(
        lambda world: world.post("bots/new", key="sales", name="Sales"),
        PERSON, "bot.created", "sales", after=BOT | {"name": "Sales"},
    ),
    "bot made by key": Write(
        lambda world: world.put("sales"), KEY, "bot.created", "sales", after=BOT | {"name": "sales"}
    ),
    "bot made by command": Write(
        lambda world: world.run("create_bot", "sales", "--workspace", "acme"),
        COMMAND, "bot.created", "sales", after=BOT | {"name": "sales"},
    ),
    "bot renamed by page": Write(
        lambda world: world.post("bots/{bot}/name", name="Help"),
        PERSON, "bot.renamed", "support", {"name": "support"}, {"name": "Help"},
    ),
    "bot renamed by key": Write(
        lambda world: world.put("support", name="Help"),
        KEY, "bot.renamed", "support", {"name": "support"}, {"name": "Help"},
    ),
    "status changed by page": Write(
        lambda world: world.post("bots/{bot}/publish-status", publish_status="suspended"),
        PERSON, "bot.publish_status_changed", "support",
        {"publish_status": "published"}, {"publish_status": "suspended"},
    ),
    "status changed by key": Write(
        lambda world: world.put("support", publish_status="suspended"),
        KEY, "bot.publish_status_changed", "support",
        {"publish_status": "published"}, {"publish_status": "suspended"},
    ),
    "owner changed by key": Write(
        lambda world: world.put("support", owner="owner@acme.example"),
        KEY, "bot.owner_changed", "support", {"owner": None}, {"owner": "owner@acme.example"},
    ),
    "bot shared": Write(
        lambda world: world.post("bots/{bot}/share", user=world.guest.user_id),
        PERSON, "bot.shared", "support", after={"shared_with": "shared@acme.example"},
    ),
    "bot taken back": Write(
        lambda world: world.post("bots/{bot}/take-back", user=world.guest.user_id),
        PERSON, "bot.taken_back", "support", {"shared_with": "shared@acme.example"}, first=share,
    ),
    "bot archived": Write(
        lambda world: world.post("bots/{bot}/archive", reason="Unused."),
        PERSON, "bot.archived", "support", after={"reason": "Unused."},
    ),
    "bot restored": Write(
        lambda world: world.post("bots/{bot}/restore", reason="Needed."),
        PERSON, "bot.restored", "support", after={"reason": "Needed."}, first=archive,
    ),
    "key made by page": Write(
        lambda world: world.post("developers/keys/new", name="new", scopes=["usage:read"]),
        PERSON, "api_key.created", "new", after={"scopes": ["usage:read"], "expires_at": None},
    ),
    "key made by command": Write(
        lambda world: world.run(
            "create_api_key", "new", "--workspace", "acme", "--scope", "usage:read"
        ),
        COMMAND, "api_key.created", "new", after={"scopes": ["usage:read"], "expires_at": None},
    ),
    "invoice taken out by key": Write(
        lambda world: world.fetch("invoices/ACME-2026-000001.pdf"),
        KEY, "invoice.downloaded", "ACME-2026-000001", after={"order": "O-000001"},
        first=with_invoice, again=False,
    ),
    "key revoked": Write(
        lambda world: world.post("developers/keys/{key}/revoke"),
        PERSON, "api_key.revoked", "platform",
        {"scopes": ["bots:write", "invoices:read"], "expires_at": None},
    ),
    "name and lateness set": Write(
        lambda world: world.post("settings/general", name="Acme Ltd", lateness_days="20"),
        PERSON, "settings.changed", "acme",
        {"name": "acme", "lateness_days": 35}, {"name": "Acme Ltd", "lateness_days": 20},
    ),
    "retention set": Write(
        lambda world: world.post("settings/retention", retention_months="12", confirmed="on"),
        PERSON, "settings.changed", "acme", {"retention_months": None}, {"retention_months": 12},
    ),
    "billing details set": Write(
        lambda world: world.post("settings/billing-details", **DETAILS),
        PERSON, "billing_details.changed", "acme", {}, DETAILS | {"recipients": ["a@acme.example"]},
        first=lambda world: billing.open_billing(workspace=world.acme, at=datetime.now(UTC)),
    ),
    "mails chosen": Write(
        lambda world: world.post("mails", wanted=["credits", "usage", "plans", "bots", "reloads"]),
        PERSON, "mail.chosen", "owner@acme.example",
        {"switched_off": []}, {"switched_off": ["extensions"]},
    ),
    "usage alert made": Write(
        lambda world: world.post("usage-alerts/new", **ALERT),
        PERSON, "usage_alert.created", "support", after=OF_ALERT,
    ),
    "usage alert changed": Write(
        lambda world: world.post("usage-alerts/{alert}/change", threshold="5"),
        PERSON, "usage_alert.changed", "support", OF_ALERT,
        OF_ALERT | {"threshold": "5 billing sessions", "on": False},
        first=lambda world: world.post("usage-alerts/new", **ALERT),
    ),
    "usage alert removed": Write(
        lambda world: world.post("usage-alerts/{alert}/remove"),
        PERSON, "usage_alert.removed", "support", OF_ALERT | {"fired": 0},
        first=lambda world: world.post("usage-alerts/new", **ALERT), again=False,
    ),
    "zone set": Write(
        lambda world: world.post("settings/zone", timezone="Asia/Kolkata"),
        PERSON, "settings.changed", "acme", {"timezone": "UTC"}, {"timezone": "Asia/Kolkata"},
    ),
    "person added": Write(
        lambda world: world.run(
            "create_user", "ann@acme.example", "--workspace", "acme", "--role", "finance"
        ),
        COMMAND, "member.added", "ann@acme.example", after={"role": "finance"},
    ),
    "person invited": Write(
        lambda world: world.post("people/invite", email="new@acme.example", role="member"),
        PERSON, "invitation.sent", "new@acme.example", after={"role": "member"}, again=False,
    ),
    "invitation sent again": Write(
        lambda world: world.post(f"people/invitations/{world.invited()}/resend"),
        PERSON, "invitation.sent", "new@acme.example", after={"role": "member"},
        first=lambda world: make.invitation(world.acme), again=False,
    ),
    "invitation withdrawn": Write(
        lambda world: world.post(f"people/invitations/{world.invited()}/withdraw"),
        PERSON, "invitation.withdrawn", "new@acme.example", after={"role": "member"},
        first=lambda world: make.invitation(world.acme),
    ),
    "role changed": Write(
        lambda world: world.post(
            f"people/{world.guest.pk}/role", role="finance", reason="Asked for."
        ),
        PERSON, "member.role_changed", "shared@acme.example",
        {"role": "shared"}, {"role": "finance", "reason": "Asked for."},
    ),
    "person removed": Write(
        lambda world: world.remove(world.guest),
        PERSON, "member.removed", "shared@acme.example",
        {"role": "shared"}, {"reason": "Has left."},
    ),
    "ownership transferred": Write(
        lambda world: world.transfer(make.member(world.acme, Role.FINANCE)),
        PERSON, "ownership.transferred", "finance@acme.example",
        {"finance@acme.example": "finance", "owner@acme.example": "owner"},
        {
            "finance@acme.example": "owner", "owner@acme.example": "admin", "reason": "Moves on.",
        },
        first=lambda world: make.member(world.acme, Role.FINANCE), again=False,
    ),
    "plan change scheduled": Write(
        change_plan, PERSON, "plan_change.scheduled", "support",
        {"plan": "Essential (version 1)"}, {"plan": "Standard (version 1)", "from": NEXT_MONTH},
        first=have_essential,
    ),
    "plan change undone": Write(
        lambda world: world.post("plan/bots/{bot}/change/undo"),
        PERSON, "plan_change.undone", "support",
        {"plan": "Standard (version 1)"}, {"plan": "Essential (version 1)", "from": NEXT_MONTH},
        first=have_scheduled,
    ),
    "usage downloaded as CSV": Write(
        lambda world: world.get(f"usage/usage.csv?{DAYS}&bot=support&other=x"),
        PERSON, "usage.exported", "usage-acme-2026-03-02.csv",
        after={"filters": OF_DAYS | {"bot": ["support"]}}, again=False,
    ),
    "usage downloaded as XLSX": Write(
        lambda world: world.get(f"usage/usage.xlsx?{DAYS}"),
        PERSON, "usage.exported", "usage-acme-2026-03-02.xlsx", after={"filters": OF_DAYS},
        again=False,
    ),
    "sessions downloaded": Write(
        lambda world: world.get(f"usage/sessions.csv?{RANGE}&user=u1&kind=all"),
        PERSON, "sessions.exported", "sessions-acme-2026-03-01.csv",
        after={
            "filters": {
                "from": ["2026-03-01"], "to": ["2026-03-04"], "user": ["..."], "kind": ["all"],
            }
        },
        first=with_events, again=False,
    ),
    "bots downloaded": Write(
        lambda world: world.get("bots/export?q=sup"),
        PERSON, "bots.exported", "acme-bots.csv", after={"filters": {"q": ["sup"]}}, again=False,
    ),
    "orders downloaded": Write(
        lambda world: world.get("orders/orders.csv?least=10&other=x"),
        PERSON, "orders.exported", "orders-acme.csv", after={"filters": {"least": ["10"]}},
        again=False,
    ),
    "invoice downloaded by page": Write(
        lambda world: world.get("invoices/ACME-2026-000001.pdf"),
        PERSON, "invoice.downloaded", "ACME-2026-000001", after={"order": "O-000001"},
        first=with_invoice, again=False,
    ),
    "ZIP of invoices asked for": Write(
        lambda world: world.post("orders/zips/", key="6f1f4f0c-3c1b-4d0c-9a53-3f0f5d6b1a52"),
        PERSON, "bundle.asked", "acme-documents-1.zip",
        after={"about": "All orders", "documents": 1}, first=with_invoice,
    ),
    "invoice proved by page": Write(
        lambda world: world.post(
            "invoices/ACME-2026-000001/proof", key="6f1f4f0c-3c1b-4d0c-9a53-3f0f5d6b1a53"
        ),
        PERSON, "proof.asked", "ACME-2026-000001", first=with_invoice,
    ),
    "statement downloaded as PDF": Write(
        lambda world: world.get("statements/2026-03.pdf"),
        PERSON, "statement.downloaded", "2026-03", first=with_statement, again=False,
    ),
    "statement of a bot downloaded as CSV": Write(
        lambda world: world.get("statements/2026-03.csv?bot=support"),
        PERSON, "statement.exported", "2026-03", after={"bot": "support"},
        first=with_statement, again=False,
    ),
    "counts downloaded as PDF": Write(
        lambda world: world.get("usage/statements/2026-03.pdf"),
        PERSON, "counts.downloaded", "2026-03", first=with_statement, again=False,
    ),
    "counts downloaded as CSV": Write(
        lambda world: world.get("usage/statements/2026-03.csv"),
        PERSON, "counts.exported", "2026-03", first=with_statement, again=False,
    ),
    "audit log downloaded": Write(
        lambda world: world.get("audit-log/export?who=ann"),
        PERSON, "audit_log.exported", "acme-audit-log.csv", after={"filters": {"who": ["ann"]}},
        again=False,
    ),
    "tie-out downloaded": Write(
        lambda world: world.get("tie-out/export?show=orders&month=2026-03"),
        PERSON, "tie_out.exported", "tie-out-acme-orders-2026-03-01.csv",
        after={"filters": {"show": ["orders"], "month": ["2026-03"]}}, again=False,
    ),
    "usage exported": Write(
        lambda world: world.run(
            "export_usage", "--workspace", "acme", "--from", "2026-03-01", "--to", "2026-03-02",
            "--by", "day", "--format", "csv",
        ),
        COMMAND, "usage.exported", "standard output",
        after={
            "from": "2026-03-01", "to": "2026-03-02", "by": "day", "timezone": "UTC",
            "format": "csv",
        },
        again=False,
    ),
    "sessions exported": Write(
        lambda world: world.run(
            "export_sessions", "--workspace", "acme", "--bot", "support", "--format", "jsonl"
        ),
        COMMAND, "sessions.exported", "standard output",
        after={"bot": ["support"], "format": "jsonl"}, again=False,
    ),
    "journal exported": Write(
        lambda world: world.run("export_journal", "--workspace", "acme", "--month", "2026-03"),
        COMMAND, "journal.exported", "standard output",
        after={"month": "2026-03", "format": "csv"}, again=False,
    ),
}  # fmt: skip
NAMES = {PERSON: "owner@acme.example", KEY: "platform"}


def list_entries(of: Workspace) -> list[AuditEntry]:
    with in_workspace(of.pk):
        return list(AuditEntry.objects.for_workspace(of).order_by("pk"))


def name_month(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Say which month is the next one."""
    first = next_month(datetime.now(UTC).date()).isoformat()
    return values and {
        name: first if value == NEXT_MONTH else value for name, value in values.items()
    }


@pytest.mark.parametrize("name", WRITES)
def test_write_is_in_the_log_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that changes something is; the headers of a download are none, nor is the same again."""
    write, world = WRITES[name], World()
    write.first(world)
    before = list_entries(world.acme)

    if "downloaded" in name:
        with monkeypatch.context() as patch:
            patch.setattr(world, "get", world.head)
            write.do(world)
        assert list_entries(world.acme) == before

    write.do(world)

    entries = list_entries(world.acme)
    (entry,) = entries[len(before) :]
    assert (entry.action, entry.target) == (write.action, write.target)
    assert (entry.before, entry.after) == (write.before, name_month(write.after))
    assert entry.actor_kind == write.by
    if write.by == COMMAND:
        assert entry.actor_name.startswith(("create_", "export_"))
    else:
        assert entry.actor_name == NAMES[write.by]
        assert entry.address == "127.0.0.1"
        assert entry.request_id

    if write.again:
        write.do(world)

        assert list_entries(world.acme) == entries


REFUSED: dict[str, Callable[[World], None]] = {
    "bot without a name": lambda world: world.post("bots/{bot}/name", name=""),
    "unknown status": lambda world: world.post("bots/{bot}/publish-status", publish_status="gone"),
    "shared with who sees it": lambda world: world.post(
        "bots/{bot}/share", user=world.owner.user_id
    ),
    "archived without a reason": lambda world: world.post("bots/{bot}/archive", reason=""),
    "key without scopes": lambda world: world.post("developers/keys/new", name="new"),
    "lateness of no days": lambda world: world.post(
        "settings/general", name="Acme", lateness_days="0"
    ),
    "unknown zone": lambda world: world.post("settings/zone", timezone="Mars/Base"),
}


def test_refused_write_is_not_in_the_log() -> None:
    world = World()
    before = list_entries(world.acme)

    for name, write in REFUSED.items():
        write(world)

        assert list_entries(world.acme) == before, name


def test_change_by_key_that_is_refused_half_way_is_not_in_the_log() -> None:
    world = World()
    before = list_entries(world.acme)

    response = Client().put(
        "/api/v1/bots/new%00",
        json.dumps({"name": "New"}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {world.secret}"},
    )

    assert response.status_code == 422
    assert list_entries(world.acme) == before


def test_export_that_cannot_be_made_is_not_in_the_log() -> None:
    world = World()
    before = list_entries(world.acme)

    with pytest.raises(CommandError):
        world.run("export_sessions", "--workspace", "acme", "--bot", "none", "--format", "csv")
    assert world.browser.get("/w/acme/usage/sessions.csv?kind=odd").status_code == 400

    assert list_entries(world.acme) == before


def test_several_changes_at_once_are_several_entries() -> None:
    world = World()
    before = list_entries(world.acme)

    world.put("support", name="Help", publish_status="suspended", owner=world.owner.user.email)

    actions = [entry.action for entry in list_entries(world.acme)[len(before) :]]
    assert actions == ["bot.renamed", "bot.owner_changed", "bot.publish_status_changed"]


def test_workspace_and_operator_made_by_command() -> None:
    for _ in range(2):
        call_command("create_workspace", "globex", "--currency", "EUR", stdout=io.StringIO())
        call_command("create_operator", "op@console.example", stdout=io.StringIO())

    made, added = AuditEntry.objects.using("operator").order_by("pk")
    assert (made.action, made.target, made.actor_name) == (
        "workspace.created", "globex", "create_workspace",
    )  # fmt: skip
    assert made.after == {"name": "globex", "timezone": "UTC", "currency": "EUR"}
    assert made.workspace_id is not None
    assert (added.action, added.target) == ("operator.added", "op@console.example")
    assert (added.actor_name, added.workspace_id) == ("create_operator", None)


def test_import_that_registers_bots_has_them_in_the_log() -> None:
    acme = make.workspace()
    make.bot(acme, "known")

    for _ in range(2):
        make.take_in(acme, *(make.event(subject=key) for key in ("zoo", "known", "art")))

    created = [entry.target for entry in list_entries(acme) if entry.action == "bot.created"]
    assert created == ["known", "art", "zoo"]


def test_log_never_has_a_secret() -> None:
    world = World()
    for write in WRITES.values():
        write.first(world)
        write.do(world)
    secret = keys.create(workspace=world.acme, name="another", scopes=["usage:read"])[1]
    people.add_operator(email="op@console.example", password=make.PASSWORD)

    said = json.dumps([
        [entry.target, entry.before, entry.after, entry.actor_name, entry.actor_id]
        for entry in AuditEntry.objects.using("operator").all()
    ])  # fmt: skip
    assert secret
    for hidden in (world.secret, secret, world.secret[4:12], make.PASSWORD, keys.digest(secret)):
        assert hidden not in said


def test_before_is_what_was_stored_and_not_what_a_page_had_read() -> None:
    world = World()
    stale = Bot(**{field.attname: getattr(world.bot, field.attname) for field in Bot._meta.fields})
    bots.change(bot=world.bot, name="Second")

    bots.change(bot=stale, name="Third")

    assert list_entries(world.acme)[-1].before == {"name": "Second"}


def test_members_of_two_workspaces_see_their_own_entries() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")

    make.member(globex, email="ann@both.example")
    member: Membership = make.member(acme, Role.ADMIN, email="ann@both.example")

    assert [entry.after for entry in list_entries(acme)][-1] == {"role": member.role}
    assert [entry.after for entry in list_entries(globex)][-1] == {"role": "owner"}


def list_codes() -> set[str]:
    """Return the actions that the program's text names."""
    texts = (
        file.read_text()
        for app in ("accounts", "usage", "plans", "invoices", "billing_console")
        for file in (ROOT / app).rglob("*.py")
    )
    named = r'(?:record|record_all|record_refused|record_download|note)\(\s*"([a-z_]+\.[a-z_]+)"'
    return {code for text in texts for code in re.findall(named, text)} | set(bots.CHANGES.values())


def test_every_action_is_in_the_docs() -> None:
    docs = (ROOT / "docs" / "accounts.md").read_text()

    assert len(list_codes()) > 25
    assert {code for code in list_codes() if f"`{code}`" not in docs} == set()

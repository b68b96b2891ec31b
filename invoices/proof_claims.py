"""What the proof of a document is about: what it says, its order, and what was posted."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

from django.db.models import Q

from accounts.models import AuditEntry
from accounts.months import Calendar
from invoices.issued import DocumentKind, IssuedDocument
from invoices.models import Order, OrderLine, OrderType
from invoices.proof.facts import CannotProve, Claim, LineFact, OrderFact, PostingFact
from plans.models import LedgerEntry, PlanVersion, Posting

OF_PLANS = frozenset({OrderType.SUBSCRIPTION, OrderType.PLAN_CHANGE})


def find_cause(document: IssuedDocument) -> str:
    """Return how a document came about: the type of its order, or why it credits.

    Raises:
        CannotProve: that is not known.
    """
    if document.kind == DocumentKind.INVOICE:
        return document.order.type
    cause = document.key.partition(":")[0]
    if cause in ("correction", "refund"):
        return cause
    raise CannotProve("It was not made by a close or a refund, so nothing is known to check.")


def find_month(document: IssuedDocument) -> date | None:
    """Return the month that begins with a renewal or the close of a correction; None: none does.

    Raises:
        CannotProve: its order was not made by a close.
    """
    key = document.key if document.kind == DocumentKind.CREDIT_NOTE else document.order.key
    kind, _, rest = key.partition(":")
    if kind not in ("renewal", "correction"):
        if document.order.type == OrderType.RENEWAL and document.kind == DocumentKind.INVOICE:
            raise CannotProve("Its order was not placed by the close of a month.")
        return None
    return date.fromisoformat(f"{rest[:7]}-01")


def read_claim(document: IssuedDocument, calendar: Calendar) -> Claim:
    """Return what is to be proved."""
    return {
        "number": document.number,
        "kind": document.kind,
        "cause": find_cause(document),
        "currency": document.currency_id,
        "decimals": document.currency.decimals,
        "net": write(document.net),
        "tax": write(document.tax),
        "gross": write(document.gross),
        "issued_at": write_instant(document.issued_at),
        "issued_on": document.issued_on.isoformat(),
        "content": document.content,
        "order": read_order(document.order, calendar),
        "lines": list(read_lines(document.order)),
        "postings": list(read_postings(document)),
    }


def read_order(order: Order, calendar: Calendar) -> OrderFact:
    """Return an order."""
    completed = order.completed_at
    of_plan = order.type in OF_PLANS
    return {
        "number": order.number,
        "name": str(order),
        "net": write(order.net),
        "tax": write(order.tax),
        "gross": write(order.gross),
        "tax_category": order.tax_category,
        "tax_rate": write(order.tax_rate),
        "created_at": write_instant(order.created_at),
        "created_on": calendar.day_of(order.created_at).isoformat(),
        "completed_at": write_instant(completed) if completed else None,
        "completed_on": calendar.day_of(completed).isoformat() if completed else None,
        "placed": find_placed(order) if of_plan else None,
        "done": find_done(order) if of_plan else None,
        "due_on": order.due_on.isoformat() if order.due_on else None,
        "bot": order.bot.key if order.bot else None,
        "version": name_version(order.version) if order.version else None,
        "lot": write(order.lot.amount) if order.lot else None,
    }


def find_placed(order: Order) -> int | None:
    """Return the number of the entry in the audit log that an order was placed with."""
    entries = AuditEntry.objects.for_workspace(order.workspace_id)
    placed = entries.filter(action="order.placed", target=str(order))
    return placed.values_list("pk", flat=True).first()


def find_done(order: Order) -> int | None:
    """Return the number of the entry of the change of plan by an order, else of its completion.

    The change is the entry before: nobody else completes orders of the workspace or changes its
    plans meanwhile. Where that is another change, or another order, this one changed nothing.
    """
    entries = AuditEntry.objects.for_workspace(order.workspace_id)
    done = entries.filter(action="order.completed", target=str(order)).first()
    if done is None or order.bot is None:
        return None
    orders = Order.objects.for_workspace(order.workspace_id)
    names = [str(of) for of in orders.filter(bot=order.bot, type__in=OF_PLANS)]
    changed = Q(action="plan.changed", target=order.bot.key)
    completed = Q(action="order.completed", target__in=names)
    before = entries.filter(changed | completed, pk__lt=done.pk).order_by("pk").last()
    if before and before.action == "plan.changed":
        done = before if (before.after or {}).get("plan") == str(order.version) else done
    return done.pk


def read_lines(order: Order) -> Iterator[LineFact]:
    """Yield the lines of an order."""
    rows = OrderLine.objects.for_workspace(order.workspace_id).filter(order=order)
    for row in rows.select_related("bot", "version__plan").order_by("number"):
        yield {
            "number": row.number,
            "bot": row.bot.key,
            "kind": row.kind,
            "version": name_version(row.version),
            "first_day": row.first_day.isoformat(),
            "last_day": row.last_day.isoformat(),
            "meter": row.meter,
            "used": row.used,
            "included": row.included,
            "quantity": row.quantity,
            "price": write(row.price),
            "net": write(row.net),
        }


def read_postings(document: IssuedDocument) -> Iterator[PostingFact]:
    """Yield the postings that are of a document, with their entries."""
    number = document.order.number
    keys = [f"credit_note:{document.number}", f"refund:{number}"]
    if document.kind == DocumentKind.INVOICE:
        keys = [f"order:{number}", f"order:{number}:plan"]
        keys += [f"renewal:{number}", f"renewal:{number}:paid"]
    elif find_cause(document) != "refund":
        keys = keys[:1]
    postings = Posting.objects.for_workspace(document.workspace_id).filter(key__in=keys)
    for posting in postings.order_by("id"):
        entries = LedgerEntry.objects.for_workspace(document.workspace_id)
        of_posting = entries.filter(posting_id=posting.id).order_by("number")
        yield {
            "key": posting.key,
            "entries": [
                {"account": account, "amount": write(amount), "currency": currency}
                for account, amount, currency in of_posting.values_list(
                    "account", "amount", "currency"
                )
            ],
        }


def name_version(version: PlanVersion) -> str:
    """Return what a version is called in proofs."""
    return f"{version.plan.code} {version.number}"


def write(amount: Decimal) -> str:
    """Return an amount as a text."""
    return f"{amount:f}"


def write_instant(at: datetime) -> str:
    """Return an instant as proofs have it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")

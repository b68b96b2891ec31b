"""What is claimed is compared with what has to be; each difference is named."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from invoices.proof.facts import NONE, Claim, InvoiceFact, Line, LineFact, PostingFact

MISSING, NOT_THERE = "missing", "nothing"


class Difference(NamedTuple):
    """What differs: where, what is there, and what should be."""

    where: str
    found: str
    should_be: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found}, should be {self.should_be}"


class DocumentLine(NamedTuple):
    """A line of a document as it has to be; of a line without service days these are empty.

    ``says``: what its text has to have in it.
    """

    quantity: Decimal
    price: Decimal
    net: Decimal
    first: str
    last: str
    says: str = ""


class Sums(NamedTuple):
    """Net, tax, and both together."""

    net: Decimal
    tax: Decimal

    @property
    def gross(self) -> Decimal:
        """Both together."""
        return self.net + self.tax


Accounts = Mapping[str, Decimal]  # what a posting has to have on each account


class Findings(list[Difference]):
    """The differences that were found."""

    def same(self, where: str, found: object, should_be: object) -> None:
        """Note a difference, unless two values are the same; amounts are compared as such."""
        if isinstance(should_be, Decimal):
            found = Decimal(str(found))
        if found != should_be:
            self.append(Difference(where, write(found), write(should_be)))


def write(value: object) -> str:
    """Return a value for a difference; an amount with two decimals, or as many as say something."""
    if isinstance(value, Decimal):
        whole, point, decimals = f"{value:f}".partition(".")
        return f"{whole}{point}{decimals[:2]}{decimals[2:].rstrip('0')}"
    return "nothing" if value is None or value == "" else str(value)


def compare_lines(claim: Claim, lines: Sequence[Line], findings: Findings) -> list[Line]:
    """Compare the lines of an order with what they have to be; return the latter in their order."""
    wanted = {line[:6]: line for line in lines}
    placed: list[Line] = []
    for fact in claim["lines"]:
        line = wanted.pop(identify(fact), None)
        if line is None:
            where = f"line {fact['number']} of the order ({fact['kind']} of {fact['bot']})"
            net = write(Decimal(fact["net"]))
            findings.append(Difference(where, f"{fact['quantity']} for {net}", NOT_THERE))
            continue
        placed.append(line)
        where = f"line {fact['number']} of the order ({line})"
        findings.same(f"{where}, used", fact["used"], line.used)
        findings.same(f"{where}, included", fact["included"], line.included)
        findings.same(f"{where}, quantity", fact["quantity"], line.quantity)
        findings.same(f"{where}, price", fact["price"], line.price)
        findings.same(f"{where}, net", fact["net"], line.net)
    for line in wanted.values():
        should_be = f"{line.quantity} for {write(line.net)}"
        findings.append(Difference(f"line of the order ({line})", MISSING, should_be))
    return [*placed, *wanted.values()]


def identify(fact: LineFact) -> tuple[str, str, str, str, str, str]:
    """Return what a line is for."""
    days = (fact["first_day"], fact["last_day"])
    return (fact["bot"], fact["kind"], fact["version"], *days, fact["meter"])


def compare_document(
    claim: Claim, lines: Sequence[DocumentLine], sums: Sums, findings: Findings
) -> None:
    """Compare what a document says with what it has to say."""
    content = claim["content"]
    findings.same("number on the document", content["number"], claim["number"])
    findings.same("kind on the document", content["kind"], claim["kind"])
    findings.same("order on the document", content["order_number"], claim["order"]["name"])
    findings.same("currency on the document", content["currency"][0], claim["currency"])
    for number, (said, line) in enumerate(zip(content["lines"], lines, strict=False), 1):
        where = f"line {number} of the document ({said['text']})"
        findings.same(f"{where}, quantity", said["quantity"], line.quantity)
        findings.same(f"{where}, price", said["price"], line.price)
        findings.same(f"{where}, net", said["net"], line.net)
        findings.same(f"{where}, first day", said["first"] or "", line.first)
        findings.same(f"{where}, last day", said["last"] or "", line.last)
        findings.same(f"{where}, tax category", said["category"], claim["order"]["tax_category"])
        findings.same(f"{where}, tax rate", said["rate"], Decimal(claim["order"]["tax_rate"]))
        if line.says not in said["text"]:
            findings.append(Difference(f"{where}, text", said["text"], f"with {line.says}"))
    findings.same("lines of the document", len(content["lines"]), len(lines))
    compare_sums(claim, sums, findings)
    compare_payment(claim, findings)


def compare_sums(claim: Claim, sums: Sums, findings: Findings) -> None:
    """Compare the tax and the sums of a document with what they have to be."""
    content, order = claim["content"], claim["order"]
    findings.same("rows of tax on the document", len(content["taxes"]), 1)
    for row in content["taxes"][:1]:
        where = f"tax of {write(Decimal(row['rate']))} % on the document"
        findings.same(f"{where}, category", row["category"], order["tax_category"])
        findings.same(f"{where}, rate", row["rate"], Decimal(order["tax_rate"]))
        findings.same(f"{where}, basis", row["basis"], sums.net)
        findings.same(f"{where}, tax", row["tax"], sums.tax)
    for name, amount in (("net", sums.net), ("tax", sums.tax), ("gross", sums.gross)):
        findings.same(f"{name} of the document", content[name], amount)
        findings.same(f"{name} of the document's row", claim[name], amount)  # type: ignore[literal-required]


def compare_payment(claim: Claim, findings: Findings) -> None:
    """Compare what a document says of its payment: nothing is paid, or all of it."""
    content, order = claim["content"], claim["order"]
    gross = Decimal(content["gross"])
    paid, due_on = (NONE, order["due_on"]) if is_owed(claim) else (gross, claim["issued_on"])
    if claim["kind"] == "credit_note":
        paid, due_on = NONE, None
    findings.same("what is paid on the document", content["paid"], paid)
    findings.same("what is due on the document", content["due"], gross - Decimal(content["paid"]))
    findings.same("due day on the document", content["due_on"], due_on)
    findings.same("day of issue on the document", content["issued_on"], claim["issued_on"])


def is_owed(claim: Claim) -> bool:
    """Tell whether an invoice was issued before it was paid, as those of renewals are.

    Unless it could not be issued when its order was placed, and was so late that it was paid.
    """
    order = claim["order"]
    if claim["cause"] != "renewal":
        return False
    paid_at = order["completed_at"]
    return claim["issued_at"] == order["created_at"] or not paid_at or paid_at > claim["issued_at"]


def compare_corrected(claim: Claim, invoice: InvoiceFact | None, findings: Findings) -> None:
    """Compare which invoice a document says that it corrects; None: none."""
    content = claim["content"]
    number, day = (invoice["number"], invoice["issued_on"]) if invoice else ("", None)
    findings.same("corrected invoice on the document", content["preceding_number"], number)
    findings.same("day of the corrected invoice", content["preceding_on"], day)


def compare_order(claim: Claim, sums: Sums, findings: Findings) -> None:
    """Compare the sums of an order with what they have to be."""
    order = claim["order"]
    findings.same("net of the order", order["net"], sums.net)
    findings.same("tax of the order", order["tax"], sums.tax)
    findings.same("gross of the order", order["gross"], sums.gross)


def compare_postings(claim: Claim, wanted: Mapping[str, Accounts], findings: Findings) -> None:
    """Compare postings with what they have to be: account by account, debits equal to credits."""
    posted = {posting["key"]: posting for posting in claim["postings"]}
    for key in [*wanted, *(key for key in posted if key not in wanted)]:
        where = f"posting {key}"
        if key not in posted:
            findings.append(Difference(where, MISSING, say_accounts(wanted[key])))
        elif key not in wanted:
            findings.append(Difference(where, say_accounts(add_up(posted[key])), NOT_THERE))
        else:
            compare_entries(where, posted[key], wanted[key], claim["currency"], findings)


def compare_entries(
    where: str, posting: PostingFact, wanted: Accounts, currency: str, findings: Findings
) -> None:
    """Compare the entries of a posting with what they have to be."""
    entries = add_up(posting)
    for account in sorted({*entries, *wanted}):
        amount = wanted.get(account, NONE)
        findings.same(f"{where}, {account}", entries.get(account, NONE), amount)
    findings.same(f"{where}, debits less credits", sum(entries.values(), NONE), NONE)
    for entry in posting["entries"]:
        findings.same(f"{where}, currency", entry["currency"], currency)


def add_up(posting: PostingFact) -> Accounts:
    """Return what a posting has on each account."""
    amounts: dict[str, Decimal] = {}
    for entry in posting["entries"]:
        amounts[entry["account"]] = amounts.get(entry["account"], NONE) + Decimal(entry["amount"])
    return amounts


def say_accounts(amounts: Accounts) -> str:
    """Return the amounts of a posting in words."""
    return ", ".join(f"{account} {write(amount)}" for account, amount in amounts.items() if amount)

"""Statements as pages, PDF and CSV; and the counts of a person's bots, without money."""

import csv
from io import BytesIO, StringIO

import pikepdf
import pytest
from django.core.files.storage import default_storage
from django.test import Client

from accounts import bots
from accounts.models import Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import files, tasks
from invoices.issued import DocumentFile
from plans.models import WorkspaceBilling
from tests import make
from tests.invoices import renewing
from tests.invoices.renewing import CLOSE, DAY, MID_MARCH
from tests.invoices.test_pdf import read_drawn
from tests.pages import count_reads, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PAGE = "/w/acme/statements/2026-03/"
PDF = "/w/acme/statements/2026-03.pdf"
CSV = "/w/acme/statements/2026-03.csv"
COUNTS = "/w/acme/usage/statements/2026-03"


@pytest.fixture
@made_once
def acme() -> Workspace:
    """Make a workspace with two bots and a closed month, beside another one."""
    globex = renewing.workspace("globex")
    renewing.use(make.bot(globex, "theirs"), 3)
    renewing.run(globex)
    acme = renewing.workspace()
    renewing.use(named(acme, "support", "Help & <b>Support</b>"), 5)
    renewing.use(renewing.has(named(acme, "sales", "=Sales"), "essential"), 410)
    renewing.run(acme)
    return acme


@pytest.fixture
def client(acme: Workspace) -> Client:
    return sign_in(make.member(acme, Role.FINANCE))


def support_of(acme: Workspace) -> Bot:
    with in_workspace(acme.pk):
        return Bot.objects.for_workspace(acme).select_related("workspace").get(key="support")


def named(of: Workspace, key: str, name: str) -> Bot:
    return bots.create(workspace=of, key=key, name=name)[0]


def rows(client: Client, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    body = b"".join(answer) if answer.streaming else answer.content
    return list(csv.DictReader(StringIO(body.decode())))


def said(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return words(answer).replace("\N{NO-BREAK SPACE}", " ")


def make_files() -> None:
    for workspace_id, file_id in files.find_unmade():
        files.make_file(workspace_id=workspace_id, file_id=file_id, now=make.NOON)


def test_list_has_the_months_newest_first(acme: Workspace, client: Client) -> None:
    renewing.run(acme, CLOSE + 30 * DAY)

    text = said(client, "/w/acme/statements/")

    assert text.index("April 2026") < text.index("March 2026")
    assert "March 2026 2 415 1.00 USD 499.00 USD" in text
    assert "May 2026 was to close on 2 Jun 2026, 00:00 (UTC): it waits" in text


def test_list_without_a_statement_says_when_the_first_is_made() -> None:
    new = renewing.workspace("new", timezone="Europe/Berlin")
    text = said(sign_in(make.member(new)), "/w/new/statements/")

    assert "No statements yet" in text
    assert "on 2 Apr 2026, 00:00 (Europe/Berlin)" in text


def test_page_says_what_the_statement_says(client: Client) -> None:
    text = said(client, PAGE)

    assert "This is not an invoice." in text
    assert "Opening balance 0.00 USD" in text
    assert "Granted and bought 500.00 500.00 Usage -1.00" in text.replace("\N{MINUS SIGN}", "-")
    assert "Standard, billing sessions 5 1.00 0.00 0.00 1.00" in text
    assert "Essential, billing sessions 410 – – – –" in text
    assert "1–31 Mar 2026 410 400 10 0.18 1.80" in text
    assert "Help & <b>Support</b>" in text
    assert "/w/acme/orders/1/" in client.get(PAGE).content.decode()


def test_page_of_a_bot_has_its_days_alone(client: Client) -> None:
    text = said(client, f"{PAGE}?bot=support")

    assert "16 Mar 2026, billing sessions 5 1.00" in text
    assert "=Sales" not in text
    assert "taken from shared credits" in text


@pytest.mark.parametrize(
    "address",
    [
        f"{PAGE}?bot=theirs",
        f"{PDF}?bot=nobody",
        f"{CSV}?bot=nobody",
        "/w/acme/statements/2026-04/",
        "/w/acme/statements/2026-13.pdf",
        "/w/acme/statements/2026-03-01/",
        "/w/acme/usage/statements/x.csv",
    ],
)
def test_what_is_not_there_is_404(client: Client, address: str) -> None:
    assert client.get(address).status_code == 404


def test_looking_for_a_pdf_has_none_made(acme: Workspace, client: Client) -> None:
    answer = client.get(f"{PDF}?bot=support", follow=True)

    assert answer.redirect_chain == [(f"{PAGE}?bot=support", 302)]
    assert "Make PDF" in words(answer)
    with in_workspace(acme.pk):
        assert not DocumentFile.objects.for_workspace(acme).filter(document=None).exists()


def test_pdf_that_is_asked_for_is_made_and_stored_once(acme: Workspace, client: Client) -> None:
    statuses = [client.post(PDF, follow=True).status_code for _ in range(2)]
    assert "Make PDF" not in said(client, PAGE)
    make_files()

    answers = [client.get(PDF) for _ in range(2)]

    assert statuses == [202, 202]
    assert [answer["Content-Type"] for answer in answers] == ["application/pdf"] * 2
    assert answers[0].content == answers[1].content
    with in_workspace(acme.pk):
        (file,) = DocumentFile.objects.for_workspace(acme).filter(document=None)
    with default_storage.open(file.name) as stored:
        assert stored.read() == answers[0].content
    assert list(files.verify(now=make.NOON)).count(None) == 1 + 1  # that of an invoice


def test_pdf_says_what_the_page_says(client: Client) -> None:
    client.post(PDF)
    make_files()

    content = client.get(PDF).content

    text = read_drawn(content)
    for word in ("Usage statement", "This is not an invoice.", "Help & <b>Support</b>", "499.00"):
        assert word in text
    with pikepdf.open(BytesIO(content)) as file:
        assert b"pdfaid" in file.Root.Metadata.read_bytes()


def test_pdf_of_a_bot_is_a_file_of_its_own(client: Client) -> None:
    for address in (PDF, f"{PDF}?bot=support"):
        client.post(address)
    make_files()

    whole, part = (read_drawn(client.get(at).content) for at in (PDF, f"{PDF}?bot=support"))

    assert "=Sales" in whole
    assert "=Sales" not in part
    assert "16 Mar 2026" in part


def test_lost_wish_is_found_by_the_beat(acme: Workspace, client: Client) -> None:
    client.post(PDF)

    tasks.make_file.run(
        **dict(zip(("workspace_id", "file_id"), files.find_unmade()[-1], strict=True))
    )

    assert client.get(PDF).status_code == 200


def test_altered_pdf_is_not_handed_out(acme: Workspace, client: Client) -> None:
    client.post(PDF)
    make_files()
    with in_workspace(acme.pk):
        name = DocumentFile.objects.for_workspace(acme).get(document=None).name
    with default_storage.open(name, "wb") as file:
        file.write(b"%PDF-1.7 altered")

    assert client.get(PDF).status_code == 503
    faults = [fault for fault in files.verify(now=make.NOON) if fault]
    assert [(fault.number, fault.fault) for fault in faults] == [
        ("statement acme 2026-03", "altered")
    ]


def test_csv_has_the_rows_as_they_were_frozen(client: Client) -> None:
    found = rows(client, CSV)

    assert [row["row"] for row in found] == ["balance", "usage", "usage", "plan", "plan"]
    balance, support, sales, plan, _ = found
    assert (balance["wallet"], balance["opening"], balance["used"]) == ("free", "0.00", "-1.00")
    assert balance["closing"] == "499.00"
    assert (support["bot"], support["service_day"]) == ("support", "2026-03-16")
    assert (support["quantity"], support["amount"], support["plan"]) == ("5", "1.00", "Standard")
    assert (sales["bot_name"], sales["quantity"], sales["amount"]) == ("'=Sales", "410", "")
    assert (plan["used"], plan["included"], plan["ordered"]) == ("410", "400", "10")


def test_csv_of_a_bot_has_its_rows_alone(client: Client) -> None:
    assert {row["bot"] for row in rows(client, f"{CSV}?bot=support")} == {"support"}


def test_under_a_contract_statements_remain(acme: Workspace, client: Client) -> None:
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=MID_MARCH.date())
    renewing.use(support_of(acme), 2, at=CLOSE + DAY, rolled=CLOSE + 30 * DAY)
    renewing.run(acme, CLOSE + 30 * DAY)

    text = said(client, "/w/acme/statements/2026-04/")

    assert "Since 16 Mar 2026 usage is under a contract" in text
    assert "Contract, billing sessions 2 – – – –" in text
    assert "Statements" in said(client, "/w/acme/usage/")


def test_page_of_many_bots_reads_as_often_as_of_few(acme: Workspace, client: Client) -> None:
    few = count_reads(lambda: client.get(PAGE))
    other = renewing.workspace("many")
    for number in range(12):
        renewing.use(make.bot(other, f"bot-{number}"), 1)
    renewing.run(other)
    finance = sign_in(make.member(other, Role.FINANCE))

    many = count_reads(lambda: finance.get("/w/many/statements/2026-03/"))

    assert many <= few


# Counts, for whoever sees a bot


@pytest.fixture
@made_once
def guest(acme: Workspace) -> Membership:
    """Let somebody see one bot only."""
    guest = make.member(acme, Role.SHARED)
    bots.share(bot=support_of(acme), person=guest)
    return guest


def test_shared_user_sees_counts_of_shared_bots_without_money(guest: Membership) -> None:
    client = sign_in(guest)
    pages = ["/w/acme/usage/", "/w/acme/usage/statements/", f"{COUNTS}/"]

    texts = [said(client, page) for page in pages]

    assert "March 2026 1 5" in texts[1]
    assert "Support</b> support 5 5 0 0 0 0 0" in texts[2]
    for text in texts:
        for secret in ("USD", "Sales", "410", "415", "Essential", "Standard", "499"):
            assert secret not in text
    drawn = read_drawn(client.get(f"{COUNTS}.pdf").content)
    assert "support" in drawn
    assert not [secret for secret in ("USD", "Sales", "410", "415") if secret in drawn]
    (row,) = rows(client, f"{COUNTS}.csv")
    assert (row["bot"], row["billing_sessions"], row["late_sessions"]) == ("support", "5", "0")


def test_late_sessions_of_shared_bots_are_counted_in_the_next_month(
    acme: Workspace, guest: Membership
) -> None:
    renewing.use(support_of(acme), 2, rolled=CLOSE + DAY)
    renewing.run(acme, CLOSE + 30 * DAY)

    (row,) = rows(sign_in(guest), "/w/acme/usage/statements/2026-04.csv")

    assert (row["billing_sessions"], row["late_sessions"]) == ("0", "2")


def test_counts_of_somebody_without_a_bot_are_none(acme: Workspace) -> None:
    nobody = sign_in(make.member(acme, Role.MEMBER))

    assert "None of your bots is on it" in said(nobody, f"{COUNTS}/")
    assert rows(nobody, f"{COUNTS}.csv") == []
    assert nobody.get(f"{COUNTS}.pdf").status_code == 200

"""ZIP files of documents: asked for, made by a worker, downloaded, removed."""

import csv
import hashlib
import io
import signal
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from accounts.models import AuditEntry, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import bundles, bundling, files
from invoices.bundled import BundleState, DocumentBundle
from invoices.claims import MOST_TRIES, Lost
from invoices.issued import DocumentFile, IssuedDocument
from invoices.models import Order
from tests import make
from tests.at_once import at_once
from tests.conftest import ROOT, process_environment
from tests.invoices import buying
from tests.invoices.test_document_pages import begin_contract
from tests.pages import sign_in, words

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

ZIPS = "/w/acme/orders/zips/"
KEY = UUID("0b0f1c1e-6a55-4b0e-9b8e-3f0d3a3f0d3a")


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


@pytest.fixture
def owner(acme: Workspace) -> Membership:
    return make.member(acme)


@pytest.fixture
def client(owner: Membership) -> Client:
    return sign_in(owner)


def ask(by: Membership, key: UUID | None = None) -> DocumentBundle:
    """Ask for the documents of all orders that a person sees."""
    with in_workspace(by.workspace_id):
        orders = Order.objects.for_workspace(by.workspace).visible_to(by)
        return bundles.ask(
            membership=by, orders=orders, about=[], key=key or uuid4(), at=datetime.now(UTC)
        )


def make_it(bundle: DocumentBundle) -> bool:
    return bundling.make(workspace_id=bundle.workspace_id, bundle_id=bundle.pk, now=make.NOON)


def stored(bundle: DocumentBundle) -> DocumentBundle:
    with in_workspace(bundle.workspace_id):
        found = DocumentBundle.objects.for_workspace(bundle.workspace_id)
        return found.select_related("workspace").get(pk=bundle.pk)


def change(bundle: DocumentBundle, **values: object) -> None:
    with in_workspace(bundle.workspace_id):
        DocumentBundle.objects.for_workspace(bundle.workspace_id).filter(pk=bundle.pk).update(
            **values
        )


def let_claim_lapse(bundle: DocumentBundle) -> None:
    change(bundle, claimed_until=datetime.now(UTC) - timedelta(seconds=1))


def all_of(workspace: Workspace) -> list[DocumentBundle]:
    with in_workspace(workspace.pk):
        return list(DocumentBundle.objects.for_workspace(workspace).order_by("pk"))


def open_zip(bundle: DocumentBundle) -> zipfile.ZipFile:
    with default_storage.open(stored(bundle).name) as file:
        return zipfile.ZipFile(io.BytesIO(file.read()))


def index(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read("index.csv").decode())))


def checksum(document: IssuedDocument) -> str:
    with in_workspace(document.workspace_id):
        return DocumentFile.objects.get(document=document).sha256


def download(bundle: DocumentBundle) -> str:
    return f"{ZIPS}{bundle.pk}/download"


def test_what_the_filters_show_is_bundled(acme: Workspace, client: Client) -> None:
    buying.paid(acme, "100")
    placed = buying.paid(acme, "200")
    invoice, note = buying.invoice(placed), buying.credit(placed, "50")
    buying.order(acme, "300")

    asked = client.post(f"{ZIPS}?least=150&show=completed", {"key": KEY})

    assert (asked.status_code, asked.headers["Location"]) == (302, ZIPS)
    (bundle,) = all_of(acme)
    assert bundle.documents == [invoice.pk, note.pk]
    assert bundle.about == "Completed, Amount from: 150, gross"
    assert "0 of 2" in words(client.get(ZIPS))
    assert client.get(download(bundle)).status_code == 404

    assert make_it(bundle)
    assert "Download ZIP" in words(client.get(ZIPS))
    answer = client.get(download(bundle))
    assert answer.headers["Content-Type"] == "application/zip"
    assert "no-store" in answer.headers["Cache-Control"]
    content = b"".join(answer)
    assert hashlib.sha256(content).hexdigest() == stored(bundle).sha256
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert sorted(archive.namelist()) == sorted(
        [f"{invoice.number}.pdf", f"{note.number}.pdf", "index.csv"]
    )
    for document, line in zip((invoice, note), index(archive), strict=True):
        assert (line["number"], line["state"]) == (document.number, "included")
        assert hashlib.sha256(archive.read(line["file"])).hexdigest() == line["sha256"]
        assert line["sha256"] == checksum(document)
    assert index(archive)[0]["gross"] == "200.00"
    with in_workspace(acme.pk):
        entries = AuditEntry.objects.for_workspace(acme).filter(action__startswith="bundle.")
        assert list(entries.order_by("pk").values_list("action", flat=True)) == [
            "bundle.asked", "bundle.downloaded",
        ]  # fmt: skip


def test_nothing_to_bundle_is_said(acme: Workspace, client: Client) -> None:
    buying.order(acme)

    refused = client.post(ZIPS, {"key": KEY}, follow=True)
    wrong = client.post(f"{ZIPS}?least=ten", {"key": KEY}, follow=True)

    assert "None of these orders has an invoice." in words(refused)
    assert "Write an amount such as 1234.56." in words(wrong)
    assert all_of(acme) == []


def test_asked_twice_is_one(acme: Workspace, owner: Membership) -> None:
    buying.paid(acme)

    raised = at_once(*(lambda: ask(owner, KEY) for _ in range(4)))

    assert raised == [None] * 4
    assert len(all_of(acme)) == 1


def test_made_at_once_by_two_is_made_once(acme: Workspace, owner: Membership) -> None:
    for number in range(3):
        buying.paid(acme, key=f"many:{number}")
    bundle = ask(owner)

    raised = at_once(*(lambda: make_it(bundle) for _ in range(3)))

    assert raised == [None] * 3
    assert (stored(bundle).state, stored(bundle).attempt) == (BundleState.DONE, 1)
    assert not make_it(bundle)
    assert len(index(open_zip(bundle))) == 3


def test_worker_killed_half_way_is_followed_by_another(acme: Workspace, owner: Membership) -> None:
    for number in range(12):
        buying.paid(acme, key=f"many:{number}")
    bundle = ask(owner)
    call = f"bundling.make(workspace_id={acme.pk}, bundle_id={bundle.pk}, now=datetime.now(UTC))"
    imports = "from datetime import UTC, datetime; from invoices import bundling"
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-c", f"{imports}; {call}"],
        cwd=ROOT,
        # Its files lie where those of the test do.
        env=process_environment() | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    give_up = time.monotonic() + 90
    while not stored(bundle).done:
        assert worker.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < give_up
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    assert (acme.pk, bundle.pk) not in bundles.find_due()
    let_claim_lapse(bundle)
    assert (acme.pk, bundle.pk) in bundles.find_due()
    assert make_it(bundle)

    assert (stored(bundle).state, stored(bundle).attempt) == (BundleState.DONE, 2)
    assert [line["state"] for line in index(open_zip(bundle))] == ["included"] * 12
    assert bundles.find_due() == []


def test_worker_that_was_only_slow_does_not_finish_too(acme: Workspace, owner: Membership) -> None:
    buying.paid(acme)
    bundle = ask(owner)
    slow = bundling.claim(acme.pk, bundle.pk)
    assert slow is not None
    let_claim_lapse(bundle)
    assert make_it(bundle)

    with pytest.raises(Lost):
        bundling.finish(slow, io.BytesIO(b"half"), missing=0)

    assert stored(bundle).state == BundleState.DONE
    assert len(index(open_zip(bundle))) == 1


def test_one_that_kills_its_worker_each_time_fails(acme: Workspace, owner: Membership) -> None:
    buying.paid(acme)
    bundle = ask(owner)
    for _ in range(MOST_TRIES):
        assert bundling.claim(acme.pk, bundle.pk)
        let_claim_lapse(bundle)

    assert not make_it(bundle)

    assert stored(bundle).state == BundleState.FAILED
    assert bundles.find_due() == []


def test_canceled_and_tried_again(acme: Workspace, owner: Membership, client: Client) -> None:
    buying.paid(acme)
    bundle = ask(owner)
    held = bundling.claim(acme.pk, bundle.pk)
    assert held is not None

    client.post(f"{ZIPS}{bundle.pk}/cancel")

    assert stored(bundle).state == BundleState.CANCELED
    with pytest.raises(Lost):
        bundling.hold(held, done=1)
    assert not make_it(bundle)
    assert "Try again" in words(client.get(ZIPS))
    client.post(f"{ZIPS}{bundle.pk}/retry")
    assert make_it(bundle)
    assert stored(bundle).state == BundleState.DONE


def test_error_is_said_and_can_be_tried_again(
    acme: Workspace, owner: Membership, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    buying.paid(acme)
    bundle = ask(owner)
    with monkeypatch.context() as broken:
        broken.setattr(default_storage, "save", fill_disk)
        broken.setattr(bundling, "WAITS", 0.0)
        assert not make_it(bundle)

    assert stored(bundle).state == BundleState.FAILED
    assert "The console could not make it." in words(client.get(ZIPS))
    client.post(f"{ZIPS}{bundle.pk}/retry")
    assert make_it(bundle)


def fill_disk(*args: object) -> str:
    raise OSError("no space left on device")


def test_damaged_pdf_is_named_in_the_index(acme: Workspace, owner: Membership) -> None:
    whole, damaged = (buying.invoice(buying.paid(acme, key=key)) for key in ("a", "b"))
    files.make(workspace_id=acme.pk, document_id=damaged.pk, now=make.NOON)
    with in_workspace(acme.pk):
        default_storage.delete(DocumentFile.objects.get(document=damaged).name)
    bundle = ask(owner)

    assert make_it(bundle)

    archive = open_zip(bundle)
    assert sorted(archive.namelist()) == sorted([f"{whole.number}.pdf", "index.csv"])
    assert [(line["number"], line["state"]) for line in index(archive)] == [
        (whole.number, "included"), (damaged.number, "damaged"),
    ]  # fmt: skip
    assert stored(bundle).missing == 1
    assert "1 PDF could not be included" in words(sign_in(owner).get(ZIPS))


def test_pdf_that_cannot_be_made_is_named_in_the_index(
    acme: Workspace, owner: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = buying.invoice(buying.paid(acme))
    bundle = ask(owner)
    monkeypatch.setattr(bundling, "WAITS", 0.0)
    monkeypatch.setattr("invoices.pdf.render", fill_disk)

    assert make_it(bundle)

    (line,) = index(open_zip(bundle))
    assert (line["number"], line["state"], line["sha256"]) == (invoice.number, "not made yet", "")


def test_bundle_is_of_who_asked_alone(acme: Workspace, owner: Membership) -> None:
    buying.paid(acme)
    bundle = ask(owner)
    make_it(bundle)
    theirs = make.workspace("globex")
    others = [
        sign_in(make.member(acme, Role.FINANCE)), sign_in(make.member(acme, Role.MEMBER)),
        sign_in(make.member(acme, Role.SHARED)), sign_in(make.member(theirs)),
    ]  # fmt: skip

    for other in others:
        assert other.get(download(bundle)).status_code == 404
        assert other.post(f"{ZIPS}{bundle.pk}/cancel").status_code == 404
        assert other.post(f"{ZIPS}{bundle.pk}/retry").status_code == 404
    assert others[-1].get(f"/w/globex/orders/zips/{bundle.pk}/download").status_code == 404
    assert "No ZIP files" in words(others[0].get(ZIPS))


def test_member_bundles_what_they_may_see(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    own = buying.invoice(buying.paid(acme, buyer=member.user))
    buying.paid(acme, buyer=make.member(acme).user)

    sign_in(member).post(ZIPS, {"key": KEY})

    assert [bundle.documents for bundle in all_of(acme)] == [[own.pk]]


def test_who_may_see_less_by_now_downloads_nothing(acme: Workspace) -> None:
    buying.paid(acme, buyer=make.member(acme).user)
    finance = make.member(acme, Role.FINANCE)
    bundle = ask(finance)
    make_it(bundle)
    client = sign_in(finance)
    assert client.get(download(bundle)).status_code == 200

    with in_workspace(acme.pk):
        Membership.objects.filter(pk=finance.pk).update(role=Role.MEMBER)

    assert client.get(download(bundle)).status_code == 404


def test_under_a_contract_there_are_none(
    acme: Workspace, client: Client, owner: Membership
) -> None:
    buying.paid(acme)
    bundle = ask(owner)
    make_it(bundle)
    begin_contract(acme)

    assert client.get(ZIPS).status_code == 404
    assert client.post(ZIPS, {"key": KEY}).status_code == 404
    assert client.get(download(bundle)).status_code == 404


def test_expired_are_removed_with_their_files(acme: Workspace, owner: Membership) -> None:
    buying.paid(acme)
    old, new = ask(owner), ask(owner)
    make_it(old)
    make_it(new)
    name = stored(old).name
    change(old, expires_at=make.NOON)

    assert bundles.remove_expired(now=datetime.now(UTC)) == 1
    assert bundles.remove_expired(now=datetime.now(UTC)) == 0

    assert [bundle.pk for bundle in all_of(acme)] == [new.pk]
    assert not default_storage.exists(name)
    assert default_storage.exists(stored(new).name)

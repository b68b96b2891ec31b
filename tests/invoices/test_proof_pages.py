"""Proofs on their page, their bundles, and the program that checks these without the console."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from accounts.models import AuditEntry, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import bundles, bundling, proof_files
from invoices.bundled import DocumentBundle
from invoices.issued import IssuedDocument
from invoices.proof import packing
from tests import make
from tests.invoices import renewing
from tests.invoices.renewing import CLOSE, DAY, MID_MARCH
from tests.invoices.test_document_pages import begin_contract
from tests.invoices.test_proving import documents, tamper
from tests.pages import sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def acme() -> Workspace:
    return renewing.workspace()


@pytest.fixture
def owner(acme: Workspace) -> Membership:
    return make.member(acme)


@pytest.fixture
def client(owner: Membership) -> Client:
    return sign_in(owner)


@pytest.fixture
@made_once
def invoice(acme: Workspace) -> IssuedDocument:
    """The invoice of a close with sessions of alerts and of conversations, and a seat."""
    bot = renewing.has(make.bot(acme), "essential")
    renewing.use(bot, 399)
    talk = make.talk(*range(0, 47, 5), 46, user="u1", subject=bot.key, start=MID_MARCH)
    make.take_in(acme, *talk, now=CLOSE)
    renewing.hold(bot, 1)
    renewing.run(acme)
    return documents(acme)[-1]


def page(document: IssuedDocument) -> str:
    return f"/w/acme/invoices/{document.number}/proof"


def latest(of: Workspace) -> DocumentBundle:
    with in_workspace(of.pk):
        found = DocumentBundle.objects.for_workspace(of).exclude(proves=None)
        return found.select_related("workspace", "proves").order_by("-pk")[0]


def make_latest(of: Workspace) -> DocumentBundle:
    assert bundling.make(workspace_id=of.pk, bundle_id=latest(of).pk, now=make.NOON)
    return latest(of)


def prove(client: Client, document: IssuedDocument, of: Workspace) -> DocumentBundle:
    client.post(page(document))
    return make_latest(of)


def result(bundle: DocumentBundle) -> dict[str, Any]:
    """Return what came of a proof."""
    assert bundle.result is not None
    found: dict[str, Any] = bundle.result
    return found


def extract(bundle: DocumentBundle, folder: Path) -> Path:
    with default_storage.open(bundle.name) as file:
        zipfile.ZipFile(io.BytesIO(file.read())).extractall(folder)
    return folder


def run(folder: Path, *, elsewhere: Path) -> tuple[int, str]:
    """Run the program of a bundle with nothing but the standard library."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(folder / packing.SCRIPT), str(folder)],
        cwd=elsewhere, env={}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_proof_is_asked_for_made_and_downloaded(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    assert "Not proved yet" in words(client.get(page(invoice)))

    asked = client.post(page(invoice))
    assert asked.headers["Location"] == page(invoice)
    assert "Being proved" in words(client.get(page(invoice)))
    bundle = make_latest(acme)

    shown = words(client.get(page(invoice)))
    assert "Equal" in shown
    assert "Events 411" in shown
    assert result(bundle)["inputs_sha256"] in shown
    answer = client.get(f"{page(invoice)}/{bundle.pk}/download")
    content = b"".join(answer)
    assert hashlib.sha256(content).hexdigest() == bundle.sha256
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="{invoice.number}-proof-{bundle.pk}.zip"'
    )
    with in_workspace(acme.pk):
        entries = AuditEntry.objects.for_workspace(acme).filter(target=invoice.number)
        actions = list(entries.order_by("pk").values_list("action", flat=True))
    assert actions[-3:] == ["proof.asked", "invoice.proved", "proof.downloaded"]


def test_program_says_equal_without_console_and_site_packages(
    acme: Workspace, invoice: IssuedDocument, tmp_path: Path, client: Client
) -> None:
    bundle = prove(client, invoice, acme)
    folder, empty = extract(bundle, tmp_path / "bundle"), tmp_path / "empty"
    empty.mkdir()

    status, said = run(folder, elsewhere=empty)

    assert (status, said.splitlines()[-1]) == (0, "Equal.")
    assert result(bundle)["inputs_sha256"] in said
    assert "events: 411, sessions: 403" in said
    expected = json.loads((folder / packing.EXPECTED).read_text())
    assert (expected["number"], len(expected["xml_sha256"])) == (invoice.number, 64)
    assert "MANIFEST" in (folder / packing.README).read_text()


def test_manifest_is_that_of_all_files_and_holds_the_modules_that_run_here(
    acme: Workspace, invoice: IssuedDocument, tmp_path: Path, client: Client
) -> None:
    folder = extract(prove(client, invoice, acme), tmp_path)

    lines = (folder / packing.MANIFEST).read_text().splitlines()

    names = {line.partition("  ")[2] for line in lines}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names | {packing.MANIFEST} == files
    for name in packing.MODULES:
        assert (folder / name).read_bytes() == Path(name).read_bytes()
    for name in names - {packing.SCRIPT}:  # no package that happens to be there takes its place
        assert not name.endswith(".py") or (folder / name).with_name("__init__.py").is_file()
    package = {path.as_posix() for path in Path("invoices/proof").glob("*.py")}
    assert package <= {*packing.MODULES, f"invoices/proof/{packing.SCRIPT}"}


def edit_json(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Return what changes a JSON file of a bundle."""

    def edit(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        change(value)
        (folder / name).write_text(json.dumps(value))

    return edit


def drop_event(folder: Path) -> None:
    path = folder / packing.EVENTS
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if '"type":10' not in line))


@pytest.mark.parametrize(
    ("tampering", "named"),
    [
        (drop_event, "quantity: 3, should be"),
        (
            edit_json(
                packing.INPUTS,
                lambda it: it["versions"]["essential 1"]["meters"][1].update(price="0.20"),
            ),
            "price: 0.18, should be 0.20",
        ),
        (
            edit_json(packing.DOCUMENT, lambda it: it["lines"][1].update(quantity=4)),
            "quantity: 4, should be 3",
        ),
        (
            edit_json(
                packing.DOCUMENT,
                lambda it: it["postings"][0]["entries"][0].update(amount="1.00"),
            ),
            "posting renewal:1, receivable: 1.00, should be 80.54",
        ),
        (
            edit_json(packing.INPUTS, lambda it: it.update(rule=2)),
            "Cannot be proved: Sessions were counted by rule 2",
        ),
        (
            edit_json(packing.INPUTS, lambda it: it.update(zones=[])),
            "The files cannot be read: IndexError",
        ),
        (
            edit_json(packing.INPUTS, lambda it: it.update(versions=[])),
            "The files cannot be read: AttributeError",
        ),
        (edit_json(packing.EXPECTED, dict.clear), "The files cannot be read: KeyError"),
        (lambda folder: (folder / packing.EXPECTED).write_text("{}"), "expected.json: its SHA-256"),
        (lambda folder: (folder / packing.README).unlink(), "File README.txt: missing."),
    ],
)
def test_bundle_that_was_tampered_with_is_named(
    acme: Workspace,
    invoice: IssuedDocument,
    tmp_path: Path,
    tampering: Callable[[Path], None],
    named: str,
    client: Client,
) -> None:
    folder = extract(prove(client, invoice, acme), tmp_path)
    tampering(folder)

    status, said = run(folder, elsewhere=tmp_path)

    assert status == 1
    assert named in said
    assert "SHA-256" in said or "missing" in said


def test_worker_gives_signs_of_life_while_it_packs(
    acme: Workspace, invoice: IssuedDocument, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(packing, "AT_ONCE", 1000)
    client.post(page(invoice))
    said: list[int] = []

    with io.BytesIO() as file:
        proof_files.pack(latest(acme), file, progress=said.append)
        events = zipfile.ZipFile(file).getinfo(packing.EVENTS).file_size

    assert said.count(411) > 2 * events / 1000  # each piece is hashed, then packed


def test_difference_is_named_on_the_page(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    tamper("invoices_orderline", "quantity = 4", "kind = 'usage'")

    prove(client, invoice, acme)

    shown = words(client.get(page(invoice)))
    assert "It differs" in shown
    assert "quantity 4 3" in shown


def test_what_cannot_be_proved_says_why_and_offers_no_download(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    tamper("usage_billingsession", "rule = 2")

    prove(client, invoice, acme)

    answer = client.get(page(invoice))
    assert "Sessions were counted by rule 2; known is rule 1." in words(answer)
    assert "Download ZIP" not in words(answer)


def test_asked_twice_is_one_proof(acme: Workspace, invoice: IssuedDocument, client: Client) -> None:
    for _ in range(2):
        client.post(page(invoice))

    with in_workspace(acme.pk):
        assert DocumentBundle.objects.for_workspace(acme).count() == 1


def test_proof_is_no_zip_file_of_documents(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    bundle = prove(client, invoice, acme)

    assert "No ZIP files" in words(client.get("/w/acme/orders/zips/"))
    assert client.get(f"/w/acme/orders/zips/{bundle.pk}/download").status_code == 404


@pytest.mark.parametrize(
    ("role", "status"), [(Role.FINANCE, 200), (Role.MEMBER, 403), (Role.SHARED, 404)]
)
def test_proof_is_for_those_who_see_all_documents(
    acme: Workspace, invoice: IssuedDocument, role: Role, status: int, client: Client
) -> None:
    bundle = prove(client, invoice, acme)
    other = sign_in(make.member(acme, role))

    answers = [other.get(page(invoice)), other.get(f"{page(invoice)}/{bundle.pk}/download")]

    assert [answer.status_code for answer in answers] == [status] * 2


def test_other_workspace_has_no_such_page(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    bundle = prove(client, invoice, acme)
    stranger = sign_in(make.member(make.workspace("globex")))

    assert stranger.get(page(invoice)).status_code == 404
    address = f"/w/globex/invoices/{invoice.number}/proof"
    assert stranger.get(address).status_code == 404
    assert stranger.get(f"{address}/{bundle.pk}/download").status_code == 404


def test_document_and_its_order_lead_to_the_proof(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    for address in (
        f"/w/acme/invoices/{invoice.number}/",
        f"/w/acme/orders/{invoice.order.number}/?tab=documents",
    ):
        assert page(invoice) in client.get(address).content.decode()


def test_under_a_contract_documents_are_proved_all_the_same(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    begin_contract(acme)

    assert result(prove(client, invoice, acme))["equal"]


def test_proof_is_removed_after_a_week(
    acme: Workspace, invoice: IssuedDocument, client: Client
) -> None:
    bundle = prove(client, invoice, acme)

    assert bundles.remove_expired(now=bundle.expires_at + DAY) == 1

    assert not default_storage.exists(bundle.name)
    assert "Not proved yet" in words(client.get(page(invoice)))

"""The bundle of a proof: what is claimed, its inputs, what came of it, and what checks it.

All of it is written to a folder first and packed from there, so that a million events take no more
memory than a few.
"""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.conf import settings

from accounts.tenancy import in_workspace
from invoices import proving
from invoices.bundled import DocumentBundle
from invoices.proof import packing
from invoices.proof.facts import canonical
from invoices.proving import Proof

WRITTEN_AT = (1980, 1, 1, 0, 0, 0)  # the same inputs are the same file
ORDER = (packing.README, packing.SCRIPT, packing.DOCUMENT, packing.INPUTS, packing.EXPECTED)


def pack(
    bundle: DocumentBundle, file: IO[bytes], *, progress: Callable[[int], None]
) -> dict[str, Any]:  # Any: JSON
    """Prove the document of a bundle, write the ZIP file, and return what came of the proof.

    ``progress`` hears of the events counted and, while files are packed, again and again of all.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        proof = proving.prove_in(
            folder,
            workspace_id=bundle.workspace_id,
            document_id=bundle.documents[0],
            progress=progress,
        )
        proving.record(proof, workspace_id=bundle.workspace_id)
        alive = partial(progress, proof.inputs.get("events", 0))
        write_rest(bundle, proof, folder, alive=alive)
        with ZipFile(file, "w", ZIP_DEFLATED) as archive:
            for path in list_files(folder):
                add(archive, path, path.relative_to(folder).as_posix(), alive=alive)
    return proof.describe()


def write_rest(
    bundle: DocumentBundle, proof: Proof, folder: Path, *, alive: Callable[[], None]
) -> None:
    """Write what came of a proof, the program, and the manifest of all files."""
    with in_workspace(bundle.workspace_id):
        document = proving.read_document(bundle.workspace_id, bundle.documents[0])
        sums = {
            "pdf_sha256": document.file.sha256,
            "xml_sha256": proving.digest_xml(document),
        }
    (folder / packing.EXPECTED).write_bytes(canonical({**proof.describe(), **sums}))
    if not proof.reason:
        copy_program(folder)
    about = packing.ABOUT.format(
        kind=proof.kind.replace("_", " "), number=proof.number, script=packing.SCRIPT,
        digest=proof.sha256,
    )  # fmt: skip
    if proof.reason:
        about = f"{proof.number} cannot be proved: {proof.reason}\n"
    (folder / packing.README).write_text(about, "utf-8")
    manifest = "".join(
        f"{digest(path, alive=alive)}  {path.relative_to(folder).as_posix()}\n"
        for path in list_files(folder)
    )
    (folder / packing.MANIFEST).write_text(manifest, "utf-8")


def copy_program(folder: Path) -> None:
    """Copy the program and its modules, as they run here."""
    project = Path(settings.BASE_DIR)
    for name in packing.MODULES:
        to = folder / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes((project / name).read_bytes())
    script = project / "invoices" / "proof" / packing.SCRIPT
    (folder / packing.SCRIPT).write_bytes(script.read_bytes())


def list_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder: what a person reads first comes first."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in files}
    first = [name for name in ORDER if name in named]
    yield from (named[name] for name in [*first, *sorted(named.keys() - set(first))])


def add(archive: ZipFile, path: Path, name: str, *, alive: Callable[[], None]) -> None:
    """Add a file to the ZIP file, piece by piece."""
    entry = ZipInfo(name, WRITTEN_AT)
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        for piece in read_pieces(source, alive=alive):
            target.write(piece)


def digest(path: Path, *, alive: Callable[[], None]) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for piece in read_pieces(file, alive=alive):
            digest.update(piece)
    return digest.hexdigest()


def read_pieces(file: IO[bytes], *, alive: Callable[[], None]) -> Iterator[bytes]:
    """Yield a file piece by piece, with a sign of life after each."""
    while piece := file.read(packing.AT_ONCE):
        yield piece
        alive()

"""What lies in the bundle of a proof, and the checksum of its inputs."""

import hashlib
from pathlib import Path
from typing import IO

DOCUMENT, INPUTS, EVENTS = "document.json", "inputs.json", "events.ndjson"
EXPECTED, MANIFEST, README = "expected.json", "MANIFEST", "README.txt"
SCRIPT = "check_invoice.py"
# What the script needs, byte for byte as the console has it, from the folder of the project.
MODULES = (
    "invoices/__init__.py",
    "invoices/proof/__init__.py",
    "invoices/proof/checking.py",
    "invoices/proof/comparing.py",
    "invoices/proof/counting.py",
    "invoices/proof/expected.py",
    "invoices/proof/facts.py",
    "invoices/proof/packing.py",
    "invoices/proof/rates.py",
    "plans/__init__.py",
    "plans/money.py",
    "usage/__init__.py",
    "usage/sessions.py",
)
AT_ONCE = 1 << 20

ABOUT = """\
Proof of {kind} {number}
========================

This folder holds all from which the document follows, and a program that works it out anew. It
needs Python 3.11 or later and nothing else, no network and no access to the console:

    python check_invoice.py

It compares each file with MANIFEST (also: sha256sum -c MANIFEST), counts the sessions from the
events, works out every line, the tax and the sums, and compares the document, its order and the
postings of the ledger with them. It says "Equal." or names each difference: where it is, what is
there, and what should be.

document.json   what is to be proved: the document as it was issued, its order with its lines, and
                the postings of the ledger
inputs.json     from what it follows: the rule, the clock, plans of the bots by day, prices, time
                zones, what was ordered and given back before
events.ndjson   the events of the bots concerned, one a line, as received up to that clock. Users,
                conversations and agents are the ids that the bot platform sent; there are no texts
expected.json   what the console found; with the SHA-256 of the document's PDF as it is stored
                (empty: not made yet) and of its XML, written anew. The program checks neither
{script}   the program; the modules beside it are those that the console itself runs

Not worked out anew: texts and addresses, the day of issue, which tax category and rate the sale
falls under, whether the payment came, and whether these are all events that there were. SHA-256 of
the inputs (document.json, inputs.json and events.ndjson in this order):
{digest}
"""


def digest_files(folder: Path) -> str:
    """Return the SHA-256 of the inputs in a folder: of document, inputs and events in one."""
    digest = hashlib.sha256()
    for name in (DOCUMENT, INPUTS, EVENTS):
        with (folder / name).open("rb") as file:
            feed(digest, file)
    return digest.hexdigest()


def feed(digest: "hashlib._Hash", file: IO[bytes]) -> None:
    """Add all of a file to a checksum."""
    while part := file.read(AT_ONCE):
        digest.update(part)

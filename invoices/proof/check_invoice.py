"""Check the bundle of a proof without the console: python check_invoice.py [FOLDER].

Standard library of Python 3.11 or later only. The folder is the extracted bundle; left out, the one
that this file lies in. Exit status 0: all files are as they were packed, and the document follows
from its inputs.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path and (HERE / "MANIFEST").exists():
    sys.path.insert(0, str(HERE))  # where the other modules are packed

from invoices.proof import packing  # noqa: E402
from invoices.proof.checking import check  # noqa: E402
from invoices.proof.facts import CannotProve, Event  # noqa: E402

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)  # of other shape


def main(arguments: list[str]) -> int:
    """Check the bundle in a folder and say what was found."""
    folder = Path(arguments[0]) if arguments else HERE
    try:
        faults = list(find_faults(folder))
    except (OSError, ValueError) as error:
        say(f"This is no bundle of a proof: {error}.")
        return 1
    for fault in faults:
        say(fault)
    try:
        differs = check_document(folder)
    except CannotProve as error:
        say(f"Cannot be proved: {error}")
        return 1
    except (OSError, *UNREADABLE) as error:
        say(f"The files cannot be read: {error!r}.")
        return 1
    return 1 if faults or differs else 0


def find_faults(folder: Path) -> Iterator[str]:
    """Yield which files are not as the manifest says."""
    for line in (folder / packing.MANIFEST).read_text("utf-8").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            yield f"File {name}: missing."
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            yield f"File {name}: its SHA-256 is {found}, should be {digest}."


def check_document(folder: Path) -> bool:
    """Work the document out anew and say what was found; True: something differs.

    Raises:
        CannotProve: the inputs do not suffice.
    """
    claim = read(folder, packing.DOCUMENT)
    result = check(claim, read(folder, packing.INPUTS), read_events(folder / packing.EVENTS))
    expected = read(folder, packing.EXPECTED)
    digest = packing.digest_files(folder)
    say(f"{claim['kind']} {claim['number']} over {claim['gross']} {claim['currency']}")
    say(", ".join(f"{name}: {count}" for name, count in result.inputs.items()))
    say(f"SHA-256 of the inputs: {digest}")
    if result.note:
        say(result.note)
    for difference in result.differences:
        say(str(difference))
    if expected["inputs_sha256"] != digest:
        say(f"The inputs are not those of the console's proof: {expected['inputs_sha256']}.")
        return True
    say("Equal." if result.equal else f"Differs in {len(result.differences)} places.")
    return not result.equal


def read(folder: Path, name: str) -> Any:  # Any: JSON
    """Return what a file of the bundle says."""
    return json.loads((folder / name).read_text("utf-8"))


def read_events(path: Path) -> Iterator[Event]:
    """Yield the events of the bundle."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield json.loads(line)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The passwords of the demo's people: made up once, then kept in a file of its owner alone."""

import json
import os
import secrets
from pathlib import Path

WORDS = (
    "amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "heron", "indigo", "juniper",
    "kelp", "larch", "maple", "nectar", "olive", "pebble", "quartz", "raven", "sable", "thistle",
    "umber", "velvet", "willow", "yarrow", "zephyr", "bramble", "copper", "dapple", "estuary",
    "fennel", "granite", "harbor",
)  # fmt: skip


class SignIns:
    """Passwords by mail address."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.passwords: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def ensure(self, email: str) -> tuple[str, bool]:
        """Return a person's password and whether it is new; it is on disk before it is used."""
        if email in self.passwords:
            return self.passwords[email], False
        self.passwords[email] = make_password()
        self.save()
        return self.passwords[email], True

    def save(self) -> None:
        """Write the file anew; nobody ever sees half of it, and others never see any of it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(self.passwords, file, indent=2)
        fresh.replace(self.path)


def make_password() -> str:
    """Return a password that can be typed from a screen, with some 47 bits of chance."""
    words = "-".join(secrets.choice(WORDS) for _ in range(4))
    return f"{words}-{secrets.randbelow(10**8):08}"

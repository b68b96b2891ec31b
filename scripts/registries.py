"""How uv and npm reach the registries this machine is set up for.

uv reads neither pip's configuration nor, by default, the machine's certificates, and Node from
the wheel brings certificates of its own. What the machine says is handed to them here, so that
no file of the project names a registry.
"""

import ast
import os
import ssl
import subprocess
from pathlib import Path

# pip's option -> the variable by which uv takes the same.
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
}
# Later ones win, as in pip.
PIP_SECTIONS = ("global", "install", ":env:")


def environment(python: Path) -> dict[str, str]:
    """Return the environment for pip, uv and npm; ``python`` is one that has pip.

    What the caller's environment already says is kept.
    """
    settings = pip_settings(python)
    known = {UV_VARIABLES[name]: value for name, value in settings.items() if name in UV_VARIABLES}
    if "UV_INDEX_URL" in os.environ:
        known.pop("UV_DEFAULT_INDEX", None)
    if "SSL_CERT_FILE" not in known and has_system_certificates():
        known["UV_SYSTEM_CERTS"] = "true"
    # Hashes decide what may be installed, so the index a file comes from need not.
    known["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    known["UV_HTTP_TIMEOUT"] = settings.get("timeout", "120")
    return {"PIP_DISABLE_PIP_VERSION_CHECK": "1", **known, **os.environ}


def pip_settings(python: Path) -> dict[str, str]:
    """Return pip's settings from its files and variables, by option name."""
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    sections: dict[str, dict[str, str]] = {name: {} for name in PIP_SECTIONS}
    for line in listed.stdout.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in sections:
            sections[section][option] = " ".join(str(ast.literal_eval(value)).split())
    return {option: value for name in PIP_SECTIONS for option, value in sections[name].items()}


def has_system_certificates() -> bool:
    """Tell whether this machine has a list of authorities; a bare container has none."""
    return ssl.create_default_context().cert_store_stats()["x509_ca"] > 0


def caches(folder: Path) -> dict[str, str]:
    """Return variables that put the tools' caches below ``folder``, where there is no home.

    To be asked first: run by root, some of the tools make the home that is missing.
    """
    home = os.environ.get("HOME", "")
    if home and os.access(home, os.W_OK):
        return {}
    names = {"PIP_CACHE_DIR": "pip", "UV_CACHE_DIR": "uv", "npm_config_cache": "npm"}
    return {name: str(folder / tool) for name, tool in names.items() if name not in os.environ}

"""The compose file and the image say the same as the settings, the lock files and the README."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "billing_console" / "settings.py").read_text()
CONSOLE = ("migrate", "web", "worker", "beat")


def read_variables() -> set[str]:
    """Return the variables that the settings read."""
    return set(re.findall(r"""(?:environ\.get|flag|words|number)\(\s*"([A-Z_]+)\"""", SETTINGS))


def test_all_parts_of_the_console_run() -> None:
    assert SERVICES.keys() == {"database", "redis", *CONSOLE}


@pytest.mark.parametrize("name", CONSOLE)
def test_settings_read_every_variable_that_is_set(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= read_variables()


def test_readme_lists_every_variable() -> None:
    assert read_variables() <= set(re.findall(r"`([A-Z_]+)`", README))


def test_servers_have_the_versions_of_the_readme() -> None:
    database = SERVICES["database"]["image"]
    assert database.startswith("postgres:18")
    assert SERVICES["redis"]["image"].startswith("valkey/valkey:")
    assert "PostgreSQL 18" in README


def test_database_keeps_its_data_where_its_image_has_it() -> None:
    # From version 18 on the image keeps each version in a folder of its own below this.
    assert "database:/var/lib/postgresql" in SERVICES["database"]["volumes"]


@pytest.mark.parametrize("name", ["database", "redis", "web", "worker", "beat"])
def test_every_service_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", CONSOLE)
def test_nothing_starts_before_its_servers_are_healthy(name: str) -> None:
    waits = SERVICES[name]["depends_on"]

    assert waits["database"]["condition"] == "service_healthy"
    if name != "migrate":
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert waits["redis"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", CONSOLE)
def test_console_runs_without_rights(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_only_the_migration_knows_the_owner() -> None:
    for name in ("web", "worker", "beat"):
        assert "DATABASE_OWNER_URL" not in SERVICES[name]["environment"]


def test_commands_are_those_of_this_project() -> None:
    assert SERVICES["migrate"]["command"][:3] == ["python", "manage.py", "migrate"]
    assert SERVICES["web"]["command"][:3] == ["python", "-m", "billing_console.web"]
    for name in ("worker", "beat"):
        assert SERVICES[name]["command"][:4] == ["celery", "-A", "billing_console", name]


def test_there_is_one_beat_only() -> None:
    assert "deploy" not in SERVICES["beat"]


def test_passwords_have_no_defaults() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(?!\w|:\?|:-\})", text) == []


def test_image_is_made_from_the_lock_files() -> None:
    assert "--require-hashes -r /requirements/production.txt" in DOCKERFILE
    assert "npm ci --ignore-scripts" in DOCKERFILE


def test_image_runs_as_nobody_in_particular() -> None:
    users = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)

    assert users
    assert users[-1].split(":")[0] not in ("0", "root")
    assert "HEALTHCHECK" in DOCKERFILE


def test_image_has_a_python_that_the_project_supports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = re.findall(r"^FROM python:(\d+)\.(\d+)", DOCKERFILE, re.MULTILINE)

    assert project["requires-python"] == ">=3.11,<3.14"
    assert all((3, 11) <= (int(major), int(minor)) < (3, 14) for major, minor in versions)
    assert versions


@pytest.mark.parametrize(
    "path",
    [
        *sorted((ROOT / "requirements").glob("*.txt")),
        ROOT / "package-lock.json",
        ROOT / "package.json",
        ROOT / "pyproject.toml",
    ],
    ids=lambda path: path.name,
)
def test_no_registry_is_named(path: Path) -> None:
    addresses = re.findall(r"https?://[^\s\"']+", path.read_text())

    assert [address for address in addresses if "/simple" in address or "registry" in address] == []


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    inside, missing, explained = False, [], False
    for line in lines:
        if line.startswith(("dependencies = [", "dev = [")):
            inside, explained = True, False
        elif line.startswith("]"):
            inside = False
        elif inside and line.strip().startswith("#"):
            explained = True
        elif inside and not explained:
            missing.append(line)

    assert missing == []


def test_what_the_lock_pins_has_hashes() -> None:
    for lock in ("production", "development"):
        text = (ROOT / "requirements" / f"{lock}.txt").read_text()
        pins = re.findall(r"^\S+==.*?(?=^\S+==|\Z)", text, re.MULTILINE | re.DOTALL)
        assert pins
        assert all("--hash=sha256:" in pin for pin in pins)
        assert re.findall(r"^(?![\s#]|\S+==).+", text, re.MULTILINE) == []
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    assert len(packages) > 1
    assert all(package.get("integrity") for name, package in packages.items() if name)

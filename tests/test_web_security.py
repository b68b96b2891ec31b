"""What browsers are told and programs are refused, and what is in no log and no repository."""

import ast
import csv
import io
import logging
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.test import Client
from pytest_django.fixtures import Settings

from accounts import invitations
from accounts.exports import FORMULA_STARTS, guard, write_csv
from accounts.models import Scope
from billing_console import logs
from tests import make
from tests.conftest import ROOT
from tests.pages import sign_in, words
from usage.exports import write_xlsx

database = pytest.mark.django_db(transaction=True)

PRODUCTION = {
    "DATABASE_URL": "postgresql://console_app:password@database.example/console",
    "REDIS_URL": "redis://redis.example",
    "SECRET_KEY": "x1" * 20 + "many different characters",
    "ALLOWED_HOSTS": "console.example",
    "DJANGO_SETTINGS_MODULE": "billing_console.settings",
}
IN_PRODUCTION = {
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 365 * 24 * 60 * 60,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
}
ELSEWHERE = (
    "https://elsewhere.example/",
    "//elsewhere.example/",
    "/\\elsewhere.example/",
    "///elsewhere.example",
    "https:elsewhere.example",
    "javascript:alert(1)",
    " //elsewhere.example",
    "\x08//elsewhere.example",
    "http://testserver@elsewhere.example/",
    "http://testserver.elsewhere.example/",
)


def run(*arguments: str, without: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], **PRODUCTION}
    environment.pop(without, None)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_check_for_deployment_finds_nothing() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert done.returncode == 0, done.stderr
    # That HSTS is not preloaded is for whoever owns the domain to say.
    assert "no issues (1 silenced)" in done.stdout


@pytest.mark.parametrize("variable", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_web_server_does_not_start_without(variable: str) -> None:
    done = run("-m", "billing_console.web", "--bind", "127.0.0.1:0", without=variable)

    assert done.returncode == 3
    (sentence,) = done.stderr.strip().splitlines()
    assert variable in sentence
    assert sentence.endswith(".")


def test_commands_do_not_run_without_a_key() -> None:
    done = run("manage.py", "migrate", without="SECRET_KEY")

    assert done.returncode == 1
    assert done.stderr == (
        "migrate: Set SECRET_KEY to 50 random characters, the same for all processes.\n"
    )


@database
def test_every_page_tells_browsers_what_to_keep_out(settings: Settings) -> None:
    for name, value in IN_PRODUCTION.items():
        setattr(settings, name, value)
    person = make.member(make.workspace("acme"))
    client = sign_in(person)

    addresses = ("/sign-in", "/w/acme/", "/w/acme", "/nowhere", "/api/v1/docs", "/api/v1/bots")
    for asking, address in [
        *((client, address) for address in addresses),
        (Client(), addresses[-1]),
    ]:
        answer = asking.get(address, secure=True)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        plain = client.get(address)
        assert (plain.status_code, plain.headers["Location"]) == (
            301,
            f"https://testserver{address}",
        )


@database
def test_cookies_travel_over_https_alone_and_no_script_reads_the_session(
    settings: Settings,
) -> None:
    for name, value in IN_PRODUCTION.items():
        setattr(settings, name, value)
    person = make.member(make.workspace("acme"))

    client = Client()
    client.get("/sign-in", secure=True)
    client.post("/sign-in", {"username": person.user.email, "password": make.PASSWORD}, secure=True)

    session, csrf = client.cookies["sessionid"], client.cookies["csrftoken"]
    assert session["secure"]
    assert session["httponly"]
    assert session["samesite"] == csrf["samesite"] == "Lax"
    assert csrf["secure"]


@database
@pytest.mark.parametrize("address", ELSEWHERE)
def test_sign_in_leads_to_no_other_host(address: str) -> None:
    person = make.member(make.workspace("acme"))

    answer = Client().post(
        "/sign-in",
        {"username": person.user.email, "password": make.PASSWORD, "next": address},
    )

    assert answer.headers["Location"] == "/"


@database
@pytest.mark.parametrize(
    "form",
    [
        {"username": "x" * 1024 * 1024},
        {f"field-{number}": "" for number in range(1001)},
        {"username": SimpleUploadedFile("virus.exe", b"x" * 100)},
    ],
    ids=["large", "many fields", "a file"],
)
def test_form_that_is_too_much_gets_a_sentence(form: dict[str, object]) -> None:
    answer = Client(raise_request_exception=False).post("/sign-in", form)

    assert answer.status_code == 413
    assert "This is too much at once" in words(answer)


@database
def test_program_that_sends_too_much_gets_a_sentence() -> None:
    secret = make.api_key(make.workspace("acme"), Scope.WRITE_BOTS)

    answer = Client(raise_request_exception=False).put(
        "/api/v1/bots/b",
        f'{{"name": "{"x" * 1024 * 1024}"}}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_of_a_file_is_a_formula(start: str) -> None:
    row = (f"{start}1+1", f"a{start}b", -5, 0, None)

    text = "".join(write_csv(["a"], [[guard(value) for value in row]]))
    _, (first, *rest) = csv.reader(io.StringIO(text, newline=""))
    sheet = ZipFile(io.BytesIO(write_xlsx(["a"], [row])))
    texts = sheet.read("xl/sharedStrings.xml").decode()
    cells = sheet.read("xl/worksheets/sheet1.xml").decode()

    assert first.startswith("'")
    assert rest[1:] == ["-5", "0", ""]
    assert "'" in texts or "&apos;" in texts
    assert "<f>" not in cells
    assert "<v>-5</v>" in cells


@database
def test_every_export_for_people_is_guarded() -> None:
    acme = make.workspace("acme")
    evil = "=HYPERLINK(1)"
    make.take_in(acme, *make.talk(0, subject=evil, user=evil, channel=evil, conversation=evil))
    make.roll_up(acme)
    client = sign_in(make.member(acme))
    client.get("/w/acme/bots/export", headers={"X-Request-ID": "-1-1"})
    days = "?from=2026-03-01&to=2026-04-01&first=2026-03-02&last=2026-03-02&range=custom&rows=bot"

    files = ("bots/export", "usage/sessions.csv", "usage/usage.csv", "usage/usage.xlsx")
    for file in files:
        answer = client.get(f"/w/acme/{file}{days}")
        body = b"".join(answer) if answer.streaming else answer.content
        if file.endswith("xlsx"):
            text = ZipFile(io.BytesIO(body)).read("xl/sharedStrings.xml").decode()
            cells = re.findall(r"<t[^>]*>(.*?)</t>", text)
        else:
            cells = [cell for row in csv.reader(io.StringIO(body.decode())) for cell in row]
        assert f"'{evil}" in cells, file
        assert evil not in cells, file
    entries = client.get("/w/acme/audit-log/export").getvalue().decode()
    assert f"'{evil}" in entries
    assert f",{evil}" not in entries
    assert "'-1-1" in entries
    assert ",-1-1" not in entries


@database
@pytest.mark.parametrize("formatter", [logs.Lines(), logs.JsonLines()])
def test_log_of_a_failing_request_holds_nothing_that_was_sent(
    formatter: logging.Formatter, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    secret = make.api_key(make.workspace("acme"), Scope.WRITE_EVENTS)
    make.bot(make.workspace("acme"))
    person = make.member(make.workspace("acme"))
    detail = "DETAIL:  Failing row contains (u-4711)."

    def fail(*args: object, **kwargs: object) -> None:
        raise DatabaseError(f"value is wrong\n{detail}")

    monkeypatch.setattr("usage.api.store", fail)
    monkeypatch.setattr("accounts.backends.ByMailAddress.authenticate", fail)
    client = Client(raise_request_exception=False)
    try:
        event = make.encode(make.event(user="u-4711"))[0]
        posted = client.post(
            "/api/v1/events?q=u-4711",
            event,
            content_type="application/cloudevents+json",
            headers={"Authorization": f"Bearer {secret}"},
        )
        signed_in = client.post(
            "/sign-in?next=/u-4711", {"username": person.user.email, "password": make.PASSWORD}
        )
    finally:
        logging.getLogger().removeHandler(handler)

    log = said.getvalue()
    assert posted.status_code == signed_in.status_code == 500
    assert log.count("value is wrong") >= 2
    for hidden in (secret, "Bearer", make.PASSWORD, person.user.email, "u-4711", "DETAIL"):
        assert hidden not in log


@database
@pytest.mark.parametrize("formatter", [logs.Lines(), logs.JsonLines()])
def test_log_leads_nobody_through_a_link(formatter: logging.Formatter) -> None:
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    acme = make.workspace("acme")
    link = invitations.write_path(make.invitation(acme, at=datetime.now(UTC)))
    somebody = sign_in(make.member(acme))
    secrets = (link.split("/")[2], "key-of-a-password", "token-of-an-address", "c0ffee-1")
    try:
        answers = [
            somebody.get(link),
            Client().get(f"/password/new/1/{secrets[1]}/nowhere"),
            Client().get(f"/profile/mail-address/{secrets[2]}/nowhere"),
            somebody.get(f"/w/acme/usage/conversations/{secrets[3]}/"),
        ]
        logging.getLogger("_granian").error("Error handling request GET /w/a/?user=u-4711")
    finally:
        logging.getLogger().removeHandler(handler)

    assert all(answer.status_code >= 400 for answer in answers)
    assert said.getvalue().count("/...") == 4
    for hidden in (*secrets, "u-4711"):
        assert hidden not in said.getvalue()


SECRETS = re.compile(
    r"bck_[A-Za-z0-9_-]{40,}"  # an API key of the console
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:sk|rk|whsec)_(?:live|test)?_?[A-Za-z0-9]{24,}"  # Stripe
    r"|\bAKIA[A-Z0-9]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bxox[abp]-[A-Za-z0-9-]{20,}"
    r"|://[^\s/:@$'\"{}]+:(?!password\b)[^\s/:@$'\"{}]+@(?!host\b)[a-z0-9]"  # in an address
)
NAMED = re.compile(r"(password|secret|token)(?!.*generator$)", re.IGNORECASE)


def list_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is no repository")
    files = [ROOT / name for name in listed.stdout.splitlines()]
    return [file for file in files if file.is_file()]


def test_no_file_looks_as_if_it_had_a_secret() -> None:
    found = [
        (file.name, match[0][:12])
        for file in list_files()
        if file.parts[-2] != "requirements" and file.name != "package-lock.json"
        for match in SECRETS.finditer(file.read_text(errors="replace"))
    ]

    assert found == []


def test_no_module_gives_a_secret_a_value() -> None:
    found = []
    for file in list_files():
        if file.suffix != ".py" or "tests" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [name.id for name in targets if isinstance(name, ast.Name)]
                value = node.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                    found += [(file.name, name) for name in names if NAMED.search(name)]

    assert found == []

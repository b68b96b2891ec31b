"""Single sign-on by OpenID Connect, with a provider that runs in the test."""

import base64
import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Membership, User
from tests import make, totp
from tests.accounts.test_sign_in import add_app, attempt, is_signed_in
from tests.pages import words

pytestmark = [
    pytest.mark.django_db(transaction=True),
]

LOGIN = "/sign-in/oidc/login"


class Provider(ThreadingHTTPServer):
    """Vouches for whoever ``claims`` says."""

    claims: dict[str, Any]
    asked: list[str]
    fails = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        if self.path.startswith("/.well-known/"):
            here = self.server.address
            self.answer({
                "issuer": here,
                "authorization_endpoint": f"{here}/authorize",
                "token_endpoint": f"{here}/token",
                "userinfo_endpoint": f"{here}/userinfo",
                "jwks_uri": f"{here}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            })  # fmt: skip
        else:
            self.answer(self.server.claims)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(sent)
        claims = {
            "iss": self.server.address, "aud": "console", "exp": int(time.time()) + 60,
            "iat": int(time.time()), **self.server.claims,
        }  # fmt: skip
        parts = ({"alg": "RS256", "kid": "1"}, claims)
        encoded = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in parts
        ]
        self.answer({
            "access_token": "t", "token_type": "Bearer", "id_token": ".".join([*encoded, "c2ln"]),
        })  # fmt: skip

    def answer(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(500 if self.server.fails else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    server = Provider(("127.0.0.1", 0), Answers)
    server.claims = {"sub": "1", "email": "ann@acme.example", "email_verified": True}
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    app = {
        "provider_id": "oidc", "name": "Example ID", "client_id": "console", "secret": "s",
        "settings": {"server_url": server.address},
    }  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    settings.OIDC_NAME = "Example ID"
    yield server
    server.shutdown()


@pytest.fixture
def ann() -> Membership:
    return make.member(make.workspace("acme"), email="Ann@acme.example")


def come_back(client: Client, **sent: str) -> Any:
    away = client.post(LOGIN, sent)
    assert away.status_code == 302, words(away)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(away["Location"]).query))
    assert query["code_challenge_method"] == "S256"
    return client.get(f"{LOGIN}/callback", {"code": "c", "state": query["state"]})


def test_person_with_an_account_is_signed_in(provider: Provider, ann: Membership) -> None:
    assert "Continue with Example ID" in words(Client().get("/sign-in"))

    for _ in range(2):
        client = Client()
        response = come_back(client, next="/w/acme/")
        assert response["Location"] == "/w/acme/"
        assert is_signed_in(client)
    assert "code_verifier" in provider.asked[0]


def test_second_factor_is_asked_for(provider: Provider, ann: Membership) -> None:
    secret = add_app(attempt(ann.user.email))
    client = Client()

    assert come_back(client)["Location"] == "/sign-in/second-factor"
    assert not is_signed_in(client)
    client.post("/sign-in/second-factor", {"code": totp.code(secret)})
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "2", "email": "ann@acme.example", "email_verified": False},
        {"sub": "2", "email": "ann@acme.example"},
        {"sub": "2", "email": "nobody@acme.example", "email_verified": True},
        {"sub": "2"},
    ],
)
def test_others_are_not(provider: Provider, ann: Membership, claims: dict[str, Any]) -> None:
    provider.claims = claims
    client = Client()

    response = come_back(client)

    assert response["Location"] == "/sign-in"
    assert "no verified mail address" in words(client.get("/sign-in"))
    assert not is_signed_in(client)
    assert User.objects.count() == 1


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?error=access_denied", "?state=%00"])
def test_answers_that_nobody_asked_for(provider: Provider, ann: Membership, query: str) -> None:
    client = Client(raise_request_exception=False)

    response = client.get(f"{LOGIN}/callback{query}")

    assert response.status_code == 302
    assert not is_signed_in(client)


def test_provider_that_fails(provider: Provider, ann: Membership) -> None:
    provider.fails = True
    client = Client()

    response = client.post(LOGIN, follow=True)

    assert "Example ID cannot be reached." in words(response)
    assert not is_signed_in(client)


@pytest.mark.parametrize("process", ["connect", "redirect"])
def test_accounts_are_connected_by_signing_in_only(
    provider: Provider, ann: Membership, process: str
) -> None:
    client = attempt(ann.user.email)

    assert client.post(LOGIN, {"process": process}).status_code == 404
    assert client.post(f"{LOGIN}?process={process}").status_code == 404


def test_without_a_provider_there_is_nothing(ann: Membership) -> None:
    assert Client().post(LOGIN).status_code == 404
    assert Client().get(f"{LOGIN}/callback").status_code == 404
    assert "Continue with" not in words(Client().get("/sign-in"))

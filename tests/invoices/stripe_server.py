"""A server on a real socket that speaks as much of Stripe's documented API as the console asks for.

It stands in for Stripe, which cannot be reached from a test, and only shows that our calls through
the official library are those of the documentation: form-encoded bodies, bearer key, idempotency
keys that give the same answer again and refuse other parameters, errors with their types and codes.
"""

import hashlib
import hmac
import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "sk_test_of_the_tests"
SECRET = "whsec_of_the_tests"
DECLINED = {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}
AUTHENTICATION = {
    "type": "card_error",
    "code": "authentication_required",
    "message": "Your card was declined. This transaction requires authentication.",
}
Json = dict[str, Any]  # what an API says is free
TOO_SMALL = (
    400,
    {
        "error": {
            "type": "invalid_request_error",
            "code": "amount_too_small",
            "message": "The Checkout Session's total amount due must add up to at least $0.50 usd",
        }
    },
)


@dataclass
class Call:
    """A request that came in."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]


@dataclass
class Account:
    """What this Stripe knows, and how it is to answer."""

    calls: list[Call] = field(default_factory=list)
    answers: dict[str, tuple[dict[str, str], int, Json]] = field(default_factory=dict)
    intents: dict[str, Json] = field(default_factory=dict)
    refunds: list[Json] = field(default_factory=list)
    card_error: Json | None = None
    charged_as: str = "succeeded"
    fails_with: int = 0  # an HTTP status for all that is asked
    forgets_keys: bool = False
    is_lost: bool = False  # what is asked is done, and the connection breaks before the answer
    detached: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)
    address: str = ""

    def asked(self, path: str, method: str = "POST") -> list[Call]:
        """Return the calls of a path."""
        return [call for call in self.calls if (call.path, call.method) == (path, method)]

    def answer(self, call: Call) -> tuple[int, Json]:
        """Return status and body for a call, for the same idempotency key the same."""
        with self.lock:
            self.calls.append(call)
            if call.headers.get("authorization") != f"Bearer {KEY}":
                error = {"type": "invalid_request_error", "message": "Invalid API Key provided"}
                return 401, {"error": error}
            if self.fails_with:
                return self.fails_with, {"error": {"type": "api_error", "message": "Sorry."}}
            key = call.headers.get("idempotency-key", "")
            if key in self.answers and not self.forgets_keys:
                params, status, body = self.answers[key]
                if params != call.params:
                    error = {"type": "idempotency_error", "message": "Other parameters."}
                    return 400, {"error": error}
                return status, body
            status, body = self.act(call)
            if key:
                self.answers[key] = (call.params, status, body)
            return status, body

    def act(self, call: Call) -> tuple[int, Json]:
        """Do what is asked."""
        kind, *rest = call.path.removeprefix("/v1/").split("/")
        match (call.method, kind, rest):
            case "POST", "checkout", ["sessions"]:
                asked = call.params.get("line_items[0][price_data][unit_amount]", "50")
                return (200, self.open_session(call.params)) if int(asked) >= 50 else TOO_SMALL
            case "POST", "payment_intents", []:
                return self.charge(call.params)
            case "GET", "payment_intents", []:
                found = [one for one in self.intents.values() if self.is_of(one, call)]
                return 200, listed(found)
            case "GET", "payment_intents" | "setup_intents", [name] if name in self.intents:
                return 200, self.intents[name]
            case "GET", "refunds", []:
                paid = call.params["payment_intent"]
                return 200, listed([one for one in self.refunds if one["payment_intent"] == paid])
            case "POST", "refunds", []:
                return self.refund(call.params)
            case "POST", "payment_methods", [name, "detach"] if name not in self.detached:
                self.detached.append(name)
                return 200, {"id": name, "object": "payment_method", "customer": None}
        error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such"}
        return 404, {"error": error}

    def is_of(self, intent: Json, call: Call) -> bool:
        """Tell whether an intent is one of those that are asked for."""
        return bool(
            intent.get("customer") == call.params["customer"]
            and intent["created"] >= int(call.params["created[gte]"])
        )

    def open_session(self, params: dict[str, str]) -> Json:
        """Return a session of a page."""
        name = f"cs_test_{next(self.numbers)}"
        return {
            "id": name,
            "object": "checkout.session",
            "mode": params["mode"],
            "url": f"{self.address}/pay/{name}",
            "metadata": read_metadata(params),
        }

    def charge(self, params: dict[str, str]) -> tuple[int, Json]:
        """Make an intent and confirm it."""
        name = f"pi_{next(self.numbers)}"
        failed = self.card_error is not None
        status = "requires_payment_method" if failed else self.charged_as
        self.intents[name] = intent = {
            "id": name,
            "object": "payment_intent",
            "status": status,
            "amount": int(params["amount"]),
            "amount_received": int(params["amount"]) if status == "succeeded" else 0,
            "currency": params["currency"],
            "customer": params["customer"],
            "created": int(time.time()),
            "metadata": read_metadata(params),
        }
        if failed:
            return 402, {"error": {**(self.card_error or {}), "payment_intent": intent}}
        return 200, intent

    def refund(self, params: dict[str, str]) -> tuple[int, Json]:
        """Send money back, unless it is more than there is."""
        paid = self.intents[params["payment_intent"]]["amount_received"]
        sent = sum(one["amount"] for one in self.refunds)
        if sent + int(params["amount"]) > paid:
            message = "Refund amount is greater than unrefunded amount on charge."
            error = {"type": "invalid_request_error", "message": message, "param": "amount"}
            return 400, {"error": error}
        made = {
            "id": f"re_{next(self.numbers)}",
            "object": "refund",
            "status": "pending",
            "amount": int(params["amount"]),
            "payment_intent": params["payment_intent"],
            "metadata": read_metadata(params),
        }
        self.refunds.append(made)
        return 200, made

    def save_card(self, name: str, *, customer: str = "cus_1", card: str = "pm_1") -> None:
        """Have a payment or a setup with a card that was saved."""
        method = {
            "id": card,
            "object": "payment_method",
            "type": "card",
            "card": {"brand": "visa", "last4": "4242", "exp_month": 8, "exp_year": 2031},
        }
        kind = "setup_intent" if name.startswith("seti_") else "payment_intent"
        self.intents[name] = {
            "id": name,
            "object": kind,
            "status": "succeeded",
            "customer": customer,
            "payment_method": method,
            "created": int(time.time()),
            "metadata": {},
        }


def listed(found: list[Json]) -> Json:
    """Return a page of a list, the last one."""
    return {"object": "list", "url": "/v1/list", "has_more": False, "data": found}


def read_metadata(params: dict[str, str]) -> Json:
    """Return what is to be kept beside something."""
    prefix = "metadata["
    return {
        name.removeprefix(prefix)[:-1]: value
        for name, value in params.items()
        if name.startswith(prefix)
    }


@contextmanager
def run() -> Iterator[Account]:
    """Serve an account on a free port of this machine until the block ends."""
    account = Account()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.serve(dict(parse_qsl(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.serve(dict(parse_qsl(body.decode())))

        def serve(self, params: dict[str, str]) -> None:
            path = urlsplit(self.path).path
            if not path.startswith("/v1/"):
                self.reply(200, b"<!DOCTYPE html><title>Stripe</title>", kind="text/html")
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = account.answer(Call(self.command, path, params, headers))
            if account.is_lost:
                self.close_connection = True
                return
            self.reply(status, json.dumps(body).encode(), kind="application/json")

        def reply(self, status: int, body: bytes, *, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Request-Id", "req_test")
            self.send_header("Stripe-Should-Retry", "false")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    account.address = f"http://127.0.0.1:{server.server_address[1]}"
    # It looks as often whether it is to end.
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield account
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def sign(body: str, *, secret: str = SECRET, at: float | None = None) -> str:
    """Return the header of an event by the scheme that Stripe publishes, by hand.

    Source: Stripe, "Verify webhook signatures manually": HMAC-SHA256 of time, dot and body.
    """
    stamp = int(time.time() if at is None else at)
    signed = hmac.new(secret.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={stamp},v1={signed}"


def event(type: str, subject: Json, *, livemode: bool = False) -> str:
    """Return the body of an event."""
    return json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "livemode": livemode,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": type,
            "data": {"object": subject},
        }
    )

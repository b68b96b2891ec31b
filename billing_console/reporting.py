"""Errors of the program are reported to a Sentry, where its address is set.

What is sent: the kind of error, the lines of the program, the view's name. What is not: values of
variables, bodies, queries, headers, cookies, people, and messages of exceptions, which may quote
what somebody sent.
"""

from typing import Any

import sentry_sdk
from sentry_sdk.types import Event, Hint

KEPT_OF_REQUEST = ("method",)


def start(address: str, *, environment: str) -> None:
    """Report errors of this process from now on."""
    sentry_sdk.init(
        dsn=address,
        environment=environment or None,
        include_local_variables=False,
        include_source_context=True,
        max_request_body_size="never",
        max_breadcrumbs=0,
        auto_session_tracking=False,
        before_send=strip,
    )


def strip(event: Event, hint: Hint) -> Event | None:
    """Return what is reported of an error."""
    free: dict[str, Any] = dict(event)  # Any: as the library has it
    for name in ("user", "extra", "breadcrumbs", "server_name"):
        free.pop(name, None)
    request = free.pop("request", None) or {}
    free["request"] = {name: request[name] for name in KEPT_OF_REQUEST if name in request}
    for name in ("celery-job", "trace"):
        free.get("contexts", {}).pop(name, None)
    for error in (free.get("exception") or {}).get("values", []):
        error["value"] = ""
    if "logentry" in free:
        free["logentry"] = {"message": free["logentry"].get("message", "")}
    kept: Event = free  # type: ignore[assignment]  # the same names
    return kept

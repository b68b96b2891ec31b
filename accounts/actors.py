"""Who acts, from where and on which request: known at the edge, and to all that runs below it.

Set where a page lets a person in, where the API lets a key in, where a command starts and where a
worker starts a task. The audit log and the logs read it; nothing passes it by hand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum


class ActorKind(StrEnum):
    """What may act: a person, an API key, a command of the shell, or the console by itself."""

    PERSON = "person"
    KEY = "key"
    COMMAND = "command"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who acts, as text; ``address`` and ``request_id`` are empty where there was no request.

    A person without ``id`` has not signed in.
    """

    kind: ActorKind
    id: str = ""
    name: str = ""
    address: str = ""
    request_id: str = ""


NOBODY = Actor(ActorKind.SYSTEM, name="the console")
_current: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


def current() -> Actor:
    """Return who acts."""
    return _current.get()


@contextmanager
def requesting(*, address: str, request_id: str) -> Iterator[None]:
    """Run the block as a request of somebody who is not known yet."""
    with _acting(Actor(ActorKind.PERSON, address=address, request_id=request_id)):
        yield


@contextmanager
def acting_as(kind: ActorKind, *, id: object = "", name: str = "") -> Iterator[None]:
    """Run the block as somebody; address and id of the request stay."""
    with _acting(replace(current(), kind=kind, id=str(id), name=name)):
        yield


def become(kind: ActorKind, *, id: object = "", name: str = "") -> None:
    """Act as somebody to the end of the request, for what lets in and cannot wrap what follows."""
    _current.set(replace(current(), kind=kind, id=str(id), name=name))


@contextmanager
def _acting(actor: Actor) -> Iterator[None]:
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)

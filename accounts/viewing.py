"""An operator looks at one workspace as somebody in it would, for a while, and changes nothing.

It stands in the operator's session, which is kept on the server: so is the time limit, and nothing
that a browser sends can move it. Middleware (billing_console/viewing.py) refuses every change.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple, Self

from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.http import Http404

from accounts import actors, audit, workspaces
from accounts.actors import ActorKind
from accounts.models import Membership, Role, User, Workspace
from accounts.tenancy import in_workspace
from accounts.workspaces import NoSuchWorkspace

LONGEST = timedelta(hours=1)
KEY = "viewing"  # in the session


class Viewing(NamedTuple):
    """As whom which workspace is looked at; ``user_id`` is None: as a role, nobody in particular.

    ``operator`` is a mail address, ``name`` the workspace's; ``as_whom`` says it in words.
    """

    operator_id: int
    operator: str
    slug: str
    name: str
    role: str
    user_id: int | None
    as_whom: str
    started_at: datetime
    ends_at: datetime

    def minutes_left(self, *, now: datetime) -> int:
        """Return the whole minutes left; a begun one counts."""
        return max(0, -((now - self.ends_at) // timedelta(minutes=1)))

    def pack(self) -> dict[str, object]:
        """Return it as the session keeps it."""
        times = {"started_at": self.started_at.isoformat(), "ends_at": self.ends_at.isoformat()}
        return {**self._asdict(), **times}

    @classmethod
    def unpack(cls, values: dict[str, object]) -> Self:
        """Return what a session kept."""
        times = {
            name: datetime.fromisoformat(str(values[name])) for name in ("started_at", "ends_at")
        }
        return cls(**{**values, **times})  # type: ignore[arg-type]  # as `pack` made them


def start(
    *,
    session: SessionBase,
    operator: User,
    workspace: Workspace,
    role: Role,
    person: User | None,
    reason: str,
    length: timedelta,
    now: datetime,
) -> Viewing:
    """Look at a workspace as a role, or as one of its people; at most for ``LONGEST``.

    Raises:
        ValueError: there is no reason, or no length of time.
    """
    if not reason.strip() or length <= timedelta(0):
        raise ValueError("somebody else's workspace is looked at for a reason and a while")
    viewing = Viewing(
        operator_id=operator.pk,
        operator=operator.email,
        slug=workspace.slug,
        name=workspace.name,
        role=Role(role).value,
        user_id=person.pk if person else None,
        as_whom=f"{person.known_as} ({role})" if person else f"a person with the role {role}",
        started_at=now,
        ends_at=now + min(length, LONGEST),
    )
    with in_workspace(workspace.pk):
        audit.record(
            "viewing.started",
            workspace=workspace,
            target=viewing.as_whom,
            after={"reason": reason, "ends_at": viewing.ends_at},
        )
    session[KEY] = viewing.pack()
    return viewing


def stop(*, session: SessionBase, now: datetime) -> Viewing | None:
    """End what is looked at, if anything; return what it was."""
    if (kept := session.pop(KEY, None)) is None:
        return None
    viewing = Viewing.unpack(kept)
    person = actors.acting_as(ActorKind.PERSON, id=viewing.operator_id, name=viewing.operator)
    with person, transaction.atomic(), suppress(NoSuchWorkspace):
        workspace = workspaces.find(viewing.slug)
        after = {"ended_at": min(now, viewing.ends_at), "time_was_up": now >= viewing.ends_at}
        target = viewing.as_whom
        audit.record("viewing.ended", workspace=workspace, target=target, after=after)
    return viewing


def find(*, session: SessionBase, user: User | AnonymousUser, now: datetime) -> Viewing | None:
    """Return what an operator looks at; it ends here once its time is up, or they are none."""
    if (kept := session.get(KEY)) is None:
        return None
    viewing = Viewing.unpack(kept)
    its_own = isinstance(user, User) and user.is_operator and user.pk == viewing.operator_id
    if its_own and now < viewing.ends_at:
        return viewing
    stop(session=session, now=now)
    return None


def take_place(viewing: Viewing, *, operator: User) -> Membership:
    """Return the place in the workspace that the operator looks from; it is stored nowhere.

    The caller is in a transaction.

    Raises:
        Http404: the workspace, or the person's place in it, is no longer there.
    """
    try:
        workspace = workspaces.find(viewing.slug)
    except NoSuchWorkspace:
        raise Http404 from None
    if viewing.user_id is None:
        return Membership(workspace=workspace, user=operator, role=viewing.role)
    with in_workspace(workspace.pk):
        places = Membership.objects.for_workspace(workspace).select_related("user", "workspace")
        place = places.filter(user=viewing.user_id).first()
    if place is None:
        raise Http404
    return place

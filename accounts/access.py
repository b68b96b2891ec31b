"""Who may what: from an address, or an API key, to the workspace and what may be done there.

The one place where a workspace is chosen and a role is checked. Pages and the API come through
here; below it row-level security admits the rows of that workspace only.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django_htmx.middleware import HtmxDetails
from ninja.security import HttpBearer

from accounts import actors, audit, idle, keys, limits, second_factors, viewing
from accounts.actors import ActorKind
from accounts.models import ADMINS, ApiKey, Bot, Membership, Role, Scope, User, Workspace
from accounts.tenancy import USER, WORKSPACE, admit, admitted
from accounts.viewing import Viewing

EVERYBODY = frozenset(Role)

# What the pages need, and the roles that may. Which bots a person sees, `Bot.visible_to` says.
ACCESS: dict[str, frozenset[Role]] = {
    "dashboard.view": EVERYBODY - {Role.SHARED},
    "usage.view": EVERYBODY,
    # A member sees and changes the plans of the bots that they own: `Bot.with_plan_for`.
    "plans.view": EVERYBODY - {Role.SHARED},
    "plans.change": ADMINS | {Role.MEMBER},
    # Of the whole workspace only admins; a member of the bots that they own.
    "usage_alerts.view": EVERYBODY - {Role.SHARED},
    "usage_alerts.change": ADMINS | {Role.MEMBER},
    "insight.view": EVERYBODY - {Role.SHARED},  # of the same bots as `plans.view`
    "orders.view": EVERYBODY - {Role.SHARED},  # a member those they placed: `Order.visible_to`
    "statements.view": ADMINS | {Role.FINANCE},
    "documents.view": ADMINS | {Role.FINANCE},  # under a contract, which has no orders
    "documents.prove": ADMINS | {Role.FINANCE},  # with events of all bots
    "billing_details.change": ADMINS | {Role.FINANCE},
    "payment_methods.view": ADMINS,
    "payment_methods.change": ADMINS,
    "bots.change_owner": ADMINS,
    "bots.view": EVERYBODY,
    "bots.change": ADMINS | {Role.MEMBER},  # a member theirs: `may_change_bot`
    "bots.create": ADMINS,
    "bots.archive": ADMINS,
    "mail.choose": EVERYBODY,
    "audit_log.view": ADMINS | {Role.FINANCE},
    "tie_out.view": ADMINS | {Role.FINANCE},
    "people.view": ADMINS,
    "people.change": ADMINS,  # an owner's role only by an owner: `people.may_give`
    "people.transfer": frozenset({Role.OWNER}),
    "developers.view": ADMINS,
    "developers.change": ADMINS,
    "settings.view": ADMINS,
    "settings.change": ADMINS,
}

# What the operations of the API need: a key with one of these scopes.
API_ACCESS: dict[str, frozenset[Scope]] = {
    "events.send": frozenset({Scope.WRITE_EVENTS}),
    "usage.view": frozenset({Scope.READ_USAGE}),
    "bots.view": frozenset({Scope.READ_USAGE, Scope.WRITE_BOTS}),
    "bots.change": frozenset({Scope.WRITE_BOTS}),
    "entitlement.view": frozenset({Scope.READ_ENTITLEMENT}),
    "invoices.view": frozenset({Scope.READ_INVOICES}),
}

# What the operators' pages need. All operators may do all of it; the audit log has what they did.
OPERATOR_ACCESS = frozenset(
    {
        "workspaces.view",
        "health.view",
        "tie_outs.view",
        "mails.view",
        "mails.send",
        "audit.view",
        "viewing.start",
        "catalog.view",
        "catalog.change",
        "extensions.view",
        "extensions.decide",
        "credits.grant",
        "refunds.view",
        "refunds.make",
        "seller.view",
        "seller.change",
        "wires.view",
        "wires.note",
        "books.view",
        "books.export",
        "enterprise.set",
    }
)

Parameters = ParamSpec("Parameters")


class SignedInRequest(HttpRequest):
    """A request of somebody who has signed in."""

    user: User


class WorkspaceRequest(SignedInRequest):
    """A request that `workspace_view` has let through."""

    htmx: HtmxDetails

    workspace: Workspace
    membership: Membership
    memberships: list[Membership]


class PersonRequest(SignedInRequest):
    """A request that `person_view` has let through."""

    memberships: list[Membership]


WorkspaceView = Callable[Concatenate[WorkspaceRequest, Parameters], HttpResponseBase]


def workspace_view(
    permission: str,
) -> Callable[[WorkspaceView[Parameters]], Callable[..., HttpResponseBase]]:
    """Let a view be reached by members of the workspace in its address whose role may do this.

    The view runs in a transaction that sees that workspace alone. Strangers are told that there is
    no such page, and so is the role `shared` of all that it may not do; others are refused.
    """

    def decorate(view: WorkspaceView[Parameters]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        @login_required
        def enter(
            request: WorkspaceRequest,
            slug: str,
            *args: Parameters.args,
            **kwargs: Parameters.kwargs,
        ) -> HttpResponseBase:
            person = request.user
            with (
                actors.acting_as(ActorKind.PERSON, id=person.pk, name=person.email),
                admitted(USER, person.pk),
            ):
                request.memberships = find_memberships(person)
                if too_late := idle.follow(request, request.memberships):
                    return too_late
                viewed: Viewing | None = getattr(request, "viewing", None)
                if viewed is not None:
                    request.memberships = [viewing.take_place(viewed, operator=person)]
                request.membership = choose(request.memberships, slug)
                workspace = request.membership.workspace
                if workspace.requires_second_factor and not second_factors.has(person):
                    return ask_for_second_factor(request, workspace.name)
                request.workspace = workspace
                check_role(request.membership, permission)
                admit({USER: "", WORKSPACE: request.workspace.pk})
                if viewed is not None:
                    # The view and not the address, which may tell of the workspace's users.
                    audit.record("viewing.page", workspace=workspace, target=name_view(request))
                return view(request, *args, **kwargs)

        enter.permission = permission  # type: ignore[attr-defined]  # the tests walk all views
        return enter

    return decorate


OperatorView = Callable[Concatenate[SignedInRequest, Parameters], HttpResponseBase]


def operator_view(
    permission: str, *, polled: bool = False
) -> Callable[[OperatorView[Parameters]], Callable[..., HttpResponseBase]]:
    """Let a view be reached by operators; for everybody else there is no such page.

    It reads with ``using("operator")``, which sees all workspaces and may change none. That the
    page was opened is written into the audit log of the installation.

    ``polled``: a part that its page asks for again and again by itself, of which only requests that
    a person made are written. Not for pages: who asks says which of the two a request is.
    """

    def decorate(view: OperatorView[Parameters]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def enter(
            request: SignedInRequest, *args: Parameters.args, **kwargs: Parameters.kwargs
        ) -> HttpResponseBase:
            person: User | AnonymousUser = request.user
            if not isinstance(person, User) or not person.is_operator:
                raise Http404
            with actors.acting_as(ActorKind.PERSON, id=person.pk, name=person.email):
                with admitted(USER, person.pk):
                    if too_late := idle.follow(request, find_memberships(person)):
                        return too_late
                    if settings.OPERATORS_NEED_SECOND_FACTOR and not second_factors.has(person):
                        return ask_for_second_factor(request, "This installation")
                    if not polled or idle.BACKGROUND not in request.headers:
                        audit.record(f"operator.{permission}", workspace=None, target=request.path)
                return view(request, *args, **kwargs)

        enter.permission = permission  # type: ignore[attr-defined]  # the tests walk all views
        return enter

    return decorate


def person_view(
    view: Callable[Concatenate[PersonRequest, Parameters], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Let a view be reached by whoever has signed in; it is of no workspace.

    The view runs in a transaction that sees the person's own memberships.
    """

    @wraps(view)
    @login_required
    def enter(
        request: PersonRequest, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        person = request.user
        with (
            actors.acting_as(ActorKind.PERSON, id=person.pk, name=person.email),
            admitted(USER, person.pk),
        ):
            request.memberships = find_memberships(person)
            if too_late := idle.follow(request, request.memberships):
                return too_late
            return view(request, *args, **kwargs)

    return enter


def name_view(request: HttpRequest) -> str:
    """Return the name of the view that answers a request, such as `usage:conversation`."""
    return request.resolver_match.view_name if request.resolver_match else ""


def ask_for_second_factor(request: HttpRequest, who: str) -> HttpResponseBase:
    """Lead somebody without a second factor to where it is set up, and say who requires it."""
    messages.info(request, f"{who} requires a second factor. Add one to go on.")
    return redirect("mfa_index")


def find_memberships(user: User) -> list[Membership]:
    """Return all of a person's places, in order of the workspaces' names.

    The caller has admitted the user.
    """
    places = Membership.objects.of_user(user).select_related("workspace")
    return list(places.order_by("workspace__name", "workspace__slug"))


def choose(memberships: Iterable[Membership], slug: str) -> Membership:
    """Return the place in the workspace of a slug.

    Raises:
        Http404: there is none, whether or not there is such a workspace.
    """
    for membership in memberships:
        if membership.workspace.slug == slug:
            return membership
    raise Http404


def check_role(membership: Membership, permission: str) -> None:
    """Let a role through that may do this.

    Raises:
        Http404: it may not, and is not to learn that there is such a page.
        PermissionDenied: it may not.
    """
    if not may(membership, permission):
        raise Http404 if membership.role == Role.SHARED else PermissionDenied


def may(membership: Membership, permission: str) -> bool:
    """Tell whether a person's role may do something."""
    return membership.role in ACCESS[permission]


def may_change_bot(membership: Membership, bot: Bot, *, permission: str = "bots.change") -> bool:
    """Tell whether a person may change, publish and share a bot that they see."""
    owned = membership.role in ADMINS or bot.owner_id == membership.user_id
    return owned and may(membership, permission)


def may_change_plan(membership: Membership, bot: Bot) -> bool:
    """Tell whether a person may change the plan and funds of a bot that they see."""
    return may_change_bot(membership, bot, permission="plans.change")


def find_bot_with_plan(request: WorkspaceRequest, bot_id: int) -> Bot:
    """Return a bot whose plan the person sees, also an archived one.

    Raises:
        Http404: there is none with this number.
    """
    seen = Bot.objects.for_workspace(request.workspace).with_plan_for(request.membership)
    return get_object_or_404(seen.select_related("owner", "workspace"), pk=bot_id)


def find_bot_to_bill(request: WorkspaceRequest, bot_id: int) -> Bot:
    """Return a bot whose plan and funds the person may change, also an archived one.

    Raises:
        Http404: they do not see its plan.
        PermissionDenied: they see it, and may not change it.
    """
    found = find_bot_with_plan(request, bot_id)
    if not may_change_plan(request.membership, found):
        raise PermissionDenied
    return found


def sees_people(membership: Membership) -> bool:
    """Tell whether a person may learn who else is in the workspace."""
    return membership.role != Role.SHARED


class ApiRefused(Exception):
    """A request to the API that is not answered: the status, a stable code and a sentence."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class ApiRequest(HttpRequest):
    """A request that an `ApiKeyAccess` has let through."""

    auth: ApiKey


KeyFinder = Callable[[HttpRequest, str, datetime], ApiKey | None]


def find_key(request: HttpRequest, secret: str, at: datetime) -> ApiKey | None:
    """Return the API key that was presented, if it is valid."""
    return keys.find(secret, at=at)


class ApiKeyAccess(HttpBearer):
    """Lets programs in whose API key may do something; it also says which workspace."""

    def __init__(self, permission: str, *, find: KeyFinder = find_key) -> None:
        super().__init__()
        self.scopes = API_ACCESS[permission]
        self.find = find

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        """Return the key; None: it is unknown, expired or revoked.

        Raises:
            ApiRefused: it lacks the scope, or sends too much.
        """
        now = datetime.now(UTC)
        key = self.find(request, token, now)
        if key is None:
            keys.record_refused(token)
            return None
        budget = limits.count_request(key.pk, at=now)
        if budget is not None:
            # For whatever answers: billing_console/headers.py
            request.budget = budget  # type: ignore[attr-defined]
            if budget.spent:
                raise ApiRefused(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too_many_requests",
                    f"An API key may send {budget.limit:,} requests a minute.",
                )
        if not self.scopes.intersection(key.scopes):
            names = " or ".join(sorted(scope.value for scope in self.scopes))
            raise ApiRefused(
                HTTPStatus.FORBIDDEN, "scope", f"This API key lacks the scope {names}."
            )
        keys.note_use(key, at=now)
        actors.become(ActorKind.KEY, id=key.pk, name=key.name)
        return key

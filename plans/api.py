"""``GET bots/{key}/entitlement``: a bot platform asks whether a bot may begin a conversation."""

from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, cast

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import ResolverMatch
from ninja import Field, Path, Router, Schema, Status
from ninja.responses import NinjaJSONEncoder

from accounts.access import ApiKeyAccess, ApiRequest
from accounts.api import REFUSALS, BotAnswer, BotValues, Refusal, put_bot
from accounts.models import ApiKey, Bot
from plans import entitlements
from plans.balances import BalanceStatus
from plans.entitlements import Reason, UnknownBot

router = Router(tags=["Bots"])

ADDRESS = "bots/{bot_key:key}/entitlement"


class EntitlementAnswer(Schema):
    """Whether a bot may begin a conversation; one that runs goes on whatever the answer is."""

    bot: str = Field(description="The bot's key.")
    allowed: bool
    reason: Reason
    status: BalanceStatus = Field(description="`none`: its plan uses no credits.")
    balance: Decimal | None = Field(
        description="What is left, exactly; below zero where the bot owes more. "
        "Null: its plan uses no credits."
    )
    currency: str
    as_of: datetime = Field(description="What was completed before is in the balance.")


def find_key(request: HttpRequest, secret: str, at: datetime) -> ApiKey | None:
    """Return the API key that was presented; read what is asked for in the same trip."""
    match = cast(ResolverMatch, request.resolver_match)
    key, found = entitlements.find_with_api_key(secret, key=match.kwargs["key"], now=at)
    request.entitlement = found  # type: ignore[attr-defined]  # for the operation below
    return key


@router.get(
    ADDRESS,
    auth=ApiKeyAccess("entitlement.view", find=find_key),
    response={
        HTTPStatus.OK: EntitlementAnswer,
        REFUSALS | {HTTPStatus.NOT_FOUND}: Refusal,
    },
    summary="Ask whether a bot may answer",
)
def get_entitlement(request: ApiRequest, key: Annotated[str, Path(max_length=128)]) -> HttpResponse:
    """Return whether a bot may begin a conversation: ask before each.

    An archived bot may not (`suspended`). A key that no bot of the workspace has is 404.
    """
    try:
        found = entitlements.find(
            workspace_id=request.auth.workspace_id,
            key=key,
            now=datetime.now(UTC),
            known=getattr(request, "entitlement", None),
        )
    except UnknownBot:
        raise Http404 from None
    # Not checked by its schema, which was a twelfth of the time: this is asked before each
    # conversation. That the two agree is tested.
    answer = {
        "bot": found.bot,
        "allowed": found.allowed,
        "reason": found.reason,
        "status": found.status,
        "balance": found.balance.remaining if found.balance.uses_credits else None,
        "currency": found.balance.currency,
        "as_of": found.as_of,
    }
    return JsonResponse(answer, encoder=NinjaJSONEncoder)


@router.put(
    ADDRESS,
    auth=ApiKeyAccess("bots.change"),
    response={HTTPStatus.OK: BotAnswer, HTTPStatus.CREATED: BotAnswer, REFUSALS: Refusal},
    include_in_schema=False,
)
def put_bot_of_such_a_key(
    request: ApiRequest, key: Annotated[str, Path()], values: BotValues
) -> Status[Bot]:
    """Register a bot whose own key ends as this address does."""
    return put_bot(request, f"{key}/entitlement", values)

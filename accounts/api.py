"""Bots over HTTP: a bot platform registers them and reads which there are."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.urls import register_converter
from django.urls.converters import PathConverter
from ninja import Path, Router, Schema, Status
from pydantic import ConfigDict, Field

from accounts import bots
from accounts.access import ApiKeyAccess, ApiRefused, ApiRequest
from accounts.models import Bot, Membership, PublishStatus, User, Workspace
from accounts.tenancy import in_workspace

router = Router(tags=["Bots"])


class KeyConverter(PathConverter):
    """A bot's key at the end of an address: any characters, also slashes and ends of lines."""

    regex = r"[\s\S]+"


register_converter(KeyConverter, "bot_key")


class Refusal(Schema):
    """Why nothing of a request was done."""

    code: str
    detail: str


class BotValues(Schema):
    """What a bot is to be; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field("", min_length=1, max_length=200, description="New bots: the key.")
    owner: str | None = Field(
        None, max_length=254, description="Mail address of a person of the workspace; null: nobody."
    )
    publish_status: PublishStatus = Field(
        PublishStatus.PUBLISHED, description="New bots: published."
    )


class BotAnswer(Schema):
    """A bot; ``key`` is the subject of its events."""

    key: str
    name: str
    owner: str | None
    publish_status: PublishStatus
    created_at: datetime
    archived_at: datetime | None

    @staticmethod
    def resolve_owner(bot: Bot) -> str | None:
        """Return the owner's mail address."""
        return bot.owner.email if bot.owner else None


class BotsAnswer(Schema):
    """Bots in order of their keys."""

    bots: list[BotAnswer]


# What any operation may refuse, as ninja documents answers.
REFUSALS: frozenset[int] = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


@router.get(
    "bots",
    auth=ApiKeyAccess("bots.view"),
    response={HTTPStatus.OK: BotsAnswer, REFUSALS: Refusal},
    summary="List bots",
)
def get_bots(request: ApiRequest, archived: bool = False) -> dict[str, list[Bot]]:
    """Return the bots of the workspace; with `archived` also those that were archived.

    The key has the scope `usage:read` or `bots:write`.
    """
    with in_workspace(request.auth.workspace_id):
        found = Bot.objects.for_workspace(request.auth.workspace_id)
        if not archived:
            found = found.in_use()
        return {"bots": list(found.select_related("owner").order_by("key"))}


@router.put(
    "bots/{bot_key:key}",
    auth=ApiKeyAccess("bots.change"),
    response={HTTPStatus.OK: BotAnswer, HTTPStatus.CREATED: BotAnswer, REFUSALS: Refusal},
    summary="Register or change a bot",
)
def put_bot(
    request: ApiRequest, key: Annotated[str, Path(max_length=128)], values: BotValues
) -> Status[Bot]:
    """Create the bot of this key (201), or change it (200); the same request again changes nothing.

    A key may hold any characters; those that an address cannot hold are percent-encoded, a slash as
    `%2F`. An archived bot can be changed and stays archived.
    """
    workspace_id = request.auth.workspace_id
    with in_workspace(workspace_id):
        changes: dict[str, Any] = values.dict(exclude_unset=True)
        if values.owner is not None:
            changes["owner"] = find_owner(values.owner, workspace_id=workspace_id)
        try:
            bot, created = bots.create(workspace=Workspace.objects.get(pk=workspace_id), key=key)
            if changes:
                bots.change(bot=bot, at=datetime.now(UTC), **changes)
        except ValidationError as error:
            raise ApiRefused(
                HTTPStatus.UNPROCESSABLE_ENTITY, "bad_value", " ".join(error.messages)
            ) from None
        return Status(HTTPStatus.CREATED if created else HTTPStatus.OK, bot)


def find_owner(email: str, *, workspace_id: int) -> User:
    """Return the person of a mail address who may own bots.

    Raises:
        ApiRefused: there is none in the workspace.
    """
    people = Membership.objects.for_workspace(workspace_id).may_own_bots().select_related("user")
    # No database would take a text with that character.
    found = None if "\0" in email else people.filter(user__email__iexact=email).first()
    if found is None:
        raise ApiRefused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "unknown_owner",
            "Nobody of this workspace who may own a bot has this mail address.",
        )
    return found.user

"""Bots are registered."""

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace


def create(*, workspace: Workspace, key: str, name: str = "") -> tuple[Bot, bool]:
    """Return the bot of a key and whether it is new; an existing one is left as it is.

    Raises:
        ValidationError: a value is not acceptable.
    """
    with in_workspace(workspace.pk):
        bots = Bot.objects.for_workspace(workspace)
        if not bots.filter(key=key).exists():
            Bot(workspace=workspace, key=key, name=name or key).full_clean()
        return bots.get_or_create(workspace=workspace, key=key, defaults={"name": name or key})

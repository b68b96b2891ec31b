"""What mails of a workspace a person gets, as far as they may choose."""

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import QuerySet

from accounts import audit
from accounts.mail_kinds import CATEGORIES, About, Category
from accounts.mail_words import Choice
from accounts.models import Membership, MutedMail, Role, Workspace
from accounts.tenancy import in_workspace


class Offer(NamedTuple):
    """A category, and whether the person gets its mails."""

    category: Category
    about: About
    wanted: bool


def list_offers(member: Membership) -> list[Offer]:
    """Return the categories that a person may get mails of; shared-account users get none."""
    if member.role == Role.SHARED:
        return []
    muted = set(find_muted(member.workspace_id, member.user_id).values_list("category", flat=True))
    return [
        Offer(category, about, about.mandatory or category not in muted)
        for category, about in CATEGORIES.items()
        if category is not Category.DOCUMENTS
    ]


def find_muted(workspace_id: int, user_id: int) -> QuerySet[MutedMail]:
    """Return what a person has switched off."""
    return MutedMail.objects.for_workspace(workspace_id).filter(user=user_id)


def choose(*, member: Membership, wanted: Collection[Category]) -> bool:
    """Have a person get the mails of some categories and of no others; tell whether it changed.

    Mandatory ones stay as they are.
    """
    with in_workspace(member.workspace_id):
        muted = find_muted(member.workspace_id, member.user_id)
        before = set(muted.values_list("category", flat=True))
        unwanted = {
            category.value
            for category, about in CATEGORIES.items()
            if not about.mandatory and category not in wanted
        }
        if before == unwanted:
            return False
        muted.exclude(category__in=unwanted).delete()
        mute(member, unwanted)
        record(member, before=before, after=unwanted)
    return True


def mute(member: Membership, categories: Collection[str]) -> None:
    """Write down that a person wants no mails of some categories."""
    MutedMail.objects.bulk_create(
        (
            MutedMail(workspace=member.workspace, user=member.user, category=category)
            for category in sorted(categories)
        ),
        ignore_conflicts=True,
    )


def record(member: Membership, *, before: set[str], after: set[str]) -> None:
    """Note what a person has switched off."""
    audit.record(
        "mail.chosen",
        workspace=member.workspace,
        target=member.user.email,
        before={"switched_off": sorted(before)},
        after={"switched_off": sorted(after)},
    )


def switch_off(choice: Choice) -> bool:
    """Switch a category off by the link of a mail; False: the person is not there any more."""
    with in_workspace(choice.workspace_id):
        member = find_member(choice)
        if member is None:
            return False
        before = set(find_muted(*choice[:2]).values_list("category", flat=True))
        if choice.category not in before:
            mute(member, [choice.category])
            record(member, before=before, after=before | {choice.category.value})
    return True


def find_member(choice: Choice) -> Membership | None:
    """Return whose mails a link is about; None: they are not in the workspace any more."""
    with in_workspace(choice.workspace_id):
        if not Workspace.objects.filter(pk=choice.workspace_id).exists():
            return None
        members = Membership.objects.for_workspace(choice.workspace_id)
        found = members.select_related("workspace", "user").filter(user=choice.user_id)
        return found.first()

"""The seller profile: who sells in this installation. Operators change it."""

import hashlib
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction

from accounts import audit
from invoices.logos import Logo
from invoices.parties import SellerProfile

ALIAS = "operator"
FIELDS = [field for field in SellerProfile._meta.concrete_fields if not field.primary_key]


def find() -> SellerProfile | None:
    """Return who sells; None: no operator has said so yet."""
    return SellerProfile.objects.first()


def change(
    *, tax_currency: str, logo: Logo | None = None, remove_logo: bool = False, **values: Any
) -> bool:
    """Say who sells; False: it is as it was.

    ``tax_currency``: its code; ``logo``: another one, or with ``remove_logo`` none from now on;
    ``values``: all other fields. The form has checked them. Documents that there are stay as they
    are, and so do the files of their logos.
    """
    if logo or remove_logo:
        values["logo"] = store(logo) if logo else ""
    with transaction.atomic(using=ALIAS):
        profiles = SellerProfile.objects.using(ALIAS)
        found = profiles.select_for_update().first()
        before = describe(found) if found else {}
        after = {**before, **values, "tax_currency": tax_currency}
        changed = [name for name, value in after.items() if before.get(name) != value]
        if not changed:
            return False
        profiles.update_or_create(id=1, defaults={**values, "tax_currency_id": tax_currency})
        with transaction.atomic():
            audit.record(
                "seller.changed",
                workspace=None,
                target=values["legal_name"],
                before={name: before[name] for name in changed if name in before},
                after={name: after[name] for name in changed},
            )
    return True


def describe(profile: SellerProfile) -> dict[str, Any]:
    """Return the profile by its fields, as the audit log has them."""
    return {field.name: field.value_from_object(profile) for field in FIELDS}


def store(logo: Logo) -> str:
    """Store a logo and return its name, which is that of its content: no file ever changes."""
    name = f"seller/{hashlib.sha256(logo.content).hexdigest()[:32]}.{logo.ending}"
    if default_storage.exists(name):
        return name
    return default_storage.save(name, ContentFile(logo.content))

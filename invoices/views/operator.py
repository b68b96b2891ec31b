"""Pages of the seller profile for operators."""

from django.contrib import messages
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, operator_view
from accounts.models import list_zones
from accounts.uploads import takes_file
from invoices import logos, party_forms, seller
from invoices.parties import SellerProfile
from invoices.tax import write_percent


@takes_file(logos.BYTES)
@operator_view("seller.change")
@require_http_methods(["GET", "HEAD", "POST"])
def seller_profile(request: SignedInRequest) -> HttpResponse:
    """Show who sells in this installation, and change that."""
    profile = seller.find()
    sent = request.method == "POST"
    form = party_forms.SellerProfile(
        request.POST if sent else None,
        request.FILES if sent else None,
        initial=fill_in(profile),
    )
    if form.is_valid():
        seller.change(**form.cleaned_data)
        messages.success(request, "The seller profile is saved.")
        return redirect("invoices_operator:seller")
    context = {"form": form, "profile": profile, "zones": list_zones()}
    return render(request, "invoices/operator_seller.html", context)


def fill_in(profile: SellerProfile | None) -> dict[str, object]:
    """Return what the form begins with; numbers are texts, as they are typed."""
    if profile is None:
        return {}
    values = seller.describe(profile)
    return {**values, "logo": None, "tax_rate": write_percent(profile.tax_rate)}


@operator_view("seller.view")
@require_safe
def seller_logo(request: SignedInRequest) -> FileResponse:
    """Send the logo of the seller profile.

    Raises:
        Http404: there is none.
    """
    profile = seller.find()
    if profile is None or not profile.logo:
        raise Http404
    return FileResponse(default_storage.open(profile.logo))

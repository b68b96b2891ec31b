"""Operators' pages: mails of all workspaces with what became of them, and what each kind says."""

from datetime import UTC, datetime

from csp.constants import NONE, UNSAFE_INLINE
from csp.decorators import csp
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST, require_safe
from django_tables2 import LazyPaginator

from accounts import chips, forms, mail_samples, mail_words, outbox
from accounts.access import SignedInRequest, operator_view
from accounts.mail_kinds import KINDS
from accounts.models import Mail, MailState
from accounts.queries import list_mails
from accounts.tables import MailTable, show_page

# A mail has its styles with its elements, as programs that read mail want it. It is shown as a
# page of its own, in which nothing runs, nothing is sent and nothing is fetched.
AS_MAIL = csp({"default-src": [NONE], "style-src": [UNSAFE_INLINE], "sandbox": [""]})


@operator_view("mails.view")
@require_safe
def mail_list(request: SignedInRequest) -> HttpResponse:
    """Show the mails of all workspaces, newest first."""
    form = forms.MailFilter(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    table = MailTable(list_mails(**{name: asked.get(name, "") for name in form.fields}))
    show_page(table, request, paginator=LazyPaginator)
    context = {
        "table": table,
        "form": form,
        "tabs": [("", "All"), *MailState.choices],
        "shown": asked.get("state", ""),
        "kinds": [(name, kind.name) for name, kind in KINDS.items()],
        "chips": [
            chips.make(request.GET, name, text, label=f"{form.fields[name].label}: {text}")
            for name, text in asked.items()
            if text and name != "state"
        ],
    }
    return render(request, "operator/mail_list.html", context)


def find_mail(mail_id: int) -> Mail:
    """Return a mail of whatever workspace.

    Raises:
        Http404: there is none with this number, or of a kind that is known no more.
    """
    found = Mail.objects.using("operator").select_related("workspace", "user", "bot")
    return get_object_or_404(found, pk=mail_id, kind__in=KINDS)


@operator_view("mails.view")
@require_safe
def show_mail(request: SignedInRequest, mail_id: int) -> HttpResponse:
    """Show a mail and what became of it."""
    found = find_mail(mail_id)
    said = mail_words.render(found)
    context = {
        "mail": found,
        "kind": KINDS[found.kind],
        "said": said,
        "text": render_to_string("mail/news.txt", dict(said.context)),
        "may_try_again": found.state in (MailState.REFUSED, MailState.FAILED),
    }
    return render(request, "operator/mail.html", context)


@AS_MAIL
@operator_view("mails.view")
@require_safe
def show_mail_html(request: SignedInRequest, mail_id: int) -> HttpResponse:
    """Show a mail as a program that reads mail does."""
    return HttpResponse(render_as_mail(find_mail(mail_id)))


@operator_view("mails.send")
@require_POST
def send_again(request: SignedInRequest, mail_id: int) -> HttpResponse:
    """Have a mail that was refused, or given up, be sent once more."""
    found = find_mail(mail_id)
    if outbox.try_again(found=found, now=datetime.now(UTC)):
        messages.success(request, "The mail is sent once more.")
    else:
        messages.info(request, "The mail waits already, or was sent.")
    return redirect("mails_operator:mail", found.pk)


@operator_view("mails.view")
@require_safe
def preview_list(request: SignedInRequest) -> HttpResponse:
    """Show what each kind of mail says, with made-up words."""
    context = {"previews": [(one, KINDS.get(one.name)) for one in mail_samples.list_previews()]}
    return render(request, "operator/mail_previews.html", context)


@operator_view("mails.view")
@require_safe
def preview(request: SignedInRequest, kind: str) -> HttpResponse:
    """Show what a kind of mail says, as text."""
    text = render_sample(kind, as_html=False)
    found = next(one for one in mail_samples.list_previews() if one.name == kind)
    return render(request, "operator/mail_preview.html", {"preview": found, "text": text})


@AS_MAIL
@operator_view("mails.view")
@require_safe
def preview_html(request: SignedInRequest, kind: str) -> HttpResponse:
    """Show what a kind of mail says, as a program that reads mail does."""
    return HttpResponse(render_sample(kind, as_html=True))


def render_sample(kind: str, *, as_html: bool) -> str:
    """Return a made-up mail of a kind.

    Raises:
        Http404: there is no such kind.
    """
    try:
        return mail_samples.render(kind, as_html=as_html)
    except KeyError:
        raise Http404 from None


def render_as_mail(found: Mail) -> str:
    """Return the HTML of a mail."""
    return render_to_string("mail/news.html", dict(mail_words.render(found).context))

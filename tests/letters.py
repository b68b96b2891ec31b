"""What mails were written, for tests."""

from accounts import mail_samples, mail_words
from accounts.models import Mail, Workspace
from accounts.tenancy import in_workspace


def find(of: Workspace, *kinds: str) -> list[Mail]:
    """Return the mails of some kinds, or all, in order of their writing."""
    with in_workspace(of.pk):
        mails = Mail.objects.for_workspace(of).select_related("workspace", "user", "bot")
        return list((mails.filter(kind__in=kinds) if kinds else mails).order_by("pk"))


def addressed(of: Workspace, *kinds: str) -> list[str]:
    """Return to whom mails go, the part before the @, sorted."""
    return sorted(mail.address.split("@")[0] for mail in find(of, *kinds))


def subjects(of: Workspace, *kinds: str) -> list[str]:
    """Return the different subjects of mails, in order, with ordinary spaces.

    What the templates are given is what operators' previews give them.
    """
    for mail in find(of, *kinds):
        made_up = mail_samples.make(mail.kind)
        assert mail.context.keys() - {"bot"} == made_up.context.keys() - {"bot"}, mail.kind
    said = (
        mail_words.render(mail).subject.replace("\N{NO-BREAK SPACE}", " ")
        for mail in find(of, *kinds)
    )
    return list(dict.fromkeys(said))


def texts(of: Workspace, *kinds: str) -> str:
    """Return all that mails say in their paragraphs and facts."""
    parts: list[str] = []
    for mail in find(of, *kinds):
        context = mail_words.render(mail).context
        parts += [str(context["paragraphs"]), str(context["facts"])]
    return " ".join(parts).replace("\\xa0", " ")

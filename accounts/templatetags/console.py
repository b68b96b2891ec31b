"""What the console's templates use."""

from functools import cache
from pathlib import Path

from django import template
from django.conf import settings
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

ICONS = Path("@tabler/icons/icons/outline")


@register.simple_tag
def icon(name: str) -> SafeString:
    """Return an icon of Tabler as SVG; it is hidden from screen readers, beside it stands text."""
    return read_icon(name)


@cache
def read_icon(name: str) -> SafeString:
    """Return the text of one icon's file, without what the style sheet says anyway."""
    text = (Path(settings.FRONT_END_ROOT) / ICONS / f"{name}.svg").read_text()
    drawing = text[text.index("<svg") :].split(">", 1)[1]
    return mark_safe(  # noqa: S308  # a file of a package, named by a template
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2"'
        f' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{drawing}'
    )

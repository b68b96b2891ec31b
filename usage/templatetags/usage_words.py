"""What the templates of usage say in words."""

from django import template

from usage.trends import compare

register = template.Library()


@register.filter
def compared(value: int, before: int) -> str:
    """Return how a number changed."""
    return compare(value, before)

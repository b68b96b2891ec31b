"""What the templates of the audit log use."""

from django import template

from accounts import audit_log

register = template.Library()
register.filter(audit_log.list_changes)

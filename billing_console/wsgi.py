"""Web application: ``gunicorn -c gunicorn.conf.py billing_console.wsgi``."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_console.settings")

BOOT_ERROR = 3  # tells gunicorn that starting the process again would not help


def find_missing() -> str:
    """Return a sentence on what people cannot be served without; empty: nothing is missing."""
    try:
        if not settings.SECRET_KEY:
            return "Set SECRET_KEY to 50 random characters, the same for all processes."
        if not settings.ALLOWED_HOSTS:
            return "Set ALLOWED_HOSTS to the host names that people use, with commas."
    except ImproperlyConfigured as error:  # Django hands no empty key out
        return f"Set the variables as the README says: {str(error).rstrip('.')}."
    return ""


if missing := find_missing():
    print(missing, file=sys.stderr)  # noqa: T201
    sys.exit(BOOT_ERROR)
application = get_wsgi_application()

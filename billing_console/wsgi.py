"""Web application: ``gunicorn -c gunicorn.conf.py billing_console.wsgi``."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_console.settings")

application = get_wsgi_application()
# Reading it refuses an empty one, here and not at the first sign-in.
signing_key = settings.SECRET_KEY

"""Web application, as servers load it: ``billing_console.wsgi:application``."""

import os
import sys

from django.core.wsgi import get_wsgi_application

from billing_console import web

os.environ.setdefault("DJANGO_SETTINGS_MODULE", web.SETTINGS)

if missing := web.find_missing():
    sys.exit(web.refuse(missing))
application = get_wsgi_application()

"""The Celery application; workers and beat start with ``-A billing_console``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_console.settings")

app = Celery("billing_console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

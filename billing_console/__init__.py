"""Settings, addresses and processes of the billing console."""

from billing_console.celery import app as celery_app

__all__ = ["celery_app"]

"""Settings of the tests: the real ones, with a Redis database for each test process."""

import os

from billing_console.settings import *  # noqa: F403
from billing_console.settings import MIDDLEWARE as OWN_MIDDLEWARE
from billing_console.settings import REDIS_ADDRESS as OWN_REDIS_ADDRESS
from billing_console.settings import VAR_DIR, broker, caches

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
METRICS_TOKEN = "only for tests"

# Databases 1 to 8 of Redis, one for each process that runs tests.
NUMBER = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
REDIS_ADDRESS = (
    f"{OWN_REDIS_ADDRESS}?db={NUMBER}"
    if OWN_REDIS_ADDRESS.startswith("unix://")
    else f"{OWN_REDIS_ADDRESS.rstrip('/').removesuffix('/0')}/{NUMBER}"
)
CACHES = caches(REDIS_ADDRESS)
# All tests come from one address.
ACCOUNT_RATE_LIMITS = {"login": "10000/m/ip", "login_failed": "10000/m/ip,5/300s/key"}
# The browser of the tests speaks plain http with localhost, whatever the database is.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
CELERY_BROKER_URL = broker(REDIS_ADDRESS)
SANDBOX_PAYMENTS = True

# Files are served as they are, and people of the tests need no strong hash.
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "test-files" / os.environ.get("PYTEST_XDIST_WORKER", "")},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Django's own server of the tests finds the files. A file that a test asks for and leaves unread
# would keep its transaction on the test's own connection, where a web server closes it:
# tests/test_streams.py puts that middleware back.
MIDDLEWARE = [
    name
    for name in OWN_MIDDLEWARE
    if "whitenoise" not in name and not name.endswith("StreamsBegun")
]

# Its clients speak plain http, whatever the database is.
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
OPERATORS_NEED_SECOND_FACTOR = False

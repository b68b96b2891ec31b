"""Settings. The only module that reads the environment; README.md lists the variables.

Nothing is started and nothing is written here, so that tools can import it anywhere.
"""

import os
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from accounts.tenancy import APP_ROLE, OPERATOR_ROLE
from billing_console import embedded
from billing_console.logs import make_settings


def flag(name: str, *, default: bool) -> bool:
    """Return whether a variable is switched on: 1, true, yes or on."""
    value = os.environ.get(name, "").lower()
    return value in ("1", "true", "yes", "on") if value else default


def words(name: str, default: str = "") -> list[str]:
    """Return the parts of a variable that are separated by commas."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def number(name: str, *, default: int) -> int:
    """Return a variable that is a whole number."""
    value = os.environ.get(name) or str(default)
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} is to be a whole number, not {value!r}.")
    return int(value)


BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var").resolve()
DATABASE_URL = os.environ.get("DATABASE_URL", "")
REDIS_URL = os.environ.get("REDIS_URL", "")
SERVERS = embedded.Servers(var=VAR_DIR, postgres=not DATABASE_URL, redis=not REDIS_URL)

DEBUG = flag("DEBUG", default=False)
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY and SERVERS.postgres:
    SECRET_KEY = SERVERS.read_secret_key()
# The embedded installation serves this machine over plain http.
HTTPS = flag("HTTPS", default=bool(DATABASE_URL))
# Who is served over https is served by a name, which has to be said: wsgi.py refuses to start.
ALLOWED_HOSTS = words(
    "ALLOWED_HOSTS", "" if DATABASE_URL and HTTPS else "localhost,127.0.0.1,[::1]"
)
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")
# Reverse proxies between people and the console; each adds to X-Forwarded-For.
PROXIES = number("PROXIES", default=0)

# What links in mails begin with: workers know no request.
PUBLIC_ADDRESS = os.environ.get("PUBLIC_ADDRESS", "").rstrip("/") or (
    f"{'https' if HTTPS else 'http'}://{ALLOWED_HOSTS[0]}"
    if DATABASE_URL and ALLOWED_HOSTS
    else "http://127.0.0.1:8000"
)

INSTALLED_APPS = [
    "billing_console",
    "accounts",
    "usage",
    "plans",
    "invoices",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "django_tables2",
    "ninja",
]
MIDDLEWARE = [
    "billing_console.middleware.Origin",
    "billing_console.metrics.CountRequests",
    "django.middleware.security.SecurityMiddleware",
    "billing_console.headers.PermissionsPolicy",
    "billing_console.headers.RateLimits",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "billing_console.middleware.WithoutSession",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.idle.IdleSignOut",
    "allauth.account.middleware.AccountMiddleware",
    "billing_console.viewing.ViewingReadsOnly",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "billing_console.middleware.Troubles",
]
OF_MACHINES = {"/healthz", "/readyz", "/metrics"}
ROOT_URLCONF = "billing_console.urls"
WSGI_APPLICATION = "billing_console.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
# 11,827 in pages; what a program reads there is written with `unlocalize`.
USE_THOUSAND_SEPARATOR = True
NUMBER_GROUPING = 3

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.menu.menu",
                "accounts.idle.warning",
            ],
        },
    },
]


# Data


def read_address(url: str) -> dict[str, Any]:  # Any: the driver's parts are free
    """Return the parts of a database's address."""
    try:
        return conninfo_to_dict(url)
    except ProgrammingError:  # its message may show a password
        raise ImproperlyConfigured(
            "DATABASE_URL, DATABASE_OWNER_URL and DATABASE_OPERATOR_URL are to be addresses "
            "such as postgresql://user:password@host/database."
        ) from None


def database(url: str, role: str = "") -> dict[str, Any]:  # Any: Django's settings are free
    """Return the connection of an address; as ``role``, unless its user is that role."""
    options: dict[str, Any] = (
        read_address(url) if url else {**SERVERS.database(role or "console_owner")}
    )
    names = {
        "NAME": "dbname",
        "USER": "user",
        "PASSWORD": "password",
        "HOST": "host",
        "PORT": "port",
    }
    connection: dict[str, Any] = {
        name: str(options.pop(option, None) or "") for name, option in names.items()
    }
    # Statements here are many and short: compiling them, or starting processes for a part of
    # them, takes longer than they do.
    flags = [
        str(options.get("options") or ""),
        "-c jit=off",
        "-c max_parallel_workers_per_gather=0",
    ]
    if role and connection["USER"] != role:
        flags.append(f"-c role={role}")
    options["options"] = " ".join(filter(None, flags))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
        **connection,
    }


# What the application does is done as a role that owns nothing; only `migrate` is the owner.
DATABASES = {
    "default": database(DATABASE_URL, APP_ROLE),
    "owner": database(os.environ.get("DATABASE_OWNER_URL") or DATABASE_URL),
    "operator": database(os.environ.get("DATABASE_OPERATOR_URL") or DATABASE_URL, OPERATOR_ROLE),
}
POOL_SIZE = number("DATABASE_POOL_SIZE", default=0)
if POOL_SIZE:  # web processes; Celery closes a pool after every task
    for alias in ("default", "operator"):
        DATABASES[alias]["CONN_MAX_AGE"] = 0
        DATABASES[alias]["OPTIONS"]["pool"] = {
            "min_size": 0,
            "max_size": POOL_SIZE,
            # Seconds: how soon a page says that the database is away, and how long its return
            # may go unnoticed.
            "timeout": 5,
            "reconnect_timeout": 5,
        }


def caches(address: str) -> dict[str, dict[str, Any]]:  # Any: its options are free
    """Return the cache in a Redis."""
    # Without Redis nothing is remembered, and nobody is kept out.
    backend = "billing_console.caching.ForgivingCache"
    return {
        "default": {
            "BACKEND": backend,
            "LOCATION": address,
            "KEY_PREFIX": "console",
            # Seconds: a Redis that is silent is soon taken for one that is away.
            "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
        }
    }


def broker(address: str) -> str:
    """Return the address of a Redis as Celery writes it."""
    if not address.startswith("unix://"):
        return address
    return address.replace("unix", "redis+socket", 1).replace("?db=", "?virtual_host=")


REDIS_ADDRESS = REDIS_URL or SERVERS.redis_address()
CACHES = caches(REDIS_ADDRESS)

# Background work

CELERY_BROKER_URL = broker(REDIS_ADDRESS)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "console"
CELERY_TASK_IGNORE_RESULT = True
# Every task may run twice: one that dies with its worker runs again.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_DB_REUSE_MAX = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "find due work": {"task": "usage.tasks.find_due_work", "schedule": 5.0},
    # A change of zone starts this itself; the beat finds what was lost.
    "find old zones": {"task": "usage.tasks.find_old_zones", "schedule": 60.0},
    "find due charges": {"task": "plans.tasks.find_due_charges", "schedule": 60.0},

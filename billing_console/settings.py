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

# Where the web server listens, and in how many processes.
BIND = os.environ.get("BIND") or "127.0.0.1:8000"
WEB_CONCURRENCY = number("WEB_CONCURRENCY", default=2)

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
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "billing_console.programs.Programs",  # what follows is for browsers
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "billing_console.middleware.StreamsBegun",
    "billing_console.middleware.WithoutSession",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.idle.IdleSignOut",
    "allauth.account.middleware.AccountMiddleware",
    "billing_console.viewing.ViewingReadsOnly",
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
        DATABASES[alias]["ENGINE"] = "billing_console.postgresql"  # which looks at them itself
        DATABASES[alias]["CONN_MAX_AGE"] = 0
        DATABASES[alias]["CONN_HEALTH_CHECKS"] = False
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
# Loaded once for all processes of a worker; web servers and commands load it when they draw.
CELERY_IMPORTS = ("invoices.statement_pdf", "facturx.generate_xml")
CELERY_BEAT_SCHEDULE = {
    "find due work": {"task": "usage.tasks.find_due_work", "schedule": 5.0},
    # A change of zone starts this itself; the beat finds what was lost.
    "find old zones": {"task": "usage.tasks.find_old_zones", "schedule": 60.0},
    "find due charges": {"task": "plans.tasks.find_due_charges", "schedule": 60.0},
    # Charging does this too; the beat warns where nothing is charged.
    "find due warnings": {"task": "plans.tasks.find_due_warnings", "schedule": 3600.0},
    # So does it with usage alerts; the beat makes up for what was missed.
    "find due usage alerts": {"task": "plans.tasks.find_due_usage_alerts", "schedule": 3600.0},
    "find due reloads": {"task": "invoices.tasks.find_due_reloads", "schedule": 60.0},
    "find due renewals": {"task": "invoices.tasks.find_due_renewals", "schedule": 60.0},
    # A removal starts this itself; the beat finds what was lost, or failed.
    "find removed methods": {"task": "invoices.tasks.find_removed_methods", "schedule": 60.0},
    "find expiring methods": {
        "task": "invoices.tasks.find_expiring_methods",
        "schedule": crontab(minute="50"),
    },
    "find due paybacks": {"task": "invoices.tasks.find_due_paybacks", "schedule": 60.0},
    # A document that is issued starts this itself; the beat finds what was lost.
    "find unmade files": {"task": "invoices.tasks.find_unmade_files", "schedule": 60.0},
    "find due bundles": {"task": "invoices.tasks.find_due_bundles", "schedule": 60.0},
    "remove expired bundles": {
        "task": "invoices.tasks.remove_expired_bundles",
        "schedule": crontab(minute="35"),
    },
    "find due month packs": {"task": "invoices.tasks.find_due_month_packs", "schedule": 60.0},
    "remove expired month packs": {
        "task": "invoices.tasks.remove_expired_month_packs",
        "schedule": crontab(minute="50"),
    },
    "issue missing invoices": {
        "task": "invoices.tasks.issue_missing_invoices",
        "schedule": crontab(minute="20"),
    },
    "seal audit log": {"task": "accounts.tasks.seal_audit_log", "schedule": 60.0},
    # An invitation starts this itself; the beat finds what was lost, or failed.
    "find unsent invitations": {"task": "accounts.tasks.find_unsent_invitations", "schedule": 60.0},
    # Likewise each mail of the outbox.
    "find waiting mail": {"task": "accounts.tasks.find_waiting_mail", "schedule": 60.0},
    "remove ended sign-ins": {
        "task": "accounts.tasks.remove_ended_sign_ins",
        "schedule": crontab(hour="3", minute="40"),
    },
    # At an hour, not after a day: a beat that is restarted daily would never get there.
    "remove old events": {
        "task": "usage.tasks.remove_old_events",
        "schedule": crontab(hour="3", minute="10"),
    },
    # After old events are removed; again while some workspace was not checked this night.
    "find due tie-outs": {
        "task": "invoices.tasks.find_due_tie_outs",
        "schedule": crontab(hour="4-7", minute="5"),
    },
}

# Payments

# It moves no money: whoever may buy gets credits for nothing.
SANDBOX_PAYMENTS = flag("SANDBOX_PAYMENTS", default=SERVERS.postgres)
# Stripe is offered where both are there; several secrets while they are changed.
STRIPE_SECRET_KEY = os.environ.get("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRETS = words("STRIPE_WEBHOOK_SECRETS")
STRIPE_API_ADDRESS = os.environ.get("STRIPE_API_ADDRESS", "").rstrip("/") or (
    "https://api.stripe.com"
)
# Where its pages are, for an account that has them on a domain of its own.
STRIPE_PAGES = os.environ.get("STRIPE_PAGES", "").rstrip("/") or "https://checkout.stripe.com"

# Mail

EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = number("EMAIL_PORT", default=587)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_SSL = flag("EMAIL_USE_SSL", default=False)
EMAIL_USE_TLS = flag("EMAIL_USE_TLS", default=not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 20  # seconds
MAIL_DIR = os.environ.get("MAIL_DIR", "")
EMAIL_FILE_PATH = Path(MAIL_DIR) if MAIL_DIR else VAR_DIR / "mail"
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM") or "Billing Console <console@localhost>"
# Without a mail server: files of the embedded installation, and elsewhere nothing.
MAIL_GOES_OUT = bool(EMAIL_HOST)
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if MAIL_GOES_OUT
    else "billing_console.mail.PrivateFiles"
    if SERVERS.postgres or MAIL_DIR
    else "django.core.mail.backends.dummy.EmailBackend"
)

# People and their browsers

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "accounts:workspace_list"
LOGOUT_REDIRECT_URL = "account_login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = ["accounts.backends.ByMailAddress"]
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # nobody signs up: people are invited
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = (  # allauth's own keeps a second list of mail addresses
    "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105
)
ACCOUNT_USER_DISPLAY = "accounts.adapters.find_name"
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "add_webauthn": "accounts.passkey_forms.Add",
    "authenticate_webauthn": "accounts.passkey_forms.SignIn",
    "login_webauthn": "accounts.passkey_forms.SignInAlone",
    "reauthenticate_webauthn": "accounts.passkey_forms.Confirm",
}
MFA_TOTP_ISSUER = "Billing Console"
MFA_TOTP_TOLERANCE = 1
# Operators see all workspaces. The embedded installation is for trying it out.
OPERATORS_NEED_SECOND_FACTOR = flag("OPERATORS_NEED_SECOND_FACTOR", default=HTTPS)
# Browsers take http://localhost for secure; only the embedded installation is served there.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = bool(SERVERS.postgres) and not HTTPS
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SingleSignOnAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
# Single sign-on with one OpenID Connect provider, for people who have an account here.
OIDC_SERVER_URL = os.environ.get("OIDC_SERVER_URL", "").rstrip("/")
OIDC_NAME = os.environ.get("OIDC_NAME") or "single sign-on"
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": os.environ.get("OIDC_CLIENT_ID", ""),
                "secret": os.environ.get("OIDC_CLIENT_SECRET", ""),
                "settings": {"server_url": OIDC_SERVER_URL},
            }
        ]
        if OIDC_SERVER_URL
        else [],
    }
}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if HTTPS else 0
# Whoever watches asks a process directly; the answers hold nothing of anybody.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
# To be on the list that browsers ship is for the owner of the domain to decide.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# The largest form is a list of bots to choose from; intake and its 16 MiB are read apart.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_HANDLERS = ["accounts.uploads.UploadGuard"]
if HTTPS:
    # A reverse proxy has the certificate, and must set or remove this header.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "billing_console.errors.csrf_failed"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # The sign-in form of single sign-on leads to its provider.
        # That of a payment to Stripe's.
        "form-action": [
            SELF,
            *filter(None, ["/".join(OIDC_SERVER_URL.split("/")[:3])]),
            *([STRIPE_PAGES] if STRIPE_SECRET_KEY else []),
        ],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
API_REQUESTS_PER_MINUTE = number("API_REQUESTS_PER_MINUTE", default=6000)

# Pages

DJANGO_TABLES2_TEMPLATE = "components/table.html"
DJANGO_TABLES2_TABLE_ATTRS = {"class": "table card-table"}

# Static files

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "billing_console.front_end.PackageFinder",
]
FRONT_END_ROOT = BASE_DIR / "node_modules"
FRONT_END_FILES = {
    "tabler/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "plotly/plotly-basic.min.js": "plotly.js-basic-dist-min/plotly-basic.min.js",
}
# Files of logos and documents: in a folder, or in a bucket, whose keys boto3 finds by itself.
FILES_BUCKET = os.environ.get("FILES_BUCKET", "")
IN_FOLDER = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": os.environ.get("FILES_DIR") or VAR_DIR / "files"},
}
IN_BUCKET = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": FILES_BUCKET,
        "endpoint_url": os.environ.get("FILES_ENDPOINT") or None,
        "default_acl": None,
        "file_overwrite": False,
    },
}
STORAGES = {
    "default": IN_BUCKET if FILES_BUCKET else IN_FOLDER,
    "staticfiles": {"BACKEND": "billing_console.front_end.StaticStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# Logs go to standard error, of which whoever runs the process takes care.

LOG_FORMAT = os.environ.get("LOG_FORMAT") or "lines"
if LOG_FORMAT not in ("lines", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is to be lines or json, not {LOG_FORMAT!r}.")
LOGGING = make_settings(format=LOG_FORMAT, level=os.environ.get("LOG_LEVEL") or "INFO")

# Who watches the installation

METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
PROMETHEUS_MULTIPROC_DIR = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
SENTRY_DSN = os.environ.get("SENTRY_DSN", "")
SENTRY_ENVIRONMENT = os.environ.get("SENTRY_ENVIRONMENT", "")

"""Django's settings, all from the environment (docs/configuration.md). The defaults are safe for a laptop; AIOPS_ENV
selects production.

The system checks in ``aiops/access/checks.py`` say what is wrong with a configuration and how to mend it.
"""

from __future__ import annotations

import secrets
import warnings
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from aiops import beat, broker, env

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# --- where we run -------------------------------------------------------------------------------------------------
AIOPS_ENV = env.text("AIOPS_ENV", "dev")
PRODUCTION = AIOPS_ENV == "production"
AIOPS_HOST = env.text("AIOPS_HOST", "127.0.0.1")
AIOPS_PORT = env.integer("AIOPS_PORT", 8888)
AIOPS_DATA_DIR = Path(env.text("AIOPS_DATA_DIR", str(BASE_DIR / "data"))).resolve()
AIOPS_PUBLIC_URL = env.text("AIOPS_PUBLIC_URL")  # how browsers reach us; empty: as the request came in
AIOPS_ADMIN_PASSWORD = env.text("AIOPS_ADMIN_PASSWORD")
AIOPS_API_KEYS = env.words("AIOPS_API_KEYS") or env.words("AI_SRE_API_KEYS")
REDIS_URL = env.text("REDIS_URL")
DATABASE_URL = env.text("DATABASE_URL")
# ``python -m aiops run`` sets this for itself: PostgreSQL is a private one, on the disk of the data directory.
EMBEDDED = env.flag("AIOPS_EMBEDDED")

# --- what administrators tune -------------------------------------------------------------------------------------
AIOPS_AUTO_CLOSE_AFTER = timedelta(hours=env.integer("AIOPS_AUTO_CLOSE_HOURS", 72))  # resolved → closed; 0 hours: never
AIOPS_ALERT_RETENTION = timedelta(days=env.integer("AIOPS_ALERT_RETENTION_DAYS", 90))  # partitions older than this go
AIOPS_DELIVERY_RETENTION = timedelta(days=env.integer("AIOPS_DELIVERY_RETENTION_DAYS", 180))
AIOPS_SWEEP_SECONDS = env.integer("AIOPS_SWEEP_SECONDS", 5)
AIOPS_MAX_BODY_BYTES = env.integer("AIOPS_MAX_BODY_BYTES", 4 * 1024 * 1024)
AIOPS_BODY_MEMORY_BYTES = env.integer("AIOPS_BODY_MEMORY_BYTES", 64 * 1024 * 1024)  # of bodies over 64 KiB, together
AIOPS_MAX_UPLOAD_BYTES = 5 * 1024 * 1024  # of a file that a person uploads (a calendar)
DATA_UPLOAD_MAX_MEMORY_SIZE = (
    2_621_440  # of any other body but a signal's; Django's own default, and the server's bound too
)
AIOPS_MAX_CONNECTIONS = env.integer("AIOPS_MAX_CONNECTIONS", 4000)
AIOPS_CONNECTIONS_PER_ADDRESS = env.integer("AIOPS_CONNECTIONS_PER_ADDRESS", 200)
AIOPS_ALLOWED_HOSTS = env.words("AIOPS_ALLOWED_HOSTS")
# Hosts and networks that are ours although they are private: notifications may be sent there (aiops/kernel/http.py).
AIOPS_OUTBOUND_ALLOW = env.words("AIOPS_OUTBOUND_ALLOW")
# smtp://user:password@host:port?from=…, for workspaces without a mail server of their own
AIOPS_SMTP_URL = env.text("AIOPS_SMTP_URL")
AIOPS_HEARTBEAT_URL = env.text("AIOPS_HEARTBEAT_URL")  # is asked every minute while paging is proven; empty: none
AIOPS_PROOF_MINUTES = env.integer("AIOPS_PROOF_MINUTES", 5)  # between two proofs of paging; 0: never
# What no worker took for so many seconds is dropped, so that a broker does not fill up while there is none. Not less: a worker
# asks its own machine's clock, and one that is an hour ahead would drop everything.
AIOPS_TASKS_EXPIRE = 2 * 3600
AIOPS_PAGING_SECONDS = env.integer("AIOPS_PAGING_SECONDS", 2)  # between two sweeps of what the doorbell missed

# --- Django -------------------------------------------------------------------------------------------------------
DEBUG = False
# In dev the embedded runtime keeps a key of its own in the data directory (aiops/embedded); production must bring one, and
# is refused without (access.E002): what stands here then lasts just long enough to say so.
SECRET_KEY = env.text("AIOPS_SECRET_KEY") or (
    secrets.token_hex(32) if PRODUCTION else "dev-only-key-not-for-production-use-0123456789abcdef"
)
SECRET_KEY_FALLBACKS = env.words("AIOPS_SECRET_KEY_FALLBACKS")
AIOPS_AUDIT_KEYS = env.words("AIOPS_AUDIT_KEYS")  # newest first; empty: one that is made of SECRET_KEY seals
# Who listens on loopback in dev is called by its names, or by the public one; else any name may be ours.
ALLOWED_HOSTS = AIOPS_ALLOWED_HOSTS or (
    [".localhost", "127.0.0.1", "[::1]", urlsplit(AIOPS_PUBLIC_URL).hostname or "localhost"]
    if not PRODUCTION and AIOPS_HOST in ("127.0.0.1", "localhost", "::1")
    else ["*"]
)
ROOT_URLCONF = "aiops.urls"
ASGI_APPLICATION = "aiops.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "access.User"
APPEND_SLASH = False  # every API path answers with and without the slash; a redirect would turn a POST into a GET
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

INSTALLED_APPS = [
    "aiops.console",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "aiops.access",
    "aiops.audit",
    "incidents",
    "notifications",
]

MIDDLEWARE = [
    "aiops.console.middleware.SecurityHeadersMiddleware",
    "aiops.api.middleware.PlainRequestMiddleware",
    "aiops.audit.middleware.RequestFactsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "aiops.access.middleware.RequestActorMiddleware",
    "aiops.console.middleware.our_look",
]

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
                "aiops.console.context.shell",
            ],
            "builtins": ["aiops.console.templatetags.ui"],
        },
    }
]

# --- database: PostgreSQL only; Django's psycopg pool, sized for request threads + worker + beat + the ingest writer
DATABASES = {"default": env.postgres(DATABASE_URL or "postgresql://postgres@127.0.0.1:5432/aiops")}
DATABASES["default"]["OPTIONS"] = {
    # Who waits for a server that is no longer there finds out within ten seconds; DATABASE_URL may say otherwise.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
    **DATABASES["default"]["OPTIONS"],  # type: ignore[dict-item]
    "pool": {
        "min_size": 2,
        "max_size": env.integer("AIOPS_DB_POOL", 20),
        "timeout": 5,
        "max_lifetime": 3600,
        "reconnect_timeout": 1,
    },
    "prepare_threshold": 5,  # only the raw, server-bound cursors of the ingest path are ever prepared
    "application_name": "aiops",
}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = (
    True  # the pool hands out no connection that died with a restarted PostgreSQL
)

# --- Redis or Valkey. Without: commands that talk to nobody else (``manage``, tests, a web process alone) ----------------
if REDIS_URL:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 0.5},  # a request never waits long for a cache
        }
    }
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL], "prefix": "aiops-live"},
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 200_000},  # the default culls at 300 and would lose rate counters
        }
    }
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 1000}}}

# --- Celery: executes, never keeps time (deadlines are columns) ------------------------------------------------------
CELERY_BROKER_URL = "memory://localhost"
if REDIS_URL:
    CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT = broker.celery_settings(REDIS_URL)
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2, "ack_emulation": False}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TASK_DEFAULT_QUEUE = "paging"  # short work; long work goes to its own queue so that it never delays a page
CELERY_TASK_TIME_LIMIT = 120
CELERY_DB_REUSE_MAX = 10**12  # tasks until Celery closes our pool of connections: never (aiops/celery.py)
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
# The sweeps of what is due are added by the apps (aiops/kernel/outbox).
CELERY_BEAT_SCHEDULE = {
    name: beat.entry(task, queue, seconds, AIOPS_TASKS_EXPIRE)
    for name, task, queue, seconds in (
        ("paging-housekeeping", "notifications.tasks.housekeeping", "long", 600),
        ("watch-coverage", "notifications.tasks.watch_coverage", "long", 300),
        ("import-calendars", "notifications.tasks.import_calendars", "long", 60),
        # What watches the paging is independent of it: another queue, other statements.
        ("audit", "notifications.tasks.audit", "long", 60),
        ("prove", "notifications.tasks.prove", "long", 20),
        ("heartbeat", "notifications.tasks.beat_heart", "long", 60),
        ("find-unreachable", "notifications.tasks.find_unreachable", "long", 3600),
        ("housekeeping", "incidents.tasks.housekeeping", "long", 600),
        ("seal", "incidents.tasks.seal", "long", AIOPS_SWEEP_SECONDS),
    )
}

# --- sign-in --------------------------------------------------------------------------------------------------------
CSRF_FAILURE_VIEW = "aiops.console.views.csrf_failure"
LOGIN_URL = "/console/login"
LOGIN_REDIRECT_URL = "/console"
LOGOUT_REDIRECT_URL = "/console/login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Behind TLS (AIOPS_PUBLIC_URL=https://…) cookies travel encrypted only.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = AIOPS_PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [AIOPS_PUBLIC_URL.rstrip("/")] if AIOPS_PUBLIC_URL else []
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if AIOPS_PUBLIC_URL.startswith("https://") else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- static files: served by us, from our own disk -------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600 if PRODUCTION else 0
# Our static files are small; Django reads each whole in a thread, and need not say so each time.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

# --- REST -----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["aiops.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=30),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ALGORITHM": "HS256",
    "SIGNING_KEY": SECRET_KEY,
    "UPDATE_LAST_LOGIN": True,
    "CHECK_REVOKE_TOKEN": True,  # a new password ends the tokens of the old one
}
SPECTACULAR_SETTINGS = {
    "TITLE": "aiops",
    "DESCRIPTION": "Four dialects over one incident core. See docs/api/ for how they map onto each other.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SCHEMA_PATH_PREFIX": "/",
    "PREPROCESSING_HOOKS": ["aiops.api.schema.without_slash_twins"],
    "POSTPROCESSING_HOOKS": ["notifications.replies.hooks.schema.with_hooks"],
}

# --- logs: one line each on stderr; the ?api_key= of a request never reaches them -------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"scrub": {"()": "aiops.kernel.logs.ScrubSecrets"}, "named": {"()": "aiops.process.Named"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(process_name)s%(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["scrub", "named"]}},
    "root": {"handlers": ["stderr"], "level": env.text("AIOPS_LOG_LEVEL", "INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.channels": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING", "propagate": True},
        "uvicorn.error": {"level": "WARNING", "propagate": True},
        "psycopg.pool": {"level": "ERROR"},
        "httpx": {"level": "WARNING"},  # below, it logs whole URLs, and those of webhooks and bots are secrets
    },
}

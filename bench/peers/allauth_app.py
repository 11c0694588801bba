"""django-allauth, headless, for gunicorn; PEER_DATABASE is a file of SQLite, which this program makes ready.

For speed: Argon2 with our parameters, WAL, kept connections, no middleware that it does not need; no limits, no log, no mail.
"""

import os

import django
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.handlers.wsgi import WSGIHandler


class Hasher(Argon2PasswordHasher):
    """With our parameters."""

    time_cost, memory_cost, parallelism = 2, 19_456, 1


settings.configure(
    SECRET_KEY="only for the bench",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "allauth",
        "allauth.account",
        "allauth.headless",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "allauth.account.middleware.AccountMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["PEER_DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 10,
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
            },
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    PASSWORD_HASHERS=[f"{__name__}.Hasher"],
    EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
    LOGGING_CONFIG=None,
    ACCOUNT_LOGIN_METHODS={"email"},
    ACCOUNT_SIGNUP_FIELDS=["email*", "password1*"],
    ACCOUNT_EMAIL_VERIFICATION="none",
    ACCOUNT_RATE_LIMITS=False,
    HEADLESS_ONLY=True,
    HEADLESS_CLIENTS=("app",),
)
django.setup()

from django.core.management import call_command  # noqa: E402 - not before there are settings
from django.urls import include, path  # noqa: E402 - as above

urlpatterns = [path("_allauth/", include("allauth.headless.urls"))]
application = WSGIHandler()

if __name__ == "__main__":
    call_command("migrate", verbosity=0)

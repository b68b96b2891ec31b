#!/usr/bin/env python
"""Commands of the console; the embedded servers run as long as a command needs them."""

import os
import sys

# These need no database, and run where none can be started (when an image is built).
WITHOUT_SERVERS = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "help",
    "startapp",
    "version",
    "--help",
    "-h",
    "--version",
}


def main() -> int:
    """Run a command; return the exit status, with one sentence where it cannot be run."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_console.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from billing_console import embedded

    try:
        if len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_SERVERS:
            # The module itself: Django reads it only after this.
            from billing_console import settings

            settings.SERVERS.hold()
            settings.SECRET_KEY = settings.SECRET_KEY or settings.SERVERS.make_secret_key()
            if not settings.SECRET_KEY:
                return refuse("Set SECRET_KEY to 50 random characters, the same for all processes.")
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, embedded.Unavailable) as error:
        return refuse(str(error))
    except OperationalError as error:
        return refuse(f"The database cannot be used: {str(error).strip().splitlines()[0]}")
    except KeyboardInterrupt:
        return refuse("Interrupted.", status=130)
    except BrokenPipeError:  # whoever read the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def refuse(sentence: str, *, status: int = 1) -> int:
    """Say why there is no result, and return the exit status."""
    print(f"{sys.argv[1]}: {sentence}", file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Health check of the web container: status 0 when the console on a port answers ``/healthz``.

Asks as the reverse proxy would, so that neither the list of host names nor the redirect to https
stands in the way.
"""

import http.client
import os
import sys


def main(port: int) -> int:
    """Ask once, and return the exit status."""
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip(".*")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    headers = {"Host": host or "localhost", "X-Forwarded-Proto": "https"}
    try:
        connection.request("GET", "/healthz", headers=headers)
        status = connection.getresponse().status
    except OSError as error:
        print(f"no answer: {error}", file=sys.stderr)
        return 1
    print(status, file=sys.stderr)
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

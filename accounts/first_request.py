"""The first request of a program, to be copied into a terminal."""

import json
import shlex
from datetime import datetime

KEY = "bck_YOUR_API_KEY"


def write(*, address: str, bot_key: str, at: datetime) -> str:
    """Return a call of curl that sends one event of a bot.

    The event says that it is of a test: it is stored, and never counted or billed.
    """
    event = {
        "specversion": "1.0",
        "id": f"first-{at:%Y%m%d%H%M%S}",
        "source": "/first-request",
        "type": "conversation.message",
        "subject": bot_key,
        "time": at.isoformat(timespec="seconds"),
        "data": {"user": "me", "channel": "web", "direction": "user", "environment": "test"},
    }
    body = json.dumps(event, indent=2, ensure_ascii=False)
    return " \\\n  ".join(
        [
            f"curl {shlex.quote(address)}",
            f"-H 'Authorization: Bearer {KEY}'",
            "-H 'Content-Type: application/cloudevents+json'",
            f"--data-binary {shlex.quote(body)}",
        ]
    )

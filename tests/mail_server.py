"""A mail server on loopback that takes, refuses and holds mails as a test says."""

import asyncio
import email
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django import Settings

from tests.web_server import free_port


class MailServer:
    """What a server was sent; ``refuses``: by address, the answer to who names it.

    While ``holds`` is set, a mail that was received is not answered.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []
        self.refuses: dict[str, str] = {}
        self.holds = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """By what a worker sends here."""
        return {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(self.port), "EMAIL_USE_TLS": "0"}

    def find_recipients(self) -> list[str]:
        """Return to whom mails came, sorted."""
        return sorted(str(mail["To"]) for mail in self.mails)

    async def handle_RCPT(  # noqa: N802  # the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address, or refuse it."""
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  # the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        while self.holds.is_set():
            await asyncio.sleep(0.05)
        return "250 OK"


@contextmanager
def running(server: MailServer) -> Iterator[MailServer]:
    """Have a server take mails for the block."""
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        server.holds.clear()
        controller.stop()


def prepare(settings: Settings) -> MailServer:
    """Have the console send to a server, which does not run yet."""
    server = MailServer(free_port())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    return server

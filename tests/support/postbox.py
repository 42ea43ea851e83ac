"""A mail server on the loopback that keeps what it is given, and can refuse."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class Postbox:
    """Keeps the mails in `mails`. While `refusing` is a reply line such as "451 later", that is the answer."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.refusing: str | None = None
        self.tries = 0

    # The name is the one that aiosmtpd calls.
    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.tries += 1
        if self.refusing:
            return self.refusing
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos
        return "250 kept"

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to one address, oldest first."""
        return [mail for mail in self.mails if address in str(mail["To"])]


class SmtpServer:
    """The server around a postbox; `url` is what SMTP_URL takes."""

    def __init__(self) -> None:
        self.postbox = Postbox()
        self.controller = Controller(self.postbox, hostname="127.0.0.1", port=0)

    def start(self) -> None:
        # Port 0 lets the system choose; aiosmtpd knocks at the port it was given, so it is chosen here.
        from tests.support.server import free_port

        self.controller.port = free_port()
        self.controller.start()
        self.url = f"smtp://127.0.0.1:{self.controller.port}"

    def stop(self) -> None:
        self.controller.stop()

    @property
    def mails(self) -> list[EmailMessage]:
        return self.postbox.mails

"""Where mails leave: a mail server when SMTP_URL names one, otherwise .eml files in the data folder.

Nothing here knows why a mail is sent. A transport is kept for a batch, so that the mails share a connection.
"""

from __future__ import annotations

import email.policy
import os
import re
import secrets
import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import config

# Every wait on the mail server ends after this: a hanging server delays the mails, not the portal.
TIMEOUT_SECONDS = 15
DEFAULT_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class TemporaryFailure(Exception):
    """The mail could not leave now. `whole_server`: the server itself is away, no other mail would leave either."""

    def __init__(self, reason: str, *, whole_server: bool = False) -> None:
        super().__init__(reason)
        self.whole_server = whole_server


class PermanentFailure(Exception):
    """The server will never take this mail."""


class Transport(Protocol):
    """A way out, kept for a batch of mails and then closed."""

    def send(self, mail: EmailMessage) -> None:
        """Hand one mail over. Raises TemporaryFailure or PermanentFailure."""

    def close(self) -> None:
        """Let the connection go."""


class SmtpTransport:
    """Mails through a server. The connection is opened with the first mail and reused for the following ones."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Arguments: url, smtp://, smtp+starttls:// or smtps://, with user, password and port; timeout, seconds."""
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError("SMTP_URL must begin with smtp://, smtp+starttls:// or smtps:// and name a host")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or DEFAULT_PORTS[parts.scheme]
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._timeout = timeout
        self._client: smtplib.SMTP | None = None

    def send(self, mail: EmailMessage) -> None:
        """Hand one mail to the server, to the address of its To header.

        Raises TemporaryFailure for 4xx answers, lost connections and time-outs, PermanentFailure for 5xx answers.
        """
        client = self._connected()
        try:
            client.send_message(mail)
        except smtplib.SMTPRecipientsRefused as refusal:
            code, text = next(iter(refusal.recipients.values()), (550, b""))
            self._refused(code, text)
        except smtplib.SMTPSenderRefused as refusal:
            # 552: too big. Any other refusal of the sender is our set-up: every mail would meet it.
            if refusal.smtp_code == 552:
                self._refused(refusal.smtp_code, refusal.smtp_error)
            self.close()
            raise TemporaryFailure(_said(refusal.smtp_code, refusal.smtp_error), whole_server=True) from None
        except smtplib.SMTPResponseException as refusal:
            self._refused(refusal.smtp_code, refusal.smtp_error)
        except smtplib.SMTPNotSupportedError as refusal:
            raise PermanentFailure(str(refusal)) from None
        except smtplib.SMTPServerDisconnected as lost:
            self.close()
            raise TemporaryFailure(f"the server hung up: {lost}", whole_server=True) from None
        except OSError as lost:
            self.close()
            raise TemporaryFailure(_lost(lost), whole_server=True) from None

    def close(self) -> None:
        """Say goodbye if the server still listens."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            client.quit()
        except (smtplib.SMTPException, OSError):
            client.close()

    def _refused(self, code: int, text: bytes | str) -> None:
        if code == 421:
            # "Closing transmission channel": the server goes away, with whatever else would be sent.
            self.close()
            raise TemporaryFailure(_said(code, text), whole_server=True)
        if 500 <= code < 600:
            raise PermanentFailure(_said(code, text))
        raise TemporaryFailure(_said(code, text))

    def _connected(self) -> smtplib.SMTP:
        if self._client is not None:
            try:
                # A server may have hung up since the last mail: it is noticed before the next one, not in it.
                if self._client.rset()[0] == 250:
                    return self._client
            except (smtplib.SMTPException, OSError):
                pass
            self.close()
        client: smtplib.SMTP | None = None
        try:
            if self._scheme == "smtps":
                client = smtplib.SMTP_SSL(
                    self._host, self._port, timeout=self._timeout, context=ssl.create_default_context()
                )
            else:
                client = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
            if self._scheme == "smtp+starttls":
                client.starttls(context=ssl.create_default_context())
            if self._user:
                client.login(self._user, self._password)
        except smtplib.SMTPResponseException as refusal:
            _drop(client)
            # A wrong password in the settings must not throw mails away: they wait until it is mended.
            raise TemporaryFailure(_said(refusal.smtp_code, refusal.smtp_error), whole_server=True) from None
        except (smtplib.SMTPException, OSError) as lost:
            _drop(client)
            raise TemporaryFailure(_lost(lost), whole_server=True) from None
        self._client = client
        return client


class FileTransport:
    """Mails as files: for development, demonstrations, and portals that are read by another program."""

    def __init__(self, folder: Path) -> None:
        """Arguments: folder, made when it is missing, readable by its owner only."""
        self._folder = folder

    def send(self, mail: EmailMessage) -> None:
        """Write one mail; its name sorts by time and says template and recipient. Raises TemporaryFailure."""
        # Not the Date of the mail: a job run by hand at another date still writes its mails one after the other.
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        words = [stamp, str(mail["X-Guichet-Mail"] or "mail"), _address(mail)]
        name = "-".join(re.sub(r"[^\w.@+-]+", "_", word) for word in words)[:200]
        temporary = self._folder / f".{secrets.token_hex(8)}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(mail.as_bytes(policy=email.policy.SMTP))
                file.flush()
                os.fsync(file.fileno())
            # A reader of the folder never sees half a mail.
            os.replace(temporary, self._folder / f"{name}.eml")
        except OSError as lost:
            with suppress(OSError):
                temporary.unlink()
            raise TemporaryFailure(_lost(lost), whole_server=True) from None

    def close(self) -> None:
        """Nothing is held open."""


def open_transport(settings: config.Settings) -> Transport:
    """The way out that the operator chose: SMTP_URL, or files in <data>/mail/."""
    if settings.smtp_url:
        return SmtpTransport(settings.smtp_url)
    return FileTransport(settings.mail_dir)


def _address(mail: EmailMessage) -> str:
    addresses = mail["To"].addresses
    return str(addresses[0].addr_spec) if addresses else "nobody"


def _drop(client: smtplib.SMTP | None) -> None:
    if client is not None:
        client.close()


def _said(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"{code} {words}".strip()


def _lost(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"

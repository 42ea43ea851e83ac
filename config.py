"""Settings of the operator, read once from the environment, typed and checked.

What a support team may want to change while running is not here: it is a row with a screen (domain/settings.py).
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

VERSION = "1.0.0"

# Keys seen in documentation and samples: a portal that starts with one of them is open to everybody.
KNOWN_BAD_SECRETS = frozenset(
    {"secret", "changeme", "change-me", "dev", "development", "guichet", "password"}
)
SECRET_MIN_CHARACTERS = 32


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class BadSettings(RuntimeError):
    """The environment asks for something that cannot be served safely; the message says what to change."""


@dataclass(frozen=True)
class Settings:
    """Everything the operator decides. Times are in seconds, sizes in bytes unless the name says otherwise."""

    data_dir: Path
    database_url: str
    base_url: str
    secret_key: str = field(repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    storage_url: str | None = None
    preset: str = "default"
    jobs: bool = True
    host: str = "127.0.0.1"
    port: int = 8000
    demo: bool = False
    threads: int = 8
    # An identity provider on this very machine may do without https: for trials, never for customers.
    sso_http_on_loopback: bool = False
    # Reverse proxies whose X-Forwarded-For is believed: without them every visitor has the proxy's address.
    trusted_proxies: tuple[Network, ...] = ()

    @property
    def production(self) -> bool:
        """True when the public address is https: then secure cookies, HSTS and a mail server are compulsory."""
        return self.base_url.startswith("https://")

    @property
    def mail_dir(self) -> Path:
        """Where mails are written as .eml files when there is no mail server."""
        return self.data_dir / "mail"

    @property
    def files_dir(self) -> Path:
        """Where the files attached to requests are kept when there is no other store."""
        return self.data_dir / "files"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check the settings.

        Arguments: environ, a mapping of names to texts (os.environ when absent).
        Returns the settings. Raises BadSettings with a sentence that says what to change.
        """
        env = os.environ if environ is None else environ
        data_dir = Path(env.get("GUICHET_DATA") or "var").resolve()
        host = env.get("HOST") or "127.0.0.1"
        port = _whole_number(env.get("PORT") or "8000", "PORT", 1, 65535)
        threads = _whole_number(env.get("THREADS") or "8", "THREADS", 1, 64)
        base_url = (env.get("BASE_URL") or f"http://{_address_host(host)}:{port}").rstrip("/")
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise BadSettings("BASE_URL must be a whole address such as https://support.example.org")
        smtp_url = env.get("SMTP_URL") or None
        if smtp_url and urlsplit(smtp_url).scheme not in {"smtp", "smtps", "smtp+starttls"}:
            raise BadSettings("SMTP_URL must begin with smtp://, smtp+starttls:// or smtps://")
        if parts.scheme == "https" and not smtp_url:
            raise BadSettings(
                "SMTP_URL is required when BASE_URL is https: customers must receive their mails"
            )
        jobs = (env.get("JOBS") or "on").lower()
        if jobs not in {"on", "off"}:
            raise BadSettings("JOBS must be on or off")
        return cls(
            data_dir=data_dir,
            database_url=env.get("DATABASE_URL") or f"sqlite:///{data_dir / 'guichet.db'}",
            base_url=base_url,
            secret_key=_secret(env.get("SECRET_KEY"), data_dir),
            smtp_url=smtp_url,
            storage_url=env.get("STORAGE_URL") or None,
            preset=env.get("GUICHET_PRESET") or "default",
            jobs=jobs == "on",
            host=host,
            port=port,
            demo=(env.get("GUICHET_DEMO") or "") == "1",
            threads=threads,
            sso_http_on_loopback=(env.get("GUICHET_SSO_HTTP_ON_LOOPBACK") or "") == "1",
            trusted_proxies=_networks(env.get("TRUSTED_PROXY") or ""),
        )


def _address_host(host: str) -> str:
    """The host to print in an address: a server that listens everywhere is still reached by one name."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  (compared, not bound)


def _networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, set apart by commas or blanks."""
    try:
        return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise BadSettings(
            "TRUSTED_PROXY must be addresses or networks of your own proxies, such as 127.0.0.1 or 10.0.0.0/8"
        ) from None


def _whole_number(text: str, name: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise BadSettings(f"{name} must be a whole number") from None
    if not least <= number <= most:
        raise BadSettings(f"{name} must be between {least} and {most}")
    return number


def _secret(given: str | None, data_dir: Path) -> str:
    """The signing key: the one given, or one made once and kept beside the data (mode 600)."""
    if given:
        if given.lower() in KNOWN_BAD_SECRETS or len(given) < SECRET_MIN_CHARACTERS:
            raise BadSettings(
                f"SECRET_KEY is too easy to guess: at least {SECRET_MIN_CHARACTERS} random characters, "
                "or leave it out and one is made for you"
            )
        return given
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data_dir / "secret"
    if not path.exists():
        _make_secret(path)
    key = path.read_text("ascii", "replace").strip()
    if len(key) < SECRET_MIN_CHARACTERS:
        raise BadSettings(
            f"{path} does not hold a whole key: delete it and one is made anew; everybody then signs in again"
        )
    return key


def _make_secret(path: Path) -> None:
    """Make the key, whole and safely on the disk before it has its name: two that start at once end with the same."""
    unfinished = path.with_name(f".secret-{secrets.token_hex(8)}")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)

"""Settings of the operator, read once from the environment, typed and checked.

What a support team may want to change while running is not here: it is a row with a screen (domain/settings.py).
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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
class TextGateway:
    """How text messages leave (ACC-10): the request that the operator's gateway expects, its placeholders unfilled.

    url and body hold {number} (+33612345678) or {digits} (33612345678), and {text}; any part may hold {token}. body is
    what JSON says, pairs of a form, or None; most: messages of the whole portal in an hour; countries: two letters
    each, empty for all.
    """

    url: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "json"
    body: Any = None
    token: str = field(default="", repr=False)
    timeout_seconds: int = 10
    most: int = 200
    countries: frozenset[str] = frozenset()

    @property
    def host(self) -> str:
        """What may be shown of it."""
        return urlsplit(self.url).hostname or ""


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
    # None: the portal sends no text messages, and asks nobody for a mobile number.
    texts: TextGateway | None = field(default=None, repr=False)

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
            texts=_text_gateway(env),
        )


def _address_host(host: str) -> str:
    """The host to print in an address: a server that listens everywhere is still reached by one name."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  # nosec B104  # (compared, not bound)


def _networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, set apart by commas or blanks."""
    try:
        return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise BadSettings(
            "TRUSTED_PROXY must be addresses or networks of your own proxies, such as 127.0.0.1 or 10.0.0.0/8"
        ) from None


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Pieces of a request that the portal fills in; they stand in values, never in names.
NUMBER_PLACES, TEXT_PLACE, TOKEN_PLACE = ("{number}", "{digits}"), "{text}", "{token}"
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")


def _text_gateway(env: Mapping[str, str]) -> TextGateway | None:
    """The gateway for text messages, or None without GUICHET_SMS_URL. Raises BadSettings."""
    url = (env.get("GUICHET_SMS_URL") or "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise BadSettings("GUICHET_SMS_URL is not a whole address") from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if (
        not plain
        or not host
        or parts.scheme not in {"http", "https"}
        or parts.fragment
        or parts.username is not None
    ):
        raise BadSettings(
            "GUICHET_SMS_URL must be a whole https address; a user and a password go into GUICHET_SMS_HEADERS"
        )
    if parts.scheme == "http" and host not in LOOPBACK:
        raise BadSettings(
            "GUICHET_SMS_URL must begin with https:// unless the gateway is on this very machine"
        )
    if any(place in parts.netloc + parts.path for place in (*NUMBER_PLACES, TEXT_PLACE, TOKEN_PLACE)):
        raise BadSettings("GUICHET_SMS_URL: placeholders stand in values of the query only")
    method = (env.get("GUICHET_SMS_METHOD") or "POST").upper()
    if method not in {"POST", "PUT", "GET"}:
        raise BadSettings("GUICHET_SMS_METHOD must be POST, PUT or GET")
    kind = (env.get("GUICHET_SMS_TYPE") or "json").lower()
    if kind not in {"json", "form"}:
        raise BadSettings("GUICHET_SMS_TYPE must be json or form")
    token = env.get("GUICHET_SMS_TOKEN") or ""
    if not token.isascii() or not token.isprintable():
        raise BadSettings("GUICHET_SMS_TOKEN holds a character that no header can carry")
    body = None if method == "GET" else _text_body(env.get("GUICHET_SMS_BODY"), kind)
    filled = _values(body) + [value for _name, value in parse_qsl(parts.query, keep_blank_values=True)]
    if not any(place in value for value in filled for place in NUMBER_PLACES):
        raise BadSettings("GUICHET_SMS_BODY or GUICHET_SMS_URL must say where {number} or {digits} goes")
    if not any(TEXT_PLACE in value for value in filled):
        raise BadSettings("GUICHET_SMS_BODY or GUICHET_SMS_URL must say where {text} goes")
    countries = frozenset((env.get("GUICHET_SMS_COUNTRIES") or "").upper().replace(",", " ").split())
    if any(not re.fullmatch("[A-Z]{2}", country) for country in countries):
        raise BadSettings("GUICHET_SMS_COUNTRIES must be codes of two letters, such as FR,BE,CH")
    return TextGateway(
        url=url,
        method=method,
        headers=_text_headers(env.get("GUICHET_SMS_HEADERS"), token),
        kind=kind,
        body=body,
        token=token,
        timeout_seconds=_whole_number(env.get("GUICHET_SMS_TIMEOUT") or "10", "GUICHET_SMS_TIMEOUT", 1, 60),
        most=_whole_number(env.get("GUICHET_SMS_PER_HOUR") or "200", "GUICHET_SMS_PER_HOUR", 1, 100_000),
        countries=countries,
    )


def _text_body(given: str | None, kind: str) -> Any:
    if kind == "form":
        return tuple(parse_qsl(given or "to={number}&text={text}", keep_blank_values=True))
    try:
        body = json.loads(given or '{"to": "{number}", "text": "{text}"}')
    except ValueError:
        body = None
    if not isinstance(body, dict | list):
        raise BadSettings("GUICHET_SMS_BODY must be JSON, or GUICHET_SMS_TYPE must be form")
    return body


def _values(body: Any) -> list[str]:
    """Every text in a body, wherever it stands."""
    if isinstance(body, str):
        return [body]
    if isinstance(body, dict):
        return [text for value in body.values() for text in _values(value)]
    if isinstance(body, list | tuple):
        return [text for value in body for text in _values(value)]
    return []


def _text_headers(given: str | None, token: str) -> tuple[tuple[str, str], ...]:
    if not given:
        return (("Authorization", "Bearer {token}"),) if token else ()
    try:
        read = json.loads(given)
    except ValueError:
        read = None
    if not isinstance(read, dict) or not all(
        _HEADER_NAME.fullmatch(name)
        and name.lower() not in {"host", "content-length", "transfer-encoding", "connection"}
        and isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        for name, value in read.items()
    ):
        raise BadSettings(
            'GUICHET_SMS_HEADERS must be JSON such as {"Authorization": "Bearer {token}"}, without Host and lengths'
        )
    return tuple(read.items())


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

"""Text messages through the HTTP gateway that the operator chose (ACC-10).

The address is the operator's own setting: it may well be inside their network, so no address is refused here. What is
not done is to follow it elsewhere: no redirect, no proxy of the environment. Nothing here knows codes or people.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import config


class Refused(Exception):
    """The gateway will never take this message."""


class Away(Exception):
    """The gateway did not take this message, for now: it may be tried again."""


class Unknown(Exception):
    """Whether the gateway took the message cannot be known: trying again might send it twice."""


class HttpGateway:
    """The way out for text messages. One request for one message, on a connection of its own."""

    Refused = Refused
    Away = Away
    Unknown = Unknown

    def __init__(self, settings: config.TextGateway) -> None:
        self._settings = settings

    def send(self, number: str, text: str) -> None:
        """Hand one message over.

        Arguments: number, E.164 with its plus sign; text, as it is to arrive. Raises Refused for 4xx answers and
        redirects, Away when no connection was made and for 408, 425, 429 and 5xx answers, Unknown when the answer did
        not come in time. What they say names neither number, text nor token.
        """
        set_up = self._settings
        words = {
            "{number}": number,
            "{digits}": number.lstrip("+"),
            "{text}": text,
            "{token}": set_up.token,
        }
        parts = urlsplit(set_up.url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        target = (parts.path or "/") + ("?" + urlencode(_filled(query, words)) if query else "")
        headers = {"User-Agent": f"guichet/{config.VERSION}", "Accept": "*/*", "Connection": "close"}
        headers |= {name: value.replace("{token}", set_up.token) for name, value in set_up.headers}
        body = None
        if set_up.body is not None:
            filled = _filled(set_up.body, words)
            if set_up.kind == "json":
                body = json.dumps(filled, ensure_ascii=False).encode()
                headers.setdefault("Content-Type", "application/json; charset=utf-8")
            else:
                body = urlencode(filled).encode()
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        _judge(self._answer(parts.scheme, parts.hostname or "", parts.port, target, headers, body))

    def _answer(
        self,
        scheme: str,
        host: str,
        port: int | None,
        target: str,
        headers: dict[str, str],
        body: bytes | None,
    ) -> int:
        """The status of the answer. All waits together end after the time-out, however slowly the answer drips."""
        seconds = self._settings.timeout_seconds
        connection: http.client.HTTPConnection
        if scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
        cut = threading.Timer(seconds, _shut, (connection,))
        cut.daemon = True
        cut.start()
        try:
            try:
                connection.connect()
            except (OSError, ValueError) as lost:
                raise Away(f"no connection: {type(lost).__name__}") from None
            try:
                connection.request(self._settings.method, target, body=body, headers=headers)
                return connection.getresponse().status
            except (OSError, http.client.HTTPException, ValueError) as lost:
                raise Unknown(f"no answer: {type(lost).__name__}") from None
        finally:
            cut.cancel()
            connection.close()


def _filled(value: Any, words: dict[str, str]) -> Any:
    """The same with its placeholders filled in, one pass over each text: what is filled in is not looked at again."""
    if isinstance(value, str):
        pieces, at = [], 0
        while at < len(value):
            name = next((name for name in words if value.startswith(name, at)), None)
            pieces.append(words[name] if name else value[at])
            at += len(name) if name else 1
        return "".join(pieces)
    if isinstance(value, dict):
        return {name: _filled(one, words) for name, one in value.items()}
    if isinstance(value, tuple):
        return tuple(_filled(one, words) for one in value)
    if isinstance(value, list):
        return [_filled(one, words) for one in value]
    return value


def _shut(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if status in {408, 425, 429} or status >= 500:
        raise Away(f"answer {status}")
    # A redirect too: following it would hand number and text to somebody whom the operator did not name.
    raise Refused(f"answer {status}")


def open_gateway(settings: config.Settings) -> HttpGateway | None:
    """The way out that the operator chose, or None: no text messages then."""
    return HttpGateway(settings.texts) if settings.texts is not None else None

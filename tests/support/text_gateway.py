"""A gateway for text messages on the loopback: it keeps what it is sent, and can refuse, hang or point elsewhere."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Received(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str

    @property
    def fields(self) -> dict[str, str]:
        """What the body says: JSON, or a form."""
        if "json" in self.headers.get("content-type", ""):
            return dict(json.loads(self.body))
        return dict(parse_qsl(self.body, keep_blank_values=True))

    @property
    def code(self) -> str:
        """The six digits of the text."""
        found = re.match(r"\d{6}", self.fields["text"])
        assert found is not None, self.fields
        return found[0]


class TextGateway:
    """The server: `url` for GUICHET_SMS_URL, `messages` it took; `status` to answer, `slow` seconds before it does."""

    def __init__(self) -> None:
        self.messages: list[Received] = []
        self.status = 200
        self.slow = 0.0
        # Bytes that it sends one by one instead of an answer.
        self.dripping = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                outer.messages.append(
                    Received(
                        self.command,
                        parts.path,
                        dict(parse_qsl(parts.query, keep_blank_values=True)),
                        {name.lower(): value for name, value in self.headers.items()},
                        self.rfile.read(length).decode(),
                    )
                )
                time.sleep(outer.slow)
                if outer.dripping:
                    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 200:
                        try:
                            self.wfile.write(bytes([letter]))
                        except OSError:
                            return
                        time.sleep(0.1)
                self.send_response(outer.status)
                if 300 <= outer.status < 400:
                    self.send_header("Location", outer.url + "/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            do_POST = do_GET = do_PUT = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/messages"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def to(self, number: str) -> list[Received]:
        """What was sent to a number, oldest first."""
        return [one for one in self.messages if one.fields["to"] == number]

"""A line so slow that pages come in pieces: stands between a browser and the portal, and waits after each part of a page."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# Where a page may be cut: after a menu, a navigation, a form, a part. Not within a table: its columns are as wide as what
# has come of them, and its rows come in one packet or nearly.
ENDS = (b"</details>", b"</nav>", b"</form>", b"</section>", b"</aside>")
# Of the line itself, not of what is said over it.
HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


def cut(page: bytes, most: int) -> list[bytes]:
    """Return `page` in pieces: each of the first `most` - 1 ends with one of ENDS, the last holds the rest."""
    pieces: list[bytes] = []
    while len(pieces) < most - 1:
        ends = [found + len(end) for end in ENDS if (found := page.find(end)) >= 0]
        if not ends:
            break
        pieces.append(page[: min(ends)])
        page = page[min(ends) :]
    return [*pieces, page]


class SlowLine:
    """Serves what a portal serves, its pages in `most` pieces with `pause` seconds after each. Use it with `with`."""

    def __init__(self, port: int, most: int = 10, pause: float = 0.05) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None: ...

            def do_GET(self) -> None:
                there = http.client.HTTPConnection("127.0.0.1", port)
                there.request(
                    "GET", self.path, headers=dict(self.headers.items()) | {"Accept-Encoding": "identity"}
                )
                answer = there.getresponse()
                body = answer.read()
                there.close()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                page = (answer.getheader("Content-Type") or "").startswith("text/html")
                for piece in cut(body, most) if page else [body]:
                    if piece:
                        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        self.wfile.flush()
                    time.sleep(pause if page else 0)
                self.wfile.write(b"0\r\n\r\n")

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True, name="slow line")

    def __enter__(self) -> SlowLine:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)


def late(application: Callable[..., Iterable[bytes]], pause: float) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI `application` on a line where a page begins, and its words come `pause` seconds later.

    A browser is on the new page from its first bytes on: what a test looks at then, without waiting for it, is not there yet.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        said: dict[str, str] = {}

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            said.update({name.lower(): value for name, value in headers})
            return start_response(status, headers, *rest)

        body = application(environ, start)
        return in_two(body, pause) if said.get("content-type", "").startswith("text/html") else body

    return answer


def in_two(body: Iterable[bytes], pause: float) -> Iterator[bytes]:
    """Give the first ten bytes of `body`, fewer than any word of a page takes, packed or not; after `pause` the rest."""
    try:
        for number, piece in enumerate(body):
            if number == 0:
                yield piece[:10]
                time.sleep(pause)
                piece = piece[10:]
            yield piece
    finally:
        if close := getattr(body, "close", None):
            close()

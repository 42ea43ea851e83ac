"""A line so slow that pages come in pieces: stands between a browser and the portal, and waits after each part of a page."""

from __future__ import annotations

import http.client
import threading
import time
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

"""Serves the real portal on the loopback, in a thread, with the server it has in production."""

from __future__ import annotations

import logging
import socket
import threading
from typing import Any

from waitress.server import create_server

from tests.support.slow_line import late

# Browsers refuse to open these; the system may well offer one of them.
UNSAFE_PORTS = {5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 10080}


def free_port() -> int:
    """Return a port of the loopback that nobody listens on and that browsers accept."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in UNSAFE_PORTS:
            return port


class LiveServer:
    """The portal behind an address. `errors` holds what it logged at the level of an error."""

    def __init__(self, application: Any, port: int, pause: float = 0) -> None:
        """Serve `application` on `port`; with a `pause`, in seconds, a page's words come that long after its beginning."""
        self.application = application
        self.pause = pause
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.errors: list[str] = []

    def start(self) -> None:
        outer = self

        class Keep(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                outer.errors.append(logging.Formatter().format(record))

        self.keep = Keep(logging.ERROR)
        logging.getLogger().addHandler(self.keep)
        self.server = create_server(
            late(self.application, self.pause) if self.pause else self.application,
            host="127.0.0.1",
            port=self.port,
            threads=4,
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True, name="portal")
        self.thread.start()

    def stop(self) -> None:
        # Workers first; then the loop closes what it watches by itself: a socket that another thread closes under its
        # select() is a bad descriptor.
        self.server.task_dispatcher.shutdown()
        self.server.trigger.pull_trigger(self._close)
        self.thread.join(timeout=5)
        assert not self.thread.is_alive(), "the portal of the test did not stop"
        logging.getLogger().removeHandler(self.keep)

    def _close(self) -> None:
        for channel in list(self.server.active_channels.values()):
            channel.handle_close()
        self.server.close()

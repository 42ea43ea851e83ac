"""The real portal in a process of its own, as an operator serves it, and a browser for it that survives its end."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlencode

from tests.support.server import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60


class ServedPortal:
    """`flask --app app serve` on a folder of data: start, kill as a power cut would, start again."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.port = free_port()
        self.log = data / "served.log"
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("GUICHET_") and name not in ("DATABASE_URL", "BASE_URL", "SMTP_URL")
            },
            "GUICHET_DATA": str(data),
            "PORT": str(self.port),
            "SECRET_KEY": "only for tests, long enough to be taken: 0123456789",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Serve; returns after how many seconds the portal answers."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "app", "serve"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        while time.monotonic() - began < START_SECONDS:
            assert self.process.poll() is None, (
                f"the portal ended at its start: {self.log.read_text()[-2000:]}"
            )
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return time.monotonic() - began
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.02)
        raise AssertionError(f"the portal does not answer: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it at once: nothing of it runs any more, not a handler, not a flush."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)
            self.process = None


class Answer:
    """What came back: a status, the address it leads to, the body."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.location = response.getheader("Location") or ""
        self.cookies = response.headers.get_all("Set-Cookie") or []
        self.body = response.read()


class ServedBrowser:
    """Keeps its session over restarts of the portal. `post` raises OSError when no whole answer came."""

    def __init__(self, portal: ServedPortal) -> None:
        self.portal = portal
        self.cookie = ""
        self.token = ""

    def sign_in(self, email: str, password: str) -> None:
        """As a person does, on the page."""
        self.token = self._token("/login")
        answer = self.post("/login", {"email": email, "password": password})
        assert answer.status == 303, f"{email} could not sign in: {answer.status}"
        self.token = self._token("/help")

    def get(self, path: str) -> Answer:
        """Fetch a page or a file."""
        return self._ask("GET", path, None, {})

    def post(self, path: str, fields: dict[str, str], files: Iterable[tuple[str, str, bytes]] = ()) -> Answer:
        """Send a form: fields, and files as (field, name, content)."""
        fields = {"csrf_token": self.token, **fields}
        files = list(files)
        if not files:
            return self._ask(
                "POST",
                path,
                urlencode(fields).encode(),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
        boundary = secrets.token_hex(16)
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        for field, name, content in files:
            head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
            parts.append(f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n")
        parts.append(f"--{boundary}--\r\n".encode())
        return self._ask(
            "POST", path, b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        )

    def _token(self, path: str) -> str:
        found = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', self.get(path).body)
        assert found, f"no token on {path}"
        return found[1].decode()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        own = f"http://127.0.0.1:{self.portal.port}"
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=30)
        try:
            connection.request(
                method, path, body, {"Cookie": self.cookie, "Origin": own, "Referer": own + path, **headers}
            )
            answer = Answer(connection.getresponse())
        except http.client.HTTPException as cut:
            raise ConnectionError(str(cut)) from None
        finally:
            connection.close()
        for cookie in answer.cookies:
            if cookie.startswith("guichet="):
                self.cookie = cookie.partition(";")[0]
        return answer

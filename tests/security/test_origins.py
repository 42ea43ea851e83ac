"""S17, S20: who knocks is told apart behind a reverse proxy too, and nobody chooses an address for themselves.

Without it one stranger could suspend the sign-in of everybody: failures and mails are counted by origin (ACC-16).
"""

from __future__ import annotations

import http.client
import re
import threading
from typing import Any

import pytest
from waitress.server import create_server

import commands
import config
from models import SignInFailure
from tests.support.server import free_port


def origins(application: Any, peer: str, **headers: str) -> list[str]:
    """The origins that are written down for one failed sign-in."""
    browser = application.test_client()
    page = browser.get("/login")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None
    SignInFailure.delete().execute()
    answer = browser.post(
        "/login",
        data={"email": "nobody@acme.example", "password": "faux faux faux", "csrf_token": token[1]},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        environ_overrides={"REMOTE_ADDR": peer},
    )
    assert answer.status_code == 422
    return [row.origin for row in SignInFailure.select()]


def test_without_a_named_proxy_nothing_forwarded_is_believed(app: Any, world: Any) -> None:
    assert origins(app, "127.0.0.1", X_Forwarded_For="203.0.113.9") == ["127.0.0.1"]


@pytest.mark.parametrize("named", ["127.0.0.1", "10.0.0.0/8, 127.0.0.1", "::1 127.0.0.0/8"])
def test_a_named_proxy_says_who_knocks(app: Any, make_app: Any, world: Any, named: str) -> None:
    application = make_app(TRUSTED_PROXY=named)
    assert origins(application, "127.0.0.1", X_Forwarded_For="203.0.113.9") == ["203.0.113.9"]


@pytest.mark.parametrize(
    ("forwarded", "believed"),
    [
        # What the visitor claims stands first; what the proxy saw stands last.
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 127.0.0.1", "203.0.113.9"),
        ("2001:DB8::7", "2001:db8::7"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("", "127.0.0.1"),
        ("unknown", "127.0.0.1"),
        ("<script>", "127.0.0.1"),
        ("203.0.113.9, nonsense", "127.0.0.1"),
        ("x" * 5000, "127.0.0.1"),
    ],
)
def test_the_last_address_that_is_no_proxy_counts(
    app: Any, make_app: Any, world: Any, forwarded: str, believed: str
) -> None:
    assert origins(make_app(TRUSTED_PROXY="127.0.0.1"), "127.0.0.1", X_Forwarded_For=forwarded) == [believed]


def test_somebody_who_reaches_the_port_without_the_proxy_is_not_believed(
    app: Any, make_app: Any, world: Any
) -> None:
    application = make_app(TRUSTED_PROXY="10.0.0.1")
    assert origins(application, "198.51.100.4", X_Forwarded_For="203.0.113.9") == ["198.51.100.4"]


@pytest.mark.parametrize("text", ["everybody", "*", "127.0.0.1/99", "proxy.lan"])
def test_a_proxy_that_is_no_address_stops_the_start(tmp_path: Any, text: str) -> None:
    with pytest.raises(config.BadSettings, match="TRUSTED_PROXY"):
        config.Settings.from_environment({"GUICHET_DATA": str(tmp_path), "TRUSTED_PROXY": text})


@pytest.mark.own_portal
def test_the_served_portal_reads_the_address_that_the_proxy_adds(app: Any, make_app: Any, world: Any) -> None:
    """The server in front of the application strips what it does not know: it must leave this header alone."""
    port = free_port()
    application = make_app(PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}", TRUSTED_PROXY="127.0.0.1")
    seen: list[str] = []

    @application.before_request
    def look() -> None:
        from views import current

        seen.append(current.origin())

    made = create_server(application, host="127.0.0.1", port=port, **commands.SERVER)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/healthz", headers={"X-Forwarded-For": "203.0.113.9"})
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        made.task_dispatcher.shutdown()
        made.close()
        thread.join(5)
    assert seen == ["203.0.113.9"]

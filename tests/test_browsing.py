"""What tests in a browser rely on: an act that leads to another page ends when that page is there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.server import LiveServer, free_port

pytestmark = pytest.mark.browser


@pytest.fixture
def late_page(make_app: Any, browser_context: Any) -> Any:
    """A page of a portal whose words come half a second after the beginning of each page, on its sign-in."""
    port = free_port()
    server = LiveServer(make_app(PORT=str(port), BASE_URL=f"http://127.0.0.1:{port}"), port, pause=0.5)
    server.start()
    page = browser_context(base_url=server.url).new_page()
    page.goto("/login")
    yield page
    page.close()
    server.stop()


@pytest.mark.parametrize("act", ["click", "press"])
def test_what_is_counted_after_a_link_or_a_button_is_counted_on_the_page_it_leads_to(
    late_page: Any, axe: Any, act: str
) -> None:
    late_page.locator("#email").fill("nobody@acme.example")
    late_page.locator("#password").fill("not the password")
    button = late_page.locator("form button[type=submit], form .btn-primary").first
    button.click() if act == "click" else button.press("Enter")
    assert late_page.locator(".error-summary, [role=alert]").count() == 1
    axe(late_page)


def test_a_page_that_loads_itself_anew_is_looked_at_when_it_is_whole(late_page: Any, axe: Any) -> None:
    with late_page.expect_navigation(wait_until="commit"):
        late_page.evaluate("() => location.reload()")
    axe(late_page)

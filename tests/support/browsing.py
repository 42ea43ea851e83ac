"""A real browser on the served portal: what a page says to its console, breaks or hides fails the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 320, "height": 640}


@dataclass
class Watch:
    """Everything a browser complained about. `allowed` holds pieces of complaints that a test expects."""

    complaints: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def follow(self, context: Any) -> None:
        """Listen to every page of a browser context."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def _console(self, message: Any) -> None:
        # The console repeats refused addresses; _response() says them better.
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            self.complaints.append(f"console {message.type}: {message.text}")

    def _failed(self, request: Any) -> None:
        # A download, or a page left before it was whole, is no failure.
        if request.failure not in {"net::ERR_ABORTED", None}:
            self.complaints.append(f"request failed: {request.method} {request.url}: {request.failure}")

    def _response(self, response: Any) -> None:
        wanted = response.request.is_navigation_request() and response.status < 500
        if response.status >= 400 and not wanted:
            self.complaints.append(f"{response.status} for {response.request.method} {response.url}")

    def allow(self, piece: str) -> None:
        """Expect complaints that contain `piece`."""
        self.allowed.append(piece)

    @property
    def unexpected(self) -> list[str]:
        return [said for said in self.complaints if not any(piece in said for piece in self.allowed)]


# What may lead to another page. A key pressed through page.keyboard may too, but there the browser is not asked whether it does.
LEADING = {Page: ("click", "press", "go_back", "go_forward", "reload"), Locator: ("click", "dblclick", "check", "press", "select_option")}  # fmt: skip


def wait_for_whole_pages(patch: pytest.MonkeyPatch) -> None:
    """An act that leads to another page ends when that page is whole, as goto() does.

    By itself it ends with the first byte of the page, and what is counted or looked at next is not there yet: seldom, on a quick
    machine, and always with `pytest --late 0.3`.
    """
    for kind, names in LEADING.items():
        for name in names:
            patch.setattr(kind, name, whole(getattr(kind, name)))


def whole(act: Callable[..., Any]) -> Callable[..., Any]:
    """Return `act` of a page or of a place on one, which then waits for the page."""

    @wraps(act)
    def patient(place: Any, *given: Any, **named: Any) -> Any:
        done = act(place, *given, **named)
        page = place if isinstance(place, Page) else place.page
        if not page.is_closed():
            page.wait_for_load_state()
        return done

    return patient


def axe_source() -> str:
    """Return the text of axe-core."""
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


AXE_SOURCE = axe_source()


def assert_accessible(page: Any, within: str | None = None) -> None:
    """Fail with every rule of WCAG 2.2 AA and best practice that the page breaks.

    Arguments: within, a CSS selector when only a part of the page is looked at.
    """
    # A page that loads itself anew has no words for a moment.
    page.wait_for_load_state()
    # Evaluated from outside the page: the content security policy of the page stays as it is.
    page.evaluate(AXE_SOURCE)
    result = page.evaluate(
        "([within, tags]) => axe.run(within || document, {runOnly: {type: 'tag', values: tags},"
        " resultTypes: ['violations']})",
        [within, AXE_TAGS],
    )
    said = [
        f"{violation['id']} ({violation['help']}): "
        + "; ".join(
            f"{node['target']} [{node['html'][:120]}] {node['failureSummary'].splitlines()[-1].strip()}"
            for node in violation["nodes"][:4]
        )
        for violation in result["violations"]
    ]
    assert not said, f"{page.url}: " + "\n".join(said)


def assert_looks(page: Any) -> None:
    """Fail when the page scrolls sideways or an image is broken."""
    page.wait_for_load_state()
    seen = page.evaluate(
        """() => {
          const wide = document.documentElement.clientWidth;
          const out = [...document.querySelectorAll('body *')].filter(e => {
            const box = e.getBoundingClientRect();
            return box.width > 0 && box.right > wide + 1 && getComputedStyle(e).position !== 'fixed';
          });
          return {
            scroll: document.documentElement.scrollWidth, wide,
            out: out.slice(0, 5).map(e => e.tagName.toLowerCase() + '.' + e.className),
            broken: [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src),
          };
        }"""
    )
    assert seen["scroll"] <= seen["wide"], (
        f"{page.url} scrolls sideways at {seen['wide']} px because of {seen['out']}"
    )
    assert not seen["broken"], f"{page.url}: broken images {seen['broken']}"


def assert_whole(page: Any) -> None:
    """Fail when words are cut off: in a box that hides what does not fit and says so by no ellipsis."""
    page.wait_for_load_state()
    cut = page.evaluate(
        """() => [...document.querySelectorAll('main *, header *, footer *')].filter(e => {
          const style = getComputedStyle(e);
          const hides = ['hidden', 'clip'].includes(style.overflowX) || ['hidden', 'clip'].includes(style.overflowY);
          if (!hides || style.textOverflow === 'ellipsis' || !e.innerText?.trim()) return false;
          if (e.clientWidth <= 1 || e.clientHeight <= 1) return false;
          if (['TEXTAREA', 'INPUT', 'SELECT'].includes(e.tagName)) return false;
          return e.scrollWidth > e.clientWidth + 2 || e.scrollHeight > e.clientHeight + 2;
        }).slice(0, 5).map(e => `${e.tagName.toLowerCase()}.${e.className}: ${e.innerText.trim().slice(0, 60)}`)"""
    )
    assert not cut, f"{page.url} at {page.viewport_size} cuts off {cut}"

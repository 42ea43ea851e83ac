"""What a first visit carries, and that nothing jumps: the pages that everybody opens. Bytes and boxes, no seconds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.browser_pages import be
from tests.support.browsing import DESK, PHONE
from tests.support.scene import Scene
from tests.support.slow_line import SlowLine

KILOBYTE = 1000
MOST_HTML = 60 * KILOBYTE
MOST_IN_ALL = 200 * KILOBYTE

PAGES = {
    "sign in": (None, "/login"), "home": ("alice", "/"), "list": ("alice", "/tickets?list=organisation&status=all"),
    "request": ("alice", "/tickets/{n}"), "desk": ("sam", "/desk?queue=all"), "request at the desk": ("sam", "/desk/tickets/{n}"),
    "article": (None, "/articles/priorities"),
}  # fmt: skip

# Counts what moves without having been touched, from the first paint on.
WATCH = """
  window.shifted = 0;
  window.moved = [];
  new PerformanceObserver(list => { for (const one of list.getEntries()) {
    window.shifted += one.value;
    window.moved.push(...one.sources.map(source => source.node?.outerHTML?.slice(0, 120)));
  } }).observe({type: 'layout-shift', buffered: true});
"""


def full(scene: Scene) -> str:
    """A request with as long a thread as a page shows at once, files, people in copy; returns its number."""
    sent = [scene.upload("alice", f"capture-{n}.png").key for n in range(3)]
    ticket = scene.request("alice", attachment_keys=sent, cc=["dana@acme.example", "paie@acme.example"])
    for n in range(12):
        scene.reply(
            ticket, "sam" if n % 2 else "alice", "Le virement du 9 revient avec le code **AC04**.\n\n" * 4
        )
    for n in range(20):
        scene.request("alice", summary=f"Demande {n} : la banque refuse l’export de paie depuis lundi matin")
    return str(ticket.number)


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1280", "390"])
@pytest.mark.parametrize("name", PAGES)
def test_a_first_visit_is_light_and_nothing_jumps(
    live_server: Any, browser_context: Any, world: SimpleNamespace, name: str, size: dict[str, int]
) -> None:
    who, path = PAGES[name]
    number = full(Scene(live_server.application, world))
    context = browser_context(viewport=size)
    if who:
        be(context, live_server, getattr(world, who))
    page = context.new_page()
    page.add_init_script(WATCH)
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    kinds: dict[str, str] = {}
    sizes: dict[str, int] = {}
    network.on(
        "Network.responseReceived", lambda said: kinds.update({said["requestId"]: said["response"]["url"]})
    )
    network.on(
        "Network.loadingFinished",
        lambda said: sizes.update({said["requestId"]: int(said["encodedDataLength"])}),
    )
    page.goto(path.format(n=number), wait_until="networkidle")
    page.evaluate("() => document.fonts.ready")
    # Down to the end and back: what comes late comes into a place that was kept for it.
    page.mouse.wheel(0, 20_000)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    html = len(page.request.get(path.format(n=number)).body())
    urls = [address for address in kinds.values() if not address.startswith("data:")]
    assert all(address.startswith(f"{live_server.url}/") for address in urls), urls
    assert any(".woff2" in address for address in urls) and any(".css" in address for address in urls)
    assert html <= MOST_HTML, f"{name}: {html} bytes of HTML"
    assert 20 * KILOBYTE < sum(sizes.values()) <= MOST_IN_ALL, f"{name}: {sum(sizes.values())} bytes: {urls}"
    assert page.evaluate("() => window.shifted") == 0, page.evaluate("() => window.moved")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["1280", "390"])
def test_a_page_that_comes_in_pieces_over_a_slow_line_does_not_jump_either(
    live_server: Any, browser_context: Any, world: SimpleNamespace, size: dict[str, int]
) -> None:
    number = full(Scene(live_server.application, world))
    with SlowLine(live_server.port) as line:
        for name, (who, path) in PAGES.items():
            context = browser_context(viewport=size)
            if who:
                be(context, live_server, getattr(world, who))
            page = context.new_page()
            page.add_init_script(WATCH)
            page.goto(line.url + path.format(n=number), wait_until="networkidle")
            page.evaluate(
                "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            assert page.evaluate("() => window.shifted") == 0, (name, page.evaluate("() => window.moved"))
            context.close()


def test_what_jumps_is_seen(live_server: Any, browser_context: Any, world: SimpleNamespace) -> None:
    page = browser_context().new_page()
    page.add_init_script(WATCH)
    page.goto("/login", wait_until="networkidle")
    page.evaluate(
        """async () => {
          const late = document.createElement('p');
          late.textContent = 'x';
          document.body.prepend(late);
          await new Promise(done => setTimeout(done, 100));
        }"""
    )
    assert page.evaluate("() => window.shifted") > 0

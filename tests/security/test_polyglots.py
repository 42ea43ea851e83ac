"""S33: twenty files that are two things at once. Whatever they are, a browser gets a download, and nothing runs.

Some are refused when they are sent, which is as good; the others are opened in Chromium by a click and by their address.
"""

from __future__ import annotations

import io
import zipfile
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Error

from domain.refusals import Invalid
from models import Attachment
from tests.support.browser_pages import be
from tests.support.right_entries import PDF, PNG
from tests.support.scene import Scene

RUN = "<script>window.ran=1;document.title='ran'</script>"
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00"


def packed(name: str, content: str) -> bytes:
    """An archive with one file."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, content)
    return held.getvalue()


POLYGLOTS: list[tuple[str, bytes]] = [
    ("page.txt", f"<!doctype html><html><body>{RUN}</body></html>".encode()),
    ("page.log", f"\n\n<html>{RUN}".encode()),
    ("table.csv", f'"<html>{RUN}",=1+1'.encode()),
    ("data.json", f'{{"a": "{RUN}"}}'.encode()),
    (
        "data.xml",
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><script>window.ran=1</script></html>",
    ),
    (
        "style.xml",
        b"<?xml version='1.0'?><?xml-stylesheet type='text/xsl' href='javascript:window.ran=1'?><a/>",
    ),
    ("drawing.xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran=1'/>"),
    (
        "drawing.svg",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran=1'><script>window.ran=1</script></svg>",
    ),
    ("page.html", f"<html>{RUN}".encode()),
    ("page.pdf", PDF + f"\n<html>{RUN}".encode()),
    ("first.pdf", b"%PDF-1.7\n" + RUN.encode() + PDF),
    (
        "action.pdf",
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n" + PDF,
    ),
    ("picture.png", PNG + RUN.encode()),
    ("page.png", RUN.encode() + PNG),
    ("picture.gif", GIF + b"/*" + RUN.encode() + b"*/;"),
    ("script.gif", b"GIF89a=1;window.ran=1//" + GIF[6:]),
    ("archive.zip", packed("index.html", RUN)),
    ("page.zip", RUN.encode() + packed("index.html", RUN)),
    ("letter.eml", f"From: a@example.org\r\nContent-Type: text/html\r\n\r\n{RUN}".encode()),
    ("utf7.txt", b"+ADw-script+AD4-window.ran+AD0-1+ADw-/script+AD4-"),
]


@pytest.fixture
def given(live_server: Any, world: SimpleNamespace) -> tuple[Any, list[Attachment]]:
    """A request of alice with those of the twenty that are taken."""
    scene = Scene(live_server.application, world)
    kept = []
    for name, content in POLYGLOTS:
        try:
            kept.append(scene.upload("alice", name, content))
        except Invalid:
            continue
    tickets = [
        scene.request("alice", attachment_keys=[row.key for row in kept[at : at + 5]])
        for at in range(0, len(kept), 5)
    ]
    return tickets, kept


def test_there_are_twenty_and_most_are_taken(given: tuple[Any, list[Attachment]]) -> None:
    assert len(POLYGLOTS) == 20
    assert len(given[1]) >= 10, "a test of refusals alone says nothing of downloads"


def test_a_browser_gets_a_download_by_click_and_by_address_and_runs_nothing(
    browser_context: Any, live_server: Any, world: SimpleNamespace, given: tuple[Any, list[Attachment]]
) -> None:
    tickets, kept = given
    browser_context.watch.allow("")
    page = be(browser_context(), live_server, world.alice).new_page()
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    seen = 0
    for ticket in tickets:
        page.goto(f"/tickets/{ticket.number}")
        links = {link.get_attribute("href") for link in page.locator("main a[href*='/files/']").all()}
        links |= {link.get_attribute("href") for link in page.locator("main a[href*='/file/']").all()}
        assert links
        for href in sorted(link for link in links if link and "inline" not in link):
            with page.expect_download() as got:
                try:
                    page.goto(href)
                except Error as fault:
                    assert "Download is starting" in str(fault)
            assert got.value.suggested_filename
            assert page.evaluate("window.ran ?? null") is None and page.title() != "ran"
            seen += 1
        page.goto(f"/tickets/{ticket.number}")
        for name in ("page.txt", "data.xml", "page.pdf", "letter.eml"):
            link = page.locator("main a[href*='/file']", has_text=name)
            if link.count():
                with page.expect_download():
                    link.first.click()
                assert page.url.endswith(ticket.number)
                assert page.evaluate("window.ran ?? null") is None
    assert seen >= len(kept)


def test_what_may_stand_in_a_page_is_a_picture_in_a_sandbox(
    browser_context: Any, live_server: Any, world: SimpleNamespace, given: tuple[Any, list[Attachment]]
) -> None:
    """The one thing that is not a download: a picture of the thread. Opened alone, or taken for a script, it runs nothing."""
    _tickets, kept = given
    browser_context.watch.allow("")
    context = be(browser_context(bypass_csp=True), live_server, world.alice)
    page = context.new_page()
    for row in kept:
        address = f"/files/{row.key}/{row.name}?inline=1"
        answer = context.request.get(f"{live_server.url}{address}")
        if answer.status != 200:
            continue
        inline = answer.headers["content-disposition"].startswith("inline")
        assert not inline or answer.headers["content-type"].startswith("image/"), row.name
        assert answer.headers["x-content-type-options"] == "nosniff"
        page.goto("/help")
        # Even without a policy of the page: a picture is not taken for a script.
        page.evaluate(
            "src => new Promise(done => { const s = document.createElement('script'); s.src = src;"
            " s.onload = s.onerror = done; document.head.append(s) })",
            address,
        )
        assert page.evaluate("window.ran ?? null") is None, row.name

"""The client of the other tests: it sends what a browser without scripts would, and reads what comes back."""

import pytest
from flask import Flask, redirect, request

from tests.support import lint
from tests.support.client import PortalClient

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ask</title></head><body><main><h1>Ask</h1>
<form method="post" action="/ask" enctype="multipart/form-data">
<input type="hidden" name="csrf_token" value="t"><input type="hidden" name="key" value="k1">
<label>Subject <input name="summary" value="kept"></label>
<label>Text <textarea name="description">
line one
line two</textarea></label>
<label>Kind <select name="kind"><option value="a">A</option><option value="b" selected>B</option></select></label>
<label><input type="checkbox" name="consent" value="y"> I agree</label>
<label><input type="radio" name="level" value="1"> One</label>
<label><input type="radio" name="level" value="2" checked> Two</label>
<label>Off <input name="off" value="x" disabled></label>
<label>Name <input name="people-0-full_name" value=""></label>
<label>Files <input type="file" name="attachments" multiple></label>
<button name="do" value="send">Send</button></form></main></body></html>"""


@pytest.fixture
def asking():
    app = Flask("asking")
    app.test_client_class = PortalClient
    app.sent = None

    @app.route("/ask", methods=["GET", "POST"])
    def ask():
        if request.method == "GET":
            return PAGE
        app.sent = (
            request.form.to_dict(flat=False),
            [file.filename for file in request.files.getlist("attachments")],
        )
        return redirect("/ask", 303)

    @app.get("/bad")
    def bad():
        return PAGE.replace("<h1>", "<h2>").replace("</h1>", "</h2>")

    return app


def test_an_untouched_form_sends_what_a_browser_would(asking):
    assert asking.test_client().submit("/ask").status_code == 303
    fields, files = asking.sent
    assert fields == {
        "csrf_token": ["t"],
        "key": ["k1"],
        "summary": ["kept"],
        "description": ["line one\nline two"],
        "kind": ["b"],
        "level": ["2"],
        "people-0-full_name": [""],
    }
    assert files == []


def test_what_is_typed_ticked_and_attached_is_sent(asking):
    from io import BytesIO

    asking.test_client().submit(
        "/ask",
        button="do=send",
        consent="y",
        level=None,
        people_0_full_name="Zoé",
        attachments=[(BytesIO(b"1"), "a.txt"), (BytesIO(b"2"), "b.txt")],
    )
    fields, files = asking.sent
    assert fields["consent"] == ["y"] and fields["do"] == ["send"] and fields["people-0-full_name"] == ["Zoé"]
    assert "level" not in fields
    assert files == ["a.txt", "b.txt"]


def test_a_field_that_the_form_does_not_have_cannot_be_typed(asking):
    with pytest.raises(AssertionError, match="no field 'colour'"):
        asking.test_client().submit("/ask", colour="red")


def test_every_page_is_linted(asking):
    with pytest.raises(AssertionError, match="0 h1"):
        asking.test_client().get("/bad")


def test_an_address_that_names_what_was_never_read_is_a_fault():
    for address in ("/desk?organisation=None&amp;status=open", "/files/None/a.png", "/desk?x=None"):
        assert any("None" in fault for fault in lint.faults(PAGE.replace('"/ask"', f'"{address}"'))), address
    for address in ("/desk?q=None+of+it", "/files/Nonesuch"):
        assert not lint.faults(PAGE.replace('"/ask"', f'"{address}"')), address

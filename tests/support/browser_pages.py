"""What tests do again and again in a real browser: be somebody, sign in by page, fill in one of the thirteen forms."""

from __future__ import annotations

from typing import Any

from tests.support.client import PASSWORD
from tests.support.right_entries import PDF, PNG, WITH_A_FILE, right_entry

PICTURE = {"name": "capture.png", "mimeType": "image/png", "buffer": PNG}
DOCUMENT = {"name": "preuve.pdf", "mimeType": "application/pdf", "buffer": PDF}


def be(context: Any, server: Any, person: Any) -> Any:
    """Sign `person` in without the page (quickly) and return the context."""
    client = server.application.test_client()
    client.sign_in(person)
    cookie = client.get_cookie("guichet")
    context.add_cookies([{"name": "guichet", "value": cookie.value, "url": server.url}])
    return context


def sign_in_by_page(page: Any, email: str, password: str = PASSWORD) -> None:
    """Fill in the sign-in page that is open, and send it."""
    page.locator("input[name=email]").fill(email)
    page.locator("input[name=password]").fill(password)
    page.locator("main form").filter(has=page.locator("input[name=password]")).locator(
        ".form-actions button"
    ).click()


def fill_in(page: Any, slug: str, **changes: str) -> None:
    """Type a right entry into the form that is open, the way a person does: by field, file and tick."""
    entry = {**right_entry(slug), **changes}
    for name, value in entry.items():
        fields = page.locator(f'#request [name="{name}"]')
        kind = fields.first.evaluate("f => f.tagName === 'INPUT' ? f.type : f.tagName.toLowerCase()")
        if kind == "radio":
            choose(page, name, value)
        elif kind == "checkbox":
            fields.check()
        elif kind == "select":
            fields.select_option(value)
        else:
            fields.fill(value)
    if slug in WITH_A_FILE:
        page.locator("#request [name=attachments]").set_input_files([PICTURE])


def choose(page: Any, name: str, value: str) -> None:
    """Click on the words of one of a few answers: they cover the whole card."""
    button = page.locator(f'#request [name="{name}"][value="{value}"]')
    page.locator(f'label[for="{button.get_attribute("id")}"]').click()


def send(page: Any) -> None:
    """Press the button that sends the form of a request."""
    page.locator("#request .form-actions button.btn-primary").click()


def number_of(page: Any) -> str:
    """The number of the request whose page is open."""
    return str(page.locator("[data-ticket]").first.get_attribute("data-ticket"))

"""A client that behaves like a browser without scripts, and reads every page it gets with a strict eye."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from tests.support import lint

PASSWORD = "une phrase pour les essais"


class PortalClient(FlaskClient):
    """Fetches pages, fills forms, signs people in.

    Every HTML answer is linted, refusals included; `lint = False` on the client switches that off for a test that
    wants a page known to be bad.
    """

    lint = True

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        response = super().open(*args, **kwargs)
        if (
            self.lint
            and response.mimetype == "text/html"
            and response.data
            and response.status_code not in REDIRECTS
        ):
            lint.assert_good_page(response.text, f"{response.request.method} {response.request.path}")
        return response

    def sign_in(self, person: Any) -> PortalClient:
        """Be `person` (a row, or an e-mail address) from now on, in a new session; return this client.

        The session row is real, only the password is left out: hashing one for each test would take minutes.
        """
        from domain import accounts
        from models import Person

        self.sign_out()
        row = Person.get(Person.email == person) if isinstance(person, str) else person
        now = self.application.extensions["guichet_clock"]()
        token = accounts._start_session(row, "127.0.0.1", now, "tests")
        with self.session_transaction() as session:
            session["token"] = token
        return self

    def sign_in_by_page(self, email: str, password: str = PASSWORD) -> TestResponse:
        """Sign in as a person does, on the page, and return its answer."""
        self.sign_out()
        return self.submit("/login", email=email, password=password)

    def sign_out(self) -> None:
        """Forget everything the portal asked this browser to keep."""
        self._cookies.clear()

    def submit(
        self, path: str, form: str | None = None, button: str | None = None, **fields: Any
    ) -> TestResponse:
        """Get `path`, fill one of its forms and send it, as a person without scripts would.

        Arguments: form, the end of the action (or the id) of the form when the page has several that post;
        button, the name=value of the button to press; fields, what to type: a list for several values, None to
        leave a field out, (file object, name) for files. `people-0-full_name` is given as people_0_full_name or
        by `**{"people-0-full_name": ...}`.
        """
        page = self.get(path)
        assert page.status_code == 200, f"GET {path} answered {page.status_code}"
        return self.send(page, form, button, **fields)

    def send(
        self, page: TestResponse, form: str | None = None, button: str | None = None, **fields: Any
    ) -> TestResponse:
        """Fill a form of a page already fetched (a refused one, say) and send it. Arguments as for submit()."""
        element = choose_form(page.text, form, page.request.path)
        values = values_of(element)
        known = set(values) | {field.get("name") for field in element.iter() if field.get("name")}
        spelt = {str(name).replace("-", "_"): str(name) for name in known if name}
        for typed, value in fields.items():
            name = typed if typed in known else spelt.get(typed, typed)
            assert name in known, f"the form has no field {name!r}; it has {sorted(filter(None, known))}"
            values.poplist(name)
            if value is not None:
                values.setlist(name, value if isinstance(value, list) else [value])
        if button:
            name, _, value = button.partition("=")
            values.setlist(name, [value])
        action = urljoin(page.request.url, element.get("action") or "")
        target = urlsplit(action)
        where = target.path + (f"?{target.query}" if target.query else "")
        if (element.get("method") or "get").lower() == "get":
            return self.get(target.path, query_string=values)
        files = element.get("enctype") == "multipart/form-data"
        return self.post(
            where,
            data=values,
            content_type="multipart/form-data" if files else "application/x-www-form-urlencoded",
            headers={"Referer": page.request.url},
        )


REDIRECTS = {301, 302, 303, 307, 308}


def choose_form(html: str, wanted: str | None, path: str) -> ElementTree.Element:
    """Return the form of a page: the one that `wanted` names, else the only one that posts outside the header."""
    tree = lint.parse(html)
    forms = list(tree.iter("form"))
    if wanted:
        named = [
            form
            for form in forms
            if form.get("id") == wanted or (form.get("action") or path).endswith(wanted)
        ]
        assert named, f"no form {wanted!r} among {[form.get('action') for form in forms]}"
        return named[0]
    main = tree.find(".//main")
    inside = [
        form
        for form in (main if main is not None else tree).iter("form")
        if (form.get("method") or "").lower() == "post"
    ]
    assert inside, f"no form that posts in {path}"
    own = [form for form in inside if urlsplit(form.get("action") or path).path == path]
    return (own or inside)[0]


def values_of(form: ElementTree.Element) -> MultiDict[str, Any]:
    """Return what a browser would send for an untouched form, buttons left out."""
    values: MultiDict[str, Any] = MultiDict()
    for field in form.iter():
        name = field.get("name")
        if not name or field.get("disabled") is not None:
            continue
        kind = (field.get("type") or "text").lower()
        if field.tag == "input" and kind not in {"submit", "button", "reset", "image", "file"}:
            if kind in {"checkbox", "radio"}:
                if field.get("checked") is not None:
                    values.add(name, field.get("value", "on"))
            else:
                values.add(name, field.get("value", ""))
        elif field.tag == "textarea":
            values.add(name, "".join(field.itertext()))
        elif field.tag == "select":
            options = list(field.iter("option"))
            chosen = [option for option in options if option.get("selected") is not None]
            if not chosen and field.get("multiple") is None:
                chosen = options[:1]
            for option in chosen:
                values.add(name, option.get("value", lint.text_of(option)))
    return values

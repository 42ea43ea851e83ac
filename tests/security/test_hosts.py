"""S16: whatever a browser or a proxy says of the host, the links of every mail begin with the address of the portal."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.correspondence import counter, portal  # noqa: F401  (fixtures of the mails)
from tests.test_mailer import BASE, every_mail, render  # noqa: F401
from tests.test_sign_in_pages import HOSTS

LINK = re.compile(r"https?://[^\s\"'<>)]+")
ADDRESSES = ("List-Unsubscribe", "List-Archive", "List-Help")


@pytest.mark.parametrize("place", range(len(HOSTS)), ids=[" ".join(*headers.items()) for headers in HOSTS])
def test_no_mail_leads_anywhere_but_to_the_portal(portal: Any, every_mail: Any, place: int) -> None:
    headers = HOSTS[place]
    looked = 0
    for template, row in every_mail.items():
        with portal.test_request_context("/", base_url="http://evil.example", headers=headers):
            made = render(row)
        for text in (made.html, made.text, *(str(made.headers.get(name, "")) for name in ADDRESSES)):
            for link in LINK.findall(text):
                looked += 1
                assert link.startswith(BASE), f"{template}: {link}"
            assert "evil" not in text, template
        assert "evil" not in made.sender + made.subject + str(made.headers), template
    assert looked > 100
